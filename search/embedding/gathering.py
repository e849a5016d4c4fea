"""Batches the queries that arrive while the model is busy."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, TypeVar

Asked = TypeVar("Asked")
Given = TypeVar("Given")


class Gathered(Generic[Asked, Given]):
    """Answers one at a time, or several alike at once. Any thread may call; none waits for company.

    A call that is given up (an interrupt) leaves the others as they are. Where several fail
    together each is tried alone, so that a call fails by what it asked itself only.

    Args:
        run: several that are alike to an answer each, in order.
        kind: only those of one kind go together.
        most: how many of a kind do.
        name: of the thread that runs them.
    """

    def __init__(
        self,
        run: Callable[[Sequence[Asked]], Iterable[Given]],
        *,
        kind: Callable[[Asked], Hashable],
        most: Callable[[Asked], int],
        name: str,
    ) -> None:
        self._run, self._kind, self._most = run, kind, most
        self._thread = ThreadPoolExecutor(1, name)
        self._lock = threading.Lock()
        self._waiting: list[tuple[Asked, Future[Given]]] = []

    def __call__(self, asked: Asked) -> Given:
        """Return the answer. Raises what `run` raises of it."""
        future: Future[Given] = Future()
        with self._lock:
            self._waiting.append((asked, future))
        self._thread.submit(self._next)
        return future.result()

    def _next(self) -> None:
        """Run the call that waits longest, with those like it."""
        with self._lock:
            if not self._waiting:  # it went with others
                return
            first = self._waiting[0][0]
            kind = self._kind(first)
            batch = [one for one in self._waiting if self._kind(one[0]) == kind]
            batch = batch[: self._most(first)]
            self._waiting = [one for one in self._waiting if one not in batch]
        self._answer(batch)

    def _answer(self, batch: Sequence[tuple[Asked, Future[Given]]]) -> None:
        try:
            found = self._run([asked for asked, _ in batch])
        except BaseException as error:
            if len(batch) == 1:
                batch[0][1].set_exception(error)
            else:
                for one in batch:
                    self._answer([one])
            return
        for (_, future), given in zip(batch, found, strict=True):
            future.set_result(given)
