"""Opening a file that somebody else made: never a device, and never waiting."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from indexer.sources.naming import problem_of
from search.errors import SourceError

_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


def open_regular(path: Path) -> int:
    """Return the descriptor of a regular file. Links to files are followed.

    Looked at first, because opening a device may already do something (a tape rewinds),
    and again once it is open, because something else may stand there by then: without
    O_NONBLOCK a pipe that took its place would hold the caller up for ever.

    Raises:
        SourceError: there is none, it may not be read, or it is not a regular file.
    """
    try:
        _check(path.stat().st_mode)
        descriptor = os.open(path, _FLAGS)
        try:
            _check(os.fstat(descriptor).st_mode)
        except BaseException:
            os.close(descriptor)
            raise
    except (OSError, ValueError) as error:
        code, reason = problem_of(error)
        raise SourceError(reason, code=code) from error
    return descriptor


def _check(mode: int) -> None:
    if not stat.S_ISREG(mode):
        raise SourceError("not a regular file", code="not-regular")
