"""`Idempotency-Key`: the answer of a finished request, given again to the same request.

Kept as files of this server, under the SHA-256 of the key, for a day. A request that was
cut is not kept: sent again it is done anew, and what was stored already is `unchanged`.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile

from api.problems import KeyInUse
from search.errors import InputError, SettingsError

logger = logging.getLogger("fihris.api")

KEPT_SECONDS = 24 * 3600
MOST_KEPT = 1_000  # answers
MOST_BYTES = 1 << 30  # of them all; of one, a quarter
HEAD = 512  # bytes before an answer that say what it answers
_KEY = re.compile(r"[\x21-\x7e]{1,255}")


@dataclass(frozen=True, slots=True)
class Kept:
    """An answer that was given: `request` is the SHA-256 of what was asked."""

    path: Path
    request: str
    status: int
    media_type: str

    def content(self) -> Iterator[bytes]:
        with self.path.open("rb") as file:
            file.seek(HEAD)
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
        self._file.write(bytes(HEAD))
        self._size = 0

    def add(self, content: bytes) -> None:
        self._size += len(content)
        if self._size <= MOST_BYTES // 4:  # a longer answer is not kept
            with self._not_needed():
                self._file.write(content)

    def keep(self, sha256: str) -> None:
        """Keep the answer to a body of this SHA-256, on disk before it is given. Blocks."""
        if self._size <= MOST_BYTES // 4:
            with self._not_needed():
                self._keep(sha256)

    def _keep(self, sha256: str) -> None:
        about = {
            "request": asked(self._about, sha256),
            "status": self.status,
            "media_type": self._media_type,
        }
        self._file.seek(0)
        self._file.write(json.dumps(about).encode().ljust(HEAD))
        self._file.flush()
        os.fsync(self._file.fileno())
        Path(self._file.name).replace(self._keys.folder / f"{self._name}.answer")

    def drop(self) -> None:
        """Let go of the key and of what was not kept."""
        if not self._file.closed:
            with self._not_needed():
                self._file.close()
            Path(self._file.name).unlink(missing_ok=True)
            self._keys.release(self._name)

    @contextmanager
    def _not_needed(self) -> Iterator[None]:
        """Do without a kept answer where the disk is full: sending twice is safe anyway."""
        try:
            yield
        except OSError as error:
            logger.warning("an answer cannot be kept: %s", error)
            self._size = MOST_BYTES


class Keys:
    """The keys of one server."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._in_use: set[str] = set()
        self._guard = threading.Lock()

    def take(self, key: str, about: str, status: int, media_type: str) -> Kept | Recording:
        """Return the answer that a key was given, else take the key for a request in work. Blocks.

        Raises:
            InputError: it is no key.
            KeyInUse: its request is in work.
            SettingsError: no answer can be kept here.
        """
        if not _KEY.fullmatch(key):
            raise InputError(
                "Idempotency-Key is 1 to 255 visible ASCII characters", field="Idempotency-Key"
            )
        name = hashlib.sha256(key.encode()).hexdigest()
        with self._guard:
            if name in self._in_use:
                raise KeyInUse("The request with this Idempotency-Key is in work; ask again later.")
            self._in_use.add(name)
        taken: Kept | Recording | None = None
        try:  # whoever had the key before has kept its answer by now
            taken = self._kept(name) or self._begun(name, about, status, media_type)
            return taken
        except OSError as error:
            raise SettingsError(
                f"answers cannot be kept in {self.folder}: {error.strerror}; set FIHRIS_DATA to a"
                " folder that can be written, or leave out Idempotency-Key"
            ) from error
        finally:
            if not isinstance(taken, Recording):
                self.release(name)

    def release(self, name: str) -> None:
        with self._guard:
            self._in_use.discard(name)

    def _kept(self, name: str) -> Kept | None:
        path = self.folder / f"{name}.answer"
        try:
            if time.time() - path.stat().st_mtime > KEPT_SECONDS:
                return None
            with path.open("rb") as file:
                head = json.loads(file.read(HEAD))
            return Kept(path, head["request"], head["status"], head["media_type"])
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def _begun(self, name: str, about: str, status: int, media_type: str) -> Recording:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._prune()
        return Recording(self, name, about, status, media_type)

    def _prune(self) -> None:
        """Remove what is old, also what a crash left, then the oldest of what is too much."""
        found: list[tuple[float, int, Path]] = []
        for path in self.folder.iterdir():
            try:
                about = path.stat()
            except FileNotFoundError:
                continue  # it was kept or dropped at this moment
            if time.time() - about.st_mtime > KEPT_SECONDS:
                path.unlink(missing_ok=True)
            elif path.suffix == ".answer":
                found.append((about.st_mtime, about.st_size, path))
        size = 0
        for number, (_, own, path) in enumerate(sorted(found, reverse=True), start=1):
            size += own
            if number >= MOST_KEPT or size > MOST_BYTES:  # there is one more to come
                path.unlink(missing_ok=True)


def asked(about: str, sha256: str) -> str:
    """Return the SHA-256 of a whole request: its method and address, and its body's SHA-256."""
    return hashlib.sha256(f"{about}\n{sha256}".encode()).hexdigest()
