"""What goes out over HTTP. Field names are stable within /v1.

Answers are typed dicts built by pure functions, since a stored text may hold what pydantic
refuses to write; `api.problems.encode` writes them, and the value objects in them as objects.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Annotated, Literal

from pydantic import Field
from typing_extensions import TypedDict

from api.problems import Problem
from search.addresses import web_address
from search.analysis.tokens import Token
from search.domain import (
    AlsoKind,
    ArticleInfo,
    Collapse,
    Component,
    DidYouMean,
    FacetField,
    FacetValue,
    Group,
    GroupBy,
    Hit,
    Level,
    Match,
    Mode,
    Passage,
    Query,
    Relaxation,
    Results,
    SearchSort,
    Segment,
    Span,
    StoredArticle,
    StoredPassage,
    Total,
    Understood,
    Variant,
    WriteOutcome,
    WriteStatus,
)
from search.engines.protocol import EngineStatus
from search.explanation import Explanation
from search.ingest import Worked
from search.listing import CollectionCount, Listing
from search.ranking.kwic import Kwic
from search.suggesting import Suggestion


class PassageOut(TypedDict):
    """One paragraph: `text` is the article's from `start` to `end`, counted in code points."""

    id: str
    position: int
    start: int
    end: int
    text: str


class ArticleOut(TypedDict):
    """What is known of an article. Empty or null means unknown."""

    id: str
    collection: Annotated[str, Field(description="That the id begins with; empty where in none.")]
    title: str
    source: str
    author: str
    language: str
    published: Annotated[str, Field(json_schema_extra={"format": "date"})] | None
    tags: list[str]
    url: str


ArticleField = Literal[
    "id", "collection", "title", "source", "author", "language", "published", "tags", "url",
]  # fmt: skip
SomeOfArticle = Annotated[dict[str, object], Field(description="What `fields` names.")]


class StoredPassageOut(TypedDict):
    """A passage and what is known of its article."""

    passage: PassageOut
    article: ArticleOut


class HitOut(TypedDict):
    """One passage found. A component is null where that ranking did not list it."""

    passage: PassageOut
    article: ArticleOut
    score: float
    keyword: Component | None
    semantic: Component | None
    rerank: Annotated[
        float | None,
        Field(
            description="The reranker's score, which orders the first hits; null where it was not asked."
        ),
    ]
    match: Annotated[
        Match, Field(description="How the passage or its title has each word of the query.")
    ]
    segments: tuple[Segment, ...]
    title_segments: tuple[Segment, ...]
    best_sentence: Span | None
    explanation: Annotated[
        Explanation | None,
        Field(description="Why it has its score, where `explain` asks; else null."),
    ]
    copies: Annotated[
        list[StoredPassageOut],
        Field(description="Near copies of other articles, where `collapse` puts them here."),
    ]


HitField = Literal[
    "passage", "article", "score", "keyword", "semantic", "rerank", "match", "segments",
    "title_segments", "best_sentence", "explanation", "copies",
]  # fmt: skip
SomeOfHit = Annotated[dict[str, object], Field(description="Of a hit what `fields` names.")]


class GroupOut(TypedDict):
    """An article with its best passages, three at most, as hits."""

    article: ArticleOut
    hits: list[HitOut] | list[SomeOfHit]
    passages: Annotated[
        int | None,
        Field(description="How many of its passages match by words; null by meaning alone."),
    ]
    copies: Annotated[
        list[StoredPassageOut], Field(description="Of each article under it its best passage.")
    ]


class CountOut(TypedDict):
    """How many articles or occurrences there are, exactly or at least."""

    value: int
    relation: Literal["exact", "at_least"]


class TotalOut(TypedDict):
    """How many passages match at this level or tighter, exactly or at least; and articles, where
    hits are grouped.
    """

    value: int
    relation: Literal["exact", "at_least"]
    level: Level
    articles: CountOut | None


# The functional form, since `from` cannot be the name of a class attribute.
QueryOut = TypedDict(
    "QueryOut",
    {
        "q": str,
        "mode": Mode,
        "size": int,
        "start": int,
        "collection": list[str],
        "source": list[str],
        "author": list[str],
        "language": list[str],
        "article": list[str],
        "tag": list[str],
        "from": str | None,
        "to": str | None,
        "variants": bool,
        "also": tuple[AlsoKind, ...],
        "match": Level,
        "facets": tuple[FacetField, ...],
        "facet_size": int,
        "facet_prefix": str,
        "count_articles": bool,
        "group_by": GroupBy,
        "sort": SearchSort,
        "explain": bool,
        "collapse": Collapse,
    },
)


class SearchOut(TypedDict):
    """An answer. By meaning alone every passage is near or far, so there is no total."""

    query: QueryOut
    total: TotalOut | None
    collapsed: Annotated[
        int,
        Field(
            description="How many hits, or articles, of all pages stand under others as copies; totals count them too."
        ),
    ]
    hits: list[HitOut] | list[SomeOfHit]
    groups: Annotated[
        list[GroupOut] | None,
        Field(description="Instead of hits where `group_by` asks for it, the best first."),
    ]
    facets: Annotated[
        dict[FacetField, tuple[FacetValue, ...]] | None,
        Field(description="Of what matches by words, the most frequent value first."),
    ]
    searched_also: tuple[Variant, ...]
    understood: Annotated[
        tuple[Understood, ...],
        Field(
            description="The query's parts as they were read. `passages`: how many of the whole index have some form of a word; counted where the ranking needs it and where nothing is found, else null."
        ),
    ]
    did_you_mean: Annotated[
        DidYouMean | None,
        Field(description="The query with what was perhaps meant for what no passage has."),
    ]
    relaxations: Annotated[
        tuple[Relaxation, ...],
        Field(description="Where nothing is found: less demanding queries that find something."),
    ]
    took_ms: Annotated[dict[str, float], Field(description="Milliseconds by stage.")]
    relaxed: Annotated[
        bool, Field(description="No passage holds the quoted phrases: their words were searched.")
    ]
    degraded: Annotated[
        list[str],
        Field(
            description="What failed: `semantic`; `rerank`, where the first hits stand in the order they had without; or `behind`, where what was written last is not found by words yet."
        ),
    ]


class SuggestOut(TypedDict):
    """Queries to go on with: words first, then names and titles."""

    suggestions: tuple[Suggestion, ...]
    degraded: Annotated[
        list[str],
        Field(description="`loading`: there are none yet, they are being gathered."),
    ]


class KwicLineOut(TypedDict):
    """An occurrence with the words around it, in order of reading; `start` and `end` are the
    word's in the passage's text, in code points.
    """

    before: str
    word: str
    after: str
    start: int
    end: int
    passage: str
    position: int
    article: ArticleOut


class KwicPassagesOut(TypedDict):
    """Of the `total` passages that match, the `read` best were read."""

    read: int
    total: int


class FrequencyOut(TypedDict):
    """How many passages match of a source or a year, and the occurrences in those read."""

    value: str
    passages: int
    occurrences: int


class KwicOut(TypedDict):
    """A page of lines, and how many occurrences there are in the passages read."""

    lines: list[KwicLineOut]
    occurrences: CountOut
    passages: KwicPassagesOut
    frequencies: dict[FacetField, tuple[FrequencyOut, ...]]
    searched_also: tuple[Variant, ...]
    relaxed: bool
    degraded: list[str]
    took_ms: dict[str, float]


class FailedOut(TypedDict):
    """What became of one of several searches that cannot be answered."""

    problem: Problem


class SearchesOut(TypedDict):
    """The answers of several searches, in order."""

    answers: list[SearchOut | FailedOut]


class ListOut(TypedDict):
    """A page of articles, and how many there are in all."""

    articles: list[ArticleOut] | list[SomeOfArticle]
    total: int
    cursor: Annotated[
        str | None, Field(description="For the next page; null where this is the last one.")
    ]


class CollectionsOut(TypedDict):
    """The collections there are, by name."""

    collections: list[CollectionCount]


class MarkedPassageOut(PassageOut):
    """A passage of an article; `segments` mark the words of `q`, null where none was given."""

    segments: tuple[Segment, ...] | None


class StoredArticleOut(TypedDict):
    """A whole article with its passages in order."""

    article: ArticleOut
    text: str
    passages: list[MarkedPassageOut]


class TokenOut(TypedDict):
    """A word of a text, where it stands in code points, and its form in every layer."""

    start: int
    end: int
    text: str
    letters: str
    folded: str
    stem: str
    grams: list[str]
    vowelled: str
    stop: bool


class AnalyzeOut(TypedDict):
    """The words that matching sees in a text."""

    tokens: list[TokenOut]


class StatusOut(TypedDict):
    """What the index holds now, and what made it."""

    engine: str
    articles: int
    passages: int
    sentences: int
    unembedded: int  # passages without a vector
    model: str
    dimensions: int
    analyser: str


class LiveOut(TypedDict):
    status: Literal["live"]


class ReadyOut(TypedDict):
    """`degraded` names what does not work: `semantic` when there is no model, `synonyms` when
    their file has changed and cannot be used, and the rules stay as they were.
    """

    status: Literal["ready"]
    degraded: list[str]


class IngestedOut(TypedDict):
    """What became of an article; `error` and `code` say why it failed."""

    id: str | None
    status: WriteStatus
    error: str | None
    code: str | None


class DeletedOut(TypedDict):
    """How many articles were removed, or would be, of those that matched; `cursor` where it ended
    because its time was up: send the request again with it.
    """

    matched: int
    removed: int
    cursor: str | None


class ChangedOut(TypedDict):
    """What became of the articles that matched; the first 20 failures are listed. `cursor` as
    of what is removed.
    """

    matched: int
    changed: int
    unchanged: int
    failures: int
    failed: list[IngestedOut]
    cursor: str | None


class UploadedOut(IngestedOut):
    """An article of a file; `notes` say what was mended in it or left out of its metadata."""

    notes: list[str]


class UploadOut(TypedDict):
    """What became of a file's articles; the first thousand are listed."""

    created: int
    updated: int
    unchanged: int
    failed: int
    articles: list[UploadedOut]


def ingested_out(ended: WriteOutcome) -> IngestedOut:
    return {
        "id": ended.id or None,
        "status": ended.status,
        "error": ended.error or None,
        "code": ended.code or None,
    }


def deleted_out(done: Worked) -> DeletedOut:
    return {"matched": done.matched, "removed": done.changed, "cursor": done.cursor or None}


def changed_out(done: Worked) -> ChangedOut:
    return {
        "matched": done.matched,
        "changed": done.changed,
        "unchanged": done.unchanged,
        "failures": done.failures,
        "failed": [ingested_out(each) for each in done.failed],
        "cursor": done.cursor or None,
    }


def passage_out(passage: Passage) -> PassageOut:
    return {
        "id": passage.id,
        "position": passage.position,
        "start": passage.start,
        "end": passage.end,
        "text": passage.text,
    }


def article_out(info: ArticleInfo) -> ArticleOut:
    return {
        "id": info.id,
        "collection": info.collection,
        "title": info.title,
        "source": info.source,
        "author": info.author,
        "language": info.language,
        "published": _day(info.published),
        "tags": list(info.tags),
        "url": web_address(info.url),
    }


def search_out(results: Results, fields: Sequence[HitField] = ()) -> SearchOut:
    """Return an answer; of its hits only these fields where some are named."""
    return {
        "query": _query_out(results.query),
        "total": _total_out(results.total, results.articles),
        "collapsed": results.collapsed,
        "hits": _hits_out(results.hits, fields),
        "groups": None
        if results.groups is None
        else [_group_out(group, fields) for group in results.groups],
        "facets": None if results.facets is None else dict(results.facets),
        "searched_also": results.searched_also,
        "understood": results.understood,
        "did_you_mean": results.did_you_mean,
        "relaxations": results.relaxations,
        "took_ms": dict(results.took_ms),
        "relaxed": results.relaxed,
        "degraded": list(results.degraded),
    }


def kwic_out(found: Kwic) -> KwicOut:
    return {
        "lines": [
            {
                "before": line.before,
                "word": line.word,
                "after": line.after,
                "start": line.span.start,
                "end": line.span.end,
                "passage": line.passage.id,
                "position": line.passage.position,
                "article": article_out(line.article),
            }
            for line in found.lines
        ],
        "occurrences": {"value": found.occurrences.value, "relation": found.occurrences.relation},
        "passages": {"read": found.read, "total": found.passages},
        "frequencies": {
            field: tuple(
                {"value": f.value, "passages": f.passages, "occurrences": f.occurrences}
                for f in its
            )
            for field, its in found.frequencies.items()
        },
        "searched_also": found.answer.searched_also,
        "relaxed": found.answer.relaxed,
        "degraded": list(found.answer.degraded),
        "took_ms": dict(found.answer.took_ms),
    }


def list_out(listing: Listing, fields: Sequence[ArticleField] = ()) -> ListOut:
    """Return a page; of its articles only these fields where some are named."""
    whole = [article_out(info) for info in listing.articles]
    some: list[SomeOfArticle] = [{name: each[name] for name in fields} for each in whole]
    return {
        "articles": some if fields else whole,
        "total": listing.total,
        "cursor": listing.cursor or None,
    }


def stored_article_out(
    stored: StoredArticle, marked: Sequence[tuple[Segment, ...]] | None
) -> StoredArticleOut:
    segments: Sequence[tuple[Segment, ...] | None] = marked or [None] * len(stored.passages)
    return {
        "article": article_out(stored.article.info),
        "text": stored.article.text,
        "passages": [
            {**passage_out(p), "segments": each}
            for p, each in zip(stored.passages, segments, strict=True)
        ],
    }


def stored_passage_out(stored: StoredPassage) -> StoredPassageOut:
    return {"passage": passage_out(stored.passage), "article": article_out(stored.article)}


def token_out(token: Token, text: str) -> TokenOut:
    return {
        "start": token.start,
        "end": token.end,
        "text": text[token.start : token.end],
        "letters": token.letters,
        "folded": token.folded,
        "stem": token.stem,
        "grams": list(token.grams),
        "vowelled": token.vowelled,
        "stop": token.stop,
    }


def status_out(status: EngineStatus) -> StatusOut:
    return {
        "engine": status.engine,
        "articles": status.articles,
        "passages": status.passages,
        "sentences": status.sentences,
        "unembedded": status.unembedded,
        "model": status.fingerprint.model,
        "dimensions": status.fingerprint.dimensions,
        "analyser": status.fingerprint.analyser,
    }


def _query_out(query: Query) -> QueryOut:
    return {
        "q": query.text,
        "mode": query.mode,
        "size": query.size,
        "start": query.start,
        "collection": list(query.filter.collections),
        "source": list(query.filter.sources),
        "author": list(query.filter.authors),
        "language": list(query.filter.languages),
        "article": list(query.filter.articles),
        "tag": list(query.filter.tags),
        "from": _day(query.filter.published_from),
        "to": _day(query.filter.published_to),
        "variants": query.variants,
        "also": query.also,
        "match": query.level,
        "facets": query.facets,
        "facet_size": query.facet_size,
        "facet_prefix": query.facet_prefix,
        "count_articles": query.count_articles,
        "group_by": query.group_by,
        "sort": query.sort,
        "explain": query.explain,
        "collapse": query.collapse,
    }


def hit_out(hit: Hit) -> HitOut:
    return {
        "passage": passage_out(hit.passage),
        "article": article_out(hit.article),
        "score": hit.score,
        "keyword": hit.keyword,
        "semantic": hit.semantic,
        "rerank": hit.rerank,
        "match": hit.match,
        "segments": hit.segments,
        "title_segments": hit.title_segments,
        "best_sentence": hit.best_sentence,
        "explanation": hit.explanation,
        "copies": [stored_passage_out(copy) for copy in hit.copies],
    }


def _hits_out(hits: Sequence[Hit], fields: Sequence[HitField]) -> list[HitOut] | list[SomeOfHit]:
    whole = [hit_out(hit) for hit in hits]
    if not fields:
        return whole
    some: list[SomeOfHit] = [{name: hit[name] for name in fields} for hit in whole]
    return some


def _group_out(group: Group, fields: Sequence[HitField]) -> GroupOut:
    return {
        "article": article_out(group.article),
        "hits": _hits_out(group.hits, fields),
        "passages": group.passages,
        "copies": [stored_passage_out(copy) for copy in group.copies],
    }


def _total_out(total: Total | None, articles: Total | None) -> TotalOut | None:
    if total is None:
        return None
    return {
        "value": total.value,
        "relation": total.relation,
        "level": total.level,
        "articles": None
        if articles is None
        else {"value": articles.value, "relation": articles.relation},
    }


def _day(day: date | None) -> str | None:
    return day.isoformat() if day else None
