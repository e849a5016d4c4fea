"""Articles whole or not at all (`ledger` says how), and reads that see their own writes."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from search.domain import IndexedArticle
from search.engine import WriteOutcome
from search.engines.checks import Unfit, check_article, is_unicode
from search.engines.elastic.bulk import Operation, removing, send, storing
from search.engines.elastic.connection import READ_PATIENCE, WRITE_PATIENCE, Connection, whole
from search.engines.elastic.documents import document_ids, documents, routing_of
from search.engines.elastic.ledger import Ledger, LedgerKeeper
from search.engines.elastic.queries import hidden, kind
from search.errors import EngineError, EngineUnavailable

log = logging.getLogger(__name__)

MOST_AT_ONCE = 1_000  # articles of one batch, or looked up by one search


@dataclass(frozen=True, slots=True)
class Known:
    """The edition of an article that searches show now."""

    edition: str
    content_hash: str
    passages: int
    embedded: bool


class Writing:
    """Writes to the index behind an alias. One batch at a time; reads from many threads."""

    def __init__(self, connection: Connection, alias: str, dimensions: int) -> None:
        self._connection = connection
        self._alias = alias
        self._dimensions = dimensions
        self._keeper = LedgerKeeper(connection, alias)
        self._writing = threading.Lock()
        self._guard = threading.Lock()  # of what follows
        self._last = ""  # the token of our last commit: another one means others wrote since
        # What we wrote since the last refresh, None for what we removed.
        self._recent: dict[str, Known | None] = {}
        self._removed: set[str] = set()  # editions whose documents went since the last refresh
        self._gone: set[str] = set()  # and before it

    # -- reading

    def look_up(
        self, article_ids: Sequence[str], patience: float = READ_PATIENCE
    ) -> dict[str, Known]:
        """Return the edition of each of these articles that is known."""
        asked = [key for key in dict.fromkeys(article_ids) if key and is_unicode(key)]
        with self._guard:
            recent = {key: self._recent[key] for key in asked if key in self._recent}
        if recent and self._keeper.read(patience).token != self._last:
            self.refresh(patience)  # others may have replaced or removed what we wrote
            recent = {}
        found = {key: known for key, known in recent.items() if known is not None}
        asked = [key for key in asked if key not in recent]
        for start in range(0, len(asked), MOST_AT_ONCE):
            found.update(self._search(asked[start : start + MOST_AT_ONCE], patience))
        return found

    def _search(self, article_ids: list[str], patience: float) -> dict[str, Known]:
        answer = self._connection.call(
            lambda client: client.search(
                index=self._alias,
                query={
                    "bool": {
                        "filter": [kind("article"), {"terms": {"article_id": article_ids}}],
                        "must_not": [hidden(self._alias)],
                    }
                },
                size=len(article_ids),
                source_includes=["article_id", "edition", "content_hash", "passages", "unembedded"],
                allow_partial_search_results=False,
                track_total_hits=False,
            ),
            patience,
        )
        sources = [hit["_source"] for hit in whole(answer.body)["hits"]["hits"]]
        return {
            s["article_id"]: Known(
                s["edition"], s["content_hash"], s.get("passages", 0), "unembedded" not in s
            )
            for s in sources
        }

    def show_own(self) -> None:
        """Let searches see what was written through this object."""
        if self._recent:
            self.refresh(READ_PATIENCE)

    def refresh(self, patience: float | None = None) -> None:
        """Let searches see all that was written."""
        with self._guard:  # what is written meanwhile may not be shown by this refresh
            recent, removed = dict(self._recent), set(self._removed)
        answer = self._connection.call(
            lambda client: client.options(request_timeout=WRITE_PATIENCE).indices.refresh(
                index=self._alias
            ),
            WRITE_PATIENCE if patience is None else patience,
        )
        if answer["_shards"]["failed"]:
            raise EngineUnavailable(
                f"{answer['_shards']['failed']} shards of Elasticsearch at "
                f"{self._connection.name} cannot be refreshed. Try again."
            )
        with self._guard:
            for article_id, known in recent.items():
                if self._recent.get(article_id) is known:
                    self._recent.pop(article_id, None)
            self._removed -= removed
            self._gone |= removed

    # -- writing

    def write(self, articles: Sequence[IndexedArticle]) -> list[WriteOutcome]:
        """Store articles, each replaced whole; one outcome per article, in order."""
        outcomes: dict[int, WriteOutcome] = {}
        fit: dict[str, int] = {}  # the last of several with one id
        repeated: dict[int, str] = {}
        for number, indexed in enumerate(articles):
            article_id = indexed.article.id
            try:
                check_article(indexed, self._dimensions)
            except Unfit as error:
                outcomes[number] = _failed(article_id, str(error))
                continue
            first = fit.setdefault(article_id, number)
            if first != number and _says_less(indexed, articles[first]):
                repeated[number] = article_id
            elif first != number:
                repeated[first] = article_id
                fit[article_id] = number
        numbers = list(fit.values())
        with self._writing:
            for start in range(0, len(numbers), MOST_AT_ONCE):
                batch = {n: articles[n] for n in numbers[start : start + MOST_AT_ONCE]}
                outcomes.update(self._write(batch))
        for number, article_id in repeated.items():  # another one of this call stands for it
            outcomes[number] = outcomes[fit[article_id]]
        return [outcomes[number] for number in range(len(articles))]

    def delete(self, article_ids: Sequence[str]) -> int:
        """Remove articles; return how many there were."""
        removed = 0
        unique = list(dict.fromkeys(article_ids))
        with self._writing:
            for start in range(0, len(unique), MOST_AT_ONCE):
                removed += self._delete(unique[start : start + MOST_AT_ONCE])
        return removed

    def _write(self, batch: dict[int, IndexedArticle]) -> dict[int, WriteOutcome]:
        ids = {n: indexed.article.id for n, indexed in batch.items()}
        hashes = {n: indexed.article.content_hash() for n, indexed in batch.items()}

        def changed(known: Mapping[str, Known]) -> list[int]:
            return [
                n
                for n, key in ids.items()
                if key not in known
                or known[key].content_hash != hashes[n]
                or (batch[n].embedded and not known[key].embedded)
            ]

        outcomes = {n: WriteOutcome(key, "unchanged") for n, key in ids.items()}
        known = self.look_up(list(ids.values()), WRITE_PATIENCE)
        if not changed(known):
            return outcomes
        with self._batch("indexing", len(batch)) as open_batch:
            if open_batch.others_wrote:
                known = self.look_up(list(ids.values()), WRITE_PATIENCE)
            names = dict(zip(ids, open_batch.editions, strict=True))
            todo = {n: names[n] for n in changed(known)}
            failed = send(self._connection, self._alias, _stored(batch, todo), open_batch.keep)
            done = {n: edition for n, edition in todo.items() if n not in failed}
            replaced = {ids[n]: known[ids[n]] for n in done if ids[n] in known}
            if replaced:
                self.refresh()  # the new ones must be there when the old ones go
            unused = [edition for n, edition in names.items() if n not in todo]
            open_batch.commit([*done.values(), *unused], replaced.values(), self._gone)
        for number in done:
            outcomes[number] = WriteOutcome(ids[number], "written")
        for number, reason in failed.items():
            outcomes[number] = _failed(ids[number], reason)
        new = {
            ids[n]: Known(edition, hashes[n], len(batch[n].passages), batch[n].embedded)
            for n, edition in done.items()
        }
        self._committed(open_batch.ledger, new, replaced)
        return outcomes

    def _delete(self, article_ids: list[str]) -> int:
        if not self.look_up(article_ids, WRITE_PATIENCE):
            return 0
        with self._batch("deleting", 0) as open_batch:
            known = self.look_up(article_ids, WRITE_PATIENCE)
            open_batch.commit((), known.values(), self._gone)
        self._committed(open_batch.ledger, dict.fromkeys(known), known)
        return len(known)

    @contextmanager
    def hold(self, purpose: str) -> Iterator[Callable[[], None]]:
        """Keep other writers out; gives what renews the signature."""
        with self._writing, self._batch(purpose, 0) as open_batch:
            yield open_batch.keep

    @contextmanager
    def _batch(self, purpose: str, editions: int) -> Iterator[Batch]:
        """Sign the ledger and clean up after others; sign off, whatever happens."""
        before, ledger = self._keeper.take(purpose, editions)
        batch = Batch(self._keeper, ledger, editions, before.token != self._last)
        try:
            if batch.others_wrote:  # perhaps to another index: the alias may have moved
                self._gone.clear()
                self._removed.clear()
                self.refresh()
            self._sweep(before)
            yield batch
        finally:
            batch.close()

    def _committed(
        self,
        ledger: Ledger,
        new: Mapping[str, Known | None],
        replaced: Mapping[str, Known],
    ) -> None:
        """Note a commit, and remove what it superseded: failing at that harms nobody."""
        with self._guard:
            self._last = ledger.token
            self._recent.update(new)
            self._gone &= set(ledger.hidden)
        if not replaced:
            return
        try:
            failed = send(self._connection, self._alias, _removed(replaced))
        except EngineError as error:
            log.warning("what was replaced is hidden and will be removed later: %s", error)
            return
        if failed:
            log.warning("what was replaced is hidden and was not removed: %s", failed.popitem()[1])
            return
        with self._guard:
            self._removed |= {known.edition for known in replaced.values()}

    def _sweep(self, before: Ledger) -> None:
        """Remove the documents of hidden editions that their writer did not."""
        left = [e for e in before.hidden if e not in self._gone and e not in self._removed]
        if not left:
            return
        self.refresh()  # a removal by query finds what a search finds
        for start in range(0, len(left), MOST_AT_ONCE):
            if self._remove_by_query(left[start : start + MOST_AT_ONCE]):
                self._gone |= set(left[start : start + MOST_AT_ONCE])

    def _remove_by_query(self, editions: list[str]) -> bool:
        """Remove the documents of editions; tell whether none is left."""
        answer = self._connection.call(
            lambda client: client.options(request_timeout=WRITE_PATIENCE).delete_by_query(
                index=self._alias,
                query={"terms": {"edition": editions}},
                conflicts="proceed",
                refresh=True,
            ),
            WRITE_PATIENCE,
        )
        return not answer["failures"] and not answer["version_conflicts"]


class Batch:
    """A batch between signing and signing off. `editions` are its names for new editions."""

    def __init__(
        self, keeper: LedgerKeeper, ledger: Ledger, editions: int, others_wrote: bool
    ) -> None:
        self.ledger = ledger
        self.editions = [ledger.edition(number) for number in range(editions)]
        self.others_wrote = others_wrote
        self._keeper = keeper
        self._committed = False

    def keep(self) -> None:
        """Renew the signature in time."""
        self.ledger = self._keeper.keep(self.ledger)

    def commit(
        self, shown: Iterable[str], superseded: Iterable[Known], gone: Iterable[str]
    ) -> None:
        """Show and hide editions at one moment, and sign off."""
        hidden = [known.edition for known in superseded]
        self.ledger = self._keeper.commit(self.ledger, shown, hidden, frozenset(gone))
        self._committed = True

    def close(self) -> None:
        """Sign off if that was not done: the next writer need not wait for it to run out."""
        if self._committed:
            return
        try:
            self._keeper.release(self.ledger)
        except EngineError as error:
            log.warning("could not sign off: %s", error)


def _says_less(article: IndexedArticle, other: IndexedArticle) -> bool:
    """Tell whether an article is another one without its vectors."""
    return (
        other.embedded
        and not article.embedded
        and article.article.content_hash() == other.article.content_hash()
    )


def _stored(batch: dict[int, IndexedArticle], editions: dict[int, str]) -> Iterator[Operation]:
    for number, edition in editions.items():
        routing = routing_of(batch[number].article.id)
        for document, source in documents(batch[number], edition):
            yield storing(number, document, routing, source)


def _removed(old: Mapping[str, Known]) -> Iterator[Operation]:
    for number, (article_id, known) in enumerate(old.items()):
        routing = routing_of(article_id)
        for document in document_ids(known.edition, known.passages):
            yield removing(number, document, routing)


def _failed(article_id: str, reason: str) -> WriteOutcome:
    return WriteOutcome(article_id, "failed", f"article {article_id!r} was not stored: {reason}")
