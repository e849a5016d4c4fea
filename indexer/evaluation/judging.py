"""A person's judgements in BEIR's layout: a line for each, on disk as soon as it is made.

A line is added in one write and flushed to the disk before the next hit is shown. What a
cut line left (the power went) is taken off when the file is opened next; the judgement had
not been taken then. One process at a time judges a folder.
"""

from __future__ import annotations

import fcntl
import json
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from indexer.evaluation.beir import qrels_file, read_queries, relevance_of
from search.domain import MODES, Hit, Mode, Query
from search.durable import sync_folder
from search.errors import SourceError
from search.limits import MAX_QUERY_LENGTH
from search.ranking.searcher import Searcher

GRADES = (0, 1, 2, 3)
_HEADING = b"query-id\tcorpus-id\tscore\n"
_PAGE = 10  # hits of each mode that the page shows
_MOST_BYTES = 64 << 20  # of a file of judgements


class Judgements:
    """The queries of a folder and what was judged of them; `judging` opens it."""

    def __init__(
        self, folder: Path, lines: int, queries: dict[str, str], grades: dict[str, dict[str, int]]
    ) -> None:
        self._folder = folder
        self._qrels = lines  # descriptor
        self._queries = queries
        self._grades = grades

    @property
    def queries(self) -> Mapping[str, str]:
        return self._queries

    def graded(self, query: str) -> Mapping[str, int]:
        """Return the grades of a query's articles."""
        return self._grades.get(query, {})

    def id_of(self, text: str) -> str | None:
        """Return the id of a query, None where it is new."""
        return next((key for key, known in self._queries.items() if known == text), None)

    def add_query(self, text: str) -> str:
        """Return the id of a query, which is added to queries.jsonl if it is new."""
        if (known := self.id_of(text)) is not None:
            return known
        number = len(self._queries) + 1
        while (key := f"q{number}") in self._queries:
            number += 1
        line = json.dumps({"_id": key, "text": text}, ensure_ascii=False) + "\n"
        descriptor = _opened(self._folder / "queries.jsonl")
        try:
            _end_last_line(descriptor)
            _append(descriptor, line.encode())
        finally:
            os.close(descriptor)
        self._queries[key] = text
        return key

    def add(self, query: str, article: str, grade: int) -> None:
        """Keep a judgement; it is on disk when this returns. Raises SourceError."""
        line = f"{query}\t{article}\t{grade}\n"
        cells = [cell.strip() for cell in line.split("\t")]
        if cells != [query, article, str(grade)] or len(line.splitlines()) != 1:
            raise SourceError(
                f"{article!r} of {query!r}: an id with tabs, or spaces around it, cannot be kept"
            )
        heading = b"" if os.fstat(self._qrels).st_size else _HEADING
        _append(self._qrels, heading + line.encode())
        self._grades.setdefault(query, {})[article] = grade


class Judge:
    """Gives a page what to grade, and keeps the grades. Safe to use from many threads."""

    def __init__(self, judgements: Judgements) -> None:
        self._judgements = judgements
        self._one = threading.Lock()

    def judged(self) -> dict[str, int]:
        """Return how many articles of each query, by its text, have a grade."""
        with self._one:
            kept = self._judgements
            return {text: len(kept.graded(key)) for key, text in kept.queries.items()}

    def to_grade(self, searcher: Searcher, text: str) -> list[tuple[Hit, int | None]]:
        """Return each article's best hit of all modes, with the grade that it has."""
        hits = pool(searcher, text, MODES, _PAGE)
        with self._one:
            graded = self._judgements.graded(self._judgements.id_of(text) or "")
        return [(hit, graded.get(hit.article.id)) for hit in hits]

    def grade(self, text: str, article: str, grade: int) -> None:
        """Keep a grade; it is on disk when this returns. Raises SourceError."""
        with self._one:
            try:
                self._judgements.add(self._judgements.add_query(text), article, grade)
            except OSError as error:
                raise SourceError(f"the grade cannot be kept: {error.strerror}") from error


def pool(searcher: Searcher, text: str, modes: Sequence[Mode], size: int) -> list[Hit]:
    """Return each article's best hit of all modes, the first of each mode first.

    What only one mode finds is graded too: a mode whose hits nobody looked at would seem bad.

    Args:
        size: hits of each mode.
    """
    pages = [searcher.search(Query(text[:MAX_QUERY_LENGTH], each, size)).hits for each in modes]
    found: dict[str, Hit] = {}
    for rank in range(size):
        for page in pages:
            if rank < len(page):
                found.setdefault(page[rank].article.id, page[rank])
    return list(found.values())


@contextmanager
def judging(folder: Path) -> Iterator[Judgements]:
    """Open a folder's queries and judgements to add to; what is not there is made.

    Raises:
        SourceError: a file is malformed or cannot be written, or somebody else judges there.
    """
    try:
        (folder / "qrels").mkdir(parents=True, exist_ok=True)
        is_new = not any((folder / "qrels").glob("*.tsv"))
        path = folder / "qrels" / "test.tsv" if is_new else qrels_file(folder)
        descriptor = _opened(path)
    except OSError as error:
        raise SourceError(f"{folder}: {error.strerror}") from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise SourceError(f"{path}: another `fihris judge` is at work there") from error
        grades = _kept(descriptor, path)
        known = folder / "queries.jsonl"
        queries = read_queries(known)[0] if known.exists() else {}
        yield Judgements(folder, descriptor, queries, grades)
    except OSError as error:
        raise SourceError(f"{folder}: {error.strerror}; what was graded before is kept") from error
    finally:
        os.close(descriptor)


def _kept(descriptor: int, path: Path) -> dict[str, dict[str, int]]:
    """Return what was judged before; what a cut line left is taken off."""
    size = os.fstat(descriptor).st_size
    if size > _MOST_BYTES:
        raise SourceError(f"{path}: it has {size:,} bytes, and {_MOST_BYTES:,} are the most")
    content = os.pread(descriptor, size, 0)
    whole, last = content[: content.rfind(b"\n") + 1], content[content.rfind(b"\n") + 1 :]
    try:
        text = whole.decode("utf-8-sig")
        grades = relevance_of(text, path)
    except UnicodeDecodeError as error:
        raise SourceError(f"{path}: it is not UTF-8; convert it first") from error
    if last:
        try:  # after a heading, so that a malformed line is no heading itself
            more = relevance_of(_HEADING.decode() + last.decode("utf-8-sig"), path)
        except (SourceError, UnicodeDecodeError):
            os.ftruncate(descriptor, len(whole))
            os.fsync(descriptor)
        else:
            _append(descriptor, b"\n")
            for query, its in more.items():
                grades.setdefault(query, {}).update(its)
    return grades


def _opened(path: Path) -> int:
    """Open a file to read and to add to; a new one is in its folder for good."""
    is_new = not path.exists()
    descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o666)
    if is_new:
        sync_folder(path.parent)
    return descriptor


def _end_last_line(descriptor: int) -> None:
    size = os.fstat(descriptor).st_size
    if size and os.pread(descriptor, 1, size - 1) != b"\n":
        _append(descriptor, b"\n")


def _append(descriptor: int, content: bytes) -> None:
    """Add to a file, all of it or (the disk is full) nothing, and have it on disk."""
    size = os.fstat(descriptor).st_size
    written = 0
    try:
        while written < len(content):
            written += os.write(descriptor, content[written:])
        os.fsync(descriptor)
    except OSError:
        os.ftruncate(descriptor, size)
        raise
