"""Mailboxes, .mbox: their letters, one at a time in memory, read as `mail` reads each.

A letter begins at a line `From ...` with a time in it, behind a blank one (what stands so within
a letter was written as `>From ...`). `mailbox` of the standard library wants a path, which a member of
an archive has not. A letter's id is its Message-ID, without one a digest of its text.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from typing import BinaryIO

from indexer.extraction.mail import letters
from indexer.extraction.registry import MAILBOX, Extracted, Options
from indexer.extraction.unpacking import PIECE
from indexer.sources import Failure
from search.errors import SourceError
from search.limits import MAX_FILE

_QUOTED = re.compile(rb">+From ")


def read(stream: BinaryIO, name: str, options: Options) -> Iterator[Extracted | Failure]:  # noqa: ARG001
    """Yield the articles of a mailbox's letters."""
    for number, (letter, size) in enumerate(_letters(stream), start=1):
        if size > MAX_FILE:
            reason = f"the letter has {size:,} bytes, and {MAX_FILE:,} are the most"
            yield Failure(str(number), "too-large", reason, size)
        else:
            letter.seek(0)
            yield from letters(letter, size, options, str(number))


def _letters(stream: BinaryIO) -> Iterator[tuple[BinaryIO, int]]:
    """Yield each letter, cut where it is longer than one may be, and its size."""
    line = stream.readline(PIECE)
    if not line.startswith(b"From "):
        raise SourceError("no mailbox: its first line does not begin with From", code="damaged")
    letter, size = io.BytesIO(), 0
    blank, begins = False, True  # whether the line before was blank, and whether a line begins here
    while line := stream.readline(PIECE):
        if blank and MAILBOX.match(line):
            yield letter, size
            letter, size = io.BytesIO(), 0
        else:
            size += len(line)
            if size <= MAX_FILE:
                letter.write(line[1:] if begins and _QUOTED.match(line) else line)
        begins = line.endswith(b"\n")
        blank = begins and not line.strip(b"\r\n")
    yield letter, size
