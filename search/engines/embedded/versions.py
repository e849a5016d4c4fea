"""Versions of the index in one folder, and an engine that follows the one that is searched.

    <folder>/                 the first version, until `current` names another one
    <folder>/current          the number of the version that is searched
    <folder>/versions/<n>/    another version
    <folder>/writer.lock      held by the one process that writes, whichever version it is

A version is never changed into another one: a pointer moves from a finished one to the next,
by one rename. Whoever has the old one open notices at the next request.
"""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

from search.domain import IndexedArticle
from search.durable import sync_folder
from search.engine import Fingerprint, WriteOutcome
from search.engines.embedded.chain import HEAD, TEXT
from search.engines.embedded.changes import State
from search.engines.embedded.engine import EmbeddedEngine
from search.engines.embedded.former import FormerIndex, is_former
from search.engines.embedded.locking import WriterLock
from search.engines.embedded.record import Record
from search.engines.embedded.reserve import RESERVE
from search.errors import EngineError, EngineUnavailable, RecordCorrupt, RecordLost

P = ParamSpec("P")
T = TypeVar("T")

RECORD = "record.sqlite"
_POINTER = "current"
_VERSIONS = "versions"
_TRIES = 5  # times an answer is asked for while versions change under it


class Versions:
    """The versions in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._pointer = folder / _POINTER

    def stamp(self) -> tuple[int, int] | None:
        """Return what changes whenever the pointer does; None while there is none."""
        try:
            found = os.stat(self._pointer)  # noqa: PTH116  # asked for every request
        except FileNotFoundError:
            return None
        except OSError as error:
            raise EngineUnavailable(f"cannot look at {self._pointer}: {error}") from error
        return found.st_ino, found.st_mtime_ns

    def current(self) -> int:
        """Return the number of the version that is searched."""
        try:
            text = self._pointer.read_text("ascii")
        except FileNotFoundError:
            return 1
        except (OSError, UnicodeDecodeError) as error:
            raise EngineUnavailable(f"cannot read {self._pointer}: {error}") from error
        if not text.strip().isdigit():
            raise RecordCorrupt(
                f"{self._pointer} holds no number. Write the number of the newest folder in "
                f"{self.folder / _VERSIONS} into it, or delete it if there is none."
            )
        return int(text)

    def place(self, number: int) -> Path:
        """Return the folder of a version."""
        return self.folder if number == 1 else self.folder / _VERSIONS / str(number)

    def unfinished(self) -> int | None:
        """Return the number of a version newer than the one that is searched, if there is one."""
        try:
            names = os.listdir(self.folder / _VERSIONS)  # noqa: PTH208  # names are wanted
        except OSError:
            return None
        newest = max((int(name) for name in names if name.isdigit()), default=0)
        return newest if newest > self.current() else None

    def make_current(self, number: int) -> None:
        """Let a version be the one that is searched: durable when this returns."""
        fresh = self.folder / f"{_POINTER}.new"
        with fresh.open("w", encoding="ascii") as file:
            file.write(f"{number}\n")
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._pointer)
        sync_folder(self.folder)

    def remove(self, number: int) -> None:
        """Remove a version's files, and nothing beside them."""
        place = self.place(number)
        if number != 1:
            shutil.rmtree(place, ignore_errors=True)
            return
        shutil.rmtree(place / TEXT, ignore_errors=True)
        for name in (HEAD, RESERVE, *(RECORD + ending for ending in ("", "-wal", "-shm"))):
            (place / name).unlink(missing_ok=True)


def stored_fingerprint(folder: Path) -> Fingerprint | None:
    """Return what made the index in a folder, None while there is none."""
    versions = Versions(folder)
    state = _state_of(versions.place(versions.current()))
    return None if state is None else state.fingerprint


def accept(folder: Path) -> State | None:
    """Take the record in a folder for the right one as it is, whatever was lost.

    Returns where it stands; None where there is none.
    """
    versions, lock = Versions(folder), WriterLock(folder)
    path = versions.place(versions.current()) / RECORD
    if not path.is_file():
        return None
    lock.acquire("accepting the index as it is")
    record = Record(path)
    try:
        return record.accept()
    finally:
        record.close()
        lock.release()


def _state_of(place: Path) -> State | None:
    record = Record(place / RECORD)
    try:
        return record.state()
    finally:
        record.close()


def _asked(
    method: Callable[Concatenate[EmbeddedEngine, P], T],
) -> Callable[Concatenate[FollowingEngine, P], T]:
    """Return a method that asks the current version: again if it was replaced meanwhile."""

    def ask(self: FollowingEngine, /, *args: P.args, **named: P.kwargs) -> T:
        for _ in range(_TRIES):
            engine = self.current()
            try:
                answer = method(engine, *args, **named)
            except EngineError:
                if self.current() is engine:
                    raise
                continue
            if self.current() is engine:
                return answer
        raise EngineUnavailable("the index was made anew again and again. Try again.")

    return ask


def former_index(folder: Path) -> FormerIndex | None:
    """Return the index in a folder if the first release made it."""
    versions = Versions(folder)
    path = versions.place(versions.current()) / "record.sqlite"
    return FormerIndex(path, folder) if is_former(path) else None


class FollowingEngine:
    """An Engine on whichever version is the current one."""

    def __init__(self, folder: Path, fingerprint: Fingerprint) -> None:
        """Open the current version. Raises as `open_engine`."""
        self._versions = Versions(folder)
        self._fingerprint = fingerprint
        self._guard = threading.Lock()
        self._closed = False
        self._stamp = self._versions.stamp()
        self._engine = self._open("")

    def _open(self, index: str) -> EmbeddedEngine:
        place = self._versions.place(self._versions.current())
        return EmbeddedEngine(place, self._fingerprint, self._versions.folder, index)

    def current(self) -> EmbeddedEngine:
        """Return the engine of the current version. Raises RecordLost where that is gone."""
        if self._versions.stamp() == self._stamp or self._closed:
            return self._engine
        with self._guard:
            stamp = self._versions.stamp()
            if stamp is None and not self._closed:
                raise RecordLost(
                    f"the index in {self._versions.folder} was open here and is gone: was its "
                    "folder moved or unmounted? It is searched again when it is back."
                )
            if stamp != self._stamp and not self._closed:
                left = self._engine
                self._engine, self._stamp = self._open(left.index), stamp
                left.close()
            return self._engine

    rank = _asked(EmbeddedEngine.rank)
    facets = _asked(EmbeddedEngine.facets)
    terms_with_prefix = _asked(EmbeddedEngine.terms_with_prefix)
    stored = _asked(EmbeddedEngine.stored)
    fetch = _asked(EmbeddedEngine.fetch)
    article = _asked(EmbeddedEngine.article)
    article_ids = _asked(EmbeddedEngine.article_ids)
    unembedded = _asked(EmbeddedEngine.unembedded)
    indexed = _asked(EmbeddedEngine.indexed)
    status = _asked(EmbeddedEngine.status)
    show = _asked(EmbeddedEngine.show)

    def write(self, articles: Sequence[IndexedArticle]) -> list[WriteOutcome]:
        return self._change(lambda engine: engine.write(articles), "indexing")

    def delete(self, article_ids: Sequence[str]) -> int:
        if not self.stored(article_ids):
            return 0
        return self._change(lambda engine: engine.delete(article_ids), "deleting")

    def _change(self, change: Callable[[EmbeddedEngine], T], purpose: str) -> T:
        """Change the current version: none takes its place while its lock is held."""
        for _ in range(_TRIES):
            engine = self.current()
            with engine.hold(purpose):
                if self.current() is engine:
                    return change(engine)
        raise EngineUnavailable("the index was made anew again and again. Try again.")

    def rest(self) -> None:
        self.current().rest()

    def clean(self) -> int:
        return self.current().clean()

    @contextmanager
    def hold(self, purpose: str) -> Iterator[Callable[[], None]]:
        with self.current().hold(purpose) as keep:
            yield keep

    def close(self) -> None:
        with self._guard:
            self._closed = True
            self._engine.close()


class Successor:
    """A version beside the one that is searched, being filled.

    Attributes:
        engine: writes to it; closed by `take_over` and `close`.
    """

    def __init__(self, folder: Path, fingerprint: Fingerprint) -> None:
        """Go on with an unfinished version of this fingerprint, or begin one."""
        self._versions = Versions(folder)
        self._number = self._versions.unfinished() or self._versions.current() + 1
        place = self._versions.place(self._number)
        index = ""
        if former_index(folder) is None:
            before = _state_of(self._versions.place(self._versions.current()))
            index = "" if before is None else before.index
        if self._made_otherwise(place, fingerprint, index):
            self._versions.remove(self._number)
        self.engine = EmbeddedEngine(place, fingerprint, index=index)

    def _made_otherwise(self, place: Path, fingerprint: Fingerprint, index: str) -> bool:
        try:
            state = _state_of(place)
        except EngineError:
            return True
        if state is None:
            return False
        return state.fingerprint != fingerprint or bool(index and state.index != index)

    def take_over(self, *, keep: bool) -> str:
        """Be what is searched from now on; return where the old version was kept, if it was."""
        old = self._versions.current()
        self.engine.close()
        self._versions.make_current(self._number)
        if keep:
            return str(self._versions.place(old))
        self._versions.remove(old)
        return ""

    def close(self) -> None:
        self.engine.close()
