"""Elasticsearch as an Engine: checks first, then one request for each thing asked."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import orjson

from search.clauses import RARE, Clause, Term, rarities
from search.domain import (
    NO_FILTER,
    Filter,
    IndexedArticle,
    Layer,
    StoredArticle,
    StoredPassage,
)
from search.engine import (
    FACET_FIELDS,
    MAX_LIMIT,
    EngineStatus,
    FacetField,
    Fingerprint,
    Ranked,
    Rankings,
    RankRequest,
    WriteOutcome,
    shortlist_size,
)
from search.engines.checks import (
    check_clause,
    check_filter,
    check_fingerprint,
    check_layer,
    check_limit,
    check_request,
    is_unicode,
    passage_key,
)
from search.engines.elastic import documents, queries, ranking, versions
from search.engines.elastic.connection import Connection, Refused, each_answered, whole
from search.engines.elastic.mapping import VOCABULARY, VOCABULARY_LAYER
from search.engines.elastic.memory import Memory
from search.engines.elastic.writing import Writing
from search.errors import EngineError, EngineUnavailable, InputError
from search.settings import Settings

if TYPE_CHECKING:
    from elasticsearch import Elasticsearch

log = logging.getLogger(__name__)

T = TypeVar("T")

_FETCHED_AT_ONCE = 1_000
# Buckets each shard offers besides those wanted: counts are exact unless a value is rarer
# on a shard than so many others.
_SHARD_SLACK = 10_000


class ElasticEngine:
    """An Engine on a cluster. Reads may come from many threads and processes at once."""

    def __init__(self, settings: Settings, fingerprint: Fingerprint) -> None:
        """Open the index behind the settings' alias; where there is none, an empty index.

        Args:
            fingerprint: what the index must have been made by.

        Raises:
            SettingsError: the FIHRIS_ELASTICSEARCH_* settings cannot be used.
            FingerprintMismatch, EngineUnavailable: as `open_engine`.
        """
        self._settings = settings
        self._fingerprint = fingerprint
        self._alias = settings.elasticsearch_index
        self._connection = Connection(settings)
        self._checking = threading.Lock()
        self._version: versions.Version | None = None
        self._closed = False
        self._writing = Writing(self._connection, self._alias, fingerprint.dimensions)
        self._memory = Memory(settings.elasticsearch_refresh)
        try:
            self.server = versions.check_server(self._connection)
            self._check()
        except BaseException:
            self._connection.close()
            raise

    # -- writing

    def write(self, articles: Sequence[IndexedArticle]) -> list[WriteOutcome]:
        if self._opened() is None:
            self._create()
        try:
            return self._asked(lambda: self._writing.write(articles))
        finally:
            self._memory.forget()

    def delete(self, article_ids: Sequence[str]) -> int:
        if self._opened() is None:
            return 0
        try:
            return self._asked(lambda: self._writing.delete(article_ids))
        finally:
            self._memory.forget()

    @contextmanager
    def hold(self, purpose: str) -> Iterator[Callable[[], None]]:
        if self._opened() is None:
            yield lambda: None
        else:
            with self._writing.hold(purpose) as keep:
                yield keep

    def content_hashes(self, article_ids: Sequence[str]) -> dict[str, str]:
        if self._opened() is None:
            return {}
        found = self._asked(lambda: self._writing.look_up(article_ids))
        return {key: known.content_hash for key, known in found.items()}

    def _create(self) -> None:
        """Make the first version. One that was there and is gone is not made again: whoever
        removed it may bring it back."""
        alias = self._alias
        name = versions.first_name(self._connection, alias)
        versions.create(self._connection, self._settings, self._fingerprint, name, alias)
        self._check()

    # -- ranking

    def rank(self, request: RankRequest) -> Rankings:
        check_request(request, self._fingerprint.dimensions)
        version = self._opened()
        if version is None:
            empty = None if request.clause is None else 0
            return Rankings(text_total=empty, frequencies=dict.fromkeys(request.frequencies, 0))
        self._asked(self._writing.show_own)
        alias, shortlist = self._alias, shortlist_size(request.limit)
        # Which words are rare is asked besides; a text ranking that differs for it is asked again.
        doubtful = rarities(request.clause)
        counted_terms = tuple(dict.fromkeys((*request.frequencies, *doubtful)))
        searches: dict[str, tuple[Mapping[str, Any], dict[str, Any]]] = {}
        if request.clause is not None:
            searches["text"] = ranking.text_search(alias, request, version)
        if request.vector is not None and request.limit:
            searches["vector"] = ranking.vector_search(alias, request, version, shortlist)
        # How many passages there are tells whether a short list is short of hidden ones only.
        unfiltered = request.filter == NO_FILTER and request.constraint is None
        if counted_terms or not searches or ("vector" in searches and unfiltered):
            searches["passages"] = ranking.frequency_search(alias, counted_terms)
        answers = dict(zip(searches, self._searched([*searches.values()]), strict=True))
        text, counted = answers.get("text"), answers.get("passages")
        passages = ranking.read_total(counted) if counted else 0
        frequencies = ranking.read_frequencies(counted, counted_terms) if counted else {}
        rare = {t for t in doubtful if frequencies[t] <= RARE * passages}
        if rare:
            (text,) = self._searched([ranking.text_search(alias, request, version, rare)])
        vector: tuple[Ranked, ...] = ()
        if "vector" in answers:
            vector = ranking.read_vector(answers["vector"])
            short = unfiltered and ranking.lacks_some(answers["vector"], shortlist, passages)
            if short or ranking.is_cut_in_a_tie(vector, request.limit, shortlist):
                vector = self._weighed(request, version, shortlist)
        return Rankings(
            text=ranking.read_text(text) if text else (),
            text_total=ranking.read_total(text) if text else None,
            vector=vector[: request.limit],
            frequencies={term: frequencies[term] for term in request.frequencies},
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
            nearest = ranking.nearest_search(self._alias, request, version, size, inside=True)
            near = ranking.read_nearest(*self._searched([nearest]))
            whole = len(near) < size or near[-1].score < near[min(shortlist, size) - 1].score
            if whole or size == MAX_LIMIT:
                break
            size = min(MAX_LIMIT, size * 16)
        among = [hit.passage_id for hit in near[:shortlist]]
        if not among:
            return ()
        weighed = ranking.vector_search(self._alias, request, version, shortlist, among)
        return ranking.read_vector(*self._searched([weighed]))

    def _searched(
        self, searches: list[tuple[Mapping[str, Any], dict[str, Any]]]
    ) -> list[dict[str, Any]]:
        """Return the answers of searches sent as one request."""
        lines: Any = [orjson.dumps(line) for search in searches for line in search]
        answers = self._call(lambda client: each_answered(client.msearch(searches=lines)))
        for answer in answers:
            self._follow(answer["hits"]["hits"])
            self._memory.note(map(ranking.listed, answer["hits"]["hits"]))
        return answers

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
        if not fields or not limit or self._opened() is None:
            return {field: [] for field in fields}
        counted = {str(field): _most_frequent(str(field), limit) for field in fields}
        silent = () if clause is None else (clause,)
        rare = self._rare(tuple(rarities(clause)))
        query = queries.passages_query(self._alias, None, filter, *silent, rare=rare)
        buckets = self._counted(query, counted)
        return {field: buckets[field] for field in fields}

    def _rare(self, terms: tuple[Term, ...]) -> set[Term]:
        """Return which of these terms are rare."""
        if not terms:
            return set()
        known = self.rank(RankRequest(frequencies=terms))
        return {term for term in terms if known.frequencies[term] <= RARE * known.passages}

    def terms_with_prefix(self, layer: Layer, prefix: str, limit: int) -> list[tuple[str, int]]:
        check_limit(limit)
        check_layer(layer)
        if not limit or not is_unicode(prefix) or self._opened() is None:
            return []
        field = VOCABULARY if layer == VOCABULARY_LAYER else layer
        wanted = _most_frequent(field, limit)
        # Only what begins so is counted; `map` looks at these passages, not at all terms.
        wanted["terms"] |= {"include": _quoted(prefix) + ".*", "execution_hint": "map"}
        prefixed = {"prefix": {layer: {"value": prefix}}}
        query = {
            "bool": {"filter": [prefixed], "must_not": [queries.hidden(self._alias)]},
        }
        return self._counted(query, {layer: wanted})[layer]

    def _counted(
        self, query: dict[str, Any], counted: dict[str, dict[str, Any]]
    ) -> dict[str, list[tuple[str, int]]]:
        self._asked(self._writing.show_own)
        answer = self._search(
            {"query": query, "size": 0, "aggregations": counted, "track_total_hits": False}
        )
        return {
            name: [(b["key"], int(b["doc_count"])) for b in found["buckets"]]
            for name, found in answer["aggregations"].items()
        }

    # -- reading

    def fetch(self, passage_ids: Sequence[str]) -> list[StoredPassage]:
        keys = [key for key in passage_ids if passage_key(key) is not None]
        unique = list(dict.fromkeys(keys))
        if not unique or self._opened() is None:
            return []
        self._asked(self._writing.show_own)
        found = self._memory.recall(unique)
        asked = [key for key in unique if key not in found]
        for start in range(0, len(asked), _FETCHED_AT_ONCE):
            some = asked[start : start + _FETCHED_AT_ONCE]
            sources = self._sources("passage", {"terms": {"passage_id": some}}, len(some))
            for source in sources:
                stored = documents.read_passage(source)
                found[stored.passage.id] = stored
                self._memory.keep({(stored.passage.id, source["edition"]): stored})
        return [found[key] for key in keys if key in found]

    def article(self, article_id: str) -> StoredArticle | None:
        if not article_id or not is_unicode(article_id) or self._opened() is None:
            return None
        self._asked(self._writing.show_own)
        found = self._sources("article", {"term": {"article_id": article_id}}, 1)
        return documents.read_article(found[0]) if found else None

    def article_ids(self, after: str, limit: int) -> list[str]:
        check_limit(limit)
        if not is_unicode(after):
            raise InputError("`after` holds half of a surrogate pair", field="after")
        if not limit or self._opened() is None:
            return []
        self._asked(self._writing.show_own)
        answer = self._search(
            {
                "query": self._shown("article"),
                "size": limit,
                "sort": [{"article_id": "asc"}],
                "source": False,
                "track_total_hits": False,
                **({"search_after": [after]} if after else {}),
            }
        )
        return [hit["sort"][0] for hit in answer["hits"]["hits"]]

    def indexed(self, article_ids: Sequence[str]) -> list[IndexedArticle]:
        known = [key for key in dict.fromkeys(article_ids) if key and is_unicode(key)]
        if not known or self._opened() is None:
            return []
        self._asked(self._writing.show_own)
        found: list[IndexedArticle] = []
        for start in range(0, len(known), _FETCHED_AT_ONCE):
            some = known[start : start + _FETCHED_AT_ONCE]
            asked = {"terms": {"article_id": some}}
            for source in self._sources("article", asked, len(some)):
                stored = documents.read_article(source)
                fields = self._passage_fields(source["edition"], len(stored.passages))
                found.append(documents.read_indexed(stored, fields, self._fingerprint.dimensions))
        by_id = {indexed.article.id: indexed for indexed in found}
        return [by_id[key] for key in known if key in by_id]

    def _passage_fields(self, edition: str, passages: int) -> dict[int, Mapping[str, Any]]:
        """Return the vectors and sentences of an edition's passages, by position."""
        found: dict[int, Mapping[str, Any]] = {}
        while len(found) < passages:
            answer = self._search(
                {
                    "query": {
                        "bool": {
                            "filter": [queries.kind("passage"), {"term": {"edition": edition}}],
                        }
                    },
                    "size": _FETCHED_AT_ONCE,
                    "sort": [{"position": "asc"}],
                    "source": ["sentence_spans"],
                    "docvalue_fields": ["packed_vectors"],
                    "track_total_hits": False,
                    **({"search_after": [max(found)]} if found else {}),
                }
            )
            hits = answer["hits"]["hits"]
            if not hits:
                raise EngineUnavailable("an article was replaced while it was read. Try again.")
            found.update((hit["sort"][0], hit) for hit in hits)
        return found

    def status(self) -> EngineStatus:
        version = self._opened()
        details = {"address": self._connection.name, "server": self.server}
        if version is None:
            return EngineStatus("elasticsearch", 0, 0, 0, self._fingerprint, details)
        self._asked(self._writing.show_own)
        answer = self._search(
            {
                "query": {"bool": {"must_not": [queries.hidden(self._alias)]}},
                "size": 0,
                "track_total_hits": False,
                "aggregations": {
                    "kinds": {"terms": {"field": "kind"}},
                    "sentences": {"sum": {"field": "sentences"}},
                },
            }
        )
        counts = {b["key"]: b["doc_count"] for b in answer["aggregations"]["kinds"]["buckets"]}
        stats = self._call(lambda client: client.indices.stats(index=self._alias, metric="store"))
        health = self._call(lambda client: client.cluster.health(index=self._alias))
        details |= {
            "index": f"{version.index} behind {self._alias}",
            "vectors": version.vectors,
            "shards": f"{version.shards} primary, {health['active_shards']} active in all",
            "health": str(health["status"]),
            "bytes": str(stats["_all"]["total"]["store"]["size_in_bytes"]),
        }
        return EngineStatus(
            "elasticsearch",
            int(counts.get("article", 0)),
            int(counts.get("passage", 0)),
            int(answer["aggregations"]["sentences"]["value"]),
            version.fingerprint,
            details,
        )

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        try:
            self._writing.show_own()  # who searches after this sees what was written
        except EngineError as error:
            log.warning("what was written is safe, and will be seen later: %s", error)
        self._connection.close()

    # -- asking

    def _opened(self) -> versions.Version | None:
        """Return the version that is worked on; look again while there is none."""
        if self._closed:
            raise EngineUnavailable("this engine was closed; open another one")
        return self._version or self._check()

    def _check(self) -> versions.Version | None:
        """Look at the version behind the alias. Raises FingerprintMismatch on a foreign one."""
        with self._checking:
            version = versions.current(self._connection, self._alias)
            if version is not None:
                where = f"index {version.index} of Elasticsearch at {self._connection.name}"
                check_fingerprint(version.fingerprint, self._fingerprint, where)
            self._version = version
            return version

    def _follow(self, hits: Sequence[Mapping[str, Any]]) -> None:
        """Check anew when the alias has moved: an answer shows which index it is of."""
        if hits and self._version is not None and hits[0]["_index"] != self._version.index:
            self._check()

    def _shown(self, kind: str, *conditions: dict[str, Any]) -> dict[str, Any]:
        return {
            "bool": {
                "filter": [queries.kind(kind), *conditions],
                "must_not": [queries.hidden(self._alias)],
            }
        }

    def _sources(self, kind: str, condition: dict[str, Any], most: int) -> list[dict[str, Any]]:
        answer = self._search(
            {"query": self._shown(kind, condition), "size": most, "track_total_hits": False}
        )
        return [hit["_source"] for hit in answer["hits"]["hits"]]

    def _search(self, body: Mapping[str, Any]) -> Mapping[str, Any]:
        answer = self._call(
            lambda client: whole(
                client.search(index=self._alias, allow_partial_search_results=False, **body).body
            )
        )
        self._follow(answer["hits"]["hits"])
        return answer

    def _call(self, request: Callable[[Elasticsearch], T]) -> T:
        return self._asked(lambda: self._connection.call(request))

    def _asked(self, ask: Callable[[], T]) -> T:
        """Return what is asked; an index that went away under us is told as such."""
        try:
            return ask()
        except Refused as error:
            if error.kind != "index_not_found_exception":
                raise
            left = versions.existing(self._connection, self._alias)
            if left:
                reason = versions.lost_alias(self._connection, self._alias, left)
            else:
                reason = (
                    f"somebody deleted the index behind the alias {self._alias!r} of Elasticsearch "
                    f"at {self._connection.name}. Restore it from a snapshot, or start again and "
                    "index your files anew."
                )
            raise EngineUnavailable(reason) from error


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
