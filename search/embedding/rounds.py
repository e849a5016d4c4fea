"""Threads shared by several calls, which take turns batch by batch, so that no call waits for all of another."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import count
from queue import PriorityQueue
from typing import Generic, TypeVar

Done = TypeVar("Done")
Submit = Callable[[Callable[[], Done]], Future[Done]]
# Round, whether its call had one before, order, what to do.
_Waiting = tuple[int, bool, int, Future[Done], Callable[[], Done]]


class Rounds(Generic[Done]):
    """Runs batches in rounds, one of each call that is not finished in each round.

    A call that comes is the first of the round in work: a call of one batch waits for one that
    is running, however many longer calls have submitted already.
    """

    def __init__(self, threads: int, name: str) -> None:
        self._threads = ThreadPoolExecutor(threads, name)
        self._waiting: PriorityQueue[_Waiting[Done]] = PriorityQueue()
        self._order = count()
        self._round = 0

    def call(self) -> Submit[Done]:
        """Return what submits a call's batches, of which each gives a future.

        For one thread at a time. A future that is cancelled in time is not run.
        """
        last = -1

        def submit(run: Callable[[], Done]) -> Future[Done]:
            nonlocal last
            first = last < 0
            last = max(last + 1, self._round)
            future: Future[Done] = Future()
            self._waiting.put((last, not first, next(self._order), future, run))
            self._threads.submit(self._next)
            return future

        return submit

    def _next(self) -> None:
        self._round, _, _, future, run = self._waiting.get_nowait()
        if not future.set_running_or_notify_cancel():
            return
        try:
            future.set_result(run())
        except BaseException as error:
            future.set_exception(error)
