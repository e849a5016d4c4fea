"""HTTP/1.1 heads and bodies read in one way only: what another server may read otherwise is refused.

Where a proxy and this server disagree about where a request ends, the rest of one is taken
for another's. RFC 9112 (2.2, 5.1, 5.2, 6.1) lets a server refuse what h11 still takes: lines that
end with LF alone, folded header lines, and a body with two lengths.

One thing is read that h11 refuses: letters of an address that are not percent-encoded, as curl
and scripts send them (`/v1/search?q=بغداد`). Byte by byte there is one way to read them.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import h11
from h11._receivebuffer import ReceiveBuffer

_RAW = re.compile(rb"[\x80-\xff]")
_TRAILER = re.compile(rb"[^ ]*:")  # its name; a request line's first word has no colon
_LENGTH, _ENCODING = b"content-length", b"transfer-encoding"


class _StrictLines(ReceiveBuffer):
    """Lines of heads and trailers: each ends with CRLF, and none goes on in the next."""

    def maybe_extract_lines(self) -> list[bytearray] | None:
        before = len(self)
        lines = super().maybe_extract_lines()
        if lines is None:
            return None
        if before - len(self) != sum(len(line) + 2 for line in lines) + 2:
            raise h11.LocalProtocolError("a line ends with LF and no CR")
        if any(line.startswith((b" ", b"\t")) for line in lines):
            raise h11.LocalProtocolError("a header goes on in a second line")
        if lines and not _TRAILER.match(lines[0]):
            lines[0] = bytearray(_RAW.sub(lambda byte: b"%%%02X" % byte[0][0], lines[0]))
        return lines


class StrictConnection(h11.Connection):
    """The server's side of a connection, as strict as above. Every refusal is a 400."""

    def __init__(
        self, max_head: int, elsewhere: Callable[[h11.Request, bytes], bool] | None = None
    ) -> None:
        """Begin with nothing received.

        Args:
            max_head: bytes of a request's head, which may be as long as that.
            elsewhere: tells of a request, and what has come from its first byte on, whether it
                is answered by somebody else: then it is no event, and nothing follows it here.
        """
        super().__init__(h11.SERVER, max_head)
        self._receive_buffer = _StrictLines()
        self._elsewhere = elsewhere

    def next_event(self) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        """As h11's. Raises RemoteProtocolError for a request whose body has two lengths."""
        idle = self._elsewhere is not None and self.their_state is h11.IDLE
        received = bytes(self._receive_buffer) if idle else b""
        event = super().next_event()
        if isinstance(event, h11.Request):
            names = [name for name, _ in event.headers]
            if _LENGTH in names and _ENCODING in names:  # h11 itself refuses two unlike lengths
                raise h11.RemoteProtocolError("the body's length is said twice")
            if _ENCODING in names and event.http_version < b"1.1":
                raise h11.RemoteProtocolError("HTTP/1.0 has no Transfer-Encoding")
            if self._elsewhere is not None and self._elsewhere(event, received):
                return h11.NEED_DATA
        return event
