"""The index behind the alias as it is asked: opened, checked, and followed where it moves."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import orjson

from search.engine import Fingerprint
from search.engines.checks import check_fingerprint
from search.engines.elastic import queries, ranking, versions
from search.engines.elastic.connection import Connection, Refused, each_answered, whole
from search.engines.elastic.mapping import FORMAT, other_format
from search.engines.elastic.memory import Memory
from search.errors import EngineUnavailable
from search.settings import Settings

if TYPE_CHECKING:
    from elasticsearch import Elasticsearch

T = TypeVar("T")

_TRIES = 5  # times a search is asked whose answer has two versions of an article


class Index:
    """Sends requests to the index behind an alias. May be used from many threads.

    Attributes:
        before_reading: called before every search, so that it shows what was just written.
    """

    def __init__(
        self, settings: Settings, fingerprint: Fingerprint, *, format: int = FORMAT
    ) -> None:
        """Connect and check; raises as `open_engine`."""
        self.connection = Connection(settings)
        self.alias = settings.elasticsearch_index
        self.fingerprint = fingerprint
        self._format = format
        self.memory = Memory(settings.elasticsearch_refresh)
        self.before_reading: Callable[[], None] = lambda: None
        self._settings = settings
        self._checking = threading.Lock()
        self._version: versions.Version | None = None
        self._closed = False
        try:
            self.server = versions.check_server(self.connection)
            self.check()
        except BaseException:
            self.connection.close()
            raise

    @property
    def name(self) -> str:
        """Where the cluster is."""
        return self.connection.name

    @property
    def dimensions(self) -> int:
        return self.fingerprint.dimensions

    def opened(self) -> versions.Version | None:
        """Return the version that is worked on; look again while there is none."""
        if self._closed:
            raise EngineUnavailable("this engine was closed; open another one")
        return self._version or self.check()

    def check(self) -> versions.Version | None:
        """Look at the version behind the alias. Raises FingerprintMismatch on a foreign one."""
        with self._checking:
            version = versions.current(self.connection, self.alias)
            if version is not None:
                where = f"index {version.index} of Elasticsearch at {self.name}"
                if version.format != self._format:
                    raise other_format(version.index, version.format)
                check_fingerprint(version.fingerprint, self.fingerprint, where)
            self._version = version
            return version

    def create(self) -> None:
        """Make the first version. One that was there and is gone is not made again: whoever
        removed it may bring it back."""
        name = versions.first_name(self.connection, self.alias)
        versions.create(self.connection, self._settings, self.fingerprint, name, self.alias)
        self.check()

    @property
    def is_closed(self) -> bool:
        return self._closed

    def close(self) -> None:
        self._closed = True
        self.connection.close()

    def searched(
        self, searches: list[tuple[Mapping[str, Any], dict[str, Any]]]
    ) -> list[dict[str, Any]]:
        """Return the answers of searches sent as one request.

        Raises EngineUnavailable where articles were replaced between a search's look at the
        ledger and its look at the passages, again and again: a cluster so overloaded.
        """
        self.asked(self.before_reading)
        lines: Any = [orjson.dumps(line) for search in searches for line in search]
        for _ in range(_TRIES):
            answers = self.call(lambda client: each_answered(client.msearch(searches=lines)))
            listed = [[ranking.listed(hit) for hit in a["hits"]["hits"]] for a in answers]
            if not any(map(ranking.is_mixed, listed)):
                break
        else:
            raise EngineUnavailable(
                f"articles were replaced {_TRIES} times while Elasticsearch at {self.name} "
                "answered one search: it is overloaded. Try again."
            )
        for answer, passages in zip(answers, listed, strict=True):
            self._follow(answer["hits"]["hits"])
            self.memory.note(passages)
        return answers

    def search(self, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the answer of one search, whole."""
        self.asked(self.before_reading)
        answer = self.call(
            lambda client: whole(
                client.search(index=self.alias, allow_partial_search_results=False, **body).body
            )
        )
        self._follow(answer["hits"]["hits"])
        return answer

    def shown(self, kind: str, *conditions: dict[str, Any]) -> dict[str, Any]:
        """Return the query of the documents of a kind that may be shown."""
        return {
            "bool": {
                "filter": [queries.kind(kind), *conditions],
                "must_not": [queries.hidden(self.alias)],
            }
        }

    def sources(self, kind: str, condition: dict[str, Any], most: int) -> list[dict[str, Any]]:
        """Return the documents of a kind that meet a condition."""
        answer = self.search(
            {"query": self.shown(kind, condition), "size": most, "track_total_hits": False}
        )
        return [hit["_source"] for hit in answer["hits"]["hits"]]

    def call(self, request: Callable[[Elasticsearch], T]) -> T:
        """Return the answer to a request, as `Connection.call`."""
        return self.asked(lambda: self.connection.call(request))

    def asked(self, ask: Callable[[], T]) -> T:
        """Return what is asked; an index that went away under us is told as such."""
        try:
            return ask()
        except Refused as error:
            if error.kind != "index_not_found_exception":
                raise
            left = versions.existing(self.connection, self.alias)
            if left:
                reason = versions.lost_alias(self.connection, self.alias, left)
            else:
                reason = (
                    f"somebody deleted the index behind the alias {self.alias!r} of Elasticsearch "
                    f"at {self.name}. Restore it from a snapshot, or start again and index your "
                    "files anew."
                )
            raise EngineUnavailable(reason) from error

    def _follow(self, hits: Sequence[Mapping[str, Any]]) -> None:
        """Check anew when the alias has moved: an answer shows which index it is of."""
        if hits and self._version is not None and hits[0]["_index"] != self._version.index:
            self.check()
