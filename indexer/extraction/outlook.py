"""Outlook's letters, .msg: made into what `mail` reads, attached letters too.

Their container is olefile's to open; in it each property is a stream named by its number and
type, or eight bytes of a table of numbers (MS-OXMSG 2.4). python-oxmsg reads all attachments into
memory, gives up at a letter outside of the code page, and takes no letter that is attached.
"""

from __future__ import annotations

import email
import struct
from base64 import b64encode
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.header import Header
from email.message import Message
from email.mime.base import MIMEBase
from email.mime.message import MIMEMessage
from email.mime.multipart import MIMEMultipart
from email.utils import format_datetime, formataddr
from typing import BinaryIO

from olefile import OleFileIO

from indexer.extraction.mail import decoded, letters_of
from indexer.extraction.registry import Extracted, Options
from indexer.sources import Failure
from search.errors import SourceError
from search.limits import MAX_FILE

_MAX_DEPTH = 32
_SUBJECT, _HEADERS, _SENDER, _ADDRESS, _SMTP, _ID = 0x37, 0x7D, 0xC1A, 0xC1F, 0x5D01, 0x1035
_PLAIN, _RTF, _HTML, _DATA, _MIME = 0x1000, 0x1009, 0x1013, 0x3701, 0x370E
_SENT, _RECEIVED, _CODE_PAGES = 0x390040, 0xE060040, (0x3FDE0003, 0x3FFD0003)
_CHARSETS = {65001: "utf-8", 20127: "ascii", 28591: "iso-8859-1", 28596: "iso-8859-6"}


def read(stream: BinaryIO, name: str, options: Options) -> Iterator[Extracted | Failure]:  # noqa: ARG001
    """Yield the article of a letter, and of each that is attached to it."""
    try:
        with OleFileIO(stream) as ole:
            message = _Storage(ole, []).message()
            size = stream.seek(0, 2)
    except (SourceError, MemoryError):
        raise
    except Exception as error:  # olefile's own, and of every kind where it is damaged
        raise SourceError(f"no letter of Outlook's: {error}", code="damaged") from error
    yield from letters_of(message, size, options)


class _Storage:
    """A letter, or an attachment, in a file: its properties by their numbers."""

    def __init__(self, ole: OleFileIO, path: list[str]) -> None:
        self._ole = ole
        self._path = path
        # Its table has a head of 32 bytes in a file's own letter, 24 in an attached one, 8 else.
        head = 8 if path and "__attach" in path[-1] else 24 if path else 32
        table = self._bytes("__properties_version1.0")[head:]
        rows = struct.iter_unpack("<I4xQ", table[: len(table) // 16 * 16])
        self._numbers: dict[int, int] = dict(rows)
        page = next(filter(None, map(self._numbers.get, _CODE_PAGES)), 0) & 0xFFFFFFFF
        self._charset = _CHARSETS.get(page, f"cp{page}" if page else "")

    def message(self) -> Message:
        """Return the letter as one of the standard library's."""
        given = email.message_from_bytes(self._text(_HEADERS).encode())
        address = self._text(_SMTP) or self._text(_ADDRESS)
        sender = formataddr((self._text(_SENDER), address if "@" in address else ""))
        message = MIMEMultipart()
        message["Subject"] = Header(self._text(_SUBJECT), "utf-8").encode()
        message["From"] = given["From"] or sender
        message["Date"] = given["Date"] or self._day()
        message["Message-ID"] = given["Message-ID"] or self._text(_ID)
        if texts := list(self._bodies()):
            message.attach(MIMEMultipart("alternative", _subparts=texts))
        elif self._bytes(self._name(_RTF, "0102")):
            reason = "the letter's text is there as RTF only: save it as .eml"
            raise SourceError(reason, code="unsupported")
        for path in self._ole.listdir(streams=False, storages=True):
            if path[:-1] == self._path and path[-1].startswith("__attach_version1.0_#"):
                message.attach(_Storage(self._ole, path)._attached())
        return message

    def _attached(self) -> Message:
        letter = [*self._path, self._name(_DATA, "000D")]
        if self._ole.exists([*letter, "__properties_version1.0"]) and len(letter) < _MAX_DEPTH:
            return MIMEMessage(_Storage(self._ole, letter).message())
        kind = self._text(_MIME).lower().partition("application/")[2] or "octet-stream"
        return MIMEBase("application", kind)  # left out; its bytes are not even read

    def _bodies(self) -> Iterator[Message]:
        for number, kind in ((_PLAIN, "plain"), (_HTML, "html")):
            content, charset = self._string(number)
            if content.strip():
                part = MIMEBase("text", kind, charset=charset)
                part["Content-Transfer-Encoding"] = "base64"
                part.set_payload(b64encode(content).decode())
                yield part

    def _text(self, number: int) -> str:
        content, charset = self._string(number)
        return decoded(content, charset, "").strip()

    def _string(self, number: int) -> tuple[bytes, str]:
        """Return a text's bytes and what they are in, as far as it is said."""
        if wide := self._bytes(self._name(number, "001F")):
            return wide.decode("utf-16-le", "replace").rstrip("\0").encode(), "utf-8"
        narrow = self._bytes(self._name(number, "001E"), self._name(number, "0102"))
        return narrow.rstrip(b"\0"), self._charset

    def _day(self) -> str:
        ticks = self._numbers.get(_SENT) or self._numbers.get(_RECEIVED) or 0
        when = datetime(1601, 1, 1, tzinfo=UTC) + timedelta(microseconds=ticks // 10)
        return format_datetime(when) if ticks else ""

    def _name(self, number: int, kind: str) -> str:
        return f"__substg1.0_{number:04X}{kind}"

    def _bytes(self, *names: str) -> bytes:
        """Return the first of these streams that is there, else nothing."""
        for path in ([*self._path, name] for name in names):
            if self._ole.exists(path):
                if (size := self._ole.get_size(path)) > MAX_FILE:
                    reason = f"a text of {size:,} bytes, and {MAX_FILE:,} are the most"
                    raise SourceError(reason, code="too-large")
                content: bytes = self._ole.openstream(path).read()
                return content
        return b""
