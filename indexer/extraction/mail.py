"""Letters: .eml, an article each, and those attached to one (forwarded ones) articles of their own.

What was sent with a letter as text stays in it, a quoted "Forwarded message" too; other
attachments are left out and counted. Parsed under the library's oldest policy: the newer ones decode each encoded word of a
subject by itself, and so break letters that mailers have cut in two, and they fail with
errors of their own on headers that are no good.
"""

from __future__ import annotations

import email
import io
import re
from collections.abc import Iterator
from dataclasses import replace
from email.errors import HeaderParseError
from email.header import Header, decode_header
from email.message import Message
from email.policy import compat32
from email.utils import getaddresses, parsedate_to_datetime
from typing import BinaryIO

from indexer.extraction.documents import Facts, article, encoding_notes, left_out, mark, whole
from indexer.extraction.encodings import decode
from indexer.extraction.encodings.mojibake import mended
from indexer.extraction.markup import declared_charset, lines_of, parse
from indexer.extraction.registry import Extracted, Options, inside_of
from indexer.extraction.wrapping import WRAPPED, unwrapped
from indexer.sources import Failure
from search.errors import SourceError

_KNOWN = ("from", "to", "subject", "date", "message-id", "received", "mime-version")
_LOCKED = frozenset({"multipart/encrypted", "application/pkcs7-mime", "application/x-pkcs7-mime"})
_SIGNATURES = frozenset({
    "application/pgp-signature", "application/pkcs7-signature", "application/x-pkcs7-signature",
})  # fmt: skip
_PGP = "-----BEGIN PGP MESSAGE-----"

_SPACES = re.compile("[ \\t\\r\\n\\f\\v]+")
_MAX_HEADER = 20_000  # characters: `decode_header` took 11 s of 2,000,000
_MAX_DEPTH = 32
_MAX_PARTS = 1_000


def read(stream: BinaryIO, name: str, options: Options) -> Iterator[Extracted | Failure]:  # noqa: ARG001
    """Yield the article of a letter, and of each that is attached to it."""
    content = whole(stream)
    yield from letters(io.BytesIO(content), len(content), options)


def letters(
    stream: BinaryIO, size: int, options: Options, number: str = ""
) -> Iterator[Extracted | Failure]:
    """Yield the article of a letter, and of each that is attached to it, or why there is none.

    Args:
        stream: of its bytes: given whole they would be in memory a second time.
        size: how many those are.
        options: what a person says of it.
        number: which one of a mailbox it is, "" of one that has a file of its own and so its id.
    """
    message = email.message_from_binary_file(stream, policy=compat32)
    yield from letters_of(message, size, options, number)


def letters_of(
    message: Message, size: int, options: Options, number: str = ""
) -> Iterator[Extracted | Failure]:
    """Yield as `letters` does, of a letter that was parsed."""
    for item in _letters(message, options, number, ""):
        if isinstance(item, Failure) and not item.place:  # the whole file
            raise SourceError(item.reason, code=item.code)
        yield replace(item, size=size)
        size = 0


def _letters(
    message: Message, options: Options, place: str, above: str
) -> Iterator[Extracted | Failure]:
    """Yield as `letters` does; `above` is what the ids of letters attached to one begin with."""
    body = _Body(options)
    item: Extracted | None = None
    try:
        if not any(header in message for header in _KNOWN):
            raise SourceError("no letter: it has none of a letter's headers", code="damaged")
        body.take(message)
        if body.letters and not any(map(str.strip, body.lines)):  # all that is said is in those
            inside = f"{above}/-"
        else:
            item = _article(message, body, place)
            inside = above + inside_of(item.fields)
    except SourceError as error:
        yield Failure(place, error.code, str(error))
        return
    if own := "".join(_header(message["Message-ID"], "").strip("<>").split()):
        inside = f"{above}/{own}"
    inside = inside if place else ""
    if item is not None:
        yield replace(item, place=place, inside=inside)
    for count, attached in enumerate(body.letters, start=1):
        yield from _letters(attached, options, f"{place}.{count}".lstrip("."), inside)


def _article(message: Message, body: _Body, place: str) -> Extracted:
    charset = next(iter(body.charsets), "")
    sender, address = _sender(message, charset)
    facts = Facts(
        title=_header(message["Subject"], charset),
        author=sender or address,
        published=_day(message, charset),
        language=_header(message["Content-Language"], charset).partition(",")[0],
    )
    lines = [*filter(None, [mark("message", place)]), *body.lines]
    return article(lines, facts, size=0, notes=body.all_notes())


class _Body:
    """The texts of a letter, in order."""

    def __init__(self, options: Options) -> None:
        self.lines: list[str] = []
        self.letters: list[Message] = []  # attached ones
        self.charsets: dict[str, None] = {}  # in which the texts were, for the headers
        self._options = options
        self._notes: dict[str, None] = {}
        self._attachments = 0
        self._locked = 0
        self._parts = 0

    def take(self, message: Message) -> None:
        """Take a letter's or a part's texts; not recursive."""
        waiting: list[tuple[Message, int]] = [(message, 0)]
        while waiting:
            part, depth = waiting.pop()
            self._parts += 1
            if depth > _MAX_DEPTH or self._parts > _MAX_PARTS:
                self._notes["parts in parts: not all were read"] = None
                break
            kind = part.get_content_type()
            parts = _parts_of(part)
            if kind == "multipart/alternative":
                parts = self._alternative(parts)
            if kind in _LOCKED:  # perhaps a signed file beside a text
                self._locked += 1
            elif depth and kind == "message/rfc822" and parts:
                self.letters += parts
            elif depth and _is_attached(part):
                self._attachments += 1
            elif part.is_multipart():
                waiting += ((inner, depth + 1) for inner in reversed(parts))
            elif kind in ("text/plain", "text/html"):
                self.lines += self._lines(part)
            elif depth and kind not in _SIGNATURES:
                self._attachments += 1
        if self._locked and not any(map(str.strip, self.lines)):
            raise SourceError("a locked letter (S/MIME or PGP)", code="encrypted")

    def all_notes(self) -> tuple[str, ...]:
        """Return what was not plain about it."""
        return (*self._notes, *left_out(self._attachments + self._locked, "attachment"))

    def _alternative(self, parts: list[Message]) -> list[Message]:
        """Return the form of a text that is read: plain, else the richest there is."""
        plain = (part for part in parts if part.get_content_type() == "text/plain")
        if written := next(filter(_has_text, plain), None):
            return [written]
        rich = [p for p in parts if p.is_multipart() or p.get_content_type() == "text/html"]
        return rich[-1:]

    def _lines(self, part: Message) -> list[str]:
        content = _content(part)
        if not content.strip():
            return []
        declared = part.get_content_charset("") or ""
        html = part.get_content_type() == "text/html"
        if html and not declared:
            declared = declared_charset(content)
        decoded, encoding = decode(content, declared, said=self._options.encoding)
        text, repairs = mended(decoded)
        self.charsets[encoding.name] = None
        self._notes.update(dict.fromkeys((*encoding_notes(encoding), *repairs)))
        if html:
            return self._shown(text)
        if text.lstrip().startswith(_PGP):
            raise SourceError("a locked letter (PGP)", code="encrypted")
        if str(part.get_param("format", "")).lower() == "flowed":
            space = str(part.get_param("delsp", "")).lower() != "yes"
            return _flowed(text.splitlines(), space=space)
        if (joined := unwrapped(text)) != text:
            self._notes[WRAPPED] = None
        return joined.splitlines()

    def _shown(self, text: str) -> list[str]:
        try:
            tree, notes = parse(text)
        except SourceError as error:
            if error.code == "empty":
                return []
            raise
        self._notes.update(dict.fromkeys(notes))
        return [line.text for line in lines_of(tree)]


def _parts_of(part: Message) -> list[Message]:
    payload = part.get_payload() if part.is_multipart() else []
    return [part for part in payload if isinstance(part, Message)]


def _has_text(part: Message) -> bool:
    return bool(_content(part).strip())


def _content(part: Message) -> bytes:
    """Return a part's bytes, none where it has parts of its own.

    Raises:
        SourceError: its charset is none that the standard library can even look for.
    """
    try:
        content = part.get_payload(decode=True)
        part.get_content_charset("")
    except (ValueError, TypeError) as error:  # with a NUL, or cut in RFC 2231's way
        raise SourceError(f"a part cannot be read: {error}", code="damaged") from error
    return content if isinstance(content, bytes) else b""


def _is_attached(part: Message) -> bool:
    return part.get_content_disposition() == "attachment" or bool(
        part.get_filename() and not part.is_multipart()
    )


def _flowed(lines: list[str], *, space: bool) -> list[str]:
    """Return the paragraphs of a text whose long lines were broken after a space (RFC 3676)."""
    paragraphs: list[str] = []
    goes_on = False
    for line in lines:
        line = line.removeprefix(" ")  # put there to tell it from a quotation
        if goes_on:
            paragraphs[-1] += line
        else:
            paragraphs.append(line)
        goes_on = line.endswith(" ") and line != "-- "
        if goes_on and not space:
            paragraphs[-1] = paragraphs[-1][:-1]
    return paragraphs


def _sender(message: Message, charset: str) -> tuple[str, str]:
    """Return the writer's name and address."""
    value = message["From"]
    if isinstance(value, Header):  # letters beyond ASCII that nothing declares
        value = _header(value, charset)
    try:
        # Not `parseaddr`: newer releases of Python 3.11 give nothing where there are two.
        senders = getaddresses([_unfolded(str(value or "")[:_MAX_HEADER])])
    except RecursionError:  # older ones, of a thousand brackets
        senders = []
    name, address = next(iter(senders), ("", ""))
    name = _header(name, charset).strip("\"' ")
    return "" if "\ufffd" in name else name, address


def _header(value: object, charset: str) -> str:
    """Return a header's text on one line, with U+FFFD where no encoding can be told for it.

    Args:
        value: as the message has it: a Header where bytes beyond ASCII stand in it.
        charset: that of the body, for what declares none.
    """
    if not isinstance(value, Header):
        value = _unfolded(str(value or "")[:_MAX_HEADER])
        if not value.isascii():  # a text already
            return _one_line(value)
    try:
        pieces = decode_header(value)  # those of one charset that are neighbours are joined
    except HeaderParseError:  # broken base64
        return _one_line(str(value))
    return _one_line("".join(decoded(*piece, charset) for piece in pieces))


def decoded(piece: bytes | str, declared: str | None, charset: str) -> str:
    """Return a piece of a header in what it declares, what the body is in, or what can be told."""
    if isinstance(piece, str):
        return piece
    if declared in (None, "unknown-8bit"):
        declared = charset
    for attempt in dict.fromkeys((declared or "", charset, "")):
        try:
            return decode(piece, attempt)[0]
        except SourceError:
            continue
    try:  # may be told to be Arabic in spite of what it says, and else be told as broken
        return decode(piece, said=declared or "ascii")[0]
    except SourceError:
        return piece.decode("ascii", "replace")


def _one_line(text: str) -> str:
    """Return a text on one line; a C1 control in it may be half of a letter (م as Ù\\x85)."""
    return " ".join(_SPACES.split(text)).strip(" ")


def _unfolded(value: str) -> str:
    return value.replace("\r", "").replace("\n", "")


def _day(message: Message, charset: str) -> str:
    """Return the day on which it was sent, where it was sent; as it says, where that is odd."""
    said = _header(message["Date"], charset)
    try:
        return parsedate_to_datetime(said).date().isoformat()
    except (ValueError, TypeError, IndexError, OverflowError):  # a zone of thirty digits
        return said
