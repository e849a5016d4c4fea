"""Texts that were read in a wrong encoding before they came here: what is certain is mended.

    Ø¨ØºØ¯Ø§Ø¯      UTF-8 read as Latin-1 or Windows-1252 (and once more, up to three times)
    ط¨ط؛ط¯ط§ط¯      UTF-8 read as Windows-1256
    ÈÛÏÇÏ            Windows-1256 or ISO-8859-6 read as Latin-1 or Windows-1252
    ????? \ufffd       the letters are lost: refused, where it is more than a trace

A right text never changes (measured: none of the 20,000 paragraphs of Arabic prose, nor
French, German, Persian and Urdu ones): two letters of UTF-8 in a row make no word in an 8-bit
encoding, a capital Ã stands beside no small letter, and of the third kind only what
`indexer.codepages` finds for certain.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from typing import NamedTuple

from indexer.codepages import CANDIDATES, probabilities
from search.errors import SourceError

_ROUNDS = 3
# Of pieces of five letters and more, Arabic ones have .92 and right ones of 12 European
# languages .09 at most; of fewer letters .77 and .88 (áðý).
_CERTAIN = 0.9
_MIN_LETTERS = 5
_LIKELY = 0.5  # beside a piece that is certain
# Of letters that say nothing and of pieces that nothing mends, what is a trace in a text.
_TRACE = 1 / 250
_FEW = 2
_LOST_WORDS = 1 / 20

_REMEDY = "save it anew from its source as UTF-8"


class Readable(NamedTuple):
    """A text, and what was mended in it: nothing where it is as it was."""

    text: str
    notes: tuple[str, ...] = ()


def _bytes_of(codec: str, *, controls: bool) -> Mapping[int, int]:
    """Code point -> byte over 0x7F, of an encoding; its holes and C1 controls are their byte."""
    found = {byte: byte for byte in range(0x80, 0xA0)} if controls else {}
    for byte in range(0x80, 0x100):
        char = bytes([byte]).decode(codec, "ignore")
        found[ord(char) if char else byte] = byte
    return found


class _Misread:
    """An 8-bit encoding in which UTF-8 was read."""

    def __init__(self, name: str, codec: str, *, controls: bool) -> None:
        self.name = name
        table = _bytes_of(codec, controls=controls)
        self.table = {char: chr(byte) for char, byte in table.items()}
        of = {
            kind: "".join(re.escape(chr(char)) for char, byte in table.items() if byte in bytes_)
            for kind, bytes_ in (
                ("high", range(0x80, 0x100)),
                ("rest", range(0x80, 0xC0)),
                ("two", range(0xC2, 0xE0)),
                ("three", range(0xE0, 0xF0)),
                ("four", range(0xF0, 0xF5)),
                ("arabic", range(0xD8, 0xDC)),
                ("accented", range(0xC3, 0xC6)),
            )
        }
        rest = f"[{of['rest']}]"
        self.letter = re.compile(
            f"[{of['two']}]{rest}|[{of['three']}]{rest}{{2}}|[{of['four']}]{rest}{{3}}"
        )
        self.run = re.compile(f"[{of['high']}]{{2,}}")
        # What no right text has: two Arabic letters of UTF-8 in a row, one Latin one beside a
        # small letter, a dash or quote.
        signs = [f"(?:[{of['arabic']}]{rest}){{2}}"]
        if codec == "cp1252":
            signs += [
                f"(?<=[a-z])[{of['accented']}]{rest}",
                f"[{of['accented']}]{rest}(?=[a-z])",
                f"\u00e2[\u20ac\x80]{rest}",
                f"(?:[{of['two']}]{rest}){{3}}",
            ]
        else:  # such text read so once more: ط·آ£ط·آ¹
            signs.append("ط[·¸][\u0621-\u064aâ]")
        self.sign = re.compile("|".join(signs))

    def count(self, text: str) -> int:
        """Return in how many places a text is surely of this kind."""
        return sum(1 for _ in self.sign.finditer(text))

    def mended(self, text: str) -> str:
        """Return a text that is of this kind read as it was meant."""
        return self.run.sub(self._mended_run, text)

    def _mended_run(self, run: re.Match[str]) -> str:
        """Return a run of letters read anew; as it is, where it is not UTF-8 or none of a text.

        Ã of a right word before UTF-8 is left alone, and so is a last letter that is cut.
        """
        try:
            found = run[0].translate(self.table).encode("latin-1").decode()
        except UnicodeError:
            pieces = self.letter.sub(self._mended_letter, run[0])
            return pieces if self.sign.search(run[0]) else run[0]
        return found if all(map(_is_written, found)) else run[0]

    def _mended_letter(self, letter: re.Match[str]) -> str:
        try:
            found = letter[0].translate(self.table).encode("latin-1").decode()
        except UnicodeError:
            return letter[0]
        return found if all(map(_is_written, found)) else letter[0]


_LATIN = _Misread("Windows-1252", "cp1252", controls=True)
_ARABIC = _Misread("Windows-1256", "cp1256", controls=False)
_ACCENTED = re.compile("[\u00c0-\u00ff]{3}")
# The first half of an Arabic letter whose second half is lost, beside one that was mended.
_CUT = re.compile("[ØÙÚÛ](?=[\u0621-\u064a])|(?<=[\u0621-\u064a])[ØÙÚÛ]")
_EIGHT_BIT = re.compile(f"(?:[\x20-\x7e\t]|[{''.join(re.escape(chr(c)) for c in _LATIN.table)}])+")

_MARKS = re.compile(r"(?<!\S)\?{2,}[.,،!]?(?!\S)")
_MARKS_IN_A_ROW = re.compile(r"(?<!\S)\?{2,}(?:[^\S\n]+\?+[.,،!]?){2,}(?!\S)")


def mended(text: str) -> Readable:
    """Return a text as it was meant, as far as that is certain."""
    notes: dict[str, None] = {}
    for _ in range(_ROUNDS):
        count, _, misread = max((m.count(text), m is _LATIN, m) for m in (_LATIN, _ARABIC))
        better = misread.mended(text) if count else text
        if better == text:
            break
        notes[f"mended: it was UTF-8 read as {misread.name}"] = None
        text = better
    better = _in_arabic(text)
    if better != text:
        notes["mended: it was Arabic in 8 bits read as Windows-1252"] = None
    return Readable(better, tuple(notes))


def readable(text: str) -> Readable:
    """Return a text mended.

    Raises:
        SourceError: letters of it are lost, or it is broken in a way that nothing mends for
            certain; says where and what to do.
    """
    found = mended(text)
    problem, notes = _problem(found.text)
    if problem:
        raise SourceError(problem, code="garbled")
    return Readable(found.text, (*found.notes, *notes))


def readable_line(text: str) -> Readable:
    """Return a title or a name mended, "" with a note where it is broken."""
    found = mended(text)
    problem, _ = _problem(found.text)
    if problem or (found.text and _MARKS.sub("", found.text).strip() == "" and "??" in found.text):
        return Readable("", (problem or "its letters are lost",))
    return found


def _problem(text: str) -> tuple[str, tuple[str, ...]]:
    """Return what makes a text unreadable, "" if nothing, and notes on what is a trace."""
    notes: list[str] = []
    size = len(text)
    if lost := text.count("\ufffd"):
        place = text.index("\ufffd")
        said = f'{lost:,} of its letters are lost (U+FFFD), the first after "{_near(text, place)}"'
        if (lost > _FEW or size <= 100 * lost) and lost > _TRACE * size:
            return f"{said}: {_REMEDY}", ()
        notes.append(said)
    if _may_be_arabic(text):
        return f"it may be Arabic in 8 bits read as Windows-1252, or not: {_REMEDY}", ()
    signs = (_LATIN.sign, _ARABIC.sign, _CUT)
    broken = [found for sign in signs for found in sign.finditer(text)]
    if broken:
        said = (
            f"{len(broken):,} pieces of it were read in a wrong encoding, such as "
            f'"{broken[0][0]}" after "{_near(text, broken[0].start())}"'
        )
        if len(broken) * 2 > _TRACE * size:
            return f"{said}, and nothing mends them for certain: {_REMEDY}", ()
        notes.append(said)
    if "??" in text and (rows := _MARKS_IN_A_ROW.findall(text)):
        words = sum(len(row.split()) for row in rows)
        said = f"{words:,} of its words are question marks: the letters were lost"
        if words > _LOST_WORDS * len(text.split()):
            return f"{said} when it was saved; {_REMEDY}", ()
        notes.append(said)
    return "", tuple(notes)


def _near(text: str, place: int) -> str:
    return " ".join(text[max(0, place - 20) : place].split())


def _is_written(char: str) -> bool:
    """Tell whether a text may have it; a C1 control may be a letter that is encoded once more."""
    return unicodedata.category(char) not in ("Cn", "Co", "Cs") and (
        char >= " " or char in "\t\n\r"
    )


def _in_arabic(text: str) -> str:
    """Return a text with its pieces of 8-bit Arabic read as that, where it is certain of one."""
    if not _ACCENTED.search(text):
        return text
    certain = _EIGHT_BIT.sub(lambda piece: _piece_in_arabic(piece[0], _CERTAIN), text)
    if certain == text:
        return text
    return _EIGHT_BIT.sub(lambda piece: _piece_in_arabic(piece[0], _LIKELY), certain)


def _piece_in_arabic(piece: str, least: float) -> str:
    """Return a piece of a line as the Arabic it was, as it is where that is less probable."""
    if not _ACCENTED.search(piece):
        return piece
    content = piece.translate(_LATIN.table).encode("latin-1")
    ranked = probabilities(content)
    best = next(iter(ranked))
    if best not in CANDIDATES[:2] or ranked[best] < least:
        return piece
    found = content.decode(best, "replace")
    letters = sum("\u0621" <= char <= "\u06d3" for char in found)
    few = least == _CERTAIN and letters < _MIN_LETTERS
    return piece if few or "\ufffd" in found else found


def _may_be_arabic(text: str) -> bool:
    return _ACCENTED.search(text) is not None and any(
        _piece_in_arabic(piece[0], _LIKELY) != piece[0] for piece in _EIGHT_BIT.finditer(text)
    )
