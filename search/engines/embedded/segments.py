"""The text index's files: one folder of segments, whose sizes and checksums are in the record.

    text/<segment>.<kind>  Tantivy's files; each is written once and never changed
    text/head.json         the record's last commit (`chain`)
    text/...               what a writer has not finished, or left when it died: the next removes it

Who only searches opens a private folder of links to files that were verified just before, with
the list of segments that the record holds. So what Tantivy reads is what was verified, whatever
a writer does meanwhile, and a folder that is read-only can be searched. A writer adds files to
the folder: they become the text index by one commit of the record, which alone lists them, or
are as if they had never been; what went out of the list is removed after that.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import tempfile
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from search.engines.embedded.chain import HEAD, TEXT
from search.engines.embedded.text import SEGMENTS, TextIndex, TextIndexError, listed

_BLOCK = 1 << 17  # bytes that stay in the cache: a sixth less time than new ones of 1 MB
_Key = tuple[int, int, int]
Files = dict[str, list[int]]  # each file's size and CRC-32


@dataclass(frozen=True, slots=True)
class Manifest:
    """What the text index is: of which record and commit, with which files."""

    record: str
    format: str  # of the files
    sequence: int
    last: int  # the greatest passage number that it knows of
    segments: str = ""  # Tantivy's list of them; "" where there is no text index
    files: Files = field(default_factory=dict)


def read_manifest(connection: sqlite3.Connection) -> Manifest | None:
    """Return the manifest in a record, None if there is none that can be read."""
    try:
        content, checksum = connection.execute("SELECT about, checksum FROM text").fetchone()
        if zlib.crc32(content.encode()) != checksum:
            return None
        return Manifest(**json.loads(content))
    except (ValueError, TypeError, AttributeError, RecursionError):
        return None


def store_manifest(connection: sqlite3.Connection, manifest: Manifest) -> None:
    """Put a manifest into a record, in the transaction that is open."""
    content = json.dumps(asdict(manifest))
    connection.execute("DELETE FROM text")
    connection.execute("INSERT INTO text VALUES (?, ?)", (content, zlib.crc32(content.encode())))


class Segments:
    """The files of one text index, in the folder that `folder_of` names. One thread at a time."""

    def __init__(self, folder_of: Callable[[], Path]) -> None:
        self._folder_of = folder_of
        self._whole: dict[_Key, int] = {}  # checksums of files that were read, or written here

    @property
    def folder(self) -> Path:
        return self._folder_of() / TEXT

    def verify(self, manifest: Manifest) -> None:
        """Raise TextIndexError unless every file is there, whole and unchanged.

        A file is read once, while its inode, size and time of change are the same.
        """
        if not manifest.segments:
            raise TextIndexError("there is none, or it is of another record or by another version")
        folder = self.folder
        try:
            keys = {name: _key(folder / name) for name in manifest.files}
            unread = {key: folder / name for name, key in keys.items() if key not in self._whole}
            with ThreadPoolExecutor(os.cpu_count()) as threads:  # zlib lets others run
                sums = threads.map(_checksum, unread.values())
                self._whole |= dict(zip(unread, sums, strict=True))
        except OSError as error:
            raise TextIndexError(f"{error.filename} cannot be read: {error.strerror}") from error
        self._whole = {key: self._whole[key] for key in keys.values()}  # not all there ever were
        for name, key in keys.items():
            if manifest.files[name] != [key[1], self._whole[key]]:
                raise TextIndexError(f"{folder / name} is not what was written there")

    def opened(self, manifest: Manifest) -> TextIndex:
        """Return the text index, to be searched. Raises TextIndexError, OSError.

        A writer may be replacing its files at this moment: only the holder of the writer's
        lock can tell that from damage.
        """
        self.verify(manifest)
        # A thread of Tantivy may put its lock there as it is removed (see `_open` in `text`).
        with tempfile.TemporaryDirectory(prefix="fihris-", ignore_cleanup_errors=True) as name:
            links = Path(name)
            for file in manifest.files:
                (links / file).symlink_to((self.folder / file).absolute())
            (links / SEGMENTS).write_text(manifest.segments, "utf-8")
            # What is open stays when its folder is removed.
            index = TextIndex(links, manifest.record, manifest.sequence, manifest.last)
        # Once more: Tantivy opens a segment whose positions a writer has just removed as one
        # without positions, and fails in the first search that needs them.
        self.verify(manifest)
        return index

    def changed(self, base: Manifest, new: Manifest, change: Callable[[Path], None]) -> Manifest:
        """Have the index of `base` changed, and return `new` with its segments and files.

        It is an empty index where `base` has no segments; its files stay as they are in any case,
        since Tantivy removes only what it finds in a list of what it has made (.managed.json).
        Needs the writer's lock. Raises as `change`. (In a folder of links to the files a search
        after a write took 5 ms more.)
        """
        folder = self.folder
        folder.mkdir(exist_ok=True)
        self._remove_others(base)
        try:
            if base.segments:
                (folder / SEGMENTS).write_text(base.segments, "utf-8")
            change(folder)
            segments = (folder / SEGMENTS).read_text("utf-8")
            files = {name: base.files.get(name) or self._made(name) for name in listed(folder)}
        except BaseException:
            with suppress(OSError):
                self._remove_others(base)  # the disk may be full
            raise
        return replace(new, segments=segments, files=files)

    def _made(self, name: str) -> list[int]:
        """Return the size and checksum of a file that was written here."""
        key, checksum = _key(self.folder / name), _checksum(self.folder / name)
        self._whole[key] = checksum
        return [key[1], checksum]

    def keep(self, manifest: Manifest) -> TextIndex:
        """Return the newest text index, opened where it was made; remove all files of others."""
        index = TextIndex(self.folder, manifest.record, manifest.sequence, manifest.last)
        self._remove_others(manifest)
        return index

    def _remove_others(self, manifest: Manifest) -> None:
        for name in os.listdir(self.folder):  # noqa: PTH208  # after every write
            if name not in manifest.files and name != HEAD:
                path = self.folder / name
                if path.is_dir():
                    shutil.rmtree(path, ignore_errors=True)
                else:
                    path.unlink(missing_ok=True)  # who has it open keeps it


def _key(path: Path) -> _Key:
    """Return what tells a file that was read before."""
    found = path.stat()
    return found.st_ino, found.st_size, found.st_mtime_ns


def _checksum(path: Path) -> int:
    crc, block = 0, bytearray(_BLOCK)
    with path.open("rb", buffering=0) as file:
        while size := file.readinto(block):
            crc = zlib.crc32(memoryview(block)[:size], crc)
    return crc
