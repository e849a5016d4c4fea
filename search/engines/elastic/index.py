"""The index behind the alias as it is asked: opened, checked, and followed where it moves."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import orjson

from search.engines.checks import check_fingerprint, is_unicode
from search.engines.elastic import versions
from search.engines.elastic.connection import (
    MISSING,
    READ_PATIENCE,
    WRITE_PATIENCE,
    Connection,
    Refused,
    each_answered,
    each_found,
    scan,
    whole,
)
from search.engines.elastic.documents import key_of
from search.engines.elastic.mapping import PLACES
from search.engines.elastic.queries import unsettled
from search.engines.elastic.ranking import Search
from search.engines.elastic.state import State, hidden_by, read_state
from search.engines.elastic.visible import View
from search.engines.protocol import Fingerprint
from search.errors import EngineError, EngineUnavailable
from search.settings import Settings

if TYPE_CHECKING:
    from elasticsearch import Elasticsearch

T = TypeVar("T")

_AT_ONCE = 1_000  # documents looked up by one request


class Index:
    """Sends requests to the index behind an alias. May be used from many threads."""

    def __init__(self, settings: Settings, fingerprint: Fingerprint) -> None:
        """Connect and check; raises as `open_engine`."""
        self.connection = Connection(settings)
        self.name = self.connection.name  # where the cluster is
        self.alias = settings.elasticsearch_index
        self.fingerprint = fingerprint
        self.dimensions = fingerprint.dimensions
        self.now = View({"index": self.alias, "allow_partial_search_results": False})
        self._settings = settings
        self._guard = threading.Lock()
        self._version: versions.Version | None = None
        self.is_closed = False
        self._written = self._refreshed = 0  # writes of ours, and those that searches see
        try:
            self.server = versions.check_server(self.connection)
            self.check()
        except BaseException:
            self.connection.close()
            raise

    # -- which version

    def opened(self) -> versions.Version | None:
        """Return the version that is worked on; look again while there is none."""
        if self.is_closed:
            raise EngineUnavailable("this engine was closed; open another one")
        return self._version or self.check()

    def check(self) -> versions.Version | None:
        """Look at the version behind the alias. Raises FingerprintMismatch on a foreign one."""
        with self._guard:
            version = versions.current(self.connection, self.alias)
            if version is not None:
                where = f"index {version.index} of Elasticsearch at {self.name}"
                check_fingerprint(version.fingerprint, self.fingerprint, where)
            self._version = version
            return version

    def create(self) -> None:
        """Make the first version. One that was there and is gone is not made again: whoever
        removed it may bring it back."""
        left = versions.existing(self.connection, self.alias)
        if left:
            if self.check() is None:  # nor was it made by another, just now
                raise versions.lost_alias(self.connection, self.alias, left)
            return
        first = f"{self.alias}-passages-1"
        versions.create(self.connection, self._settings, self.fingerprint, first, self.alias)
        self.check()

    def taking_places(self, version: versions.Version) -> versions.Version:
        """Return a version whose documents may have places."""
        if version.lacks.isdisjoint(PLACES):
            return version
        self.call(lambda client: client.indices.put_mapping(index=version.index, properties=PLACES))
        self.check()
        return replace(version, lacks=version.lacks.difference(PLACES))

    def close(self) -> None:
        self.is_closed = True
        self.connection.close()

    # -- what was written is seen

    def note_written(self) -> None:
        """Note that searches do not see yet what was just written."""
        with self._guard:
            self._written += 1

    def show_own(self) -> None:
        """Let searches see what was written through this object."""
        if self._refreshed < self._written:
            self.refresh(READ_PATIENCE)

    def refresh(self, patience: float = WRITE_PATIENCE) -> None:
        """Let searches see all that was written."""
        written = self._written
        answer = self.call(
            lambda client: client.options(request_timeout=WRITE_PATIENCE).indices.refresh(
                index=self.alias
            ),
            patience,
        )
        if answer["_shards"]["failed"]:
            raise EngineUnavailable(
                f"{answer['_shards']['failed']} shards of Elasticsearch at {self.name} cannot be "
                "refreshed. Try again."
            )
        with self._guard:
            self._refreshed = max(self._refreshed, written)

    # -- requests

    def searched(
        self, searches: Mapping[str, Search], *, without: str = ""
    ) -> dict[str, dict[str, Any]]:
        """Return the answers of searches sent as one request, by name, all of them whole.

        Args:
            without: an aggregation's part that is not sent.
        """
        self.show_own()
        lines: Any = [orjson.dumps(line) for search in searches.values() for line in search]
        part = f"-responses.aggregations.{without}" if without else None
        answers = self.call(
            lambda client: each_answered(client.msearch(searches=lines, filter_path=part))
        )
        for answer in answers:
            self._follow(answer["hits"]["hits"])
        return dict(zip(searches, answers, strict=True))

    def search(
        self,
        view: View | None = None,
        /,
        *,
        refreshed: bool = True,
        **request: Any,  # noqa: ANN401
    ) -> Mapping[str, Any]:
        """Return the answer of one search, whole.

        Args:
            view: None is the index as it stands.
            refreshed: with all that was written through this object.
        """
        if refreshed:
            self.show_own()
        view = view or self.now
        answer = self.call(
            lambda client: whole(client.search(**view.header, **view.pit, **request).body)
        )
        self._follow(answer["hits"]["hits"])
        return answer

    def surely(self, ask: Callable[[View], tuple[T, bool]]) -> T:
        """Return what is found as the index stands or, where that is unsure, at a point in time.

        Args:
            ask: returns what it finds in a view, and whether it is sure that all of that is
                shown and nothing that is shown is missing.
        """
        found, sure = ask(self.now)
        if not sure:
            with self._moment() as moment:
                found, _ = ask(moment)
        return found

    @contextmanager
    def _moment(self) -> Iterator[View]:
        """Give a view of a point in time, and of which editions are not shown at it."""
        found = self.call(
            lambda client: client.open_point_in_time(index=self.alias, keep_alive="1m")
        )
        view = View({}, {"pit": {"id": found["id"], "keep_alive": "1m"}})
        search = partial(self.search, view)
        try:
            states = scan(search, unsettled(), ["article_id"], source_includes=["state"])
            hidden = [name for hit in states for name in hidden_by(hit["_source"]["state"])]
            yield replace(view, hidden=hidden)
        finally:
            with suppress(EngineError):  # it ends by itself
                self.call(lambda client: client.close_point_in_time(id=found["id"]))

    def states(self, article_ids: Sequence[str], *patience: float) -> dict[str, State]:
        """Return what the articles' own documents say, as they stand: no refresh is needed.

        Ids that no article can have are left out.
        """
        known = [key for key in dict.fromkeys(article_ids) if key and is_unicode(key)]
        found = self.documents([(key_of(key), key) for key in known], ["state"], *patience)
        return {key: read_state(key, document) for key, document in zip(known, found, strict=True)}

    def documents(
        self,
        wanted: Sequence[tuple[str, str]],
        fields: list[str] | None = None,
        *patience: float,
    ) -> list[dict[str, Any]]:
        """Return documents, by their own id and their article's, as they stand, in order."""
        found: list[dict[str, Any]] = []
        for start in range(0, len(wanted), _AT_ONCE):
            docs = [
                {"_id": own, "routing": key_of(article)}
                for own, article in wanted[start : start + _AT_ONCE]
            ]
            found += self.call(
                lambda client, docs=docs: each_found(  # type: ignore[misc]
                    client.mget(index=self.alias, docs=docs, source_includes=fields)
                ),
                *patience,
            )
        self._follow(found)
        return found

    def call(self, request: Callable[[Elasticsearch], T], *patience: float) -> T:
        """Return the answer to a request to the index, as `Connection.call`."""
        try:
            return self.connection.call(request, *patience)
        except Refused as error:
            if error.kind != MISSING:
                raise
            raise self.gone() from error

    def gone(self) -> EngineUnavailable:
        """Return what tells that the index went away under us."""
        left = versions.existing(self.connection, self.alias)
        if left:
            return versions.lost_alias(self.connection, self.alias, left)
        return EngineUnavailable(
            f"somebody deleted the index behind the alias {self.alias!r} of Elasticsearch at "
            f"{self.name}. Restore it from a snapshot, or start again and index your files anew."
        )

    def _follow(self, hits: Sequence[Mapping[str, Any]]) -> None:
        """Check anew when the alias has moved: an answer shows which index it is of."""
        if hits and self._version is not None and hits[0]["_index"] != self._version.index:
            self.check()
