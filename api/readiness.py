"""Opens index and model in the background, so that the server answers from the first moment."""

from __future__ import annotations

import gc
import logging
import threading
from collections.abc import Callable

from api.problems import NOT_READY, Refused
from search.errors import EngineUnavailable, FihrisError
from search.ranking.searcher import Searcher

logger = logging.getLogger("fihris.api")

RETRY = (1.0, 2.0, 5.0, 10.0, 30.0)  # seconds before each next try; the last one repeats


class Readiness:
    """Holds the searcher once there is one, and the reason while there is none.

    Opening is tried again after a failure: an index that is made, or a server
    that comes up, after this one is found without a restart.
    """

    def __init__(self, open: Callable[[], Searcher], retry: tuple[float, ...] = RETRY) -> None:
        self._open = open
        self._retry = retry
        self._searcher: Searcher | None = None
        self._failure: FihrisError | None = None
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    @classmethod
    def of(cls, searcher: Searcher) -> Readiness:
        """Return one that is ready; the searcher stays its owner's to close."""
        ready = cls(lambda: searcher)
        ready._searcher = searcher
        return ready

    def searcher(self) -> Searcher:
        """Return the searcher.

        Raises:
            FihrisError: why there is none (yet).
        """
        if self._searcher is not None:
            return self._searcher
        if self._failure is not None:
            raise self._failure.with_traceback(None)
        raise Refused(NOT_READY, "The index and the model are being opened; try again in a moment.")

    def start(self) -> None:
        """Begin opening, unless there is a searcher."""
        if self._searcher is None:
            self._thread = threading.Thread(target=self._run, name="fihris-open", daemon=True)
            self._thread.start()

    def stop(self, patience: float = 3.0) -> None:
        """Stop opening and close what was opened here; waits `patience` seconds at most."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join(patience)
            if self._searcher is not None:
                self._searcher.close()

    def _run(self) -> None:
        tries = 0
        while not self._stopped.is_set():
            try:
                self._searcher = self._open()
            except FihrisError as error:
                self._failure = error
                logger.error("cannot open the index: %s", error)
            except Exception:
                self._failure = EngineUnavailable(
                    "The index cannot be opened; the server's log says why."
                )
                logger.exception("cannot open the index")
            else:
                logger.info("ready")
                # What is loaded stays: to look through it for garbage took 47 ms, once in 200 searches.
                gc.freeze()
                return
            self._stopped.wait(self._retry[min(tries, len(self._retry) - 1)])
            tries += 1
