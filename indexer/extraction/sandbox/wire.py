"""The messages between a sandbox's parent, zygote and children: lines of JSON.

    to the zygote   {"formats": ..., ...} with a socket: fork a child, which is asked there
                    {"end": process}: end it; answered by [wait status, peak]
    to a child      {"name": ..., ...} with the descriptor of a file: read it
    from a child    its process, without an end of line; then of each file, in lines of
                    64 MiB at most
                    ["article", place, size, notes, inside, fields]  an `Extracted`
                    ["broken", place, code, reason, size]      a `Failure`
                    ["document", base64]                      a `Piece` of what has pages to recognise
                    ["scan", kind, page]                      a `Scan`, answered by the next line
                    ["end", peak]                             an `End`, the last of a file
    to a child      tesseract's table of a page, or [code, reason]

A child made its lines of an untrusted file, so the parent takes nothing for granted: what
is not exactly this is not understood (ValueError), and a reason is shown on one line.
"""

from __future__ import annotations

import json
import socket
from base64 import b64decode, b64encode
from dataclasses import dataclass
from typing import Any

import orjson

from indexer.extraction.registry import MEBIBYTE, Extracted
from indexer.failure_codes import CODES
from indexer.sources import Failure
from indexer.sources.naming import has_controls, one_line
from search.article_lines import ANNOTATIONS, PLACES
from search.limits import FIELDS, MAX_TEXT

# `MAX_TEXT`, the most of an article, is 40 MB at worst, in JSON a little more.
MAX_LINE = 64 * MEBIBYTE
MAX_NOTES = 16
MAX_INSIDE = 10_000  # code points
MAX_PLACE = 1_000  # code points
_MAX_TAGS = 10_000  # far more than are taken, so that their number is named
_AT_ONCE = 1 << 16  # bytes


@dataclass(frozen=True, slots=True)
class End:
    """A file was read; `peak` is the most bytes that its process had in memory until then."""

    peak: int = 0


@dataclass(frozen=True, slots=True)
class Piece:
    """What comes next of a document in the file; an empty one begins another, and is all of the file."""

    content: bytes


@dataclass(frozen=True, slots=True)
class Scan:
    """A page of the document, "pdf" or "picture", is to be recognised; the answer is waited for."""

    kind: str
    page: int


Said = Extracted | Failure | End


def failed(code: str, reason: str) -> Failure:
    """Return what to say of a whole file that cannot be read, or not further."""
    return Failure("", code, reason, 1 << 62)


def send(to: socket.socket, value: object, *descriptors: int) -> None:
    """Send a line, and descriptors with it."""
    line = _encoded(value)
    sent = socket.send_fds(to, [line], descriptors) if descriptors else 0
    # Sending nothing would fail where the receiver has read all, answered and ended.
    if sent < len(line):
        to.sendall(line[sent:])


def receive(source: socket.socket) -> tuple[Any, list[int]]:
    """Return what a line says, and the descriptors that came with it.

    Raises:
        EOFError: nobody sends any more.
    """
    line, descriptors, _, _ = socket.recv_fds(source, _AT_ONCE, 1)
    while not line.endswith(b"\n"):
        if not (piece := source.recv(_AT_ONCE)):
            raise EOFError
        line += piece
    return orjson.loads(line), descriptors


def line_of(said: Said | Piece | Scan) -> bytes:
    """Return what is said as a line, ended."""
    match said:
        case Piece():
            return _encoded(["document", b64encode(said.content).decode()])
        case Scan():
            return _encoded(["scan", said.kind, said.page])
        case Failure():
            return _encoded(["broken", said.place, said.code, said.reason, said.size])
        case End():
            return _encoded(["end", said.peak])
    text = said.fields.get("text")
    if isinstance(text, str) and len(text) > MAX_TEXT:
        # Not given to orjson: one that it has no memory for ends the process.
        reason = f"the text has {len(text):,} characters, and {MAX_TEXT:,} are the most: split it"
        return line_of(Failure(said.place, "too-large", reason, said.size))
    names = said.fields.keys() & {*FIELDS, "_id"}  # all that `article_from` looks at
    fields = {name: _plain(said.fields[name]) for name in names}
    fields.update(
        {name: said.fields[name] for name in (PLACES, ANNOTATIONS) if name in said.fields}
    )
    line = _encoded(["article", said.place, said.size, said.notes, said.inside, fields])
    if len(line) > MAX_LINE:
        reason = f"its fields have {len(line):,} bytes, and {MAX_LINE:,} are the most"
        return line_of(Failure(said.place, "too-large", reason, said.size))
    return line


def said_in(line: bytes) -> Said | Piece | Scan:
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
        case ["article", str(place), int(size), list(notes), str(inside), dict(fields)]:
            shown = [one_line(note, 200) for note in notes[:MAX_NOTES] if isinstance(note, str)]
            inside.encode()  # half of a surrogate pair is a ValueError too
            if len(inside) > MAX_INSIDE or has_controls(inside):
                raise ValueError("not what may stand in an id")
            return Extracted(fields, one_line(place, MAX_PLACE), max(0, size), tuple(shown), inside)
        case ["broken", str(place), str(code), str(reason), int(size)]:
            code = code if code in CODES else "crashed"
            return Failure(one_line(place, MAX_PLACE), code, one_line(reason), max(0, size))
        case ["document", str(content)]:
            return Piece(b64decode(content, validate=True))
        case ["scan", "pdf" | "picture" as kind, int(page)] if page > 0:
            return Scan(kind, page)
        case ["end", int(peak)]:
            return End(peak)
    raise ValueError("not a line of this protocol")


def _encoded(value: object) -> bytes:
    try:
        return orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE)
    except TypeError:  # half of a surrogate pair; five times slower, and rare
        return json.dumps(value).encode() + b"\n"


def _plain(value: object) -> object:
    """Return a field, or a stand-in that `article_from` refuses with the same words: nobody
    has to carry a million nested lists to it. JSON's numbers have 64 bits, an id 512 digits.
    """
    match value:
        case None | bool():
            return value
        case str():
            return value[:MAX_TEXT]
        case int() if value.bit_length() < 1_700:
            return value if value.bit_length() < 63 else str(value)
        case int() | float():
            return 0.5
        case list() | tuple():
            tags = list(value[:_MAX_TAGS])
            return tags if all(isinstance(tag, str) for tag in tags) else [0]
        case _:
            return {}
