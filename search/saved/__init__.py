"""Saved searches: new passages are matched with them as they are indexed, and people are told.

`open_alerts` is what whoever writes articles asks, `manager.SavedSearches` what people do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from search.embedding import Embedder
    from search.saved.alerts import Alerts
    from search.saved.store import Store
    from search.settings import Settings


def open_store(settings: Settings, *, patient: bool = False) -> Store:
    """Return where the saved searches of an index are kept; nothing is made before the first.

    In Elasticsearch they are an index of their own, which any number of writers share; for
    every other engine a file in the data folder.

    Args:
        patient: whether reading waits for a cluster that is away as long as writing does.
    """
    if settings.engine == "elasticsearch":
        from search.engines.elastic.saved import ElasticStore

        return ElasticStore(settings, patient=patient)
    from search.saved.sqlite import SqliteStore

    return SqliteStore(settings.data / "saved.sqlite")


def open_alerts(settings: Settings, embedder: Embedder) -> Alerts:
    """Return what matches new passages with the saved searches of an index.

    Raises SettingsError where the file of synonyms cannot be used.
    """
    from search.assembly import open_synonyms
    from search.saved.alerts import Alerts

    return Alerts(open_store(settings, patient=True), embedder, open_synonyms(settings))
