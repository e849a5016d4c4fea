"""A test collection in BEIR's layout: articles, queries, and which article answers which query.

corpus.jsonl    {"_id", "title", "text"} a line
queries.jsonl   {"_id", "text"} a line; "kind", also in "metadata", groups them
qrels/*.tsv     query-id, corpus-id, score; a heading line or none
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from indexer.extraction.encodings import decode, lines
from indexer.ingestion.records import article_from, parse_object
from search.domain import Article
from search.errors import SourceError
from search.limits import MAX_LINE, MAX_TEXT

_MAX_KIND = 100  # characters
_INTEGER = re.compile(r"[+-]?[0-9]{1,6}\Z")


@dataclass(frozen=True, slots=True)
class JudgedSet:
    """`queries` holds only those with a judgement; `relevance[query][article]` is its grade.

    `kinds` holds the kind of each of these queries that has one.
    """

    articles: tuple[Article, ...]
    queries: Mapping[str, str]
    relevance: Mapping[str, Mapping[str, int]]
    empty: int  # articles without text, left out
    kinds: Mapping[str, str] = field(default_factory=dict)


def read_judged_set(folder: Path, *, corpus: bool = True) -> JudgedSet:
    """Return the test collection in a folder.

    Args:
        folder: where it is.
        corpus: False reads no articles: the queries are asked of an index that is there.

    Raises:
        SourceError: a part is missing or malformed; names the file and the line.
    """
    if not folder.is_dir():
        raise SourceError(f"{folder}: there is no such folder")
    relevance = _relevance(qrels_file(folder))
    queries, kinds = read_queries(folder / "queries.jsonl")
    missing = [query for query in relevance if query not in queries]
    if missing:
        raise SourceError(
            f"{folder}: {len(missing):,} judged queries are not in queries.jsonl, "
            f"such as {missing[0]!r}"
        )
    articles, empty = _articles(folder / "corpus.jsonl") if corpus else ((), 0)
    if corpus and not articles:
        raise SourceError(f"{folder / 'corpus.jsonl'}: there is no article with a text in it")
    return JudgedSet(
        articles=articles,
        queries={query: queries[query] for query in relevance},
        relevance=relevance,
        empty=empty,
        kinds={query: kinds[query] for query in relevance if query in kinds},
    )


def _articles(path: Path) -> tuple[tuple[Article, ...], int]:
    articles: dict[str, Article] = {}
    empty = 0
    for place, fields in _objects(path):
        title, text = fields.get("title") or "", fields.get("text") or ""
        if not isinstance(title, str) or not isinstance(text, str):
            raise SourceError(f'{place}: "title" and "text" must be texts')
        if not text.strip():  # some collections hold articles of a title alone, or of nothing
            title, text = "", title
        if not text.strip():
            empty += 1
            continue
        known = {"id": fields.get("_id", fields.get("id")), "title": title}
        article = _at(place, {**known, "text": text[:MAX_TEXT]})
        if article.id in articles:
            raise SourceError(f"{place}: the id {article.id!r} stands there a second time")
        articles[article.id] = article
    return tuple(articles.values()), empty


def _at(place: str, fields: Mapping[str, object]) -> Article:
    try:
        return article_from(fields)
    except SourceError as error:
        raise SourceError(f"{place}: {error}") from error


def read_queries(path: Path) -> tuple[dict[str, str], dict[str, str]]:
    """Return the queries of a file by id, and the kinds of those that have one.

    Raises:
        SourceError: it cannot be read or is malformed; names the line.
    """
    queries: dict[str, str] = {}
    kinds: dict[str, str] = {}
    for place, fields in _objects(path):
        given = fields.get("_id", fields.get("id"))
        text = fields.get("text")
        if not isinstance(given, str | int) or isinstance(given, bool) or not isinstance(text, str):
            raise SourceError(f'{place}: a query needs "_id" and "text"')
        key = str(given)
        if key in queries:
            raise SourceError(f"{place}: the id {key!r} stands there a second time")
        queries[key] = text
        metadata = fields.get("metadata")
        known = metadata if isinstance(metadata, dict) else {}
        kind = fields.get("kind", known.get("kind"))
        if isinstance(kind, str) and kind:
            kinds[key] = kind[:_MAX_KIND]
    return queries, kinds


def _objects(path: Path) -> Iterator[tuple[str, dict[str, object]]]:
    """Yield each line's place and its object; blank lines are passed over."""
    try:
        with path.open("rb") as stream:
            for line in lines(stream, MAX_LINE):
                place = f"{path}:{line.number}"
                if line.problem:
                    raise SourceError(f"{place}: {line.problem}")
                if line.text.strip():
                    try:
                        yield place, parse_object(line.text)
                    except SourceError as error:
                        raise SourceError(f"{place}: {error}") from error
    except OSError as error:
        raise SourceError(f"{path}: {error.strerror}") from error


def qrels_file(folder: Path) -> Path:
    """Return qrels/test.tsv, or the only .tsv file there. Raises SourceError without one."""
    found = sorted((folder / "qrels").glob("*.tsv"))
    preferred = folder / "qrels" / "test.tsv"
    if preferred in found:
        return preferred
    if len(found) != 1:
        names = ", ".join(path.name for path in found) or "none"
        raise SourceError(f"{folder / 'qrels'}: test.tsv or one .tsv file is needed, not {names}")
    return found[0]


def _relevance(path: Path) -> dict[str, dict[str, int]]:
    try:
        text = decode(path.read_bytes())[0]
    except OSError as error:
        raise SourceError(f"{path}: {error.strerror}") from error
    except SourceError as error:
        raise SourceError(f"{path}: {error}") from error
    relevance = relevance_of(text, path)
    if not relevance:
        raise SourceError(f"{path}: there is no judgement in it")
    return relevance


def relevance_of(text: str, path: Path) -> dict[str, dict[str, int]]:
    """Return the judgements in a text of `path`; of one pair the last one counts.

    Raises:
        SourceError: a line is malformed.
    """
    relevance: dict[str, dict[str, int]] = {}
    for number, line in enumerate(text.split("\n"), start=1):
        cells = line.strip("\r").split("\t")
        if cells == [""]:
            continue
        if len(cells) == 4 and cells[1] in ("0", "Q0"):  # TREC's four columns
            del cells[1]
        if len(cells) == 3 and _INTEGER.match(cells[2].strip()):
            relevance.setdefault(cells[0].strip(), {})[cells[1].strip()] = int(cells[2])
        elif number > 1:
            raise SourceError(
                f"{path}:{number}: not query-id, corpus-id and a whole number, tabs between: "
                f"{line[:80]!r}"
            )
    return relevance
