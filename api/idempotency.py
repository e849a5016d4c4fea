"""`Idempotency-Key`: the answer of a finished request, given again to the same request.

Kept as files of this server, under the SHA-256 of the key, for a day. A request that was
cut is not kept: sent again it is done anew, and what was stored already is `unchanged`.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile

from api.problems import KeyInUse
from search.errors import InputError

KEPT_SECONDS = 24 * 3600
MOST_KEPT = 1_000  # answers
MOST_BYTES = 1 << 30  # of them all
MAX_HEAD = 4_096
_KEY = re.compile(r"[\x21-\x7e]{1,255}")


@dataclass(frozen=True, slots=True)
class Kept:
    """An answer that was given: `request` is the SHA-256 of what was asked."""

    path: Path
    request: str
    status: int
    media_type: str
    start: int  # where the answer begins in the file

    def content(self) -> Iterator[bytes]:
        with self.path.open("rb") as file:
            file.seek(self.start)
            while piece := file.read(1 << 16):
                yield piece


class Recording:
    """An answer while it is given; kept only if it is said to be whole."""

    def __init__(self, keys: Keys, name: str, about: str, status: int, media_type: str) -> None:
        self._keys = keys
        self._name = name
        self._about = about
        self.status = status
        self._media_type = media_type
        self._file = NamedTemporaryFile(dir=keys.folder, prefix=".", delete=False)  # noqa: SIM115
        self._size = 0

    def add(self, content: bytes) -> None:
        self._size += len(content)
        if self._size <= MOST_BYTES // 4:  # a longer answer is not kept
            self._file.write(content)

    def keep(self, sha256: str) -> None:
        """Keep the answer to a body of this SHA-256, on disk before it is given."""
        if self._file.closed or self._size > MOST_BYTES // 4:
            return
        about = {
            "request": asked(self._about, sha256),
            "status": self.status,
            "media_type": self._media_type,
        }
        head = json.dumps(about).encode() + b"\n"
        self._file.flush()
        whole = Path(self._file.name)
        path = self._keys.folder / f"{self._name}.answer"
        with NamedTemporaryFile(dir=self._keys.folder, prefix=".", delete=False) as file:
            file.write(head)
            with whole.open("rb") as content:
                while piece := content.read(1 << 20):
                    file.write(piece)
            file.flush()
            os.fsync(file.fileno())
        Path(file.name).replace(path)

    def drop(self) -> None:
        """Let go of the key and of what was not kept."""
        if not self._file.closed:
            self._file.close()
            Path(self._file.name).unlink(missing_ok=True)
            self._keys.release(self._name)


class Keys:
    """The keys of one server."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._in_use: set[str] = set()
        self._guard = threading.Lock()

    def find(self, key: str) -> Kept | None:
        """Return the answer that was given to a key, None if there is none (any more).

        Raises:
            InputError: it is no key.
            KeyInUse: its request is in work.
        """
        name = _name(key)
        if name in self._in_use:
            raise KeyInUse("The request with this Idempotency-Key is in work; ask again later.")
        path = self.folder / f"{name}.answer"
        try:
            if time.time() - path.stat().st_mtime > KEPT_SECONDS:
                return None
            with path.open("rb") as file:
                line = file.readline(MAX_HEAD)
            head = json.loads(line)
            return Kept(path, head["request"], head["status"], head["media_type"], len(line))
        except (OSError, ValueError, KeyError):
            return None

    def begin(self, key: str, about: str, status: int, media_type: str) -> Recording:
        """Take a key for a request in work. Raises KeyInUse."""
        name = _name(key)
        with self._guard:
            if name in self._in_use:
                raise KeyInUse("The request with this Idempotency-Key is in work; ask again later.")
            self._in_use.add(name)
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._prune()
            return Recording(self, name, about, status, media_type)
        except BaseException:
            self.release(name)
            raise

    def release(self, name: str) -> None:
        with self._guard:
            self._in_use.discard(name)

    def _prune(self) -> None:
        """Remove what is old, then the oldest of what is too much, and what a crash left."""
        found = sorted(
            ((entry.stat().st_mtime, entry.stat().st_size, Path(entry.path)) for entry in
             os.scandir(self.folder) if entry.is_file()), reverse=True,
        )  # fmt: skip
        size = 0
        for number, (modified, own, path) in enumerate(found):
            size += own
            old = time.time() - modified > KEPT_SECONDS
            if old or number >= MOST_KEPT or size > MOST_BYTES:
                path.unlink(missing_ok=True)


def asked(about: str, sha256: str) -> str:
    """Return the SHA-256 of a whole request: its method and address, and its body's SHA-256."""
    return hashlib.sha256(f"{about}\n{sha256}".encode()).hexdigest()


def _name(key: str) -> str:
    if not _KEY.fullmatch(key):
        raise InputError(
            "Idempotency-Key is 1 to 255 visible ASCII characters", field="Idempotency-Key"
        )
    return hashlib.sha256(key.encode()).hexdigest()
