"""Posts matches to webhooks: each until it was accepted once, by one process at a time."""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from search.engines.protocol import EngineReader
from search.errors import EngineError
from search.saved.domain import SavedSearch
from search.saved.manager import shown
from search.saved.store import Store
from search.saved.webhook import NotDelivered, post
from search.settings import Settings

PAUSE = 5.0  # seconds between two looks at what is to be posted
LEASE = 60.0  # seconds in which who posts says again that it does
PAGE = 50
MOST = 500  # matches of one saved search in a row, so that the others have their turn
FIRST_WAIT, LONGEST_WAIT = 5.0, 3_600.0  # seconds after a failure, doubling
ABANDONED = 86_400.0  # seconds after which a match whose passage was never written is dropped

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Delivered:
    """What a round did: how many were taken, and by name of the saved search why one was not."""

    taken: int = 0
    failures: dict[str, str] = field(default_factory=dict)


class Deliverer:
    """Posts the matches of one index."""

    def __init__(self, store: Store, engine: EngineReader, settings: Settings) -> None:
        self._store = store
        self._engine = engine
        self._settings = settings
        self._owner = uuid.uuid4().hex
        self._version, self._searches = "", list[SavedSearch]()
        self._waits: dict[str, tuple[float, float]] = {}  # until when, and how long that was

    def deliver(self, stopping: Callable[[], bool] = lambda: False) -> Delivered:
        """Post what is to be posted now. Raises EngineError."""
        done = Delivered()
        for search in self._with_webhooks():
            until, wait = self._waits.get(search.id, (0.0, FIRST_WAIT / 2))
            if time.monotonic() < until:
                continue
            try:
                if not self._posted(search, done, stopping):
                    return done
                self._waits.pop(search.id, None)
            except NotDelivered as error:
                wait = min(2 * wait, LONGEST_WAIT)
                self._waits[search.id] = time.monotonic() + wait, wait
                done.failures[search.name] = str(error)
        return done

    def run(self, stopped: threading.Event) -> None:
        """Deliver until it is stopped; what fails is logged and tried again."""
        while not stopped.wait(PAUSE):
            try:
                for name, reason in self.deliver(stopped.is_set).failures.items():
                    logger.warning("the matches of %r are not taken: %s", name, reason)
            except EngineError as error:
                logger.warning("matches cannot be delivered now: %s", error)
            except Exception:  # the next round may do better; a server without any would not say so
                logger.exception("matches cannot be delivered now")

    def _with_webhooks(self) -> Sequence[SavedSearch]:
        version = self._store.version()
        if version != self._version:
            searches = self._store.searches() if version else []
            self._searches = [search for search in searches if search.webhook]
            self._version = version
        return self._searches

    def _posted(self, search: SavedSearch, done: Delivered, stopping: Callable[[], bool]) -> bool:
        """Post a search's matches; return whether this process may go on. Raises NotDelivered."""
        general = self._settings.webhook_secret
        secret = search.secret or (general.get_secret_value() if general is not None else "")
        if not secret:
            raise NotDelivered("there is no secret; set FIHRIS_WEBHOOK_SECRET")
        place, posted = None, 0
        while some := self._store.matches(search.id, place, PAGE, undelivered=True):
            there = {each.match.id: each for each in shown(self._engine, some)}
            late = (time.time() - ABANDONED) * 1e6
            self._store.drop([m.id for m in some if m.id not in there and m.found < late])
            for found in there.values():
                if stopping() or not self._store.lease(self._owner, LEASE):
                    return False
                post(search, found, secret, private=self._settings.webhook_private)
                self._store.delivered(found.match)
                done.taken, posted = done.taken + 1, posted + 1
            place = some[-1].place
            if posted >= MOST:
                break
        return True
