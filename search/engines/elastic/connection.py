"""The client, retries of what passes by itself, and every error in our words.

Nothing else calls the client but through `Connection.call`, so that no exception of
elasticsearch or elastic_transport leaves this package (a test enumerates them).
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from search.errors import EngineError, EngineUnavailable, SettingsError
from search.settings import Settings

if TYPE_CHECKING:
    from elastic_transport import ObjectApiResponse, TransportError
    from elasticsearch import Elasticsearch

T = TypeVar("T")

# What passes by itself: too many requests, no shard or node just now, a proxy's failure.
TRANSIENT = frozenset({429, 502, 503, 504})
BLOCK = "cluster_block_exception"  # a full disk, or a block that was set
MISSING = "index_not_found_exception"
READ_PATIENCE = 2.0  # seconds a reader is retried: a node that restarts takes longer anyway
WRITE_PATIENCE = 60.0  # a writer: a node's loss is noticed and its shards are moved in that time
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 5.0
_MOST_CONNECTIONS = 32  # to each node at once; further threads wait for one


class Refused(EngineError):
    """Elasticsearch answered with an error that trying again would not change.

    `status` and `kind` (its name for the error) let a caller tell what it was.
    """

    def __init__(self, message: str, *, status: int, kind: str) -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind


class Blocked(EngineUnavailable):
    """The index takes no writes: its disk is full, or a block was set."""


class Connection:
    """A client of the cluster the settings name. May be used from many threads."""

    def __init__(self, settings: Settings) -> None:
        """Make a client; nothing is sent yet.

        Raises:
            SettingsError: addresses, credentials or certificates cannot be used.
        """
        self.name = _shown_address(settings)
        self._client = _client(settings)

    def close(self) -> None:
        self._client.close()

    def call(self, request: Callable[[Elasticsearch], T], patience: float = READ_PATIENCE) -> T:
        """Return the answer to a request; what passes by itself is tried again.

        Args:
            request: sent as often as needed, so twice must be as good as once.
            patience: seconds to go on trying for.

        Raises:
            EngineUnavailable: no answer, or none but "not now", within `patience`.
            Refused: an answer that trying again would not change.
        """
        import elastic_transport

        end = time.monotonic() + patience
        for pause in pauses():
            try:
                return request(self._client)
            except elastic_transport.ApiError as error:  # those of `elasticsearch` derive from it
                failure: Exception = error
                kind, reason = reason_of(error.body, error.message)
                told = self.told(int(error.meta.status), kind, reason)
                passing = is_transient(error.meta.status, kind)
            except elastic_transport.TransportError as error:
                failure, told = error, self._unreachable(error)
                # A certificate or an answer that cannot be read stays as it is.
                passing = isinstance(error, elastic_transport.ConnectionError) and not isinstance(
                    error, elastic_transport.TlsError
                )
            if not passing or time.monotonic() + pause > end:
                raise told from failure
            time.sleep(pause)
        raise AssertionError("pauses never end")

    def told(self, status: int, kind: str, reason: str) -> EngineError:
        """Return what tells of an error that Elasticsearch answered with, and what to do."""
        if status == 401:
            return EngineUnavailable(
                f"Elasticsearch at {self.name} does not accept the credentials. Set "
                "FIHRIS_ELASTICSEARCH_API_KEY, or FIHRIS_ELASTICSEARCH_USER and "
                "FIHRIS_ELASTICSEARCH_PASSWORD, to ones it knows."
            )
        if kind == BLOCK and ("flood-stage" in reason or "disk usage exceeded" in reason):
            return Blocked(
                f"a disk of Elasticsearch at {self.name} is nearly full and it takes no more "
                f"writes ({reason}). What was acknowledged is safe; free space or add a node, "
                "then try again."
            )
        if kind == BLOCK:
            return Blocked(
                f"an index of Elasticsearch at {self.name} is blocked ({reason}). What was "
                "acknowledged is safe; lift the block (PUT <index>/_settings, index.blocks.*: "
                "null) and try again."
            )
        if status == 403:
            return EngineUnavailable(
                f"Elasticsearch at {self.name} does not allow this to these credentials: {reason}. "
                "docs/RELIABILITY.md lists the privileges that are needed."
            )
        if status in TRANSIENT:
            return EngineUnavailable(
                f"Elasticsearch at {self.name} cannot answer now ({status} {kind}: {reason}). "
                "Try again; if it stays so, look at the cluster's health."
            )
        return Refused(
            f"Elasticsearch at {self.name} refused a request ({status} {kind}: {reason})",
            status=status,
            kind=kind,
        )

    def _unreachable(self, error: TransportError) -> EngineUnavailable:
        import elastic_transport

        reason = f"{type(error).__name__}: {error.message}"
        if isinstance(error, elastic_transport.TlsError):
            return EngineUnavailable(
                f"the certificate of Elasticsearch at {self.name} is not trusted ({reason}). Name "
                "the authority's certificate with FIHRIS_ELASTICSEARCH_CA, or the server "
                "certificate's SHA-256 with FIHRIS_ELASTICSEARCH_FINGERPRINT."
            )
        if isinstance(error, elastic_transport.ConnectionTimeout):
            return EngineUnavailable(
                f"Elasticsearch at {self.name} did not answer in time ({reason}). Try again, or "
                "allow more with FIHRIS_ELASTICSEARCH_TIMEOUT."
            )
        return EngineUnavailable(
            f"cannot reach Elasticsearch at {self.name} ({reason}). Is it running, and is "
            "FIHRIS_ELASTICSEARCH_URL its address?"
        )


def each_answered(response: ObjectApiResponse[Any]) -> list[dict[str, Any]]:
    """Return the answers of several searches sent as one request, all of them whole.

    Raises:
        elasticsearch.ApiError: one of them failed; `Connection.call` tells it, or tries again.
        EngineUnavailable: one of them is partial.
    """
    return [whole(answer) for answer in _each(response, "responses")]


def each_found(response: ObjectApiResponse[Any]) -> list[dict[str, Any]]:
    """Return the documents of an answer to `mget`, those that are not there too.

    Raises:
        elasticsearch.ApiError: one could not be looked up, as `each_answered`.
    """
    return _each(response, "docs")


def _each(response: ObjectApiResponse[Any], name: str) -> list[dict[str, Any]]:
    import elasticsearch

    answers: list[dict[str, Any]] = response.body[name]
    for answer in answers:
        if "error" in answer:
            kind = reason_of(answer)[0]
            # One that `mget` could not look up tells no status.
            status = int(answer.get("status", 404 if kind == MISSING else 503))
            raise elasticsearch.ApiError(kind, replace(response.meta, status=status), answer)
    return answers


def whole(answer: dict[str, Any]) -> dict[str, Any]:
    """Return an answer that every shard has given in time; raise EngineUnavailable on another."""
    failed = answer["_shards"]["failed"]
    if failed or answer.get("timed_out"):
        raise EngineUnavailable(
            f"Elasticsearch gave a partial answer ({failed} of {answer['_shards']['total']} shards "
            f"failed, timed out: {bool(answer.get('timed_out'))}), which is not shown. Try again."
        )
    return answer


def scan(
    search: Callable[..., Mapping[str, Any]],
    query: Mapping[str, Any],
    sort: Sequence[str],
    size: int = 1_000,
    **request: Any,  # noqa: ANN401
) -> Iterator[Mapping[str, Any]]:
    """Yield every hit of a query in the order of fields that tell each from the others.

    Args:
        search: gives the answer to one search; called for `size` hits at a time.
    """
    request |= {"query": query, "size": size, "sort": [{field: "asc"} for field in sort]}
    while True:
        hits = search(track_total_hits=False, **request)["hits"]["hits"]
        yield from hits
        if len(hits) < size:
            return
        request["search_after"] = hits[-1]["sort"]


def pauses() -> Iterator[float]:
    """Yield how long to wait before each further try: doubling, with full jitter."""
    longest = _FIRST_PAUSE
    while True:
        yield random.uniform(longest / 2, longest)  # noqa: S311  # spreads retries, hides nothing
        longest = min(_LONGEST_PAUSE, longest * 2)


def is_transient(status: int, kind: str) -> bool:
    """Tell whether an answer may be another one soon. A full disk also answers 429: it may not."""
    return status in TRANSIENT and kind != BLOCK


def reason_of(body: object, otherwise: str = "") -> tuple[str, str]:
    """Return Elasticsearch's name for the error in an answer, and its reason in one line."""
    found = body.get("error") if isinstance(body, dict) else None
    if not isinstance(found, dict):
        return otherwise or "error", one_line(str(found or body or otherwise))
    # The cause says what was wrong, the error itself often only which phase failed.
    cause = (found.get("root_cause") or [found])[0]
    kind = str(found.get("type") or otherwise)
    if kind == "search_phase_execution_exception":
        kind = str(cause.get("type") or kind)
    return kind, one_line(str(cause.get("reason") or found.get("reason") or kind))


def one_line(text: str, most: int = 300) -> str:
    """Return a text as one line of bounded length."""
    joined = " ".join(text.split())
    return joined if len(joined) <= most else joined[: most - 1] + "…"


def _shown_address(settings: Settings) -> str:
    """Return where the cluster is, without credentials that an address may carry."""
    if settings.elasticsearch_cloud_id:
        return "cloud id " + settings.elasticsearch_cloud_id.partition(":")[0]
    return ", ".join(_without_credentials(url) for url in _addresses(settings))


def _addresses(settings: Settings) -> list[str]:
    """Return the nodes' addresses, each with its port."""
    found = []
    for given in settings.elasticsearch_url.split(","):
        url = given.strip().rstrip("/")
        if not url:
            continue
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            parts, port = urlsplit(""), None
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise SettingsError(
                "FIHRIS_ELASTICSEARCH_URL must be one or more addresses such as "
                f"http://127.0.0.1:9200, commas between; got {_without_credentials(url)!r}"
            )
        found.append(url if port else f"{url}:{443 if parts.scheme == 'https' else 9200}")
    if not found:
        raise SettingsError("FIHRIS_ELASTICSEARCH_URL is empty; name at least one address")
    return found


def _without_credentials(url: str) -> str:
    scheme, mark, rest = url.partition("://")
    return f"{scheme}{mark}{rest.rpartition('@')[2]}" if mark else url.rpartition("@")[2]


def _client(settings: Settings) -> Elasticsearch:
    from elasticsearch import Elasticsearch, OrjsonSerializer

    options: dict[str, Any] = {}
    if settings.elasticsearch_cloud_id:
        options["cloud_id"] = settings.elasticsearch_cloud_id
    else:
        options["hosts"] = _addresses(settings)
    key, password = settings.elasticsearch_api_key, settings.elasticsearch_password
    if key:  # an empty one counts as unset, as env files have it
        options["api_key"] = key.get_secret_value()
    elif settings.elasticsearch_user:
        if not password:
            raise SettingsError(
                "FIHRIS_ELASTICSEARCH_USER is set and FIHRIS_ELASTICSEARCH_PASSWORD is not"
            )
        options["basic_auth"] = (settings.elasticsearch_user, password.get_secret_value())
    if settings.elasticsearch_ca is not None:
        if not settings.elasticsearch_ca.is_file():
            raise SettingsError(
                f"FIHRIS_ELASTICSEARCH_CA names {settings.elasticsearch_ca}, which is no file"
            )
        options["ca_certs"] = str(settings.elasticsearch_ca)
    if settings.elasticsearch_fingerprint:
        options["ssl_assert_fingerprint"] = settings.elasticsearch_fingerprint
    try:
        return Elasticsearch(
            **options,
            # Of a search's time 0.7 ms of 12 went into Python's own json.
            serializer=OrjsonSerializer(),
            request_timeout=settings.elasticsearch_timeout,
            connections_per_node=_MOST_CONNECTIONS,
            max_retries=0,  # `call` retries, with pauses and only what passes by itself
        )
    except (ValueError, TypeError) as error:
        raise SettingsError(
            f"cannot use the FIHRIS_ELASTICSEARCH_* settings: {one_line(str(error))}"
        ) from None  # its cause may show a password
