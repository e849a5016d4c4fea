"""Segments without what was removed: Elasticsearch keeps it in them until they are merged."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

from search.engines import BESIDE
from search.engines.elastic import versions
from search.engines.elastic.connection import Connection
from search.settings import Settings

_ALLOWED = "index.merge.policy.expunge_deletes_allowed"  # 10 % of a segment, if not told otherwise
_PATIENCE = 120.0  # seconds: history is let go of 30 s after the last write
_PAUSE = 2.0


def erase(settings: Settings) -> Iterator[str]:
    """Have every segment merged that holds removed documents, of the index and what is beside it.

    Yields what is left, in words. Raises EngineError.
    """
    alias = settings.elasticsearch_index
    with closing(Connection(settings)) as connection:
        index = versions.current_name(connection, alias)
        if index is None:
            return
        others = [f"{alias}-{each}" for each in BESIDE]
        names = [name for name in (index, *others) if versions.behind(connection, name)]
        connection.call(lambda c: c.indices.put_settings(index=names, settings={_ALLOWED: 0}))
        until = time.monotonic() + _PATIENCE
        try:
            while left := _merged(connection, names):
                if time.monotonic() > until:
                    yield (
                        f"{left:,} removed documents are still in segments of {alias}: it is being "
                        "written to, or a copy of it is behind; try again"
                    )
                    break
        finally:
            connection.call(
                lambda c: c.indices.put_settings(index=names, settings={_ALLOWED: None})
            )
        for name in versions.existing(connection, alias):
            if name != index:
                yield f"{name} is another version of the index, kept by `fihris reindex --keep`"


def _merged(connection: Connection, names: list[str]) -> int:
    """Merge, and return how many removed documents are left."""

    def stats() -> Any:  # noqa: ANN401
        metrics = ["docs", "merge"]
        return connection.call(lambda c: c.indices.stats(index=names, metric=metrics))["_all"]

    connection.call(lambda c: c.indices.flush(index=names))
    # Not waited for: a merge of a large index takes longer than an answer may.
    connection.call(
        lambda c: c.indices.forcemerge(
            index=names, only_expunge_deletes=True, wait_for_completion=False
        )
    )
    time.sleep(_PAUSE)
    while stats()["total"]["merges"]["current"]:
        time.sleep(_PAUSE)
    connection.call(lambda c: c.indices.flush(index=names, force=True))
    connection.call(lambda c: c.indices.refresh(index=names))
    return int(stats()["total"]["docs"]["deleted"])
