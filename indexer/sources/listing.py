"""Files and folders to a list of the files to read, and of what is left out.

Files are taken in sorted order. Hidden ones are left out, links to folders are followed
once, and a folder in BEIR layout is left out: it is there to be evaluated. Nothing is opened
here but regular files without a suffix, for the line that OpenITI's texts or mailboxes begin
with: a pipe or a device cannot hold anybody up.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from indexer.extraction.registry import (
    MAILBOX,
    METADATA_SUFFIX,
    OPENITI,
    all_suffixes,
    left_out_as,
    suffix_of,
)
from indexer.sources import Failure, Listed, Skipped, SourceFile
from indexer.sources.identity import FileIds
from indexer.sources.naming import problem_of, shown
from indexer.sources.opening import open_regular
from indexer.sources.sidecar import is_described
from search.errors import SourceError

_FIRST_LINES = {OPENITI[0]: re.compile(rb"######OpenITI#"), ".mbox": MAILBOX}
READ_ALREADY = "read already"  # what a `Skipped` is counted by


def list_files(paths: Sequence[Path], ids: FileIds | None = None) -> list[Listed]:
    """Return every file under these paths in reading order, each once, and what is left out.

    Args:
        paths: files and folders of them.
        ids: which ids the files have.
    """
    first: dict[str, Path] = {}  # where each file was met first, by its id
    listed: list[Listed] = []
    for each in _under(paths, ids or FileIds()):
        if not isinstance(each, SourceFile):
            listed.append(each)
        elif each.id not in first:
            first[each.id] = each.path
            listed.append(each)
        else:
            reason = f"read already as {shown(first[each.id])}"
            listed.append(Skipped(shown(each.path), reason, READ_ALREADY))
    return listed


def is_judged_set(folder: Path) -> bool:
    """Tell whether a folder has BEIR's layout: corpus, queries and judgements."""
    parts = ("corpus.jsonl", "queries.jsonl")
    try:
        return all((folder / part).is_file() for part in parts) and (folder / "qrels").is_dir()
    except OSError:
        return False


def is_hidden(name: str) -> bool:
    """Tell whether files and folders of this name are left out.

    `~$` begins what Word keeps beside an open document, under the same suffix.
    """
    return name.startswith((".", "~$"))


def file_at(path: Path, ids: FileIds, known: str = "") -> SourceFile | Failure:
    """Return the file at a path as it is now, without opening it; `known` is its id where it is."""
    try:
        status = path.stat()
        path.name.encode()
    except UnicodeEncodeError:
        return Failure(shown(path), "unreadable", "its name is not valid UTF-8: rename it")
    except OSError as error:
        code, reason = problem_of(error)
        return Failure(shown(path), code, reason, file=_file(path, 0, ids))
    if not stat.S_ISREG(status.st_mode):
        return Failure(shown(path), "not-regular", "not a regular file")
    return _file(path, status.st_size, ids, known)


def name_of(path: Path) -> str:
    """Return the name that tells a file's kind: its own, and a suffix where its first line does."""
    if path.suffix or suffix_of(path.name):
        return path.name
    try:
        with os.fdopen(open_regular(path), "rb") as stream:
            head = stream.read(256)
    except (OSError, SourceError):
        return path.name
    return path.name + next((end for end, line in _FIRST_LINES.items() if line.match(head)), "")


def _file(path: Path, size: int, ids: FileIds, known: str = "") -> SourceFile:
    return SourceFile(path, name_of(path), size, known or ids.of(path))


def _under(paths: Sequence[Path], ids: FileIds) -> Iterator[Listed]:
    seen: set[tuple[int, int]] = set()
    for path in paths:
        try:
            status = path.stat()
        except (OSError, ValueError) as error:
            code, reason = problem_of(error)
            again = _file(path, 0, ids) if isinstance(error, OSError) else None
            yield Failure(shown(path), code, reason, file=again)
            continue
        if stat.S_ISDIR(status.st_mode):
            yield from _walk(path, ids, seen)
        elif suffix_of(name_of(path)):
            yield file_at(path, ids)
        else:
            kinds = ", ".join(all_suffixes())
            reason = f"not a kind of file that is read ({kinds})"
            yield Failure(shown(path), "unsupported", reason)


def _walk(given: Path, ids: FileIds, seen: set[tuple[int, int]]) -> Iterator[Listed]:
    """Yield what a folder holds. Not recursive: a path may be 4,096 bytes of `a/a/a/...`."""
    waiting = [given]
    while waiting:
        folder = waiting.pop()
        try:
            status = folder.stat()
            with os.scandir(folder) as scanned:
                entries = sorted(scanned, key=lambda entry: entry.name)
        except OSError as error:
            code, reason = problem_of(error)
            yield Failure(shown(folder), code, reason)
            continue
        if (status.st_dev, status.st_ino) in seen:
            yield Skipped(shown(folder), "a folder that was read already", READ_ALREADY)
            continue
        seen.add((status.st_dev, status.st_ino))
        if is_judged_set(folder):
            reason = "a test collection: `fihris evaluate` reads it"
            yield Skipped(shown(folder), reason, "test collection")
            continue
        real = os.path.realpath(folder)
        start = ids.of_folder(real)  # once: it takes a third of the time of listing
        folders = []
        described = {Path(entry.name).stem for entry in entries if is_described(entry.name)}
        for entry in entries:
            path = folder / entry.name
            if is_hidden(entry.name):
                yield Skipped(shown(path), f"its name begins with {entry.name[0]}", "hidden")
                continue
            try:
                is_folder = entry.is_dir()
            except OSError as error:  # links in a circle
                code, reason = problem_of(error)
                yield Failure(shown(path), code, reason)
                continue
            if is_folder:
                folders.append(path)
            elif entry.name.endswith(METADATA_SUFFIX):
                if entry.name.removesuffix(METADATA_SUFFIX) not in described:
                    reason = "there is no file of one article that it could be about"
                    yield Skipped(shown(path), reason, "metadata of nothing")
            elif suffix_of(name_of(path)):
                known = "" if entry.is_symlink() else ids.in_folder(start, real, entry.name)
                yield file_at(path, ids, known)
            else:
                kind = shown(left_out_as(entry.name))
                yield Skipped(shown(path), "not a kind of file that is read", kind)
        waiting += reversed(folders)
