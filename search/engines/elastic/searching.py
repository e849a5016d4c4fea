"""What an index is asked: both rankings, facets and vocabulary."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from search.clauses import Clause, Term
from search.domain import NO_FILTER, Filter, Layer
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
from search.engines.elastic import queries, ranking, versions
from search.engines.elastic.asking import Index
from search.errors import InputError

# Buckets each shard offers besides those wanted: counts are exact unless a value is rarer
# on a shard than so many others.
_SHARD_SLACK = 10_000


class Searching:
    """Asks the index behind an alias. May be used from many threads."""

    def __init__(self, index: Index) -> None:
        self._index = index

    def rank(self, request: RankRequest) -> Rankings:
        check_request(request, self._index.dimensions)
        version = self._index.opened()
        if version is None:
            empty = None if request.clause is None else 0
            return Rankings(text_total=empty, frequencies=dict.fromkeys(request.frequencies, 0))
        alias, shortlist = self._index.alias, shortlist_size(request.limit)
        searches: dict[str, tuple[Mapping[str, Any], dict[str, Any]]] = {}
        if request.clause is not None:
            searches["text"] = ranking.text_search(alias, request, version)
            if request.exact_total:
                searches["total"] = ranking.total_search(alias, request)
        if request.vector is not None and request.limit:
            searches["vector"] = ranking.vector_search(alias, request, version, shortlist)
        # How many have a vector tells whether a short list is short of hidden ones only.
        unfiltered = request.filter == NO_FILTER and request.constraint is None
        unsure = "vector" in searches and unfiltered
        if request.frequencies or not searches or unsure:
            searches["passages"] = ranking.frequency_search(
                alias, request.frequencies, vectors=unsure
            )
        answers = dict(zip(searches, self._index.searched([*searches.values()]), strict=True))
        passages, frequencies = 0, dict[Term, int]()
        if "passages" in answers:
            passages = ranking.read_total(answers["passages"])
            frequencies = ranking.read_frequencies(answers["passages"], request.frequencies)
        text, total = answers.get("text"), answers.get("total", answers.get("text"))
        vector: tuple[Ranked, ...] = ()
        if "vector" in answers:
            vector = ranking.read_vector(answers["vector"])
            short = unsure and ranking.lacks_some(answers["vector"], shortlist, answers["passages"])
            if short or ranking.is_cut_in_a_tie(vector, request.limit, shortlist):
                vector = self._weighed(request, version, shortlist)
        return Rankings(
            text=ranking.read_text(text) if text else (),
            text_total=ranking.read_total(total) if total else None,
            vector=vector[: request.limit],
            frequencies=frequencies,
            passages=passages,
            took_ms={name: float(answer["took"]) for name, answer in answers.items()},
        )

    def _weighed(
        self, request: RankRequest, version: versions.Version, shortlist: int
    ) -> tuple[Ranked, ...]:
        """Return the vector ranking of a shortlist that is looked for by itself.

        For where hidden passages took places in it, or a tie goes beyond it: then the ids decide.
        """
        size, near = shortlist, tuple[Ranked, ...]()
        while True:
            nearest = ranking.nearest_search(self._index.alias, request, version, size, inside=True)
            near = ranking.read_nearest(*self._index.searched([nearest]))
            whole = len(near) < size or near[-1].score < near[min(shortlist, size) - 1].score
            if whole or size == MAX_LIMIT:
                break
            size = min(MAX_LIMIT, size * 16)
        among = [hit.passage_id for hit in near[:shortlist]]
        if not among:
            return ()
        weighed = ranking.vector_search(self._index.alias, request, version, shortlist, among)
        return ranking.read_vector(*self._index.searched([weighed]))

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
        counted = {str(field): _most_frequent(str(field), limit) for field in fields}
        silent = () if clause is None else (clause,)
        query = queries.passages_query(self._index.alias, None, filter, *silent)
        buckets = self._counted(query, counted)
        return {field: buckets[field] for field in fields}

    def terms_with_prefix(self, layer: Layer, prefix: str, limit: int) -> list[tuple[str, int]]:
        check_limit(limit)
        check_layer(layer)
        if not limit or not is_unicode(prefix) or self._index.opened() is None:
            return []
        wanted = _most_frequent(layer, limit)
        # Only what begins so is counted; `map` looks at these passages, not at all terms.
        wanted["terms"] |= {"include": _quoted(prefix) + ".*", "execution_hint": "map"}
        prefixed = {"prefix": {layer: {"value": prefix}}}
        query = {
            "bool": {"filter": [prefixed], "must_not": [queries.hidden(self._index.alias)]},
        }
        return self._counted(query, {layer: wanted})[layer]

    def _counted(
        self, query: dict[str, Any], counted: dict[str, dict[str, Any]]
    ) -> dict[str, list[tuple[str, int]]]:
        answer = self._index.search(
            {"query": query, "size": 0, "aggregations": counted, "track_total_hits": False}
        )
        return {
            name: [(b["key"], int(b["doc_count"])) for b in found["buckets"]]
            for name, found in answer["aggregations"].items()
        }


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
