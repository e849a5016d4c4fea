"""Fihris's library: Arabic analysis, ranking, fusion and the engines. Knows nothing of HTTP, files or command lines.

What other programs may count on are the names in `__all__`: they keep their meaning within a
major version. Importing `search` loads none of what they need; using one does.

An index that `fihris index` made (this one of `seeds/`) is asked like this:

>>> from search import Query, kwic, open_searcher
>>> with open_searcher() as searcher:
...     results = searcher.search(Query('"كتائب حزب الله"', mode="keyword", size=1))
>>> results.total
Total(value=3, exact=True, level='near')
>>> hit = results.hits[0]
>>> hit.article.source, hit.passage.position
('CNN Arabic', 8)
>>> [segment.text for segment in hit.segments if segment.match]
['كتائب', 'حزب', 'الله']

Each occurrence between the words around it:

>>> with open_searcher() as searcher:
...     found = kwic(searcher, Query('"كتائب حزب الله"'), width=2)
>>> found.occurrences.value, found.passages
(3, 3)
>>> line = found.lines[0]
>>> line.before.strip(), line.word, line.after.strip()
('هو أن', 'كتائب حزب الله', 'هي المسؤولة')
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from search.annotations.manager import Annotations
    from search.domain import Filter, Hit, Query, Results
    from search.errors import FihrisError
    from search.ranking.kwic import kwic
    from search.ranking.searcher import Searcher
    from search.saved.manager import SavedSearches
    from search.settings import Settings

__all__ = [
    "Annotations",
    "FihrisError",
    "Filter",
    "Hit",
    "Query",
    "Results",
    "SavedSearches",
    "Searcher",
    "Settings",
    "kwic",
    "open_searcher",
]

_HOMES = {
    "Annotations": "search.annotations.manager",
    "FihrisError": "search.errors",
    "Filter": "search.domain",
    "Hit": "search.domain",
    "Query": "search.domain",
    "Results": "search.domain",
    "SavedSearches": "search.saved.manager",
    "Searcher": "search.ranking.searcher",
    "Settings": "search.settings",
    "kwic": "search.ranking.kwic",
}


def open_searcher(settings: Settings | None = None) -> Searcher:
    """Open the index and the model that settings name; without any, the `FIHRIS_*` variables do.

    Use it in a `with` statement, or `close()` it. It may be used from many threads.

    Raises:
        SettingsError: a variable has a value that cannot be used.
        EmbedderError: the model cannot be loaded.
        EngineError: the index cannot be opened, or was made with other settings.
    """
    from search import assembly
    from search.settings import read_settings

    return assembly.open_searcher(read_settings() if settings is None else settings)


def __getattr__(name: str) -> object:
    """Load a public name when it is first used."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
