"""How far long work is, on stderr: a bar on a terminal, else a plain line now and then."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:  # rich would slow `fihris --help`
    from rich.progress import Progress, TaskID

PLAIN_SECONDS = 15.0  # between two lines where there is no terminal


@contextmanager
def steps(
    *, plain: bool = False, of_what: str = "articles", bar: bool = True
) -> Iterator[Callable[[str, int, int], None]]:
    """Give what shows how far each of several steps is.

    `plain`: by a line now and then where there is no bar; `of_what`: what is counted; `bar`:
    on a terminal, where nothing else is printed meanwhile.
    """
    with _bar(shown=bar) as progress:
        tasks: dict[str, TaskID] = {}
        shown = 0.0

        def on_step(what: str, done: int, of: int) -> None:
            nonlocal shown
            now, new = time.monotonic(), what not in tasks
            if new:
                tasks[what] = progress.add_task(what, total=of, count="")
            progress.update(tasks[what], completed=done)
            if plain and progress.disable and (new or now - shown >= PLAIN_SECONDS):
                shown = now
                typer.echo(f"fihris: {what}, {done:,} of {of:,} {of_what}", err=True)

        yield on_step


@contextmanager
def indexing_progress(total: int) -> Iterator[IndexingProgress]:
    """Give what shows how far an indexing run is.

    Args:
        total: bytes of all sources, 0 where that is not known.
    """
    with _bar() as bar:
        yield IndexingProgress(bar, total)


class IndexingProgress:
    """Counts bytes and articles; shows the rate and the time left."""

    def __init__(self, bar: Progress, total: int) -> None:
        self._bar = bar
        self._total = total
        self._task = bar.add_task("indexing", total=total or None, count="")
        self._size = 0.0
        self._articles = 0
        self._started = self._shown = time.monotonic()

    def size(self, more: float) -> None:
        """Count bytes of the sources that are done."""
        self._size += more
        self._show()

    def article(self) -> None:
        """Count an article that is done."""
        self._articles += 1

    def _show(self) -> None:
        now = time.monotonic()
        rate = self._articles / max(now - self._started, 0.001)
        count = f"{self._articles:,} articles, {rate:,.1f}/s"
        self._bar.update(self._task, completed=self._size, count=count)
        if self._bar.disable and now - self._shown >= PLAIN_SECONDS:
            self._shown = now
            typer.echo(f"fihris: indexing {self._share()}{count}{self._left(now)}", err=True)

    def _share(self) -> str:
        return f"{self._size / self._total:.0%}, " if self._total else ""

    def _left(self, now: float) -> str:
        if not self._total or not self._size:
            return ""
        seconds = (now - self._started) * max(self._total - self._size, 0) / self._size
        return f", about {time.strftime('%H:%M:%S', time.gmtime(seconds))} left"


def _bar(*, shown: bool = True) -> Progress:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeRemainingColumn,
    )

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[count]}"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
        disable=not (shown and sys.stderr.isatty()),
    )
