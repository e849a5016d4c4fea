"""A backup of an index: a folder with copies of what cannot be made anew, and their checksums.

    record.sqlite        the record, of one moment, whatever is written meanwhile
    saved.sqlite, ...    what is kept beside an index (`BESIDE`)
    manifest.json        each file's size and SHA-256, and what made the index

It gets its name when all of it is on disk, so that what a killed process leaves is none. What
can be made anew stands in none: the text index, the snapshot of memory, the head.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from search.durable import sync_folder
from search.engines import BESIDE, Step
from search.engines.embedded.connections import connect, open_for_reading, translated
from search.engines.embedded.engine import EmbeddedEngine
from search.engines.embedded.locking import WriterLock
from search.engines.embedded.record import RECORD, Record
from search.engines.embedded.versions import Versions
from search.errors import EngineUnavailable, InputError
from search.settings import Settings

MANIFEST = "manifest.json"
FORMAT = "fihris-backup-1"
_BESIDE = tuple(f"{name}.sqlite" for name in BESIDE)
_UNFINISHED = ".unfinished"
_PAGES = 4_096  # 16 MB: between two of such steps it is told how far the copy is
_BLOCK = 1 << 20
_LOCKS = {"writer.lock", "writer.json", "writer.wanted"}  # what restoring itself leaves


def back_up(settings: Settings, name: str, repository: str, on_step: Step) -> None:
    """Copy the index to a new folder.

    Raises:
        InputError: the folder is there already or cannot be written, or there is no index.
        EngineError: as any read of the index.
    """
    folder, target = settings.data, _folder(name, repository)
    if target.exists():
        raise InputError(f"{target} is there already; name a new folder", field="DEST")
    unfinished = target.with_name(target.name + _UNFINISHED)
    with _written(target):
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700, parents=True)  # secrets of saved searches, and all texts
        with closing(Record(Versions(folder).current)) as record, record.snapshot() as moment:
            if moment is None:
                raise InputError(f"there is no index in {folder} to back up", field="index")
            connection, state = moment
            _copy(connection, unfinished / RECORD, on_step)
        for name in _BESIDE:  # after the record: what it lacks of them would be lost, not hidden
            path = folder / name
            if path.exists():
                with translated(path), closing(open_for_reading(path)) as other:
                    _copy(other, unfinished / name, on_step)
        files = {path.name: _sealed(path) for path in sorted(unfinished.iterdir())}
        about = {
            "format": FORMAT,
            "made": datetime.now(UTC).isoformat(timespec="seconds"),
            "fihris": version("fihris"),
            "fingerprint": asdict(state.fingerprint),
            "articles": state.articles,
            "passages": state.passages,
            "files": files,
        }
        _write(unfinished / MANIFEST, json.dumps(about, indent=1).encode())
        sync_folder(unfinished)
        unfinished.rename(target)
        sync_folder(target.parent)


def _copy(source: sqlite3.Connection, path: Path, on_step: Step) -> None:
    """Copy what a connection reads. Its transaction keeps it to one moment; writers go on."""
    with translated(path), closing(connect(path, "rwc")) as target:
        target.execute("PRAGMA synchronous = OFF")  # it is on disk before it is named
        source.backup(
            target,
            pages=_PAGES,
            progress=lambda _, left, pages: on_step(f"copying {path.name}", pages - left, pages),
        )


def restore(settings: Settings, name: str, repository: str, on_step: Step) -> None:
    """Put a backup into an empty data folder, and make its text index.

    All of the backup is verified before anything is written; the record comes last, so that what
    a killed process leaves is no index, and the same call begins anew.

    Raises:
        InputError: it is no whole backup, or something lies in the folder.
        EngineError: another process is at it, or the index cannot be made.
    """
    folder, source = settings.data, _folder(name, repository)
    files = _verified(source, on_step)
    _check_empty(folder)
    with _written(folder):
        folder.mkdir(parents=True, exist_ok=True)
    lock = WriterLock(folder)
    lock.acquire("restoring a backup")
    try:
        _check_empty(folder)
        with _written(folder):
            for done, (name, sealed) in enumerate(files.items()):
                on_step("restoring", done, len(files))
                fresh = folder / (name + _UNFINISHED)
                # Texts may be read by whom the umask lets; what is kept beside is its owner's.
                fresh.unlink(missing_ok=True)
                fresh.touch(0o666 if name == RECORD else 0o600)
                shutil.copyfile(source / name, fresh)
                if _sealed(fresh) != sealed:
                    raise InputError(f"{source / name} changed while it was read", field="SOURCE")
            for name in sorted(files, key=lambda name: name == RECORD):
                (folder / (name + _UNFINISHED)).rename(folder / name)
            sync_folder(folder)
    finally:
        lock.release()
    with closing(Record(Versions(folder).current)) as record:
        state = record.state()
    if state is None:
        raise EngineUnavailable(f"the record in {folder} went while it was being restored")
    on_step("making the text index", 0, 1)
    with closing(EmbeddedEngine(folder, state.fingerprint)) as engine, engine.hold("restoring"):
        engine.show()


def _folder(name: str, repository: str) -> Path:
    if repository:
        raise InputError(
            "a repository is Elasticsearch's; the embedded engine's backup is a folder",
            field="--repository",
        )
    return Path(name).absolute()


def _verified(source: Path, on_step: Step) -> dict[str, list[Any]]:
    """Return the files of a backup with sizes and checksums, all of them right."""
    try:
        about = json.loads((source / MANIFEST).read_bytes())
        files = about["files"]
        if (
            about["format"] != FORMAT
            or RECORD not in files
            or not files.keys() <= {RECORD, *_BESIDE}
        ):
            raise ValueError("it is of another version")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        why = (error.strerror if isinstance(error, OSError) else None) or str(error)
        raise InputError(f"{source} is no whole backup: {MANIFEST}: {why}", field="SOURCE") from (
            error
        )
    for done, (name, sealed) in enumerate(files.items()):
        on_step("verifying", done, len(files))
        try:
            whole = _sealed(source / name) == sealed
        except OSError as error:
            raise InputError(f"{source / name}: {error.strerror}", field="SOURCE") from error
        if not whole:
            raise InputError(
                f"{source / name} is not what was backed up; nothing was restored", field="SOURCE"
            )
    return dict(files)


def _check_empty(folder: Path) -> None:
    with _written(folder):
        there = sorted(path.name for path in folder.iterdir()) if folder.exists() else []
    lies = [name for name in there if name not in _LOCKS and not name.endswith(_UNFINISHED)]
    if lies:
        shown = ", ".join(lies[:5]) + (f" and {len(lies) - 5} more" if len(lies) > 5 else "")
        raise InputError(
            f"in {folder} lies {shown}. A backup is restored into an empty folder only: move that "
            "away, or name another folder with FIHRIS_DATA",
            field="FIHRIS_DATA",
        )


def _sealed(path: Path) -> list[Any]:
    """Return a file's size and SHA-256, all of it being on disk."""
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
            size += len(block)
        os.fsync(file.fileno())
    return [size, digest.hexdigest()]


def _write(path: Path, content: bytes) -> None:
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def _written(path: Path) -> Iterator[None]:
    """Tell that something cannot be written there as what was given wrong."""
    try:
        yield
    except OSError as error:
        raise InputError(f"{error.filename or path}: {error.strerror}", field="path") from error
