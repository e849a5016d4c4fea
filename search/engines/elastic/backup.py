"""A backup of an index: a snapshot of its version and of the indices beside it.

The cluster makes it, in a repository that is registered there. Each shard is copied as of one
moment, and an article and its passages are in one shard: so each article in the snapshot is
whole, in one edition, whatever is written meanwhile.
"""

from __future__ import annotations

import re
import time
from contextlib import closing
from typing import Any

from search.engines import Step
from search.engines.elastic import versions
from search.engines.elastic.connection import WRITE_PATIENCE, Connection, Refused
from search.errors import EngineUnavailable, InputError
from search.settings import Settings

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}")
_PAUSE = 0.5  # seconds between two looks at how far the cluster is


def back_up(settings: Settings, name: str, repository: str, on_step: Step) -> None:
    """Make a snapshot; return when it is complete.

    Raises:
        InputError: the names cannot be used, there is no index, or that snapshot is there.
        EngineError: it cannot be made, or is not complete.
    """
    _check(name, repository)
    with closing(Connection(settings)) as connection:
        index = versions.current_name(connection, settings.elasticsearch_index)
        if index is None:
            raise InputError("there is no index to back up", field="index")
        try:
            connection.call(
                lambda client: client.snapshot.create(
                    repository=repository,
                    snapshot=name,
                    indices=[index, *versions.beside(settings.elasticsearch_index)],
                    ignore_unavailable=True,  # there may be none beside it
                    include_global_state=False,
                    wait_for_completion=False,
                )
            )
        except Refused as error:
            raise InputError(str(error), field="DEST") from error
        while (about := _snapshot(connection, name, repository))["state"] == "IN_PROGRESS":
            (status,) = connection.call(
                lambda client: client.snapshot.status(repository=repository, snapshot=name)
            )["snapshots"]
            shards = status["shards_stats"]
            on_step("backing up", shards["done"], shards["total"])
            time.sleep(_PAUSE)
    _check_whole(about, name)


def restore(settings: Settings, name: str, repository: str, on_step: Step) -> None:
    """Restore a snapshot; return when all of it can be searched.

    Raises:
        InputError: the names cannot be used, there is no such snapshot, or an index is there.
        EngineError: it cannot be restored, or the snapshot is not complete.
    """
    _check(name, repository)
    alias = settings.elasticsearch_index
    with closing(Connection(settings)) as connection:
        about = _snapshot(connection, name, repository)
        _check_whole(about, name)
        others = versions.beside(alias)
        wanted = versions.among(alias, about["indices"])
        if not wanted:
            raise InputError(
                f"the snapshot {name!r} has no index of the alias {alias!r}: it holds "
                f"{', '.join(about['indices']) or 'none'}",
                field="FIHRIS_ELASTICSEARCH_INDEX",
            )
        wanted += [each for each in others if each in about["indices"]]
        there = [each for each in (alias, *others) if versions.behind(connection, each)]
        if lies := sorted({*there, *versions.existing(connection, alias)}):
            raise InputError(
                f"Elasticsearch at {connection.name} has {', '.join(lies)} already. A backup is "
                "restored where there is no index of this name: delete it first",
                field="FIHRIS_ELASTICSEARCH_INDEX",
            )
        connection.call(
            lambda client: client.snapshot.restore(
                repository=repository,
                snapshot=name,
                indices=wanted,
                include_global_state=False,
                ignore_index_settings=["index.blocks.write"],  # of a `reindex` at that time
                wait_for_completion=False,
            )
        )
        _await_shards(connection, wanted, on_step)


def _await_shards(connection: Connection, indices: list[str], on_step: Step) -> None:
    """Return when every primary shard is active."""
    while True:
        health = connection.call(
            lambda client: client.options(ignore_status=408).cluster.health(
                index=indices, level="shards", timeout="0s"
            ),
            WRITE_PATIENCE,
        )
        found = [shard for each in health["indices"].values() for shard in each["shards"].values()]
        ready = sum(shard["primary_active"] for shard in found)
        on_step("restoring", ready, len(found))
        if len(health["indices"]) == len(indices) and ready == len(found):
            return
        time.sleep(_PAUSE)


def _check(name: str, repository: str) -> None:
    for field, given in (("NAME", name), ("--repository", repository)):
        if not _NAME.fullmatch(given):
            raise InputError(
                f"{field} is {given!r}; a snapshot and its repository have names of small letters, "
                "digits, dots and dashes. Register one with PUT _snapshot/<repository>",
                field=field,
            )


def _snapshot(connection: Connection, name: str, repository: str) -> dict[str, Any]:
    try:
        found = connection.call(
            lambda client: client.snapshot.get(repository=repository, snapshot=name)
        )
    except Refused as error:
        raise InputError(str(error), field="NAME") from error
    return dict(found["snapshots"][0])


def _check_whole(about: dict[str, Any], name: str) -> None:
    if about["state"] != "SUCCESS":
        why = "; ".join(each["reason"] for each in about.get("failures", ())[:3])
        raise EngineUnavailable(
            f"the snapshot {name!r} is not whole ({about['state']}{': ' + why if why else ''}). "
            "Delete it and make another"
        )
