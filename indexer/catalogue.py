"""What each file of a watched folder gave, kept in a log that survives being killed.

A line is the CRC of what follows it, and one of

    {"catalogue": 1, "folder": "/srv/news", "reading": "..."}   the first one
    {"file": "2024/a.txt", "version": [...], "ids": [...]}      what a file gave (`Entry`)
    {"file": "2024/a.txt", "claims": ["2024/a"]}                is about to be written for it
    {"file": "2024/a.txt"}                                      it is gone, and its articles too

It is only an aid: without it all files are read again, which content hashes make cheap. But
it alone knows which articles were those of a file that is gone. So what is about to be
written is on disk here first, and a damaged line costs what it said and no other line.
"""

from __future__ import annotations

import hashlib
import json
import os
import zlib
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from filelock import FileLock, Timeout

from search.durable import sync_folder
from search.errors import EngineUnavailable, InputError
from search.settings import Settings

FORMAT = 1
SLACK = 10_000  # lines that say nothing any more, before a long log is written anew

Version = tuple[int, ...]  # what a file was like; () is no file's


@dataclass(frozen=True, slots=True)
class Entry:
    """What a file gave when it was read.

    version   of the file then; () has it read again
    ids       of its articles that are stored, in order
    digest    of these and of their content hashes (`Digest`)
    kept      ids that are its own besides, perhaps stored: they go when it goes
    wanted    ids it was refused, because another file has them
    codes     why some of it could not be read or stored
    tries     how often in a row that was, where trying again may help
    """

    version: Version = ()
    ids: tuple[str, ...] = ()
    digest: str = ""
    kept: tuple[str, ...] = ()
    wanted: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()
    tries: int = 0


class Digest:
    """Of the articles of a file: tells whether they are still stored as they were written."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()

    def add(self, article_id: str, content_hash: str) -> None:
        self._hash.update(f"{article_id}\0{content_hash}\n".encode())

    def __str__(self) -> str:
        return self._hash.hexdigest()[:32]


def place_of(folder: Path, settings: Settings) -> Path:
    """Return where the catalogue of a folder is: another one for every index."""
    index = settings.elasticsearch_index if settings.engine == "elasticsearch" else ""
    known = f"{settings.engine}\0{index}\0".encode() + os.fsencode(os.path.realpath(folder))
    return settings.data / "watch" / f"{hashlib.sha256(known).hexdigest()[:32]}.log"


class Catalogue:
    """What the files of one folder gave, by their path. One at a time, held by its process.

    Attributes:
        folder: absolute; what every path begins with.
        entries: read only; a file that only claimed something has an empty one.
        lost: what of the log could not be understood when it was opened, "" if nothing.
    """

    def __init__(self, place: Path, folder: Path, reading: str) -> None:
        """Open the catalogue of a folder, or begin one.

        Args:
            place: of the log.
            folder: whose files it is about.
            reading: how they are read; another one has all of them read again.

        Raises:
            InputError: another process holds it.
            EngineUnavailable: it cannot be read or written.
        """
        self.folder = folder
        self.entries: dict[str, Entry] = {}
        self.lost = ""
        self._claims: dict[str, list[str]] = {}
        self._place = place
        self._prefix = os.path.join(folder, "")  # noqa: PTH118  # with its slash, also of "/"
        self._reading = reading
        self._lines = 0
        self._file: BinaryIO | None = None
        self._lock = FileLock(place.with_suffix(".lock"), thread_local=False)
        try:
            place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock.acquire(timeout=0)
            if self._load():
                self._file = place.open("ab")
        except Timeout:
            raise InputError(f"{folder} is already being watched", field="FOLDER") from None
        except (OSError, NotImplementedError) as error:
            self._lock.release()
            raise EngineUnavailable(f"cannot open {place}: {error}") from error

    def has(self, path: str) -> bool:
        """Tell whether a path is inside the folder."""
        return path.startswith(self._prefix)

    def name_of(self, path: str) -> str:
        """Return a path as it is inside the folder."""
        return path[len(self._prefix) :]

    def ids(self, path: str) -> list[str]:
        """Return each id that is a file's own, whether it is stored or not."""
        entry = self.entries.get(path, Entry())
        return list(dict.fromkeys((*entry.ids, *entry.kept, *self._claims.get(path, ()))))

    def claim(self, claims: Mapping[str, Sequence[str]]) -> None:
        """Have on disk that these ids are about to be written for these files.

        Raises as `record`.
        """
        self._append([self._line(path, {"claims": ids}) for path, ids in claims.items()], safe=True)
        for path, ids in claims.items():
            self._claim(path, ids)

    def record(self, entries: Mapping[str, Entry]) -> None:
        """Keep what files gave, in the place of what they gave and claimed before.

        Raises:
            EngineUnavailable: it cannot be written; nothing changed.
        """
        self._append([self._line(path, _fields(entry)) for path, entry in entries.items()])
        for path, entry in entries.items():
            self.entries[path] = entry
            self._claims.pop(path, None)

    def forget(self, paths: Iterable[str]) -> None:
        """Keep that files and their articles are gone. Raises as `record`."""
        known = [path for path in paths if path in self.entries]
        self._append([self._line(path, {}) for path in known])
        for path in known:
            del self.entries[path]
            self._claims.pop(path, None)

    def unread(self, path: str) -> None:
        """Have a file read again, as if it had changed, while this process lasts."""
        if path in self.entries:
            self.entries[path] = replace(self.entries[path], version=())

    def tidy(self) -> None:
        """Write the log anew if it is long for what it says, or was removed. Raises as `record`."""
        if self._file is not None and (self._too_long() or not self._is_there(self._file)):
            self._drop()
            self._append([])

    def close(self) -> None:
        self._drop()
        self._lock.release()

    # -- reading

    def _load(self) -> bool:
        """Take in the log; return whether it may be gone on with, or is to be written anew."""
        try:
            file = self._place.open("rb")
        except FileNotFoundError:
            return False
        bad = 0
        whole = same = True
        with file:
            for number, line in enumerate(file):
                whole = line.endswith(b"\n")
                said = _said(line)
                if number == 0:
                    if said is None or said.get("catalogue") != FORMAT:
                        self.lost = "it is damaged, or of another version"
                    same = said is not None and said.get("reading") == self._reading
                elif said is None or not self._take(said):
                    bad += whole  # a torn last line is what being killed leaves
                self._lines += 1
        if self._lines == 0:
            return False
        if bad:
            self.lost = f"{bad:,} damaged lines"
        if not same:
            for path in self.entries:
                self.unread(path)
        return whole and same and not self.lost and not self._too_long()

    def _take(self, said: Mapping[str, object]) -> bool:
        try:
            path = self._prefix + str(said["file"])
            if "claims" in said:
                self._claim(path, _texts(said["claims"]))
            elif "version" in said:
                self.entries[path] = _entry(said)
                self._claims.pop(path, None)
            else:
                self.entries.pop(path, None)
                self._claims.pop(path, None)
        except (KeyError, TypeError, ValueError):
            return False
        return True

    def _claim(self, path: str, ids: Sequence[str]) -> None:
        """Note claims: until the file is recorded, nobody knows which version is stored."""
        self._claims.setdefault(path, []).extend(ids)
        self.entries[path] = replace(self.entries.get(path, Entry()), version=())

    # -- writing

    def _append(self, lines: Sequence[bytes], *, safe: bool = False) -> None:
        try:
            if self._file is None:
                self._file = self._written_anew()
            self._file.write(b"".join(lines))
            self._file.flush()
            if safe:
                os.fsync(self._file.fileno())
        except OSError as error:
            self._drop()  # half a line may be in it
            raise EngineUnavailable(f"cannot write {self._place}: {error}") from error
        self._lines += len(lines)

    def _written_anew(self) -> BinaryIO:
        """Put a log that says what is known, and no more, in the place of this one."""
        self._place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        beside = self._place.with_suffix(".new")
        # Readable by its owner only: names of people's files, perhaps of people.
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        file = os.fdopen(descriptor, "wb")
        try:
            head = {"catalogue": FORMAT, "folder": str(self.folder), "reading": self._reading}
            file.write(_line(head))
            for path, entry in self.entries.items():
                file.write(self._line(path, _fields(entry)))
            for path, ids in self._claims.items():
                file.write(self._line(path, {"claims": ids}))
            file.flush()
            os.fsync(descriptor)
            beside.replace(self._place)
            sync_folder(self._place.parent)
        except BaseException:
            file.close()
            raise
        self._lines = 1 + len(self.entries) + len(self._claims)
        return file

    def _line(self, path: str, said: Mapping[str, object]) -> bytes:
        return _line({"file": self.name_of(path), **said})

    def _too_long(self) -> bool:
        return self._lines > 2 * len(self.entries) + SLACK

    def _is_there(self, file: BinaryIO) -> bool:
        """Tell whether what is open is what another process would open."""
        with suppress(OSError):
            return os.path.samestat(self._place.stat(), os.fstat(file.fileno()))
        return False

    def _drop(self) -> None:
        if self._file is not None:
            with suppress(OSError):  # what could not be written is what `_append` told
                self._file.close()
            self._file = None


def holder(catalogues: Iterable[Catalogue], path: str) -> Catalogue | None:
    """Return in which of these folders a path is."""
    return next((catalogue for catalogue in catalogues if catalogue.has(path)), None)


def _fields(entry: Entry) -> dict[str, object]:
    """Return what a line says of an entry: its version, and what is not empty."""
    fields = {name: getattr(entry, name) for name in Entry.__slots__}
    return {name: value for name, value in fields.items() if value or name == "version"}


def _entry(said: Mapping[str, object]) -> Entry:
    version, tries = said["version"], said.get("tries", 0)
    if not isinstance(version, list) or not isinstance(tries, int):
        raise TypeError
    return Entry(
        version=tuple(int(number) for number in version),
        ids=_texts(said.get("ids", [])),
        digest=str(said.get("digest", "")),
        kept=_texts(said.get("kept", [])),
        wanted=_texts(said.get("wanted", [])),
        codes=_texts(said.get("codes", [])),
        tries=tries,
    )


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise TypeError
    return tuple(value)


def _line(said: Mapping[str, object]) -> bytes:
    text = json.dumps(said, ensure_ascii=False).encode("utf-8", "surrogatepass")
    return b"%08x %s\n" % (zlib.crc32(text), text)


def _said(line: bytes) -> dict[str, object] | None:
    """Return what a line says, None if it is damaged."""
    crc, _, text = line.rstrip(b"\n").partition(b" ")
    try:
        if int(crc, 16) != zlib.crc32(text):
            return None
        said = json.loads(text)
    except ValueError:
        return None
    return said if isinstance(said, dict) else None
