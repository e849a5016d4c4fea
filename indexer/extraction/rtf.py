"""Rich Text Format: the text with its tables and footnotes, its letters in the fonts' code pages.

Written after Microsoft's specification 1.9.1. A group whose destination is not known to have
text is left out, and so is what is hidden or deleted.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import BinaryIO

from indexer.extraction.documents import Facts, Lines, articles, keywords_of, whole
from indexer.extraction.registry import Extracted, Options
from indexer.sources import Failure
from search.errors import SourceError

_TOKEN = re.compile(
    rb"\\([a-zA-Z]{1,32})(-?\d{1,10})? ?|\\'([0-9a-fA-F]{2})|\\([^a-zA-Z])|([{}])|[\r\n]+"
    rb"|([^\\{}\r\n]+)|\\"
)
_MAX_DEPTH = 10_000  # groups in each other
_MAX_FONTS = 10_000
_SKIPPED_NAMES = (
    "colortbl stylesheet pict object header headerl headerr headerf footer footerl footerr "
    "footerf fldinst listtable listoverridetable revtbl rsidtbl generator themedata "
    "colorschememapping latentstyles datastore xmlnstbl mmathPr sp filetbl annotation "
    "bkmkstart bkmkend pntext listtext"
)
_SKIPPED = frozenset(_SKIPPED_NAMES.split())
_SINKS = frozenset({"fonttbl", "info"})
_FACTS = frozenset({"title", "author", "keywords", "creatim"})  # in `info`
_SIGNS = {
    "tab": "\t", "line": " ", "emdash": "—", "endash": "–", "bullet": "•", "lquote": "‘",
    "rquote": "’", "ldblquote": "“", "rdblquote": "”", "zwj": "\u200d", "zwnj": "\u200c",
    "rtlmark": "\u200f", "ltrmark": "\u200e", "emspace": " ", "enspace": " ",
}  # fmt: skip
_ESCAPED = {"~": "\u00a0", "_": "\u2011", "-": "\u00ad", "\\": "\\", "{": "{", "}": "}"}
_CHARSETS = {
    128: "cp932", 129: "cp949", 134: "gbk", 136: "big5", 161: "cp1253", 162: "cp1254",
    163: "cp1258", 177: "cp1255", 178: "cp1256", 179: "cp1256", 186: "cp1257", 204: "cp1251",
    222: "cp874", 238: "cp1250",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class _State:
    """What holds inside of a group."""

    sink: str = "body"  # "" leaves out
    skip: int = 1  # characters that stand for a \\u
    font: int = -1
    hidden: bool = False
    note: bool = False


def read(stream: BinaryIO, name: str, options: Options) -> Iterator[Extracted | Failure]:  # noqa: ARG001
    """Yield the article of a document."""
    content = whole(stream)
    if not content.lstrip().startswith(b"{\\rtf"):
        raise SourceError("not RTF: it does not begin with {\\rtf", code="damaged")
    reading = _Reading(options.encoding)
    reading.take(content)
    facts = Facts(
        title=reading.said.get("title", ""),
        author=reading.said.get("author", ""),
        tags=keywords_of([reading.said.get("keywords", "")]),
        published="-".join(reading.day[part] for part in ("yr", "mo", "dy"))
        if len(reading.day) == 3
        else "",
    )
    yield from articles((line.text for line in reading.lines.done), facts, size=len(content))


class _Reading:
    """Takes tokens, and has the lines and what is said of the document."""

    def __init__(self, encoding: str) -> None:
        self.lines: Lines[None] = Lines()
        self.said: dict[str, str] = {}
        self.day: dict[str, str] = {}
        self._given = encoding
        self._page = encoding or "cp1252"
        self._fonts: dict[int, str] = {}
        self._state = _State()
        self._stack: list[_State] = []
        self._bytes = bytearray()  # not decoded yet: a letter may have two
        self._left = 0  # characters to pass over after a \u
        self._row = False
        self._high = 0  # the first half of a pair

    def take(self, content: bytes) -> None:
        place = 0
        while match := _TOKEN.match(content, place):
            place = match.end()
            word, number, byte, sign, brace, text = match.groups()
            if byte is not None:
                self._add(bytes([int(byte, 16)]))
            elif text is not None:
                self._add(text)
            elif word is not None:
                value = int(number) if number else None
                if word == b"bin" and value:
                    place += max(value, 0)
                self._word(word.decode(), value)
            elif sign is not None:
                self._sign(sign.decode("latin-1"))
            elif brace is not None:
                self._group(opens=brace == b"{")
        self._flush()
        self.lines.end()

    def _add(self, piece: bytes) -> None:
        if self._left:
            passed = min(self._left, len(piece))
            self._left -= passed
            piece = piece[passed:]
        if self._state.sink and not self._state.hidden:
            self._bytes += piece

    def _flush(self) -> None:
        if self._bytes:
            page = self._fonts.get(self._state.font, self._page)
            try:
                self._say(self._bytes.decode(page))
            except UnicodeDecodeError as error:
                raise SourceError(
                    f"not in {page}, as it says: byte {self._bytes[error.start]:#x}; say --encoding",
                    code="encoding",
                ) from error
            self._bytes.clear()

    def _say(self, text: str) -> None:
        sink = self._state.sink
        if sink == "body" and not self._state.hidden:
            self.lines.add(text)
        elif sink in _FACTS:
            self.said[sink] = self.said.get(sink, "") + text

    def _group(self, *, opens: bool) -> None:
        self._flush()
        self._left = 0
        if opens:
            if len(self._stack) >= _MAX_DEPTH:
                raise SourceError(f"more than {_MAX_DEPTH:,} groups in each other", code="damaged")
            self._stack.append(self._state)
            self._state = replace(self._state, note=False)
        elif self._stack:
            if self._state.note:
                self.lines.close()
            self._state = self._stack.pop()

    def _sign(self, sign: str) -> None:
        if sign == "*":
            self._flush()
            self._state = replace(self._state, sink="")
        elif sign in _ESCAPED and not self._left:
            self._flush()
            self._say(_ESCAPED[sign])
        elif sign in "\r\n":
            self._word("par", None)
        self._left = max(0, self._left - 1)

    def _word(self, word: str, value: int | None) -> None:
        state = self._state
        if word == "u" and value is not None:
            self._flush()
            self._unit(value & 0xFFFF)
            self._left = state.skip
            return
        self._flush()
        self._left = 0
        if word == "uc":
            self._state = replace(state, skip=min(max(value or 0, 0), 8))
        elif word == "ansicpg" and value and not self._given:
            self._page = _codec(value) or self._page
        elif word in ("f", "deff") and value is not None:
            self._state = replace(state, font=value)
        elif word == "fcharset" and state.sink == "fonttbl":
            if value in _CHARSETS and len(self._fonts) < _MAX_FONTS and not self._given:
                self._fonts[state.font] = _CHARSETS[value]
        elif word in ("shpinst", "shptxt") and state.sink == "":
            outer = self._stack[-1].sink if self._stack else ""
            self._state = replace(state, sink=outer)
        elif word == "ud" and self._stack[-1:] and self._stack[-1].sink == "info":
            self._state = replace(state, sink="info")  # the same in Unicode, and taken instead
        elif word in _SKIPPED:
            self._state = replace(state, sink="")
        elif word in _SINKS or (word in _FACTS and state.sink == "info"):
            self.said.pop(word, None)
            self._state = replace(state, sink=word if state.sink else "")
        elif word in ("v", "deleted"):
            self._state = replace(state, hidden=value != 0)
        elif word == "plain":
            self._state = replace(state, hidden=False)
        elif state.sink == "creatim" and word in ("yr", "mo", "dy") and value:
            self.day[word] = f"{value:02}"
        elif word in _SIGNS:
            self._say(_SIGNS[word])
        elif state.sink == "body":
            self._layout(word)

    def _layout(self, word: str) -> None:
        if word in ("par", "sect", "page"):
            self.lines.end()
        elif word == "footnote" and not self._state.note:
            self.lines.open()
            self._state = replace(self._state, note=True)
        elif word == "trowd" and not self._row:
            self._row = True
            self.lines.row()
            self.lines.cell()
        elif word in ("cell", "nestcell"):
            self.lines.end()
            if self._row:
                self.lines.cell()
        elif word == "row" and self._row:
            self._row = False
            self.lines.end_row()

    def _unit(self, unit: int) -> None:
        """Take a unit of UTF-16."""
        if 0xD800 <= unit < 0xDC00:
            self._high = unit
        elif 0xDC00 <= unit < 0xE000:
            if self._high:
                self._say(chr(0x10000 + ((self._high - 0xD800) << 10) + unit - 0xDC00))
            self._high = 0
        else:
            self._say(chr(unit))


def _codec(number: int) -> str:
    name = "utf-8" if number == 65001 else f"cp{number}"
    try:
        return codecs.lookup(name).name
    except LookupError:
        return ""
