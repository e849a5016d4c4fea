"""Articles written whole or not at all, by any number of writers at once.

Each write of an article is an edition with a random name; the article's own document (`state`)
names the edition that is shown. A batch of articles takes four requests, or six where it
replaces others. No writer waits for another one, and none depends on a clock:

1. read the articles' own documents; skip what is stored already;
2. add the new editions to them as pending, each by a compare-and-swap;
3. send the passages;
4. make the documents show the new editions, by a compare-and-swap: this is the commit, after
   which an article is acknowledged;
5. remove the passages of the replaced editions;
6. remove those editions from the documents.

If the writer dies at any point, each article is shown whole, and its document names the editions
that are left over: the next write of the article removes them (5 and 6), or `clean`.

A commit abandons the pending editions of other writers of the article. A writer that finds its
edition abandoned counts as having written before that commit; after `clean`, which commits
nothing, it starts over. Until it notices, it may still send passages, which searches would find
though no document names their edition. So the ids of an abandoned edition are not removed but
filled with empty documents of a higher version (`VOID`), until its writer removes them, or a
`clean` an hour later.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from itertools import islice
from types import MappingProxyType

from search.domain import IndexedArticle, WriteOutcome
from search.engines.checks import Unfit, check_article, not_stored
from search.engines.elastic.bulk import VOID, Item, Operation, removing, send, storing, swapping
from search.engines.elastic.connection import WRITE_PATIENCE, pauses, scan
from search.engines.elastic.documents import document_ids, documents, new_edition
from search.engines.elastic.hold import StartOver, in_current_version
from search.engines.elastic.index import Index
from search.engines.elastic.queries import kind, unsettled
from search.engines.elastic.state import Edition, State, read_state
from search.engines.elastic.versions import Version
from search.errors import EngineBusy, EngineError, EngineUnavailable

log = logging.getLogger(__name__)

Batch = Mapping[str, IndexedArticle]

MOST_AT_ONCE = 1_000  # articles of one batch
VOID_SECONDS = 3_600  # that `void` documents are kept: the edition's writer may be suspended


class Writer:
    """Writes to the index behind an alias. May be used from many threads."""

    def __init__(self, index: Index) -> None:
        self._index = index

    def write(self, articles: Sequence[IndexedArticle]) -> list[WriteOutcome]:
        """Store articles, each replaced whole; one outcome per article, in order."""
        outcomes: dict[int, WriteOutcome] = {}
        for number, indexed in enumerate(articles):
            try:
                check_article(indexed, self._index.dimensions)
            except Unfit as error:
                outcomes[number] = not_stored(indexed.article.id, str(error))
        left = [number for number in range(len(articles)) if number not in outcomes]
        while left:
            numbers: dict[str, int] = {}  # one batch has each id once; its next article comes later
            for number in left:
                if len(numbers) < MOST_AT_ONCE:
                    numbers.setdefault(articles[number].article.id, number)
            batch = {key: articles[number] for key, number in numbers.items()}
            done: dict[str, WriteOutcome] = {}
            in_current_version(self._index, partial(self._write, batch, done))
            outcomes |= {number: done[key] for key, number in numbers.items()}
            left = [number for number in left if number not in outcomes]
        return [outcomes[number] for number in range(len(articles))]

    def delete(self, article_ids: Sequence[str]) -> int:
        """Remove articles; return how many there were."""
        unique = list(dict.fromkeys(article_ids))
        removed = 0
        for start in range(0, len(unique), MOST_AT_ONCE):
            some = unique[start : start + MOST_AT_ONCE]
            states = self._index.states(some, WRITE_PATIENCE)
            known = [key for key, state in states.items() if state.shown is not None]
            if known:
                in_current_version(self._index, partial(self._delete, known))
            removed += len(known)
        return removed

    def clean(self) -> int:
        """Remove what killed writers left; return of how many articles.

        A writer that is at work meanwhile starts its articles over.
        """
        self._index.refresh()
        hits = scan(
            self._index.search,
            unsettled(),
            ["article_id"],
            source_includes=["state"],
            seq_no_primary_term=True,
        )
        cleaned = 0
        while some := {hit["sort"][0]: hit for hit in islice(hits, MOST_AT_ONCE)}:
            states = {key: read_state(key, hit) for key, hit in some.items()}
            in_current_version(self._index, partial(self._clean, states))
            cleaned += len(states)
        late = datetime.fromtimestamp(time.time() - VOID_SECONDS, UTC).isoformat()
        old = {"bool": {"filter": [kind("void"), {"range": {"since": {"lte": late}}}]}}
        self._index.call(
            lambda client: client.options(request_timeout=WRITE_PATIENCE).delete_by_query(
                index=self._index.alias, query=old, conflicts="proceed", refresh=True
            ),
            WRITE_PATIENCE,
        )
        return cleaned

    # -- a batch

    def _write(self, batch: Batch, done: dict[str, WriteOutcome], version: Version) -> None:
        """Store the articles of a batch that have no outcome yet; add their outcomes to `done`.

        Raises:
            StartOver: a `clean` abandoned some of them; those have no outcome.
        """
        batch = {key: article for key, article in batch.items() if key not in done}
        if any(indexed.article.places for indexed in batch.values()):
            version = self._index.taking_places(version)
        outcomes: dict[str, WriteOutcome] = {}
        editions = {key: Edition.of("", article) for key, article in batch.items()}

        def begin(state: State) -> State:
            edition = editions[state.article_id]
            if edition.name in state.pending:
                return state
            if _is_there(edition, state):
                outcomes[state.article_id] = WriteOutcome(state.article_id, "unchanged")
                return state
            # A new name at each try: the last one may have been written, and abandoned since.
            edition = editions[state.article_id] = replace(edition, name=new_edition())
            return state.begun(edition)

        begun = self._change(version, self._states(version, batch), begin)
        todo = {key: editions[key] for key in batch if key not in outcomes}
        passages = (
            storing(key, name, source)
            for key, edition in todo.items()
            for name, source in documents(batch[key], edition.name, version.lacks)
        )
        sent = self._send(version, passages)
        failed = {item.article: item.error for item in sent if item.error}

        def end(state: State) -> State:
            edition = editions[state.article_id]
            if edition.name not in state.pending:
                return state
            if state.article_id in failed:
                return state.withdrawn(edition.name)
            return state.showing(edition)

        ended = self._change(version, {key: begun[key] for key in todo}, end)
        abandoned: dict[str, dict[str, int]] = {}
        for key, edition in todo.items():
            if key in failed:
                outcomes[key] = not_stored(key, failed[key])
            elif ended[key].shown == edition:
                outcomes[key] = _stored(key, begun[key])
            else:
                # Another writer has committed or removed it since: this write was before that.
                # If the same edition is shown as before, `clean` abandoned ours.
                abandoned[key] = {edition.name: edition.passages}
                if ended[key].shown != begun[key].shown:
                    outcomes[key] = _stored(key, begun[key])
        self._finish(version, begun | ended, abandoned)
        done |= outcomes
        if len(outcomes) < len(batch):
            raise StartOver("`fihris clean` kept abandoning what this process was writing.")

    def _delete(self, article_ids: Sequence[str], version: Version) -> None:
        def remove(state: State) -> State:
            return state if state.shown is None else state.showing(None)

        states = self._states(version, article_ids)
        self._finish(version, self._change(version, states, remove))

    def _clean(self, states: Mapping[str, State], version: Version) -> None:
        self._finish(version, self._change(version, states, State.abandoned))

    # -- steps

    def _states(self, version: Version, article_ids: Collection[str]) -> dict[str, State]:
        states = self._index.states(list(article_ids), WRITE_PATIENCE)
        if self._index.opened() != version:
            raise StartOver("the alias kept moving to other versions of the index.")
        return states

    def _change(
        self,
        version: Version,
        states: Mapping[str, State],
        change: Callable[[State], State],
    ) -> dict[str, State]:
        """Change articles' own documents; return their states in the end.

        Args:
            change: returns a document's new state, or the same one to leave it. Called again
                where another writer has changed the document meanwhile.

        Raises:
            EngineUnavailable: Elasticsearch refuses one of them: they are alike, so it would
                refuse all.
        """
        ended, left = dict(states), list(states)
        end = time.monotonic() + WRITE_PATIENCE
        for pause in pauses():
            wanted = {key: new for key in left if (new := change(ended[key])) != ended[key]}
            items = self._send(version, map(swapping, wanted.values()))
            for item in items:
                if item.error:
                    raise EngineUnavailable(item.error)
                if not item.conflict:
                    state = wanted[item.article]
                    revision = None if state.is_nothing else item.revision
                    ended[item.article] = replace(state, revision=revision)
            left = [item.article for item in items if item.conflict]
            if not left:
                return ended
            if time.monotonic() + pause > end:
                raise EngineBusy(f"other writers kept changing the article {left[0]!r}. Try again.")
            time.sleep(pause)
            ended |= self._states(version, left)
        raise AssertionError("pauses never end")

    def _finish(
        self,
        version: Version,
        states: Mapping[str, State],
        abandoned: Mapping[str, Mapping[str, int]] = MappingProxyType({}),
    ) -> None:
        """Remove what is not shown any more. A failure is logged: the next write does it.

        Args:
            abandoned: this writer's own editions that others abandoned, by article.
        """
        since = datetime.now(UTC).isoformat(timespec="seconds")

        def operations() -> Iterator[Operation]:
            for key, state in states.items():
                mine = abandoned.get(key, {})
                for edition, passages in {**state.replaced, **mine}.items():
                    for name in document_ids(edition, passages):
                        yield removing(key, name)
                for edition, passages in state.taken.items():
                    if edition not in mine:
                        for name in document_ids(edition, passages):
                            yield storing(key, name, {"kind": "void", "since": since}, VOID)

        def settle(state: State) -> State:
            return state.cleaned(states[state.article_id])

        try:
            items = self._send(version, operations())
            failed = {item.article: item.error for item in items if item.error}
            if failed:
                error = next(iter(failed.values()))
                log.warning("replaced passages could not be removed now: %s", error)
            cleaned = {key: state for key, state in states.items() if key not in failed}
            self._change(version, cleaned, settle)
        except (EngineError, StartOver) as error:
            log.warning("replaced passages will be removed by the next write: %s", error)

    def _send(self, version: Version, operations: Iterable[Operation]) -> list[Item]:
        return send(self._index.connection, version.target, operations)


def _is_there(edition: Edition, state: State) -> bool:
    shown = state.shown
    return (
        shown is not None
        and shown.content_hash == edition.content_hash
        and (shown.embedded or not edition.embedded)
    )


def _stored(article_id: str, before: State) -> WriteOutcome:
    return WriteOutcome(article_id, "created" if before.shown is None else "updated")
