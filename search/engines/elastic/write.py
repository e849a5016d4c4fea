"""Articles whole or not at all, by any number of writers at once.

A writing of an article is an edition with a random name, and the article's own document
(`state`) says which one is shown. A batch of articles is four requests, or six where it
replaces others; nothing waits for another writer or for a clock:

1. the articles' own documents are read; what is stored already is left alone;
2. the new editions are named in them as pending, each by a compare-and-swap;
3. their passages are sent;
4. the documents name them as shown, by a compare-and-swap: the commit and acknowledgement;
5. the passages of the editions they replaced are removed,
6. and the documents say no more of those.

Whatever dies in between, each article is shown whole, and what is left over is named in its
document: the next writing of that article removes it (5 and 6), or `clean`.

Who commits takes what others have pending of the article for lost. If their writer lives, it
finds that out at its own commit, and has written before this one; or, where nothing was
committed (`clean`), begins anew. It may go on sending passages before that, which would be
found though nobody names them: so the places of a lost edition are filled (`VOID`), not
emptied, until its writer empties them itself, or a `clean` an hour later does.
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
from search.engines.elastic.hold import StartOver, steadily
from search.engines.elastic.index import Index
from search.engines.elastic.queries import kind, unsettled
from search.engines.elastic.state import Edition, State, read_state
from search.engines.elastic.versions import Version
from search.errors import EngineBusy, EngineError, EngineUnavailable

log = logging.getLogger(__name__)

Batch = Mapping[str, IndexedArticle]

MOST_AT_ONCE = 1_000  # articles of one batch
VOID_SECONDS = 3_600  # that a lost edition's places stay filled: its writer may be asleep


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
            numbers: dict[str, int] = {}  # of several with one id the first one; then the next
            for number in left:
                if len(numbers) < MOST_AT_ONCE:
                    numbers.setdefault(articles[number].article.id, number)
            batch = {key: articles[number] for key, number in numbers.items()}
            done: dict[str, WriteOutcome] = {}
            steadily(self._index, partial(self._write, batch, done))
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
                steadily(self._index, partial(self._delete, known))
            removed += len(known)
        return removed

    def clean(self) -> int:
        """Remove what writers left that were killed; return of how many articles.

        A writer that is at work meanwhile begins what it is writing anew.
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
            steadily(self._index, partial(self._clean, states))
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
        """Store the articles of a batch that have no outcome yet, and note theirs in `done`.

        Raises:
            StartOver: a `clean` took some of them for lost; those have no outcome.
        """
        batch = {key: article for key, article in batch.items() if key not in done}
        if any(indexed.article.places for indexed in batch.values()):
            version = self._index.taking_places(version)
        outcomes: dict[str, WriteOutcome] = {}
        editions = {key: Edition.of("", article) for key, article in batch.items()}

        def begin(state: State) -> State | None:
            edition = editions[state.article_id]
            if edition.name in state.pending:
                return None
            if _is_there(edition, state):
                outcomes[state.article_id] = WriteOutcome(state.article_id, "unchanged")
                return None
            # Another name at each try: the last one may have arrived, and been taken for lost.
            edition = editions[state.article_id] = replace(edition, name=new_edition())
            return state.begun(edition)

        begun, refused = self._change(version, self._states(version, batch), begin)
        outcomes |= refused
        todo = {key: editions[key] for key in batch if key not in outcomes}
        passages = (
            storing(key, name, source)
            for key, edition in todo.items()
            for name, source in documents(batch[key], edition.name, version.lacks)
        )
        sent = self._send(version, passages)
        failed = {item.article: item.error for item in sent if item.error}

        def end(state: State) -> State | None:
            edition = editions[state.article_id]
            if edition.name not in state.pending:
                return None
            if state.article_id in failed:
                return state.withdrawn(edition.name)
            return state.showing(edition)

        ended, refused = self._change(version, {key: begun[key] for key in todo}, end)
        outcomes |= refused
        lost: dict[str, dict[str, int]] = {}
        for key, edition in todo.items():
            if key in failed:
                outcomes[key] = not_stored(key, failed[key])
            elif key not in outcomes and ended[key].shown == edition:
                outcomes[key] = _stored(key, begun[key])
            elif key not in outcomes:
                # Another writer has committed or removed it since we began: we were before it.
                # Where nobody has, our edition was taken for lost.
                lost[key] = {edition.name: edition.passages}
                if ended[key].shown != begun[key].shown:
                    outcomes[key] = _stored(key, begun[key])
        self._finish(version, begun | ended, lost)
        done |= outcomes
        if len(outcomes) < len(batch):
            raise StartOver("other writers went on taking this one's articles.")

    def _delete(self, article_ids: Sequence[str], version: Version) -> None:
        def remove(state: State) -> State | None:
            return None if state.shown is None else state.showing(None)

        states = self._states(version, article_ids)
        ended, refused = self._change(version, states, remove)
        self._finish(version, ended)
        for outcome in refused.values():
            raise EngineUnavailable(outcome.error)

    def _clean(self, states: Mapping[str, State], version: Version) -> None:
        def abandon(state: State) -> State | None:
            return state.abandoned() if state.pending else None

        ended, _ = self._change(version, states, abandon)
        self._finish(version, ended)

    # -- steps

    def _states(self, version: Version, article_ids: Collection[str]) -> dict[str, State]:
        states = self._index.states(list(article_ids), WRITE_PATIENCE)
        if self._index.opened() != version:
            raise StartOver("the alias went on moving.")
        return states

    def _change(
        self,
        version: Version,
        states: Mapping[str, State],
        change: Callable[[State], State | None],
    ) -> tuple[dict[str, State], dict[str, WriteOutcome]]:
        """Change articles' own documents; return what they say in the end, and the refused.

        Args:
            change: returns what a document is to say, None where it is to stay. Asked again
                with what another writer made of it meanwhile.
        """
        ended, refused = dict(states), dict[str, WriteOutcome]()
        left = list(states)
        end = time.monotonic() + WRITE_PATIENCE
        for pause in pauses():
            wanted = {key: new for key in left if (new := change(ended[key])) is not None}
            items = self._send(version, map(swapping, wanted.values()))
            for item in items:
                if item.error:
                    refused[item.article] = not_stored(item.article, item.error)
                elif not item.conflict:
                    state = wanted[item.article]
                    place = None if state.is_nothing else item.place
                    ended[item.article] = replace(state, place=place)
            left = [item.article for item in items if item.conflict]
            if not left:
                return ended, refused
            if time.monotonic() + pause > end:
                raise EngineBusy(
                    f"other writers went on changing the article {left[0]!r}. Try again."
                )
            time.sleep(pause)
            ended |= self._states(version, left)
        raise AssertionError("pauses never end")

    def _finish(
        self,
        version: Version,
        states: Mapping[str, State],
        lost: Mapping[str, Mapping[str, int]] = MappingProxyType({}),
    ) -> None:
        """Remove what is not shown any more: failing at that harms nobody.

        Args:
            lost: editions of ours that others took for lost, by article.
        """
        since = datetime.now(UTC).isoformat(timespec="seconds")

        def operations() -> Iterator[Operation]:
            for key, state in states.items():
                mine = lost.get(key, {})
                for edition, passages in {**state.replaced, **mine}.items():
                    for name in document_ids(edition, passages):
                        yield removing(key, name)
                for edition, passages in state.taken.items():
                    if edition not in mine:
                        for name in document_ids(edition, passages):
                            yield storing(key, name, {"kind": "void", "since": since}, VOID)

        def settle(state: State) -> State | None:
            settled = state.cleaned(states[state.article_id])
            return None if settled == state else settled

        try:
            items = self._send(version, operations())
            failed = {item.article: item.error for item in items if item.error}
            if failed:
                log.warning(
                    "what was replaced was not removed yet: %s", next(iter(failed.values()))
                )
            cleaned = {key: state for key, state in states.items() if key not in failed}
            self._change(version, cleaned, settle)
        except (EngineError, StartOver) as error:
            log.warning("what was replaced will be removed by the next writing: %s", error)

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
