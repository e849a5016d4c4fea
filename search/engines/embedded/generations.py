"""Generations of the text index: immutable folders, named by a manifest with checksums.

    text/current.json      which generation is current, and what its files must be
    text/<generation>/     its files; nothing in it changes once current.json names it
    text/building-.../     a writer's next generation, or the remains of one that died

A writer builds the next generation in a folder of its own: hard links to the
current files (Tantivy never changes a file, it adds and removes them) and then
the changes. Renaming current.json publishes it. So a reader needs no lock, a
writer that dies leaves nothing half done, and Tantivy opens only files whose
checksums were right.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import uuid
import zlib
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

_MANIFEST = "current.json"
_BUILDING = "building-"
_OWN_LOCKS = (".tantivy-writer.lock", ".tantivy-meta.lock")
_BLOCK = 1 << 20


class Damaged(Exception):
    """A generation's files are not what its manifest says; the message names the first."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a generation is: of which record and sequence, with which files.

    `origin` names all that decides the files besides the record's contents.
    `files` holds each file's size and CRC-32.
    """

    origin: str
    folder: str
    sequence: int
    last_number: int
    passages: int
    removed: int  # passages removed since it was last built anew: they still weigh in BM25
    files: dict[str, tuple[int, int]]


class Generations:
    """The generations under one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._verified: set[tuple[int, int, int, int]] = set()

    def path(self, manifest: Manifest) -> Path:
        return self.folder / manifest.folder

    def current(self) -> Manifest | None:
        """Return the current manifest, None if there is none that can be believed."""
        try:
            outer = json.loads((self.folder / _MANIFEST).read_bytes())
            body = outer["manifest"]
            if outer["sha256"] != _digest(body):
                return None
            files = {name: (int(size), int(crc)) for name, (size, crc) in body["files"].items()}
            return Manifest(**{**body, "files": files})
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return None

    def verify(self, manifest: Manifest) -> None:
        """Raise Damaged unless every file is there, whole and unchanged.

        A file verified before by this object is not read again while its inode,
        size and time of change are the same: generations share files.
        """
        for name, (size, crc) in manifest.files.items():
            path = self.path(manifest) / name
            try:
                found = path.stat()
                key = _key(found, crc)
                if key in self._verified:
                    continue
                if found.st_size != size or checksum(path) != crc:
                    raise Damaged(f"{path} is not what was written there")
            except OSError as error:
                raise Damaged(f"{path} cannot be read: {error}") from error
            self._verified.add(key)

    def begin(self, base: Manifest | None) -> Path:
        """Return a new folder to build in, with the files of `base`, verified before."""
        self.folder.mkdir(parents=True, exist_ok=True)
        building = self.folder / f"{_BUILDING}{uuid.uuid4().hex[:12]}"
        building.mkdir()
        if base is not None:
            try:
                for name in base.files:
                    _link(self.path(base) / name, building / name)
            except OSError:
                self.discard(building)
                raise
        return building

    def publish(
        self,
        building: Path,
        base: Manifest | None,
        describe: Callable[[str, dict[str, tuple[int, int]]], Manifest],
    ) -> Manifest:
        """Make a built folder the current generation and remove what is older.

        Files of `base` are not read again.
        """
        for name in _OWN_LOCKS:
            (building / name).unlink(missing_ok=True)
        files = {}
        for path in sorted(building.iterdir()):
            found = path.stat()
            known = base.files.get(path.name) if base is not None else None
            key = None if known is None else _key(found, known[1])
            if known is None or key not in self._verified:
                known = (found.st_size, checksum(path))
            files[path.name] = known
            self._verified.add(_key(found, known[1]))
        final = self.folder / building.name.removeprefix(_BUILDING)
        building.rename(final)
        manifest = describe(final.name, files)
        body = asdict(manifest)
        written = self.folder / f"{_BUILDING}{final.name}.json"
        written.write_text(json.dumps({"manifest": body, "sha256": _digest(body)}), "utf-8")
        written.replace(self.folder / _MANIFEST)
        self._remove_others(final)
        return manifest

    def discard(self, building: Path) -> None:
        """Remove what was being built."""
        shutil.rmtree(building, ignore_errors=True)

    def _remove_others(self, final: Path) -> None:
        for path in self.folder.iterdir():
            if path.is_dir() and path != final:
                # Readers that have it open keep its files; where the system forbids
                # removing open files, the next publication tries again.
                shutil.rmtree(path, ignore_errors=True)
            elif path.name.startswith(_BUILDING):
                path.unlink(missing_ok=True)


def _key(found: os.stat_result, crc: int) -> tuple[int, int, int, int]:
    """Return what tells a file that was read before, whatever its name."""
    return found.st_ino, found.st_size, found.st_mtime_ns, crc


def _digest(body: object) -> str:
    canonical = json.dumps(body, sort_keys=True)
    return hashlib.sha256(canonical.encode()).hexdigest()


def checksum(path: Path) -> int:
    """Return a file's CRC-32."""
    crc = 0
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            crc = zlib.crc32(block, crc)
    return crc


def _link(source: Path, target: Path) -> None:
    if source.suffix == ".json":
        shutil.copy2(source, target)  # Tantivy's own manifests are replaced, not added to
        return
    try:
        os.link(source, target)
    except OSError:  # a file system without hard links
        shutil.copy2(source, target)
