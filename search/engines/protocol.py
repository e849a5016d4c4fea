"""The Engine protocol: what every engine promises, in no product's dialect.

The contract, each line a test in tests/conformance:

- hits are ordered by (-score, passage id); the same index gives the same order;
- filters act before the limit; a request that asks for nothing gets nothing; a limit is
  0 to 10,000;
- a semantic score is the mean of the passage's cosine and its best sentence's
  (`SENTENCE_WEIGHT`), and names that sentence; it is computed for the `shortlist_size`
  passages whose own cosines are greatest;
- an article is replaced whole; writing an article that is stored already changes nothing,
  except that vectors are added where it had none;
- passages without vectors are in every answer except vector rankings;
- `write` returns when what it reports as written would survive a crash;
- unknown ids are ignored by `fetch`, `delete` and `stored`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple, Protocol, Self

from search.domain import (
    NO_FILTER,
    ArticleInfo,
    FacetField,
    Filter,
    IndexedArticle,
    Layer,
    SearchSort,
    Sort,
    StoredArticle,
    StoredPassage,
    Vector,
    WriteOutcome,
)
from search.limits import MAX_RESULTS
from search.query.clauses import Clause, Term

SHORTLIST = 100  # 100 gives the nDCG of rescoring all (.9143 of .9147 on 2,821 passages; 50: .9122)
SENTENCE_WEIGHT = 0.5  # .929 -> .950 nDCG@10 on xquad-ar; the best sentence alone gives .941
TIE_SLACK = 8  # of a shortlist: a tie at the limit is then usually seen whole


def shortlist_size(limit: int) -> int:
    """Return how many passages of a vector ranking are scored by their sentences too."""
    return min(MAX_RESULTS, max(limit, SHORTLIST) + TIE_SLACK)


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What made an index. Another fingerprint means another index, never bad ranking."""

    analyser: str
    model: str
    model_hash: str
    dimensions: int
    sentence_vectors: bool
    schema: int


@dataclass(frozen=True, slots=True)
class Stored:
    """What is stored of an article: enough to tell whether it must be written again.

    `embedded`: whether no passage lacks its vector.
    """

    content_hash: str
    embedded: bool


@dataclass(frozen=True, slots=True)
class Ranked:
    """A passage in a ranking.

    `sentence` is the number of its best sentence in a ranking by meaning: the place in
    `StoredPassage.sentences`; None where the passage is one sentence.
    """

    passage_id: str
    score: float
    sentence: int | None = None


@dataclass(frozen=True, slots=True)
class RankRequest:
    """Everything a search asks of an engine, so that a remote one needs a single round trip.

    clause       ranks by text; None: no text ranking
    vector       ranks by meaning; None: no vector ranking
    constraint   a condition on both rankings, which adds nothing to scores
    frequencies  terms whose document frequency is wanted: passages of the whole index, whatever
                 the filter
    exact_total  False: matches that are not listed need not be counted
    texts        also return the passages of the text ranking, if that takes no further round trip
    sort         by date: the text ranking has every match by its article's date (those without
                 one last), then by article id and position, each with the score 0
    """

    clause: Clause | None = None
    vector: Vector | None = None
    filter: Filter = NO_FILTER
    constraint: Clause | None = None
    limit: int = SHORTLIST
    frequencies: tuple[Term, ...] = ()
    exact_total: bool = True
    texts: bool = False
    sort: SearchSort = "relevance"


@dataclass(frozen=True, slots=True)
class Rankings:
    """What an engine ranked.

    text_total     how many passages match clause and filter, None without a clause. Unless
                   `total_is_exact` and `exact_total` was asked, between the number of passages
                   listed and the exact total
    passages_read  passages that came with the ranking, by id; the others have to be fetched
    behind         the newest articles cannot be found by words, and have not been for seconds:
                   the disk is full, or the process that writes is stuck
    took_ms        milliseconds by stage ("text", "vector"), if the engine measures them
    """

    text: tuple[Ranked, ...] = ()
    text_total: int | None = None
    total_is_exact: bool = True
    passages_read: Mapping[str, StoredPassage] = field(default_factory=dict)
    vector: tuple[Ranked, ...] = ()
    frequencies: Mapping[Term, int] = field(default_factory=dict)
    passages: int = 0  # in the whole index, for weighing the frequencies that were asked
    behind: bool = False
    took_ms: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CountRequest:
    """What is counted of the passages that a clause (None: all) matches inside a filter.

    `facets` by value, `limit` values of each; `articles`: the passages of each of these;
    `count_articles`: how many articles they are of.
    """

    clause: Clause | None = None
    filter: Filter = NO_FILTER
    facets: tuple[FacetField, ...] = ()
    limit: int = 20
    articles: tuple[str, ...] = ()
    count_articles: bool = False


@dataclass(frozen=True, slots=True)
class Counts:
    """The passages that match, exactly, and of them what else was asked.

    A facet has its most frequent values first, ties by value; the empty value is none. A year
    is YYYY, a month YYYY-MM. `of_articles` leaves out those that have none. `articles` is exact
    up to 10,000 at least; beyond it may be "at least", where `articles_are_exact` is False.
    """

    passages: int = 0
    facets: Mapping[FacetField, Sequence[tuple[str, int]]] = field(default_factory=dict)
    of_articles: Mapping[str, int] = field(default_factory=dict)
    articles: int = 0
    articles_are_exact: bool = True


class Place(NamedTuple):
    """An article's place in a list, whatever its order."""

    published: date | None
    id: str

    @classmethod
    def of(cls, article: ArticleInfo) -> Self:
        return cls(article.published, article.id)


@dataclass(frozen=True, slots=True)
class ListRequest:
    """The articles that a filter lets through, in order, `limit` of those behind a place.

    By date those without one come last; what is of one date is in order of id.
    `by_collection` has the articles of each collection counted too.
    """

    filter: Filter = NO_FILTER
    sort: Sort = "id"
    after: Place | None = None
    limit: int = 20
    by_collection: bool = False


@dataclass(frozen=True, slots=True)
class Listed:
    """`total`: how many articles there are, those before the place too.

    `by_collection`: the number of articles of each collection, ten thousand collections at most.
    """

    articles: tuple[ArticleInfo, ...] = ()
    total: int = 0
    by_collection: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EngineStatus:
    """What an engine holds now. `details` are product-specific facts for people.

    `unembedded` of the passages have no vector.
    """

    engine: str
    articles: int
    passages: int
    sentences: int
    unembedded: int
    fingerprint: Fingerprint
    details: Mapping[str, str] = field(default_factory=dict)


class EngineReader(Protocol):
    """What a search and a server's answers need. Any number of threads at once."""

    def rank(self, request: RankRequest) -> Rankings:
        """Rank passages by text, by meaning or both. Raises InputError on a limit out of bounds."""
        ...

    def fetch(self, passage_ids: Sequence[str]) -> list[StoredPassage]:
        """Return the known passages of these, in the order asked."""
        ...

    def count(self, requests: Sequence[CountRequest]) -> list[Counts]:
        """Count what each request asks, in order and in one round trip."""
        ...

    def list_articles(self, request: ListRequest) -> Listed:
        """Return a page of articles without their texts. Raises InputError on what is out of bounds."""
        ...

    def terms_with_prefixes(
        self, layer: Layer, prefixes: Sequence[str], limit: int
    ) -> dict[str, list[tuple[str, int]]]:
        """Return, for each prefix, the terms that begin with it and their document frequencies.

        The most frequent first, ties by term; `limit` terms of each prefix at most.
        """
        ...

    def article(self, article_id: str) -> StoredArticle | None:
        """Return an article as it was given, None if unknown."""
        ...

    def articles(self, article_ids: Sequence[str]) -> list[StoredArticle]:
        """Return the known articles of these as they were given, in the order asked."""
        ...

    def status(self) -> EngineStatus:
        """Return what the index holds now."""
        ...

    def close(self) -> None:
        """Release files, connections and threads. Closing twice is harmless."""
        ...


class EngineWriter(Protocol):
    """What indexing needs."""

    def write(self, articles: Sequence[IndexedArticle]) -> list[WriteOutcome]:
        """Store articles, each replaced whole; one outcome per article, in order.

        Unchanged is what has the stored content hash, and vectors only if the stored one has.
        An article that cannot be stored fails alone. Raises EngineBusy when
        another writer is at work, EngineUnavailable when nothing can be stored.
        """
        ...

    def delete(self, article_ids: Sequence[str]) -> int:
        """Remove articles; return how many there were. Raises as `write`."""
        ...

    def stored(self, article_ids: Sequence[str]) -> dict[str, Stored]:
        """Return what is stored of those of these articles that are known."""
        ...

    def indexed(self, article_ids: Sequence[str]) -> list[IndexedArticle]:
        """Return the known articles of these as they were written, in the order asked.

        Without terms (`terms` is empty): analysis gives them again. An engine may keep
        vectors as float16 of unit length; None where there are none.
        """
        ...

    def show(self) -> None:
        """Wait until searches in every process see all that was written.

        Raises EngineUnavailable when that cannot be done; what was acknowledged is safe.
        """
        ...

    def rest(self) -> None:
        """Release the writer's lock, so that other processes can write; the next write takes it.

        May be called at any time, on a closed engine too; does nothing inside a `hold`.
        """
        ...


class EngineAdmin(Protocol):
    """What works on a whole index needs: reindexing, adding vectors, cleaning."""

    def article_ids(self, after: str, limit: int) -> list[str]:
        """Return up to `limit` article ids greater than `after`, in order ("" starts)."""
        ...

    def unembedded(self, after: str, limit: int) -> list[str]:
        """Return, as `article_ids`, the articles whose passages have no vectors."""
        ...

    def hold(self, purpose: str) -> AbstractContextManager[None]:
        """Keep every other writer out while the context lasts; they are told the purpose.

        Raises EngineBusy when another writer is at work.
        """
        ...

    def clean(self) -> int:
        """Remove what killed writers left behind; return of how many articles.

        Searches never show it, and the next write of such an article removes it too.
        """
        ...


class Engine(EngineReader, EngineWriter, EngineAdmin, Protocol):
    """An index of articles. tests/conformance checks every engine against it."""
