"""What goes in and out over HTTP. Field names are stable within /v1.

Requests are pydantic models: checked, bounded, nothing unknown. Answers are
typed dicts built by pure functions, since a stored text may hold what pydantic
refuses to write; `api.problems.encode` writes them.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from typing_extensions import TypedDict

from search.analysis import Token
from search.domain import (
    ArticleInfo,
    Component,
    Filter,
    Hit,
    Mode,
    Passage,
    Query,
    Results,
    Segment,
    Span,
    StoredArticle,
    StoredPassage,
    Total,
)
from search.engine import EngineStatus
from search.errors import InputError
from search.parse import MAX_QUERY_LENGTH
from search.searcher import MAX_SIZE, MAX_WINDOW

MAX_FILTER_VALUES = 50
MAX_FILTER_LENGTH = 200  # code points
MAX_ANALYZE_LENGTH = 10_000  # code points
MAX_ARTICLE_ID = 512  # code points; no index holds a longer one
MAX_PASSAGE_ID = MAX_ARTICLE_ID + 16  # `#` and a position

_ISO_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def _iso_date(value: object) -> object:
    """Let only `YYYY-MM-DD` through: pydantic would take timestamps for dates as well."""
    if value is None or (isinstance(value, str) and _ISO_DATE.fullmatch(value)):
        return date.fromisoformat(value) if isinstance(value, str) else None
    raise ValueError("a date is written YYYY-MM-DD")


def _whole(value: object) -> object:
    """Take 10.0 for 10, as JSON Schema's `integer` does."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


Value = Annotated[str, Field(min_length=1, max_length=MAX_FILTER_LENGTH)]
Values = Annotated[list[Value], Field(max_length=MAX_FILTER_VALUES)]
Id = Annotated[str, Field(min_length=1, max_length=MAX_ARTICLE_ID)]
Ids = Annotated[list[Id], Field(max_length=MAX_FILTER_VALUES)]
Whole = Annotated[int, BeforeValidator(_whole)]
Day = Annotated[date | None, BeforeValidator(_iso_date)]


class SearchParameters(BaseModel):
    """A search, as query parameters; those of a list are repeated."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=False)

    q: str = Field(
        max_length=MAX_QUERY_LENGTH,
        description=(
            'What to search for. `"a phrase"` in any quotes asks for its exact spelling,'
            " `+word` must be there, `-word` must not."
        ),
        examples=["ضربات جوية في العراق", '"كتائب حزب الله"', "Who was hurt in the attack?"],
    )
    mode: Mode = Field(
        "hybrid", description="By words (`keyword`), by meaning (`semantic`), or by both."
    )
    size: Whole = Field(10, ge=1, le=MAX_SIZE, description="Hits on a page.")
    start: Whole = Field(
        0,
        ge=0,
        lt=MAX_WINDOW,
        description=f"Hits passed over; a page may end at hit {MAX_WINDOW:,}.",
    )
    source: Values = Field([], description="Only articles of any of these sources.")
    language: Values = Field([], description="Only articles in any of these languages.")
    article: Ids = Field([], description="Only these articles, by id.")
    tag: Values = Field([], description="Only articles with any of these tags.")
    from_: Day = Field(None, alias="from", description="Published on this day or later.")
    to: Day = Field(None, description="Published on this day or earlier.")

    def query(self) -> Query:
        """Return the query that is meant. Raises InputError if `from` is after `to`."""
        if self.from_ and self.to and self.from_ > self.to:
            raise InputError(
                f"from ({self.from_}) is after to ({self.to}); swap them or leave one out",
                field="from",
            )
        return Query(
            text=self.q,
            mode=self.mode,
            size=self.size,
            start=self.start,
            filter=Filter(
                sources=tuple(self.source),
                languages=tuple(self.language),
                articles=tuple(self.article),
                tags=tuple(self.tag),
                published_from=self.from_,
                published_to=self.to,
            ),
        )


class SearchBody(SearchParameters):
    """A search as JSON; numbers are numbers and lists are lists."""

    model_config = ConfigDict(
        strict=True,
        json_schema_extra={
            "examples": [
                {"q": "ضربات جوية في العراق", "size": 5},
                {"q": "من المسؤول عن الهجوم الصاروخي؟", "mode": "semantic", "language": ["ar"]},
            ]
        },
    )


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
    title: str
    source: str
    language: str
    published: Annotated[str, Field(json_schema_extra={"format": "date"})] | None
    tags: list[str]
    url: str


class SegmentOut(TypedDict):
    """A piece of a text, in order; joined, the pieces are the text."""

    text: str
    match: bool


class SpanOut(TypedDict):
    """Code points `start` to `end` (not included) of the passage's text."""

    start: int
    end: int


class ComponentOut(TypedDict):
    """What one ranking said: its own score, and the rank counted from 1."""

    score: float
    rank: int


class HitOut(TypedDict):
    """One passage found. A component is null where that ranking did not list it."""

    passage: PassageOut
    article: ArticleOut
    score: float
    keyword: ComponentOut | None
    semantic: ComponentOut | None
    segments: list[SegmentOut]
    title_segments: list[SegmentOut]
    best_sentence: SpanOut | None


class TotalOut(TypedDict):
    """How many passages match, exactly or at least."""

    value: int
    relation: Literal["exact", "at_least"]


# The functional form, since `from` cannot be the name of a class attribute.
QueryOut = TypedDict(
    "QueryOut",
    {
        "q": str,
        "mode": Mode,
        "size": int,
        "start": int,
        "source": list[str],
        "language": list[str],
        "article": list[str],
        "tag": list[str],
        "from": str | None,
        "to": str | None,
    },
)


class SearchOut(TypedDict):
    """An answer. By meaning alone every passage is near or far, so there is no total."""

    query: QueryOut
    total: TotalOut | None
    hits: list[HitOut]
    took_ms: Annotated[dict[str, float], Field(description="Milliseconds by stage.")]
    degraded: Annotated[list[str], Field(description="What failed, such as `semantic`.")]


class StoredArticleOut(TypedDict):
    """A whole article with its passages in order."""

    article: ArticleOut
    text: str
    passages: list[PassageOut]


class StoredPassageOut(TypedDict):
    """A passage and what is known of its article."""

    passage: PassageOut
    article: ArticleOut


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
    model: str
    dimensions: int
    analyser: str


class LiveOut(TypedDict):
    status: Literal["live"]


class ReadyOut(TypedDict):
    """`degraded` names what does not work: `semantic` when there is no model."""

    status: Literal["ready"]
    degraded: list[str]


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
        "title": info.title,
        "source": info.source,
        "language": info.language,
        "published": _day(info.published),
        "tags": list(info.tags),
        "url": info.url,
    }


def search_out(results: Results) -> SearchOut:
    return {
        "query": _query_out(results.query),
        "total": _total_out(results.total),
        "hits": [_hit_out(hit) for hit in results.hits],
        "took_ms": dict(results.took_ms),
        "degraded": list(results.degraded),
    }


def stored_article_out(stored: StoredArticle) -> StoredArticleOut:
    return {
        "article": article_out(stored.article.info),
        "text": stored.article.text,
        "passages": [passage_out(p) for p in stored.passages],
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
        "source": list(query.filter.sources),
        "language": list(query.filter.languages),
        "article": list(query.filter.articles),
        "tag": list(query.filter.tags),
        "from": _day(query.filter.published_from),
        "to": _day(query.filter.published_to),
    }


def _hit_out(hit: Hit) -> HitOut:
    return {
        "passage": passage_out(hit.passage),
        "article": article_out(hit.article),
        "score": hit.score,
        "keyword": _component_out(hit.keyword),
        "semantic": _component_out(hit.semantic),
        "segments": _segments_out(hit.segments),
        "title_segments": _segments_out(hit.title_segments),
        "best_sentence": _span_out(hit.best_sentence),
    }


def _total_out(total: Total | None) -> TotalOut | None:
    if total is None:
        return None
    return {"value": total.value, "relation": "exact" if total.exact else "at_least"}


def _segments_out(segments: tuple[Segment, ...]) -> list[SegmentOut]:
    return [{"text": s.text, "match": s.match} for s in segments]


def _component_out(component: Component | None) -> ComponentOut | None:
    if component is None:
        return None
    return {"score": float(component.score), "rank": component.rank}


def _span_out(span: Span | None) -> SpanOut | None:
    return None if span is None else {"start": span.start, "end": span.end}


def _day(day: date | None) -> str | None:
    return day.isoformat() if day else None
