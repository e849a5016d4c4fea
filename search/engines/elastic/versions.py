"""Versions of the index: `<alias>-passages-<n>`, one of them behind the alias.

Searches use the alias, so that one call moves all of them to another version. A batch is written
to one version, through an alias that only this version has, so that none of its documents gets
into the next version. Only `create` makes an index: a write through an alias that is gone is
refused (`require_alias`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from search.engines import BESIDE
from search.engines.elastic.connection import WRITE_PATIENCE, Connection, Refused
from search.engines.elastic.mapping import LATER, index_settings, mappings, read_fingerprint
from search.engines.protocol import Fingerprint
from search.errors import EngineUnavailable
from search.settings import Settings

_WRITES = "-writes"
OLDEST_SERVER = (9, 3)  # the first that takes vectors in base64


@dataclass(frozen=True, slots=True)
class Version:
    """One version of an index.

    Attributes:
        vectors: how they are indexed (`index_options` of `dense_vector`).
        lacks: the fields that its mapping does not have (of `mapping.LATER`).
    """

    index: str
    fingerprint: Fingerprint
    vectors: str
    shards: int
    lacks: frozenset[str] = frozenset()

    @property
    def target(self) -> str:
        """The alias that writes to this version use."""
        return f"{self.index}{_WRITES}"


def check_server(connection: Connection) -> str:
    """Return the server's version. Raises EngineUnavailable where it is too old."""
    info = connection.call(lambda client: client.info())
    number = str(info["version"]["number"])
    found = tuple(int(part) for part in re.findall(r"\d+", number)[:2])
    if found < OLDEST_SERVER:
        raise EngineUnavailable(
            f"Elasticsearch at {connection.name} is version {number}; Fihris needs "
            f"{'.'.join(map(str, OLDEST_SERVER))} or newer. Update the cluster."
        )
    return number


def current(connection: Connection, alias: str) -> Version | None:
    """Return the version behind the alias, None if there is no such alias.

    Raises:
        EngineUnavailable: the name is an index itself, or stands for several.
        FingerprintMismatch: the index was not made by Fihris or was changed since.
    """
    found = behind(connection, alias)
    if not found:
        return None
    if list(found) == [alias]:
        raise EngineUnavailable(
            f"{alias!r} is an index of Elasticsearch at {connection.name}, not an alias, so Fihris "
            "did not make it. Choose another name with FIHRIS_ELASTICSEARCH_INDEX, or delete it."
        )
    if len(found) != 1:
        raise EngineUnavailable(
            f"the alias {alias!r} stands for {len(found)} indices ({', '.join(sorted(found))}) of "
            f"Elasticsearch at {connection.name}; leave it on one (POST _aliases)."
        )
    ((index, about),) = found.items()
    fields = about["mappings"].get("properties", {})
    return Version(
        index,
        read_fingerprint(index, about["mappings"]),
        fields["vector"]["index_options"]["type"],
        int(about["settings"]["index"]["number_of_shards"]),
        frozenset(LATER).difference(fields),
    )


def current_name(connection: Connection, alias: str) -> str | None:
    """Return the name of the index behind an alias, whatever made it; None if there is none."""
    return next(iter(behind(connection, alias)), None)


def behind(connection: Connection, alias: str) -> dict[str, Any]:
    """Return the indices behind an alias, as `GET <index>` describes them, by name."""
    found: dict[str, Any] = connection.call(
        lambda client: client.options(ignore_status=404).indices.get(index=alias)
    ).body
    return {} if "error" in found else found


def existing(connection: Connection, alias: str) -> list[str]:
    """Return the names of all versions, oldest first."""
    found = connection.call(
        lambda client: client.indices.get(index=f"{alias}-passages-*", filter_path="*.aliases")
    ).body
    return among(alias, found)


def among(alias: str, names: Iterable[str]) -> list[str]:
    """Return those of some names of indices that are versions', oldest first."""
    pattern = re.compile(re.escape(alias) + r"-passages-(\d+)")
    numbered = [(int(m[1]), name) for name in names if (m := pattern.fullmatch(name))]
    return [name for _, name in sorted(numbered)]


def beside(alias: str) -> list[str]:
    """Return the names of the indices of saved searches and annotations."""
    return [f"{alias}-{name}" for name in BESIDE]


def next_name(connection: Connection, alias: str) -> str:
    """Return the name of the next version."""
    versions = existing(connection, alias)
    last = int(versions[-1].rpartition("-")[2]) if versions else 0
    return f"{alias}-passages-{last + 1}"


def create(
    connection: Connection, settings: Settings, fingerprint: Fingerprint, index: str, alias: str
) -> None:
    """Make an empty version; harmless where it is there."""
    create_index(
        connection,
        index,
        settings=index_settings(settings),
        mappings=mappings(fingerprint, settings),
        aliases={alias: {}, f"{index}{_WRITES}": {}},
    )


def create_index(connection: Connection, index: str, **about: Any) -> None:  # noqa: ANN401
    """Make an index; harmless where it is there."""
    try:
        connection.call(lambda client: client.indices.create(index=index, **about), WRITE_PATIENCE)
    except Refused as error:
        if error.kind != "resource_already_exists_exception":
            raise


def lost_alias(connection: Connection, alias: str, versions: list[str]) -> EngineUnavailable:
    """Return the error for versions without an alias."""
    return EngineUnavailable(
        f"the alias {alias!r} is missing from Elasticsearch at {connection.name}, and there is "
        f"{', '.join(versions)}. Put it back: POST _aliases "
        f'{{"actions":[{{"add":{{"index":"{versions[-1]}","alias":"{alias}"}}}}]}}'
    )


def move_alias(
    connection: Connection, alias: str, from_alias: str, old: str | None, new: str, *, keep: bool
) -> None:
    """Move the alias to the version behind `from_alias`, and remove that one, in one call.

    The old version is dropped in the same call unless `keep`.
    """
    actions: list[dict[str, Any]] = [
        {"add": {"index": new, "alias": alias}},
        {"remove": {"index": new, "alias": from_alias}},
    ]
    if old is not None and keep:
        actions.append({"remove": {"index": old, "alias": alias}})
    elif old is not None:
        actions.append({"remove_index": {"index": old}})
    connection.call(lambda client: client.indices.update_aliases(actions=actions), WRITE_PATIENCE)


def block(connection: Connection, index: str) -> None:
    """Block writes to an index; return when the requests in progress have ended."""
    connection.call(
        lambda client: client.options(request_timeout=WRITE_PATIENCE).indices.add_block(
            index=index, block="write"
        ),
        WRITE_PATIENCE,
    )


def unblock(connection: Connection, index: str) -> None:
    """Remove the write block; harmless where the index is gone."""
    lifted = {"index.blocks.write": None}
    connection.call(
        lambda client: client.options(ignore_status=404).indices.put_settings(
            index=index, settings=lifted
        ),
        WRITE_PATIENCE,
    )


def drop(connection: Connection, index: str) -> None:
    """Remove a version; harmless where there is none."""
    connection.call(
        lambda client: client.indices.delete(index=index, ignore_unavailable=True), WRITE_PATIENCE
    )


def stored_fingerprint(settings: Settings) -> Fingerprint | None:
    """Return what made the index the settings name, None where there is none."""
    with closing(Connection(settings)) as connection:
        check_server(connection)
        found = current(connection, settings.elasticsearch_index)
    return None if found is None else found.fingerprint


def drop_all(settings: Settings) -> None:
    """Remove every version of the index the settings name, the alias, and the indices beside it."""
    alias = settings.elasticsearch_index
    with closing(Connection(settings)) as connection:
        for index in (*existing(connection, alias), *beside(alias)):
            drop(connection, index)
