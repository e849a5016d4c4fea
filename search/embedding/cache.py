"""Files that can be made again: written whole or not at all, read only when intact.

A file is a magic line, the SHA-256 of what follows, and what follows. It is
written under a temporary name, flushed to the disk and renamed, so that two
processes preparing at once, or one that is killed, leave either no file or a
whole one. Nothing here raises: a folder that cannot be used costs time, not an
answer.
"""

from __future__ import annotations

import hashlib
import logging
import os
import tempfile
from pathlib import Path

_MAGIC = b"fihris-cache-1\n"
_HEADER = len(_MAGIC) + hashlib.sha256().digest_size
# A whole file is read before it can be verified; ours have 14 MB.
_MOST_BYTES = 256 * 1024 * 1024
_log = logging.getLogger(__name__)


def read(path: Path) -> bytes | None:
    """Return what was written, or None where there is nothing or it is not intact."""
    try:
        with path.open("rb") as file:
            stored = file.read(_MOST_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        _log.info("cannot read the cache %s (%s): preparing anew", path, error)
        return None
    content = stored[_HEADER:]
    if stored[:_HEADER] != _header(content):
        _log.info("the cache %s is damaged: preparing anew", path)
        return None
    return content


def write(path: Path, content: bytes) -> bool:
    """Store `content`; return whether that was possible."""
    temporary: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(
            dir=path.parent, prefix=f".{path.name}.", delete=False
        ) as file:
            temporary = Path(file.name)
            file.write(_header(content))
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        _log.info("cannot write the cache %s (%s): going on without", path, error)
        if temporary is not None:
            _remove(temporary)
        return False
    return True


def _header(content: bytes) -> bytes:
    return _MAGIC + hashlib.sha256(content).digest()


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        _log.info("cannot remove %s: %s", path, error)
