"""Keyword in context: each occurrence of a query's words between the words around it.

`before` and `after` follow the order of reading: what an Arabic text has before a word stands
on its right.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from functools import cache

from search.analysis.folding import fold_value
from search.domain import (
    KWIC_SORTS,
    LEVELS,
    ArticleInfo,
    FacetField,
    KwicSort,
    Passage,
    Query,
    Results,
    Span,
    StoredPassage,
    Total,
)
from search.engines.protocol import CountRequest, Counts, EngineReader
from search.exports import cells_about, table
from search.limits import (
    MAX_CONTEXT,
    MAX_FACET_SIZE,
    MAX_LINES,
    MAX_OCCURRENCES,
    MAX_READ,
)
from search.query.validation import check_one_of, check_within
from search.ranking.counting import counted_clause
from search.ranking.searcher import FirstPassages, Searcher

COLUMNS = (
    "before", "word", "after", "article", "title", "source", "author", "published", "passage",
    "place", "start",
)  # fmt: skip
FIELDS: tuple[FacetField, ...] = ("source", "year")
_WORD = re.compile(r"\S*\w\S*")  # as it stands between spaces
_LETTERS = re.compile(r"\w+")
_VALUE: Mapping[FacetField, Callable[[ArticleInfo], str]] = {
    "source": lambda article: article.source,
    "year": lambda article: f"{article.published.year:04}" if article.published else "",
}


@dataclass(frozen=True, slots=True)
class KwicLine:
    """An occurrence: `before`, `word` and `after` joined are a piece of the passage's text.

    `span` is the word's place in it.
    """

    passage: Passage
    article: ArticleInfo
    span: Span
    before: str
    word: str
    after: str


@dataclass(frozen=True, slots=True)
class Frequency:
    """A source or a year: the passages that match, and the occurrences in those read."""

    value: str
    passages: int
    occurrences: int


@dataclass(frozen=True, slots=True)
class Kwic:
    """A page of lines out of the `occurrences` found in the `read` best of all `passages`.

    `answer` is the search's, without hits. `frequencies`
    by source, the most passages first, and by year, the earliest first: the hundred that most
    passages have; what has none is in none.
    """

    answer: Results
    lines: tuple[KwicLine, ...]
    occurrences: Total
    read: int
    passages: int
    frequencies: Mapping[FacetField, tuple[Frequency, ...]]


def kwic(
    searcher: Searcher,
    query: Query,
    *,
    width: int = 8,
    sort: KwicSort = "relevance",
    passages: int = 200,
) -> Kwic:
    """Return each occurrence of a query's words, or phrases, in the passages that match best.

    Args:
        query: answered by words, as far as its `match` says; `start` and `size` (1 to 1,000)
            count lines.
        width: words shown on each side, 1 to 30.
        sort: in order of the passages, or of the words before or after, whatever their spelling.
        passages: how many of the best are read, 1 to 1,000; of them 10,000 occurrences.

    Raises:
        InputError: an argument is out of bounds; names it.
        EngineError: the engine cannot answer.
    """
    _check(query, width, sort, passages)
    asked = replace(query, mode="keyword", size=1, start=0, facets=FIELDS, group_by="")
    first = searcher.first(asked, passages)
    counts = _counts(searcher.engine, asked, first)
    lines: list[KwicLine] = []
    is_cut = False
    for line in _lines(first, width):
        if is_cut := len(lines) == MAX_OCCURRENCES:
            break
        lines.append(line)
    read = len(first.passages)
    page = sorted(lines, key=_ORDER[sort])[query.start : query.start + query.size]
    return Kwic(
        answer=first.answer,
        lines=tuple(page),
        occurrences=Total(
            len(lines), exact=not is_cut and read >= counts.passages, level=asked.level
        ),
        read=read,
        passages=counts.passages,
        frequencies={field: _frequencies(field, counts, lines) for field in FIELDS},
    )


def _check(query: Query, width: int, sort: KwicSort, passages: int) -> None:
    check_one_of("sort", sort, KWIC_SORTS)
    check_within("width", width, 1, MAX_CONTEXT)
    check_within("passages", passages, 1, MAX_READ)
    check_within("size", query.size, 1, MAX_LINES)
    check_within("start", query.start, 0, MAX_OCCURRENCES - 1)


def _counts(engine: EngineReader, asked: Query, first: FirstPassages) -> Counts:
    clause = counted_clause(first.request)
    if clause is None:
        return Counts()
    return engine.count([CountRequest(clause, asked.filter, FIELDS, MAX_FACET_SIZE)])[0]


def _lines(first: FirstPassages, width: int) -> Iterator[KwicLine]:
    reach = LEVELS.index(first.answer.query.level)
    is_met = cache(lambda word: LEVELS.index(first.levels.of([word]).level) <= reach)
    all_are = first.answer.query.level == "near"  # what is marked is near at least
    for stored in first.passages:
        text = stored.passage.text
        spans = [
            span
            for span in first.marker.occurrences(text)
            if all_are or is_met(text[span.start : span.end])
        ]
        yield from _in_context(stored, spans, width)


def _in_context(stored: StoredPassage, spans: list[Span], width: int) -> Iterator[KwicLine]:
    """Yield a passage's occurrences, each with WIDTH words on both sides."""
    text = stored.passage.text
    words = [match.span() for match in _WORD.finditer(text)] if spans else []
    starts, ends = [start for start, _ in words], [end for _, end in words]
    for span in spans:
        # A word that the occurrence stands in (its quotation marks) belongs to neither side.
        before = bisect_left(starts, span.start)
        if before and ends[before - 1] > span.start:
            before -= 1
        after = bisect_right(ends, span.end)
        if after < len(words) and starts[after] < span.end:
            after += 1
        begin = starts[before - width] if before > width else 0
        end = ends[after + width - 1] if after + width < len(words) else len(text)
        yield KwicLine(
            stored.passage,
            stored.article,
            span,
            text[begin : span.start],
            text[span.start : span.end],
            text[span.end : end],
        )


def _words(text: str) -> list[str]:
    return _LETTERS.findall(fold_value(text))


_ORDER: Mapping[KwicSort, Callable[[KwicLine], list[str]]] = {
    "relevance": lambda _: [],
    "before": lambda line: _words(line.before)[::-1],
    "after": lambda line: _words(line.after),
}


def _frequencies(field: FacetField, counts: Counts, lines: list[KwicLine]) -> tuple[Frequency, ...]:
    found = Counter(_VALUE[field](line.article) for line in lines)
    values = [
        Frequency(value, passages, found[value]) for value, passages in counts.facets.get(field, ())
    ]
    return tuple(sorted(values, key=lambda one: one.value) if field == "year" else values)


def as_csv(found: Kwic) -> str:
    """Return a page's lines as a table with the columns above, each context in one line."""
    return table(
        COLUMNS,
        (
            {
                "before": " ".join(line.before.split()),
                "word": line.word,
                "after": " ".join(line.after.split()),
                **cells_about(line.article),
                "passage": line.passage.id,
                "place": str(line.passage.place or ""),
                "start": line.span.start,
            }
            for line in found.lines
        ),
    )


def frequencies_csv(found: Kwic) -> str:
    """Return as a table how many passages match and occurrences were read, by source and year."""
    rows = (
        {"field": field, **asdict(each)} for field, its in found.frequencies.items() for each in its
    )
    return table(("field", "value", "passages", "occurrences"), rows)
