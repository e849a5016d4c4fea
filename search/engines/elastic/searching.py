"""What an index is asked: both rankings, facets and vocabulary."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from search.clauses import Clause, Term
from search.domain import Filter, Layer
from search.engine import (
    FACET_FIELDS,
    MAX_LIMIT,
    FacetField,
    Ranked,
    Rankings,
    RankRequest,
    shortlist_size,
)
from search.engines.checks import (
    check_clause,
    check_filter,
    check_layer,
    check_limit,
    check_request,
    is_unicode,
)
from search.engines.elastic import documents, queries, ranking, versions
from search.engines.elastic.asking import Index, Search
from search.engines.elastic.state import hidden_by
from search.engines.elastic.visible import (
    ROUNDS,
    Hit,
    Look,
    article_of,
    edition_of,
    first_look,
    seen,
)
from search.errors import InputError

# Buckets each shard offers besides those wanted: counts are exact unless a value is rarer
# on a shard than so many others.
_SHARD_SLACK = 10_000

_CROWDED = 1.0  # seconds
_TRIES = 3  # times both rankings are asked until they are of one moment


class Searching:
    """Asks the index behind an alias. May be used from many threads."""

    def __init__(self, index: Index) -> None:
        self._index = index
        # How a search that met unsettled articles was asked in the end, and until when others
        # are asked so from the start: while much is written.
        self._crowded: tuple[Look, float] | None = None

    def rank(self, request: RankRequest) -> Rankings:
        check_request(request, self._index.dimensions)
        version = self._index.opened()
        if version is None:
            empty = None if request.clause is None else 0
            return Rankings(text_total=empty, frequencies=dict.fromkeys(request.frequencies, 0))
        asked = _Asked(self._index, version, request)
        if self._crowded and self._crowded[1] > time.monotonic():
            asked.last = self._crowded[0]
        for _ in range(_TRIES):
            asked.ask()
            if not asked.is_mixed:
                break
        if asked.crowded:
            self._crowded = asked.crowded, time.monotonic() + _CROWDED
        vector, shortlist = asked.vector, shortlist_size(request.limit)
        if asked.short or ranking.is_cut_in_a_tie(vector, request.limit, shortlist):
            vector = asked.weighed(shortlist)
        return Rankings(
            text=ranking.read_text(asked.text),
            text_total=asked.total,
            total_is_exact=asked.is_exact,
            passages_read=_read(asked.text) if request.texts else {},
            vector=vector[: request.limit],
            frequencies=asked.counted,
            passages=asked.passages,
            took_ms=asked.took,
        )

    def facets(
        self, clause: Clause | None, filter: Filter, fields: Sequence[FacetField], limit: int = 20
    ) -> dict[FacetField, list[tuple[str, int]]]:
        check_limit(limit)
        check_filter(filter)
        if clause is not None:
            check_clause(clause)
        for field in fields:
            if field not in FACET_FIELDS:
                raise InputError(f"there is no facet {field!r}", field="fields")
        if not fields or not limit or self._index.opened() is None:
            return {field: [] for field in fields}
        silent = () if clause is None else (clause,)
        query = queries.passages_query(None, filter, *silent)
        counted = {str(field): _most_frequent(str(field), limit) for field in fields}
        _, _, answer = count(self._index, query, counted)
        buckets = _buckets(answer)
        return {field: buckets[field] for field in fields}

    def terms_with_prefix(self, layer: Layer, prefix: str, limit: int) -> list[tuple[str, int]]:
        check_limit(limit)
        check_layer(layer)
        if not limit or not is_unicode(prefix) or self._index.opened() is None:
            return []
        wanted = _most_frequent(layer, limit)
        # Only what begins so is counted; `map` looks at these passages, not at all terms.
        wanted["terms"] |= {"include": _quoted(prefix) + ".*", "execution_hint": "map"}
        query = {"prefix": {layer: {"value": prefix}}}
        _, _, answer = count(self._index, query, {layer: wanted})
        return _buckets(answer)[layer]


class _Asked:
    """The searches of one request, asked until their answers tell what may be shown."""

    def __init__(
        self,
        index: Index,
        version: versions.Version,
        request: RankRequest,
    ) -> None:
        self._among: list[str] = []
        self._index = index
        self._version = version
        self._request = request
        self.counted: dict[Term, int] = {}
        self.passages = 0
        self.text: list[Hit] = []
        self.short = False  # the shortlist: passages that are not shown took places in it
        self._near: list[Hit] = []
        self.total: int | None = None
        self.is_exact = True
        self.took: dict[str, float] = {}
        self.last: Look | None = None
        self.crowded: Look | None = None

    def ask(self) -> None:
        request = self._request
        looks = {}
        if request.clause is not None:
            looks["text"] = first_look(request.limit, self.last)
        if request.vector is not None and request.limit:
            looks["vector"] = first_look(shortlist_size(request.limit), self.last)
        beside: dict[str, Search] = {}
        if "text" in looks and request.exact_total:
            beside["total"] = ranking.total_search(self._index.alias, request)
        if request.frequencies or not (looks or beside):
            terms = request.frequencies
            beside["passages"] = ranking.frequency_search(self._index.alias, terms)
        self._answered(looks, beside)

    @property
    def is_mixed(self) -> bool:
        """Whether an article was replaced between the two searches."""
        return len(self._of_one_moment(self._near)) < len(self._near)

    @property
    def vector(self) -> tuple[Ranked, ...]:
        return ranking.read_vector(self._of_one_moment(self._near))

    def weighed(self, shortlist: int) -> tuple[Ranked, ...]:
        """Return the vector ranking of a shortlist that is looked for by itself.

        For where passages that are not shown took places in it, or a tie goes beyond it: then
        the ids decide.
        """
        size = shortlist
        while True:
            near = ranking.read_nearest(self._until_seen("nearest", Look(size), shortlist))
            whole = len(near) < shortlist or near[-1].score < near[shortlist - 1].score
            if whole or size == MAX_LIMIT:
                break
            size = min(MAX_LIMIT, size * 16)
        self._among = [hit.passage_id for hit in near[:shortlist]]
        if not self._among:
            return ()
        hits = self._until_seen("among", Look(2 * shortlist), 0)
        return ranking.read_vector(self._of_one_moment(hits))

    def _of_one_moment(self, hits: list[Hit]) -> list[Hit]:
        """Return hits without those of other editions than the text ranking lists."""
        listed = {article_of(hit): edition_of(hit) for hit in self.text}
        return [
            hit for hit in hits if listed.get(article_of(hit), edition_of(hit)) == edition_of(hit)
        ]

    def _until_seen(self, name: str, look: Look, wanted: int) -> list[Hit]:
        for _ in range(ROUNDS):
            (answer,) = self._index.searched([self._search(name, look)])
            found = seen(look, answer["hits"]["hits"], wanted)
            if found.again is None:
                break
            look = found.again
        return found.passages

    def _answered(self, looks: dict[str, Look], beside: dict[str, Search]) -> None:
        wanted = {"text": self._request.limit, "vector": shortlist_size(self._request.limit)}
        for _ in range(ROUNDS):
            searches = {name: self._search(name, look) for name, look in looks.items()} | beside
            answers = dict(zip(searches, self._index.searched([*searches.values()]), strict=True))
            for name, answer in answers.items():
                self.took[name] = self.took.get(name, 0.0) + float(answer["took"])
            again = {}
            for name, look in looks.items():
                found = seen(look, answers[name]["hits"]["hits"], wanted[name])
                if found.unsettled:
                    self.crowded = found.again or look
                if name == "text":
                    self.text = found.passages[: self._request.limit]
                    if not self._request.exact_total:
                        self.total = len(self.text)
                else:
                    self._near = found.passages
                    self.short = found.again is not None and found.again.passages > look.passages
                if found.again is not None and not (name == "vector" and self.short):
                    again[name] = found.again
            if "total" in answers:
                self._count(answers["total"])
            if "passages" in answers:
                counted = answers["passages"]
                self.passages = ranking.read_total(counted)
                self.counted = ranking.read_frequencies(counted, self._request.frequencies)
            looks, beside = again, {}
            if not looks:
                break
        if not self.is_exact:
            self.total = len(self.text)  # so many at least

    def _count(self, answer: Mapping[str, Any]) -> None:
        hits = answer["hits"]["hits"]
        self.total, self.is_exact = ranking.read_total(answer), True
        if hits and "passage_id" not in hits[0]["fields"]:
            query = ranking.matching(self._request)
            self.total, self.is_exact, _ = count(self._index, query, {})

    def _search(self, name: str, look: Look) -> Search:
        about = self._index.alias, self._request, self._version, look
        if name == "text":
            return ranking.text_search(*about)
        if name == "nearest":
            return ranking.nearest_search(*about)
        return ranking.vector_search(*about, among=self._among if name == "among" else None)


def count(
    index: Index, query: dict[str, Any], counted: dict[str, dict[str, Any]]
) -> tuple[int, bool, Mapping[str, Any]]:
    """Return how many passages match, whether that is exact, and the answer with what was counted.

    Where articles are unsettled, the editions that are not shown are left out by name, as they
    were at one moment that several searches look at.
    """
    passages = {"passages": {"filter": queries.kind("passage")}}
    body: dict[str, Any] = {
        "size": 0,
        "track_total_hits": False,
        "aggregations": counted | passages,
    }
    doubtful = {"unsettled": {"filter": queries.unsettled()}}
    answer = index.search(
        body
        | {
            "query": {"bool": {"should": [query, queries.unsettled()]}},
            "aggregations": counted | passages | doubtful,
        }
    )
    exact = True
    if answer["aggregations"]["unsettled"]["doc_count"]:
        with index.moment() as moment:
            states = index.search(
                {
                    "query": queries.unsettled(),
                    "size": MAX_LIMIT,
                    "source_includes": ["state"],
                    "track_total_hits": False,
                    **moment,
                }
            )["hits"]["hits"]
            exact = len(states) < MAX_LIMIT
            hidden = sorted(name for hit in states for name in hidden_by(hit["_source"]["state"]))
            left_out = {"terms": {"edition": hidden}}
            shown = {"bool": {"filter": [query], "must_not": [left_out]}}
            answer = index.search(body | {"query": shown, **moment})
    return int(answer["aggregations"]["passages"]["doc_count"]), exact, answer


def _buckets(answer: Mapping[str, Any]) -> dict[str, list[tuple[str, int]]]:
    return {
        name: [(b["key"], int(b["doc_count"])) for b in found["buckets"]]
        for name, found in answer["aggregations"].items()
        if "buckets" in found
    }


def _read(hits: Sequence[Hit]) -> dict[str, Any]:
    read = (documents.read_passage(hit["_source"]) for hit in hits)
    return {stored.passage.id: stored for stored in read}


def _most_frequent(field: str, limit: int) -> dict[str, Any]:
    return {
        "terms": {
            "field": field,
            "size": limit,
            "shard_size": limit + _SHARD_SLACK,
            "order": [{"_count": "desc"}, {"_key": "asc"}],
        }
    }


def _quoted(text: str) -> str:
    """Return a text as a Lucene regular expression that means it."""
    return "".join("\\" + c if c in '.?+*|{}[]()"\\#@&<>~^$-' else c for c in text)
