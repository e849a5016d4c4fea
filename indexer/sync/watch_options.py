"""How folders are watched."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from indexer.extraction.registry import Options
from indexer.sources import Failure
from search.article_ids import FILES
from search.settings import Settings


@dataclass(frozen=True, slots=True)
class Intervals:
    """Seconds.

    settle  a file is read, or taken for gone, when nothing changed for so long
    rescan  everything is looked at again and compared with what is stored; a file is read
            again that failed in a way that may pass
    retry   before what cannot be done now is tried again: to be told of events, to write
    """

    settle: float = 2.0
    rescan: float = 600.0
    retry: float = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchOptions:
    """How folders are watched.

    settings, options, collection, source, embed  as for indexing
    allow_empty  False keeps the articles of a folder that became empty all at once
    intervals    how long is waited for what
    stopping     asked all the time
    tell         called with lines for people: what was done, what keeps it from being done
    on_failure   called for what cannot be read or stored, not again for the same version of a
                 file and the same reason; the first of a file is told, too
    """

    settings: Settings
    options: Options = field(default_factory=Options)
    collection: str = FILES
    source: str = ""
    embed: bool = True
    allow_empty: bool = False
    intervals: Intervals = Intervals()
    stopping: Callable[[], bool]
    tell: Callable[[str], None]
    on_failure: Callable[[Failure], None]
