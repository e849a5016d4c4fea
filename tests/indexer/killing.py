"""A process that kills itself at one of the steps of copying an index, whichever engine has it."""

from __future__ import annotations

import itertools
import os
import signal
from collections.abc import Callable

from indexer.ingestion import reindex as reindexing
from search.engines.elastic import versions as elastic_versions
from search.engines.embedded import versions as embedded_versions


def killed_at(step: int, page: int) -> Callable[..., None]:
    """Have this process killed at a step, counted through all that is done, `page` articles at a time.

    Returns:
        What counts a step: to be given as `on_step`.
    """
    steps = itertools.count(1)

    def count(*_: object) -> None:
        if next(steps) == step:
            os.kill(os.getpid(), signal.SIGKILL)

    def counted(owner: object, name: str) -> None:
        plain = getattr(owner, name)

        def counting(*given: object, **named: object) -> object:
            count()
            answer = plain(*given, **named)
            count()
            return answer

        setattr(owner, name, counting)

    reindexing.PAGE = page
    counted(reindexing, "prepare")
    counted(embedded_versions.Versions, "make_current")
    counted(embedded_versions.Versions, "remove")
    counted(embedded_versions.shutil, "rmtree")  # type: ignore[attr-defined]
    counted(elastic_versions, "create")
    counted(elastic_versions, "move_alias")
    return count
