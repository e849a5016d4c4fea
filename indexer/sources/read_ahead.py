"""Files parsed by several workers at once, their items given in the files' order.

Each worker is a thread that waits for a process of its own. They run ahead of who reads
here by a bounded number of files, items and bytes; beyond that a worker waits, and its
child with it, since nobody empties the pipe between them.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from itertools import islice

from indexer.extraction.sandbox.parser import Parser
from indexer.sources import Found, Item, Listed

# How far one file may be ahead: a batch of the pipeline is 64 articles.
AHEAD_ITEMS = 128
# Code points of all that waits: 64 MB of Arabic, whatever the number of workers. Besides
# it each worker holds one article.
AHEAD_LENGTH = 32_000_000
# Files of each worker that nobody has read yet. Small ones take 5 ms and a batch takes
# seconds, so that with one or two a worker would stand still most of the time.
AHEAD_FILES = 64

ItemsOf = Callable[[Listed, Parser], Generator[Item, None, None]]


class _Closed(Exception):
    """Nobody wants what a worker found any more."""


@dataclass(slots=True, eq=False)
class _Output:
    """The items of one file on their way from its worker; None is after the last."""

    listed: Listed
    items: deque[Item | BaseException | None] = field(default_factory=deque)


class Workers:
    """Threads that parse files ahead. Leaving the context ends them and their processes."""

    def __init__(self, number: int, new_parser: Callable[[], Parser], items_of: ItemsOf) -> None:
        self._new_parser = new_parser
        self._items_of = items_of
        self._most = number * AHEAD_FILES
        self._changed = threading.Condition()  # of all that follows
        self._begun: deque[_Output] = deque()  # in order, the first being given
        self._untaken: deque[_Output] = deque()
        self._length = 0
        self._closed = False
        self._threads = [
            threading.Thread(target=self._work, name=f"read-{each}", daemon=True)
            for each in range(number)
        ]

    def __enter__(self) -> Workers:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def items(self, files: Iterable[Listed]) -> Iterator[Item]:
        """Yield the items of each file in turn."""
        left = iter(files)
        while True:
            more = [_Output(listed) for listed in islice(left, self._most - len(self._begun))]
            with self._changed:
                self._begun += more
                self._untaken += more
                self._changed.notify_all()
                if not self._begun:
                    return
            while (item := self._get()) is not None:
                if isinstance(item, BaseException):
                    raise item
                yield item

    def _get(self) -> Item | BaseException | None:
        """Return the next item of the first file, None after its last."""
        with self._changed:
            output = self._begun[0]
            while not output.items:
                self._changed.wait()
            item = output.items.popleft()
            self._length -= _length(item)
            if item is None:
                self._begun.popleft()
            self._changed.notify_all()
            return item

    def _put(self, output: _Output, item: Item | BaseException | None) -> None:
        """Add an item once there is room; one of the file that is being given has it always."""
        with self._changed:
            while not self._closed and item is not None and self._full(output):
                self._changed.wait()
            if self._closed:
                raise _Closed
            output.items.append(item)
            self._length += _length(item)
            self._changed.notify_all()

    def _full(self, output: _Output) -> bool:
        wanted = output is self._begun[0] and not output.items
        return len(output.items) >= AHEAD_ITEMS or (self._length >= AHEAD_LENGTH and not wanted)

    def _take(self) -> _Output | None:
        with self._changed:
            while not self._untaken and not self._closed:
                self._changed.wait()
            return None if self._closed else self._untaken.popleft()

    def _work(self) -> None:
        with self._new_parser() as parser, suppress(_Closed):
            while (output := self._take()) is not None:
                try:
                    with closing(self._items_of(output.listed, parser)) as items:
                        for item in items:
                            self._put(output, item)
                    self._put(output, None)
                except _Closed:
                    raise
                except BaseException as error:  # for who reads here
                    self._put(output, error)


def _length(item: Item | BaseException | None) -> int:
    return len(item.article.text) if isinstance(item, Found) else 0
