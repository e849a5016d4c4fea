"""Labels and notes of a reader's own on articles and passages: annotations.

They stand beside the index and say where they belong by an article's id and a passage's text, so
that nothing is written to them when an article is replaced.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from search.annotations.store import Store
    from search.settings import Settings


def open_store(settings: Settings, *, patient: bool = False) -> Store:
    """Return where the annotations of an index are kept; nothing is made before the first.

    In Elasticsearch they are an index of their own, for every other engine a file in the data
    folder.

    Args:
        patient: whether reading waits for a cluster that is away as long as writing does.
    """
    if settings.engine == "elasticsearch":
        from search.engines.elastic.side_index import AnnotationStore

        return AnnotationStore(settings, patient=patient)
    from search.annotations.store import SqliteStore

    return SqliteStore(settings.data / "annotations.sqlite")
