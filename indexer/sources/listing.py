"""Files and folders to a list of the files to read, and of what is left out.

Files are taken in sorted order. Hidden ones are left out, links to folders are followed
once, and a folder in BEIR layout is left out: it is there to be evaluated. Nothing is
opened here, so that a pipe or a device cannot hold anybody up.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from indexer.formats import SUFFIXES, suffix_of
from indexer.sources import Failure, Listed, Skipped, SourceFile
from indexer.sources.metadata import METADATA_SUFFIX
from indexer.sources.naming import problem_of, shown


def list_files(paths: Sequence[Path]) -> list[Listed]:
    """Return every file under these paths in reading order, and what is left out."""
    seen: set[tuple[int, int]] = set()
    listed: list[Listed] = []
    for path in paths:
        try:
            status = path.stat()
        except (OSError, ValueError) as error:
            code, reason = problem_of(error)
            again = SourceFile(path, path.name, 0, path) if isinstance(error, OSError) else None
            listed.append(Failure(shown(path), reason, code=code, file=again))
            continue
        if stat.S_ISDIR(status.st_mode):
            listed += _walk(path, seen)
        elif suffix_of(path.name):
            listed.append(file_at(path, path.name, path))
        else:
            kinds = ", ".join(SUFFIXES)
            reason = f"not a kind of file that is read ({kinds})"
            listed.append(Failure(shown(path), reason, code="unsupported"))
    return listed


def is_judged_set(folder: Path) -> bool:
    """Tell whether a folder has BEIR's layout: corpus, queries and judgements."""
    parts = ("corpus.jsonl", "queries.jsonl")
    try:
        return all((folder / part).is_file() for part in parts) and (folder / "qrels").is_dir()
    except OSError:
        return False


def file_at(path: Path, name: str, given: Path) -> SourceFile | Failure:
    """Return the file at a path as it is now, without opening it."""
    try:
        status = path.stat()
        name.encode()
    except UnicodeEncodeError:
        return Failure(shown(path), "its name is not valid UTF-8: rename it", code="unreadable")
    except OSError as error:
        code, reason = problem_of(error)
        return Failure(shown(path), reason, code=code, file=SourceFile(path, name, 0, given))
    if not stat.S_ISREG(status.st_mode):
        return Failure(shown(path), "not a regular file", code="not-regular")
    return SourceFile(path, name, status.st_size, given)


def _walk(given: Path, seen: set[tuple[int, int]]) -> Iterator[Listed]:
    """Yield what a folder holds. Not recursive: a path may be 4,096 bytes of `a/a/a/...`."""
    waiting = [(given, PurePosixPath())]
    while waiting:
        folder, inside = waiting.pop()
        try:
            status = folder.stat()
            with os.scandir(folder) as scanned:
                entries = sorted(scanned, key=lambda entry: entry.name)
        except OSError as error:
            code, reason = problem_of(error)
            yield Failure(shown(folder), reason, code=code)
            continue
        if (status.st_dev, status.st_ino) in seen:
            yield Skipped(shown(folder), "a folder that was read already")
            continue
        seen.add((status.st_dev, status.st_ino))
        if is_judged_set(folder):
            yield Skipped(shown(folder), "a test collection: `fihris evaluate` reads it")
            continue
        folders = []
        for entry in entries:
            if entry.name.startswith("."):
                continue
            path = folder / entry.name
            try:
                is_folder = entry.is_dir()
            except OSError as error:  # links in a circle
                code, reason = problem_of(error)
                yield Failure(shown(path), reason, code=code)
                continue
            if is_folder:
                folders.append((path, inside / entry.name))
            elif entry.name.endswith(METADATA_SUFFIX):
                continue
            elif suffix_of(entry.name):
                yield file_at(path, str(inside / entry.name), given)
            else:
                yield Skipped(shown(path), "not a kind of file that is read")
        waiting += reversed(folders)
