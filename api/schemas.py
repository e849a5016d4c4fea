"""The shapes of answers. Field names are stable within /v1.

Answers are typed dicts, since a stored text may hold what pydantic refuses to write, and value
objects say more than is told. `shaped` makes them of value objects, by the names of their fields;
`api.problems.encode` writes them, and the value objects that are left in them as objects.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from operator import attrgetter
from types import NoneType
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin

from pydantic import Field
from typing_extensions import TypedDict, get_type_hints, is_typeddict

from api.problems import Problem
from search.addresses import web_address
from search.analysis.tokens import analyse
from search.domain import (
    AlsoKind,
    Collapse,
    Component,
    DidYouMean,
    FacetField,
    FacetValue,
    Group,
    GroupBy,
    Hit,
    Level,
    Locator,
    Match,
    Mode,
    Relaxation,
    Results,
    SearchSort,
    Segment,
    Span,
    Understood,
    Variant,
    WriteStatus,
)
from search.explanation import Explanation
from search.listing import CollectionCount, Listing
from search.originals import OriginalState
from search.query.expansion import Besides, besides
from search.ranking.kwic import Frequency
from search.suggesting import Suggestion

Shape = TypeVar("Shape")
Change = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Of:
    """Where a field is from, where not from an attribute of its name: a path of attributes.

    `change` is what is told instead of a value.
    """

    path: str
    change: Change | None = None


LATER = Of("")  # whoever makes the shape adds it


def shaped(shape: type[Shape]) -> Callable[[Any], Shape]:
    """Return what makes a shape of a value object: what is empty is null where it may be.

    Raises NameError where a field's type is unknown.
    """
    fields = get_type_hints(shape, include_extras=True)
    told = {
        name: next((each for each in get_args(hint) if isinstance(each, Of)), Of(name))
        for name, hint in fields.items()
    }
    blank = dict.fromkeys(fields if LATER in told.values() else ())  # in the order of the shape
    names = [name for name, of in told.items() if of is not LATER]
    values = attrgetter(*(told[name].path for name in names))
    changes = [
        (name, change)
        for name in names
        if (change := told[name].change or _change_to(fields[name])) is not None
    ]

    def make(value: object) -> Any:  # noqa: ANN401
        made = {**blank, **dict(zip(names, values(value), strict=True))}
        for name, change in changes:
            made[name] = change(made[name])
        return made

    return make


def _change_to(hint: Any) -> Change | None:  # noqa: ANN401
    """Return what makes a value object's field one of this type; None where it is written as it is."""
    if is_typeddict(hint):
        return shaped(hint)
    origin, of, optional = get_origin(hint), (*get_args(hint), None)[0], NoneType in get_args(hint)
    if origin is dict:
        return dict
    if of is str and optional:
        return lambda value: value or None
    change = None if of is None else _change_to(of)
    if change is None or origin is Annotated:
        return change
    if optional:
        return lambda value: None if value is None else change(value)
    return lambda values: [change(each) for each in values]


class PassageOut(TypedDict):
    """One paragraph: `text` is the article's from `start` to `end`, counted in code points."""

    id: str
    position: int
    start: int
    end: int
    text: str
    place: Annotated[
        Locator | None,
        Field(description="Where in the original it begins; null where that is not known."),
    ]


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
    url: Annotated[str, Of("url", web_address)]


ArticleField = Literal[
    "id", "collection", "title", "source", "author", "language", "published", "tags", "url", "edition",
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
    hits: Annotated[list[HitOut] | list[SomeOfHit], LATER]
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
    articles: Annotated[CountOut | None, LATER]


# The functional form, since `from` cannot be the name of a class attribute.
_From = TypedDict("_From", {"from": Annotated[str | None, Of("filter.published_from")]})


class AskedOut(_From):
    """What a search asks for, saved or not."""

    q: Annotated[str, Of("text")]
    mode: Mode
    collection: Annotated[list[str], Of("filter.collections")]
    source: Annotated[list[str], Of("filter.sources")]
    author: Annotated[list[str], Of("filter.authors")]
    language: Annotated[list[str], Of("filter.languages")]
    article: Annotated[list[str], Of("filter.articles")]
    tag: Annotated[list[str], Of("filter.tags")]
    label: Annotated[list[str], Of("filter.labels")]
    to: Annotated[str | None, Of("filter.published_to")]
    variants: bool
    also: tuple[AlsoKind, ...]


class QueryOut(AskedOut):
    """The query that was answered."""

    size: int
    start: int
    match: Annotated[Level, Of("level")]
    facets: tuple[FacetField, ...]
    facet_size: int
    facet_prefix: str
    count_articles: bool
    group_by: GroupBy
    sort: SearchSort
    explain: bool
    collapse: Collapse


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
    hits: Annotated[list[HitOut] | list[SomeOfHit], LATER]
    groups: Annotated[
        list[GroupOut] | None,
        LATER,
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
    start: Annotated[int, Of("span.start")]
    end: Annotated[int, Of("span.end")]
    passage: Annotated[str, Of("passage.id")]
    position: Annotated[int, Of("passage.position")]
    place: Annotated[Locator | None, Of("passage.place")]
    article: ArticleOut


class KwicPassagesOut(TypedDict):
    """Of the `total` passages that match, the `read` best were read."""

    read: int
    total: int


class KwicOut(TypedDict):
    """A page of lines, and how many occurrences there are in the passages read."""

    lines: list[KwicLineOut]
    occurrences: CountOut
    passages: Annotated[KwicPassagesOut, LATER]
    frequencies: dict[FacetField, tuple[Frequency, ...]]
    searched_also: Annotated[tuple[Variant, ...], Of("answer.searched_also")]
    relaxed: Annotated[bool, Of("answer.relaxed")]
    degraded: Annotated[list[str], Of("answer.degraded")]
    took_ms: Annotated[dict[str, float], Of("answer.took_ms")]


class FailedOut(TypedDict):
    """What became of one of several searches that cannot be answered."""

    problem: Problem


class SearchesOut(TypedDict):
    """The answers of several searches, in order."""

    answers: list[SearchOut | FailedOut]


class ListOut(TypedDict):
    """A page of articles, and how many there are in all."""

    articles: Annotated[list[ArticleOut] | list[SomeOfArticle], LATER]
    total: int
    cursor: Annotated[
        str | None, Field(description="For the next page; null where this is the last one.")
    ]


class CollectionsOut(TypedDict):
    """The collections there are, by name."""

    collections: list[CollectionCount]


class OriginalOut(TypedDict):
    """The original file of an article, and what became of it."""

    article: str
    name: str
    state: OriginalState


class OriginalsOut(TypedDict):
    """Original files; `open` tells whether this server opens any."""

    open: bool
    originals: list[OriginalOut]


class MarkedPassageOut(PassageOut):
    """A passage of an article; `segments` mark the words of `q`, null where none was given."""

    segments: Annotated[tuple[Segment, ...] | None, LATER]


class StoredArticleOut(TypedDict):
    """A whole article with its passages in order."""

    article: ArticleOut
    edition: Annotated[str, Field(description="What a citation names it by: of its content.")]
    is_current: Annotated[
        bool | None,
        Field(description="Whether the edition that was asked for is this one; null without."),
    ]
    text: str
    passages: list[MarkedPassageOut]


class TokenOut(TypedDict):
    """A word of a text, where it stands in code points, and its form in every layer."""

    start: int
    end: int
    text: Annotated[str, LATER]
    letters: str
    folded: str
    stem: str
    grams: list[str]
    vowelled: str
    stop: bool
    besides: Annotated[Besides, LATER, Field(description="What is asked beside it.")]


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
    model: Annotated[str, Of("fingerprint.model")]
    dimensions: Annotated[int, Of("fingerprint.dimensions")]
    analyser: Annotated[str, Of("fingerprint.analyser")]


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
    removed: Annotated[int, Of("changed")]
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


article_out = shaped(ArticleOut)
passage_out = shaped(PassageOut)
stored_passage_out = shaped(StoredPassageOut)
marked_passage_out = shaped(MarkedPassageOut)
hit_out = shaped(HitOut)
asked_out = shaped(AskedOut)
kwic_out = shaped(KwicOut)
_list_out = shaped(ListOut)
_token_out = shaped(TokenOut)
status_out = shaped(StatusOut)
ingested_out = shaped(IngestedOut)
uploaded_out = shaped(UploadedOut)
deleted_out = shaped(DeletedOut)
changed_out = shaped(ChangedOut)
_count_out = shaped(CountOut)
_group_out = shaped(GroupOut)
_search_out = shaped(SearchOut)


def analyzed(text: str) -> AnalyzeOut:
    """Return what matching sees in a text."""
    tokens = analyse(text)
    return {
        "tokens": [
            {
                **_token_out(token),
                "text": text[token.start : token.end],
                "besides": besides(token, following),
            }
            for token, following in zip_longest(tokens, tokens[1:])
        ]
    }


def list_out(
    listing: Listing, fields: Sequence[ArticleField] = (), editions: Mapping[str, str] | None = None
) -> ListOut:
    """Return a page; of its articles only these fields where some are named.

    Args:
        editions: by the article's id, for the field `edition`.
    """
    whole = [article_out(info) for info in listing.articles]
    if not fields:
        return {**_list_out(listing), "articles": whole}
    known = [{**each, "edition": (editions or {}).get(each["id"])} for each in whole]
    some: list[SomeOfArticle] = [{name: each[name] for name in fields} for each in known]
    return {**_list_out(listing), "articles": some}


def search_out(results: Results, fields: Sequence[HitField] = ()) -> SearchOut:
    """Return an answer; of its hits only these fields where some are named."""
    made = _search_out(results)
    if made["total"] is not None:
        articles = results.articles
        made["total"]["articles"] = None if articles is None else _count_out(articles)
    made["hits"] = _hits_out(results.hits, fields)
    groups = results.groups
    made["groups"] = None if groups is None else [_filled(group, fields) for group in groups]
    return made


def _filled(group: Group, fields: Sequence[HitField]) -> GroupOut:
    return {**_group_out(group), "hits": _hits_out(group.hits, fields)}


def _hits_out(hits: Sequence[Hit], fields: Sequence[HitField]) -> list[HitOut] | list[SomeOfHit]:
    whole = [hit_out(hit) for hit in hits]
    if not fields:
        return whole
    some: list[SomeOfHit] = [{name: hit[name] for name in fields} for hit in whole]
    return some
