"""`fihris check`: articles compared with their hashes. `fihris erase`: removed documents merged away.

Lucene verifies its own files as it reads and copies them, so a check compares what they hold.
Elasticsearch keeps removed documents in their segments until these are merged.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

from search.engines import Step
from search.engines.elastic import versions
from search.engines.elastic.connection import Connection
from search.engines.elastic.engine import ElasticEngine
from search.errors import EngineError, InputError
from search.settings import Settings

_PAGE = 100  # articles in one request

_ALLOWED = "index.merge.policy.expunge_deletes_allowed"  # 10 % of a segment by default
_PATIENCE = 120.0  # seconds: history is kept for 30 s after the last write
_PAUSE = 2.0


def check(settings: Settings, on_step: Step) -> Iterator[str]:
    """Yield what is not as it was written, in words. Articles may be written meanwhile.

    Raises:
        InputError: there is no index.
        EngineError: it cannot be opened.
    """
    fingerprint = versions.stored_fingerprint(settings)
    if fingerprint is None:
        raise InputError("there is no index to check", field="index")
    with closing(ElasticEngine(settings, fingerprint)) as engine:
        total, read, after = engine.status().articles, 0, ""
        while ids := engine.article_ids(after, _PAGE):
            on_step("reading articles", read, max(total, read))
            try:
                yield from _differing(engine, ids)
            except EngineError:  # which of them it is
                for each in ids:
                    try:
                        yield from _differing(engine, [each])
                    except EngineError as error:
                        yield f"article {each!r} cannot be read: {error}"
            read, after = read + len(ids), ids[-1]


def _differing(engine: ElasticEngine, ids: list[str]) -> Iterator[str]:
    """Yield the articles that differ from their hashes, but for those written meanwhile."""
    before = engine.stored(ids)
    read = {each.article.info.id: each.article.content_hash() for each in engine.indexed(ids)}
    others = [key for key, each in before.items() if read.get(key) != each.content_hash]
    after = engine.stored(others)
    for key in others:
        if after.get(key) == before[key]:
            yield f"article {key!r} is not what its hash says: index it again"


def erase(settings: Settings) -> Iterator[str]:
    """Merge every segment with removed documents, of the index and of the indices beside it.

    Yields what is left, in words. Raises EngineError.
    """
    alias = settings.elasticsearch_index
    with closing(Connection(settings)) as connection:
        index = versions.current_name(connection, alias)
        if index is None:
            return
        beside = [name for name in versions.beside(alias) if versions.behind(connection, name)]
        names = [index, *beside]
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
