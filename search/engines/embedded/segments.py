"""The text index's files: one folder of segments, whose sizes and checksums are in the record.

    text/<segment>.<kind>  Tantivy's files; each is written once and never changed
    text/head.json         the record's commit they were made for (`chain`)
    text/work-.../         a writer's unfinished changes, or the remains of one that died

Tantivy opens nothing but a private folder of links to files that were verified just before,
with the list of segments that the record holds. So what it reads is what was verified, whatever
a writer does meanwhile; a folder that is read-only can be searched; and changes become the text
index by one commit of the record, or are as if they had never been.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import tempfile
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from search.engines.embedded.chain import HEAD
from search.engines.embedded.head import Head, write_head

_LIST = "meta.json"  # Tantivy's own list of segments
_MANAGED = ".managed.json"  # the files Tantivy may remove
_WORK = "work-"
_BLOCK = 1 << 20
_MUCH = 16 << 20  # bytes whose checksums are worth some threads


class Damaged(Exception):
    """The text index's files are not what the record says; the message names the first."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What the text index is: of which record and commit, with which files.

    `origin` names all that decides the files besides the record's contents. `files` holds
    each file's size and CRC-32, `segments` Tantivy's list of them.
    """

    origin: str
    sequence: int
    last: int  # the greatest passage number that it knows of
    passages: int
    removed: int  # passages removed since it was last built anew: they still weigh in BM25
    segments: str = ""
    files: dict[str, tuple[int, int]] = field(default_factory=dict)


def read_manifest(connection: sqlite3.Connection) -> Manifest | None:
    """Return the manifest in a record, None if there is none that can be read."""
    try:
        content, checksum = connection.execute("SELECT about, checksum FROM text").fetchone()
        if zlib.crc32(content.encode()) != checksum:
            return None
        about = json.loads(content)
        return Manifest(**about | {"files": {n: (s, c) for n, (s, c) in about["files"].items()}})
    except (ValueError, TypeError, AttributeError, KeyError, RecursionError):
        return None


def store_manifest(connection: sqlite3.Connection, manifest: Manifest) -> None:
    """Put a manifest into a record, in the transaction that is open."""
    content = json.dumps(asdict(manifest))
    connection.execute("DELETE FROM text")
    connection.execute("INSERT INTO text VALUES (?, ?)", (content, zlib.crc32(content.encode())))


class Segments:
    """The files in one folder. One thread at a time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._verified: set[tuple[int, int, int, int]] = set()

    def verify(self, manifest: Manifest) -> None:
        """Raise Damaged unless every file is there, whole and unchanged.

        A file is read once, while its inode, size and time of change are the same.
        """
        unread: list[tuple[Path, int]] = []
        much = 0
        for name, (size, crc) in manifest.files.items():
            path = self.folder / name
            try:
                found = path.stat()
            except OSError as error:
                raise Damaged(f"{path} cannot be read: {error}") from error
            if found.st_size != size:
                raise Damaged(f"{path} is not what was written there")
            if _key(found, crc) not in self._verified:
                unread.append((path, crc))
                much += size
        if much > _MUCH:
            with ThreadPoolExecutor(os.cpu_count()) as threads:  # zlib lets others run
                self._verified.update(threads.map(_verified, unread))
        else:
            self._verified.update(map(_verified, unread))

    @contextmanager
    def opened(self, manifest: Manifest) -> Iterator[Path]:
        """Give a private folder to open them in; what is open then stays when it is removed."""
        with tempfile.TemporaryDirectory(prefix="fihris-") as folder:
            self._link(manifest, Path(folder))
            yield Path(folder)

    @contextmanager
    def changing(self, base: Manifest | None) -> Iterator[Path]:
        """Give a folder to change them in, empty without `base`. Needs the writer's lock."""
        self.folder.mkdir(exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=_WORK, dir=self.folder))
        try:
            if base is not None:
                self._link(base, work)
            yield work
        finally:
            shutil.rmtree(work, ignore_errors=True)

    def _link(self, manifest: Manifest, folder: Path) -> None:
        for name in manifest.files:
            (folder / name).symlink_to((self.folder / name).absolute())
        (folder / _LIST).write_text(manifest.segments, "utf-8")
        (folder / _MANAGED).write_text(json.dumps([*manifest.files]), "utf-8")

    def adopt(self, work: Path, base: Manifest | None) -> tuple[str, dict[str, tuple[int, int]]]:
        """Take over what was made in a folder of `changing`, which can be opened from then on.

        Returns `segments` and `files` of a manifest.
        """
        files = {}
        for path in sorted(work.iterdir()):
            if path.name == _LIST or path.name.startswith("."):
                continue
            if base is not None and path.is_symlink():
                files[path.name] = base.files[path.name]
                continue
            found, crc = path.stat(), _checksum(path)
            path.replace(self.folder / path.name)
            path.symlink_to((self.folder / path.name).absolute())
            files[path.name] = (found.st_size, crc)
            self._verified.add(_key(found, crc))
        return (work / _LIST).read_text("utf-8"), files

    def keep(self, manifest: Manifest, head: Head) -> None:
        """Remove all files that are not of the newest text index, which belongs to `head`."""
        write_head(self.folder / HEAD, head, durable=False)
        for path in self.folder.iterdir():
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            elif path.name not in manifest.files and path.name != HEAD:
                path.unlink(missing_ok=True)  # who has it open keeps it


def _verified(file: tuple[Path, int]) -> tuple[int, int, int, int]:
    """Return the key of a file whose checksum is right."""
    path, crc = file
    try:
        found = path.stat()
        if _checksum(path) != crc:
            raise Damaged(f"{path} is not what was written there")
    except OSError as error:
        raise Damaged(f"{path} cannot be read: {error}") from error
    return _key(found, crc)


def _key(found: os.stat_result, crc: int) -> tuple[int, int, int, int]:
    """Return what tells a file that was read before."""
    return found.st_ino, found.st_size, found.st_mtime_ns, crc


def _checksum(path: Path) -> int:
    crc = 0
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            crc = zlib.crc32(block, crc)
    return crc
