"""The project's nouns, one meaning each, as frozen value objects.

article   what a person gives: a text with what is known of it
passage   one paragraph of an article; the unit that is ranked
layer     one view of a text's words (see `search.analysis.tokens`)
vector    one embedding, L2-normalised float32
"""

from __future__ import annotations

import hashlib
import json
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from operator import itemgetter
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

from search.article_ids import parsed

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from search.explanation import Explanation

# Of shape (dimensions,) or (n, dimensions). A name only: processes that parse or analyse start
# without numpy, .1 s each.
Vector: TypeAlias = "NDArray[np.float32]"
Layer = Literal["letters", "folded", "stem", "grams", "vowelled", "sound"]
LAYERS: tuple[Layer, ...] = ("letters", "folded", "stem", "grams", "vowelled", "sound")
# Those whose terms' places are kept, one term a word: phrases are asked of these only.
PHRASE_LAYERS: tuple[Layer, ...] = ("letters", "folded", "stem")
Mode = Literal["keyword", "semantic", "hybrid"]
# How a word of a query is met in a passage, the tightest first (docs/API.md).
Level = Literal["exact", "spelling", "form", "near", "meaning"]
WordLevel = Literal["exact", "spelling", "form", "near"]
LEVELS: tuple[Level, ...] = ("exact", "spelling", "form", "near", "meaning")
ItemKind = Literal["word", "phrase", "prefix", "root", "any_of", "near", "field", "ignored"]
# `scan`: a page by text recognition, with percent of certainty: `12 (87%)`
PlaceKind = Literal["page", "scan", "slide", "row", "time", "message"]
QueryField = Literal["title", "author", "source", "tag", "collection"]  # that a query may name
Occur = Literal["optional", "required", "excluded"]
WriteStatus = Literal["created", "updated", "unchanged", "failed"]
MODES: tuple[Mode, ...] = ("keyword", "semantic", "hybrid")
FacetField = Literal["collection", "source", "author", "language", "tag", "year", "month", "label"]
GroupBy = Literal["", "article"]
VariantKind = Literal["latin", "root", "synonym"]
AlsoKind = Literal["latin", "synonym"]  # of what is searched unasked
ALSO: tuple[AlsoKind, ...] = ("latin", "synonym")
CorrectionKind = Literal["spelling", "keyboard"]
RelaxationKind = Literal["words", "operators", "filter", "match"]
Collapse = Literal["", "duplicates"]
Sort = Literal["id", "newest", "oldest"]  # of articles
SORTS: tuple[Sort, ...] = ("id", "newest", "oldest")
KwicSort = Literal["relevance", "before", "after"]  # of words in context
KWIC_SORTS: tuple[KwicSort, ...] = ("relevance", "before", "after")
SearchSort = Literal["relevance", "newest", "oldest"]  # of a search's hits
SEARCH_SORTS: tuple[SearchSort, ...] = ("relevance", "newest", "oldest")
FACET_FIELDS: tuple[FacetField, ...] = get_args(FacetField)
ARTICLE_FACETS = tuple(name for name in FACET_FIELDS if name != "label")  # that engines know


@dataclass(frozen=True, slots=True)
class Span:
    """A half-open range of code points, `text[start:end]`."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Locator:
    """Where a passage stands in what it was read from: `page` 12, `row` Sheet1!17, `time` 00:12:03."""

    kind: PlaceKind
    value: str

    def __str__(self) -> str:
        return f"{self.kind} {self.value}"


Places = tuple[tuple[int, Locator], ...]  # from which code point of a text on it stands where


def place_at(places: Places, start: int) -> Locator | None:
    """Return where a text stands at a code point, None where that is not known."""
    before = bisect_right(places, start, key=itemgetter(0))
    return places[before - 1][1] if before else None


@dataclass(frozen=True, slots=True)
class ArticleInfo:
    """What is known of an article besides its text. Empty means unknown.

    `id` is the pair of `collection` and `own_id`, as one text (`search.article_ids`).
    """

    id: str
    title: str = ""
    source: str = ""
    author: str = ""
    language: str = ""
    published: date | None = None
    tags: tuple[str, ...] = ()
    url: str = ""

    @property
    def collection(self) -> str:
        return parsed(self.id)[0]

    @property
    def own_id(self) -> str:
        return parsed(self.id)[1]


@dataclass(frozen=True, slots=True)
class Annotation:
    """Labels and a note of a reader's own on an article or on one of its passages.

    article   the article's id
    position  the passage's when it was annotated, None where the whole article is
    text      SHA-256 of the passage's text, "" where there is none
    quote     the passage's text as it was; "" once its article was removed
    created, changed  in UTC (RFC 3339)
    """

    id: str
    article: str
    position: int | None = None
    text: str = ""
    quote: str = ""
    labels: tuple[str, ...] = ()
    note: str = ""
    created: str = ""
    changed: str = ""


@dataclass(frozen=True, slots=True)
class Article:
    """An article as it was given: `text` is kept code point for code point.

    `annotations` came with it, of an export: they are kept beside the index, not in it.
    """

    info: ArticleInfo
    text: str
    places: Places = ()  # in order
    annotations: tuple[Annotation, ...] = ()

    @property
    def id(self) -> str:
        return self.info.id

    def content_hash(self) -> str:
        """SHA-256 over every field: equal hashes need no second write."""
        i = self.info
        fields = (
            i.id,
            i.title,
            i.source,
            i.author,
            i.language,
            i.published.isoformat() if i.published else None,
            i.tags,
            i.url,
            *([[start, place.kind, place.value] for start, place in self.places]),
        )
        digest = hashlib.sha256(json.dumps(fields, ensure_ascii=True).encode("ascii"))
        digest.update(b"\0")  # stands in no JSON, so that no other fields and text make the same
        digest.update(self.text.encode("utf-8", "surrogatepass"))
        return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class Passage:
    """One paragraph of an article: `article.text[start:end] == text`; it begins at `place`."""

    article_id: str
    position: int
    start: int
    end: int
    text: str
    place: Locator | None = None

    @property
    def id(self) -> str:
        return f"{self.article_id}#{self.position}"


@dataclass(frozen=True, slots=True)
class IndexedPassage:
    """A passage with all an engine stores of it.

    `terms` holds, for each layer, the layer's terms joined by single spaces.
    `sentences` are the spans of its pieces of evidence (`search.analysis.evidence`), `sentence_vectors` has
    shape (len(sentences), dimensions); both are empty where the passage is a
    single sentence or sentence vectors are switched off (the passage's own
    vector then stands for its best sentence).

    `vector` None: not embedded, found by words only; it has no sentences then. All
    passages of an article are embedded or none is.
    """

    passage: Passage
    terms: Mapping[Layer, str]
    vector: Vector | None
    sentences: tuple[Span, ...]
    sentence_vectors: Vector


@dataclass(frozen=True, slots=True)
class IndexedArticle:
    """An article ready to be written: its passages in order of position."""

    article: Article
    passages: tuple[IndexedPassage, ...]

    @property
    def embedded(self) -> bool:
        """Whether no passage lacks its vector."""
        return all(passage.vector is not None for passage in self.passages)


@dataclass(frozen=True, slots=True)
class WriteOutcome:
    """What became of one article that was to be written: acknowledged unless failed.

    `id` is "" where it could not be told; `error` is for people and `code` one stable word
    (`indexer.failure_codes`), both empty unless failed. `notes` say what of a file was not
    plain: what was mended in it, or left out of what it says of itself.
    """

    id: str
    status: WriteStatus
    error: str = ""
    code: str = ""
    notes: tuple[str, ...] = ()

    @property
    def is_stored(self) -> bool:
        """Whether this writing stored the article."""
        return self.status in ("created", "updated")


@dataclass(frozen=True, slots=True)
class StoredPassage:
    """A passage read back from an engine, with its article's information.

    `sentences` are the spans that have vectors; empty where the passage is one sentence.
    """

    passage: Passage
    article: ArticleInfo
    sentences: tuple[Span, ...] = ()


@dataclass(frozen=True, slots=True)
class StoredArticle:
    """An article read back from an engine, with its passages in order of position."""

    article: Article
    passages: tuple[Passage, ...]


@dataclass(frozen=True, slots=True)
class Filter:
    """Conditions every hit must meet: all fields given, any value of a field.

    Values are met in any spelling that `folding.fold_value` makes one, but for `articles` and
    `collections`.
    `published_from` and `published_to` are both inclusive; an article without
    a date meets neither. `labels` are a reader's own: an article meets them that has one on
    itself or on a passage.
    """

    sources: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    articles: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    published_from: date | None = None
    published_to: date | None = None
    authors: tuple[str, ...] = ()
    collections: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()


NO_FILTER = Filter()


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked: a text as a person typed it, and how to answer it."""

    text: str
    mode: Mode = "hybrid"
    size: int = 10
    start: int = 0  # hits passed over, for paging
    filter: Filter = NO_FILTER
    variants: bool = True  # whether anything is searched beside what was typed
    match: Level | None = None  # how far a match may go; None as far as the mode goes
    facets: tuple[FacetField, ...] = ()  # what is counted of all that matches by words
    facet_size: int = 20  # values of each
    facet_prefix: str = ""  # only values that begin so, in any spelling
    count_articles: bool = False  # how many articles match by words
    group_by: GroupBy = ""  # "article": size and start count articles
    also: tuple[AlsoKind, ...] = ALSO  # where `variants` are searched, which kinds
    explain: bool = False  # why each hit has its score
    sort: SearchSort = "relevance"  # by date: what matches by words, each with the score 0
    collapse: Collapse = ""  # "duplicates": near copies of a better hit stand under it

    @property
    def counts(self) -> bool:
        """Whether more than passages is counted."""
        return bool(self.facets or self.group_by or self.count_articles)

    def searches(self, kind: AlsoKind) -> bool:
        """Tell whether what is of this kind is searched too."""
        return self.variants and kind in self.also

    @property
    def level(self) -> Level:
        """How far a match may go."""
        by_words = self.mode == "keyword" or self.sort != "relevance"
        return self.match or ("near" if by_words else "meaning")


# Of what an answer has by the hundred: orjson writes one with slots in .29 us, without in .04.
@dataclass(frozen=True)
class Segment:
    """A piece of a shown text. Segments joined are exactly the source text."""

    text: str
    match: bool


@dataclass(frozen=True)
class Component:
    """What one ranking said of a hit: its own score and 1-based rank."""

    score: float
    rank: int


@dataclass(frozen=True)
class MatchedWord:
    """A word of the query and how a passage or its title has it; None where they do not."""

    word: str
    level: Level | None


@dataclass(frozen=True)
class Match:
    """How a passage meets a query: each of its words, stop words aside.

    `level` is that of most of the words that are met, the tightest of several; `meaning`
    where none is.
    """

    level: Level
    words: tuple[MatchedWord, ...] = ()


@dataclass(frozen=True, slots=True)
class Hit:
    """One result. `keyword`/`semantic` are None where that ranking did not list it."""

    passage: Passage
    article: ArticleInfo
    score: float
    keyword: Component | None
    semantic: Component | None
    segments: tuple[Segment, ...]
    title_segments: tuple[Segment, ...]
    match: Match
    best_sentence: Span | None  # inside the passage's text: the evidence by meaning
    rerank: float | None = None  # the reranker's score, which orders those that have one
    explanation: Explanation | None = None  # where it was asked for
    copies: tuple[StoredPassage, ...] = ()  # of other articles, that stand under it


@dataclass(frozen=True, slots=True)
class Total:
    """How many passages match at `level` or tighter: `exact`, or at least `value`."""

    value: int
    exact: bool
    level: Level

    @property
    def relation(self) -> Literal["exact", "at_least"]:
        """`exact` as the word that programs are told."""
        return "exact" if self.exact else "at_least"


@dataclass(frozen=True)
class FacetValue:
    """A value of a facet and how many of the passages that match by words have it."""

    value: str
    count: int


@dataclass(frozen=True, slots=True)
class Group:
    """An article with its best passages, three at most.

    `passages` of it match by words; None where nothing is counted, by meaning alone. `copies`:
    the best passages of articles that stand under it.
    """

    article: ArticleInfo
    hits: tuple[Hit, ...]
    passages: int | None = None
    copies: tuple[StoredPassage, ...] = ()


@dataclass(frozen=True, slots=True)
class Variant:
    """A part of the query and what was searched besides: `latin`, Arabic words of the index.

    `root`: words of a root that was asked, `synonym`: what a person's file has for it.
    """

    word: str
    forms: tuple[str, ...]
    kind: VariantKind = "latin"


@dataclass(frozen=True, slots=True)
class Understood:
    """A part of the query as it was read.

    `kind` is `ignored` where it is a stop word beside others. `passages`: how many of the whole
    index have some form of a word; counted where the ranking needs it and where nothing is
    found, else None. `field`: of the article, which has the value `text`. `within`: words that
    may stand between two of a phrase, or of two that are near.
    """

    text: str
    kind: ItemKind
    occur: Occur
    passages: int | None = None
    field: QueryField | None = None
    within: int | None = None


@dataclass(frozen=True, slots=True)
class Correction:
    """A part of a query that no passage has, and what was perhaps meant, which `passages` have."""

    typed: str
    meant: str
    kind: CorrectionKind
    passages: int


@dataclass(frozen=True, slots=True)
class DidYouMean:
    """A query with what was perhaps meant in place of what no passage has."""

    text: str
    corrections: tuple[Correction, ...]


@dataclass(frozen=True, slots=True)
class Relaxation:
    """A less demanding query, by words, and how many passages it finds.

    Without the words that no passage has (`words`), without quotes and signs (`operators`),
    without the filter or without `match`.
    """

    kind: RelaxationKind
    text: str
    passages: int = 0


@dataclass(frozen=True, slots=True)
class Results:
    """An answer. `took_ms` is milliseconds by stage; `degraded` names what failed.

    Grouped by article, it has `groups` and no `hits`, and `articles` is how many match.
    `collapsed`: how many hits, or articles, of all pages stand under others; totals count them.
    """

    query: Query
    hits: tuple[Hit, ...]
    total: Total | None
    took_ms: Mapping[str, float] = field(default_factory=dict)
    degraded: tuple[str, ...] = ()
    searched_also: tuple[Variant, ...] = ()
    understood: tuple[Understood, ...] = ()
    relaxed: bool = False  # nothing holds the quoted phrases: their words were searched
    facets: Mapping[FacetField, tuple[FacetValue, ...]] | None = None  # None: not asked
    groups: tuple[Group, ...] | None = None
    articles: Total | None = None
    did_you_mean: DidYouMean | None = None
    relaxations: tuple[Relaxation, ...] = ()  # where nothing was found
    collapsed: int = 0
