"""What a parsing child tells its parent: one line of JSON an item, at most 64 MiB.

                                              an empty one: it has begun
    ["article", part, size, notes, fields]    an `Extracted`
    ["broken", part, code, reason, size]      a `Broken`
    ["failed", code, reason]                  the file cannot be read; the last line
    ["end"]                                   the file was read to its end; the last line

The child made it of an untrusted file, so the parent takes nothing for granted: what is
not exactly this is not understood (ValueError), and a reason is shown on one line.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import orjson

from indexer.codes import CODES
from indexer.formats import MEBIBYTE, Broken, Extracted
from indexer.sources.naming import one_line

# 10,000,000 code points, the most of an article, are 40 MB at worst, in JSON a little more.
MAX_LINE = 64 * MEBIBYTE
BEGUN = b"\n"
MAX_TEXT = 10_000_000  # code points, as in `indexer.records`, which is not loaded here
MAX_NOTES = 16
MAX_PART = 1_000  # code points
_MAX_TAGS = 10_000  # far more than are taken, so that their number is named

# All that `indexer.records.article_from` looks at.
_FIELDS = frozenset(
    ["id", "_id", "title", "author", "text", "source", "language", "published", "tags", "url"]
)


@dataclass(frozen=True, slots=True)
class Failed:
    """The file cannot be read, or not further, and why."""

    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class End:
    """The file was read to its end."""


Said = Extracted | Broken | Failed | End


def line_of(said: Said) -> bytes:
    """Return what is said as a line, ended."""
    match said:
        case Extracted():
            text = said.fields.get("text")
            if isinstance(text, str) and len(text) > MAX_TEXT:
                # Not given to orjson: one that it has no memory for ends the process.
                reason = f"the text has {len(text):,} characters, and {MAX_TEXT:,} are the most"
                return line_of(Broken(said.part, "too-large", f"{reason}: split it", said.size))
            fields = {name: _plain(said.fields[name]) for name in _FIELDS if name in said.fields}
            line = _encoded(["article", said.part, said.size, list(said.notes), fields])
        case Broken():
            line = _encoded(["broken", said.part, said.code, said.reason, said.size])
        case Failed():
            line = _encoded(["failed", said.code, said.reason])
        case End():
            line = b'["end"]\n'
    if len(line) > MAX_LINE and isinstance(said, Extracted):
        reason = f"its fields have {len(line):,} bytes, and {MAX_LINE:,} are the most"
        return line_of(Broken(said.part, "too-large", reason, said.size))
    return line


def said_in(line: bytes) -> Said:
    """Return what a line says.

    Raises:
        ValueError: it is not a line of this protocol.
    """
    try:
        value: object = orjson.loads(line)
    except orjson.JSONDecodeError:
        try:  # half of a surrogate pair, which `article_from` refuses by its place
            value = json.loads(line)
        except RecursionError as error:
            raise ValueError("nested too deeply") from error
    match value:
        case ["article", str(part), int(size), list(notes), dict(fields)]:
            return Extracted(fields, _part(part), _size(size), _notes(notes))
        case ["broken", str(part), str(code), str(reason), int(size)]:
            return Broken(_part(part), _code(code), one_line(reason), _size(size))
        case ["failed", str(code), str(reason)]:
            return Failed(_code(code), one_line(reason))
        case ["end"]:
            return End()
    raise ValueError("not a line of this protocol")


def _encoded(value: object) -> bytes:
    try:
        return orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE)
    except TypeError:  # half of a surrogate pair; five times slower, and rare
        return json.dumps(value).encode() + b"\n"


def _plain(value: object) -> object:
    """Return a field without what no field may hold, as a stand-in of the same kind.

    `article_from` refuses it with the same words, and nobody has to carry a million
    nested lists to it.
    """
    match value:
        case None | bool():
            return value
        case str():
            return value if len(value) <= MAX_TEXT else value[:MAX_TEXT]
        case int():
            # JSON has it as a number, orjson up to 64 bits; an id may have 512 digits.
            return value if value.bit_length() < 63 else _digits(value)
        case float():
            return 0.5
        case list() | tuple():
            tags = list(value[:_MAX_TAGS])
            return tags if all(isinstance(tag, str) for tag in tags) else [0]
        case _:
            return {}


def _digits(value: int) -> object:
    return str(value) if value.bit_length() < 1_700 else 0.5


def _code(code: str) -> str:
    return code if code in CODES else "crashed"


def _part(part: str) -> str:
    return one_line(part, MAX_PART)


def _size(size: int) -> int:
    return max(0, int(size))


def _notes(notes: Iterable[object]) -> tuple[str, ...]:
    kept = [one_line(note, 200) for note in notes if isinstance(note, str)]
    return tuple(kept[:MAX_NOTES])


def request_line(request: Mapping[str, object]) -> bytes:
    """Return what a zygote is asked or answers, as a line."""
    return json.dumps(request).encode() + b"\n"
