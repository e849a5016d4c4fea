"""Every article of an index is read and compared with its hash: `fihris check`.

Lucene verifies its own files as it reads and copies them; what it holds is compared here.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

from search.engines import Step
from search.engines.elastic.engine import ElasticEngine
from search.engines.elastic.versions import stored_fingerprint
from search.errors import EngineError, InputError
from search.settings import Settings

_PAGE = 100  # articles in one request


def check(settings: Settings, on_step: Step) -> Iterator[str]:
    """Yield what is not as it was written, in words. Articles may be written meanwhile.

    Raises:
        InputError: there is no index.
        EngineError: it cannot be opened.
    """
    fingerprint = stored_fingerprint(settings)
    if fingerprint is None:
        raise InputError("there is no index to check", field="index")
    with closing(ElasticEngine(settings, fingerprint)) as engine:
        total, read, after = engine.status().articles, 0, ""
        while ids := engine.article_ids(after, _PAGE):
            on_step("reading articles", read, max(total, read))
            try:
                yield from _changed(engine, ids)
            except EngineError:  # which of them it is
                for each in ids:
                    try:
                        yield from _changed(engine, [each])
                    except EngineError as error:
                        yield f"article {each!r} cannot be read: {error}"
            read, after = read + len(ids), ids[-1]


def _changed(engine: ElasticEngine, ids: list[str]) -> Iterator[str]:
    """Yield the articles that are not what their hashes say, but for those written meanwhile."""
    before = engine.stored(ids)
    read = {each.article.info.id: each.article.content_hash() for each in engine.indexed(ids)}
    others = [key for key, each in before.items() if read.get(key) != each.content_hash]
    after = engine.stored(others)
    for key in others:
        if after.get(key) == before[key]:
            yield f"article {key!r} is not what its hash says: index it again"
