"""What failed, kept as lines of JSON so that it can be tried again.

    {"time", "code", "reason", "place", "path", "collection", "size", "retry"}

`path` and `collection` make the `SourceFile` again; they are null where there is nothing
that could be given again, such as standard input. A file of dead letters may have been
written or changed by somebody else: what is read from one is checked and bounded.
"""

from __future__ import annotations

import json
import os
import shlex
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import BinaryIO

from indexer.extraction.encodings import lines
from indexer.extraction.registry import MEBIBYTE, suffix_of
from indexer.ingestion.records import parse_object
from indexer.sources import Failure, Listed
from indexer.sources.identity import FileIds
from indexer.sources.listing import file_at, name_of
from indexer.sources.naming import one_line, problem_of, shown
from indexer.sources.opening import open_regular
from search.article_ids import FILES, is_collection, parsed
from search.durable import sync_folder
from search.errors import SourceError

MAX_LETTER = 256 * 1024  # bytes of a line: a path has 4,096, six times that where escaped
MAX_LETTERS = 1024 * MEBIBYTE  # bytes of a file: some two million letters
SYNC_SECONDS = 1.0  # an fsync takes up to 20 ms, and a million lines can fail in a minute


class DeadLetters:
    """A file of dead letters that is made when the first one comes.

    Args:
        folder: where it will be, named after the time.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file: BinaryIO | None = None
        self._unsafe = False
        self._flushed = float("-inf")
        self.path: Path | None = None

    def __enter__(self) -> DeadLetters:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def add(self, failure: Failure) -> None:
        """Keep a failure: in the file at once, safe from a power cut within a second of others.

        Raises:
            OSError: it cannot be written.
        """
        if self._file is None or self.path is None:
            self._file, self.path = self._made()
        self._file.write(_letter(failure, self.path))
        self._file.flush()
        self._unsafe = True
        if time.monotonic() - self._flushed > SYNC_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Have all that was added on disk."""
        if self._file is not None and self._unsafe:
            os.fsync(self._file.fileno())
            self._unsafe = False
            self._flushed = time.monotonic()

    def close(self) -> None:
        """Have all on disk; what is added later goes to another file."""
        if self._file is not None:
            self.flush()
            self._file.close()
            self._file = None

    def _made(self) -> tuple[BinaryIO, Path]:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H-%M-%SZ")
        for number in count(1):
            path = (self._folder / f"{now}{f'-{number}' if number > 1 else ''}.jsonl").absolute()
            with suppress(FileExistsError):  # of another run that failed in the same second
                return _created(path), path
        raise AssertionError


def read_letters(path: Path, root: str = "/") -> list[Listed]:
    """Return the files that dead letters name, each once, as they are now.

    Of a file that is gone or may not be read a Failure, as also of a line that is no letter.

    Args:
        path: of the dead letters.
        root: what ids of files are told from (`FileIds`).

    Raises:
        SourceError: it cannot be read, or is larger than any is.
    """
    listed: list[Listed] = []
    seen: set[tuple[Path, str]] = set()
    for place, letter in _letters(path):
        if isinstance(letter, Failure):
            listed.append(letter)
        elif letter["path"] is not None:
            try:
                file, collection = _file(letter)
            except SourceError as error:
                listed.append(Failure(place, error.code, str(error)))
                continue
            if (file, collection) not in seen:
                seen.add((file, collection))
                listed.append(file_at(file, FileIds(collection, root)))
    return listed


def erase(folder: Path, article_ids: Sequence[str], root: str) -> int:
    """Blank the letters of files that are not there any more, or gave articles of these ids.

    In their place, as another process may be adding to the file. Returns how many they were.
    Raises OSError.
    """
    blanked = 0
    for path in sorted(folder.glob("*.jsonl")):
        with path.open("r+b") as file:
            while line := file.readline(MAX_LETTER):
                if _is_gone(line, article_ids, root):
                    file.seek(-len(line), os.SEEK_CUR)
                    file.write(b" " * len(line.removesuffix(b"\n")))
                    file.seek(line.endswith(b"\n"), os.SEEK_CUR)
                    blanked += 1
            os.fsync(file.fileno())
    return blanked


def _is_gone(line: bytes, article_ids: Sequence[str], root: str) -> bool:
    try:
        file, collection = _file(json.loads(line))
    except (SourceError, ValueError, AttributeError, KeyError, TypeError):
        return False  # no letter of a file
    file_id = FileIds(collection, root).of(file)
    return not file.exists() or any(
        each == file_id or each.startswith(f"{file_id}/") for each in article_ids
    )


def settle(path: Path, letters: DeadLetters) -> None:
    """Put what still failed in the place of the letters that were tried again.

    Args:
        path: what `read_letters` read; it is removed if nothing failed.
        letters: of the run that tried; its `path` is this one afterwards, or None.

    Raises:
        OSError: the file cannot be replaced; both are still there then.
    """
    letters.close()
    path = path.absolute()
    if letters.path is None:
        path.unlink(missing_ok=True)
        sync_folder(path.parent)
        return
    beside = path.with_name(f".{path.name}.new")  # of one file system with it
    beside.unlink(missing_ok=True)
    with letters.path.open("rb") as ours, _created(beside) as file:
        for line in ours:
            file.write(_line({**json.loads(line), "retry": _retry(path)}))
        os.fsync(file.fileno())
    beside.replace(path)
    sync_folder(path.parent)
    if letters.path != path:
        letters.path.unlink()
        letters.path = path


def _letter(failure: Failure, path: Path) -> bytes:
    file = failure.file
    letter = {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "code": failure.code,
        "reason": one_line(failure.reason, 2_000),
        "place": failure.place[:5_000],
        "path": None if file is None else str(file.path.absolute()),
        "collection": None if file is None else parsed(file.id)[0],
        "size": failure.size,
        "retry": None if file is None else _retry(path),
    }
    return _line(letter)


def _line(letter: Mapping[str, object]) -> bytes:
    # Escaped, because a name that is not valid UTF-8 is no text that could be written.
    return json.dumps(letter).encode() + b"\n"


def _retry(path: Path) -> str:
    return f"fihris index --retry {shlex.quote(str(path))}"


def _letters(path: Path) -> Iterator[tuple[str, dict[str, object] | Failure]]:
    """Yield (its place, a letter) of each line."""
    with os.fdopen(open_regular(path), "rb") as stream:
        size = os.fstat(stream.fileno()).st_size
        if size > MAX_LETTERS:
            raise SourceError(f"{size:,} bytes, and {MAX_LETTERS:,} are the most", code="too-large")
        try:
            for line in lines(stream, MAX_LETTER):
                place = f"{shown(path)}:{line.number}"
                try:
                    if line.problem:
                        raise SourceError(line.problem)
                    if not line.text.strip():
                        continue
                    letter = parse_object(line.text)
                    if "path" not in letter:
                        raise SourceError("not a dead letter", code="bad-field")
                except SourceError as error:
                    yield place, Failure(place, error.code, str(error), line.size)
                else:
                    yield place, letter
        except OSError as error:
            code, reason = problem_of(error)
            raise SourceError(reason, code=code) from error


def _file(letter: dict[str, object]) -> tuple[Path, str]:
    """Return the file a letter names, and its collection: `files` in one of version 0.1."""
    path, collection = letter["path"], letter.get("collection", FILES)
    if not (isinstance(path, str) and isinstance(collection, str)):
        raise SourceError("a dead letter's path and collection are texts", code="bad-field")
    if not Path(path).is_absolute() or "\0" in path:
        raise SourceError("a dead letter's path is not absolute", code="bad-field")
    if not suffix_of(name_of(Path(path))):
        raise SourceError("a dead letter names no kind of file that is read", code="unsupported")
    if not is_collection(collection):
        raise SourceError("a dead letter names no collection", code="bad-field")
    return Path(path), collection


def _created(path: Path) -> BinaryIO:
    """Return a new file for its owner only: names of people's files, perhaps of people."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
