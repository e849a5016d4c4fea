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

from search.domain import IndexedArticle
from search.engine import WriteOutcome
from search.engines.checks import Unfit, check_article
from search.engines.elastic.asking import Index
from search.engines.elastic.bulk import (
    VOID,
    Item,
    Operation,
    removing,
    send,
    storing,
    swapping,
)
from search.engines.elastic.connection import WRITE_PATIENCE, pauses
from search.engines.elastic.documents import document_ids, documents, new_edition
from search.engines.elastic.hold import Moved, steadily
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
        fit: dict[str, int] = {}  # the last of several with one id
        for number, indexed in enumerate(articles):
            try:
                check_article(indexed, self._index.dimensions)
            except Unfit as error:
                outcomes[number] = _failed(indexed.article.id, str(error))
                continue
            first = fit.setdefault(indexed.article.id, number)
            if not _says_less(indexed, articles[first]):
                fit[indexed.article.id] = number
        ids, written = list(fit), dict[str, WriteOutcome]()
        for start in range(0, len(ids), MOST_AT_ONCE):
            some = {key: articles[fit[key]] for key in ids[start : start + MOST_AT_ONCE]}
            written |= self._write(some)
        return [
            outcomes.get(number) or written[indexed.article.id]
            for number, indexed in enumerate(articles)
        ]

    def delete(self, article_ids: Sequence[str]) -> int:
        """Remove articles; return how many there were."""
        unique = list(dict.fromkeys(article_ids))
        removed = 0
        for start in range(0, len(unique), MOST_AT_ONCE):
            some = unique[start : start + MOST_AT_ONCE]
            states = self._index.states(some, WRITE_PATIENCE)
            known = [key for key, state in states.items() if state.shown is not None]
            if known:
                steadily(self._index, partial(self._delete, article_ids=known))
            removed += len(known)
        return removed

    def clean(self) -> int:
        """Remove what writers left that were killed; return of how many articles.

        A writer that is at work meanwhile begins what it is writing anew.
        """
        self._index.refresh()
        cleaned, after = 0, ""
        while found := self._unsettled(after):
            steadily(self._index, partial(self._clean, states=found))
            cleaned += len(found)
            after = max(found)
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

    def _write(self, batch: Batch) -> dict[str, WriteOutcome]:
        """Store articles; those that a `clean` took for lost are begun anew."""
        outcomes: dict[str, WriteOutcome] = {}
        end = time.monotonic() + WRITE_PATIENCE
        for pause in pauses():
            left = {key: article for key, article in batch.items() if key not in outcomes}
            if not left:
                break
            if outcomes and time.monotonic() > end:
                raise EngineBusy("other writers went on taking this one's articles. Try again.")
            outcomes |= steadily(self._index, partial(self._once, batch=left))
            if len(outcomes) < len(batch):
                time.sleep(pause)
        return outcomes

    def _once(self, version: Version, batch: Batch) -> dict[str, WriteOutcome]:
        """Store articles; return no outcome of those that were taken for lost."""
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
            for name, source in documents(batch[key], edition.name)
        )
        sent = self._send(version, passages)
        failed = {item.article: item.error for item in sent if item.error}

        def end(state: State) -> State | None:
            edition = editions[state.article_id]
            if edition.name not in state.pending:
                return None
            if state.article_id in failed:
                return state.withdrawn(edition.name)
            return state.committed(edition)

        ended, refused = self._change(version, {key: begun[key] for key in todo}, end)
        outcomes |= refused
        lost: dict[str, str] = {}
        for key, edition in todo.items():
            if key in failed:
                outcomes[key] = _failed(key, failed[key])
            elif key not in outcomes and ended[key].shown == edition:
                outcomes[key] = WriteOutcome(key, "written")
            elif key not in outcomes:
                # Another writer has committed or removed it since we began: we were before it.
                # Where nobody has, our edition was taken for lost.
                lost[key] = edition.name
                if ended[key].shown != begun[key].shown:
                    outcomes[key] = WriteOutcome(key, "written")
        own = {key: {name: editions[key].passages} for key, name in lost.items()}
        self._finish(version, begun | ended, own)
        return outcomes

    def _delete(self, version: Version, article_ids: Sequence[str]) -> None:
        def remove(state: State) -> State | None:
            return None if state.shown is None else state.removed()

        states = self._states(version, article_ids)
        ended, refused = self._change(version, states, remove)
        self._finish(version, ended)
        for outcome in refused.values():
            raise EngineUnavailable(outcome.error)

    def _clean(self, version: Version, states: Mapping[str, State]) -> None:
        def abandon(state: State) -> State | None:
            return state.abandoned() if state.pending else None

        ended, _ = self._change(version, states, abandon)
        self._finish(version, ended)

    # -- steps

    def _states(self, version: Version, article_ids: Collection[str]) -> dict[str, State]:
        states = self._index.states(list(article_ids), WRITE_PATIENCE)
        if self._index.opened() != version:
            raise Moved
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
                    refused[item.article] = _failed(item.article, item.error)
                elif not item.conflict:
                    ended[item.article] = _placed(wanted[item.article], item)
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
        own: Mapping[str, Mapping[str, int]] | None = None,
    ) -> None:
        """Remove what is not shown any more: failing at that harms nobody.

        Args:
            own: editions of ours that others took for lost, by article.
        """
        own = own or {}
        since = datetime.now(UTC).isoformat(timespec="seconds")

        def operations() -> Iterator[Operation]:
            for key, state in states.items():
                mine = own.get(key, {})
                for edition, passages in {**state.replaced, **mine}.items():
                    for name in document_ids(edition, passages):
                        yield removing(key, name)
                for edition, passages in state.taken.items():
                    if edition not in mine:
                        for name in document_ids(edition, passages):
                            yield storing(key, name, {"kind": "void", "since": since}, VOID)

        try:
            items = self._send(version, operations())
            failed = {item.article: item.error for item in items if item.error}
            if failed:
                log.warning(
                    "what was replaced was not removed yet: %s", next(iter(failed.values()))
                )
            gone = {
                key: {*state.replaced, *state.taken}
                for key, state in states.items()
                if key not in failed
            }
            self._change(
                version,
                {key: states[key] for key, names in gone.items() if names},
                lambda state: _if_less(state, state.cleaned(gone[state.article_id])),
            )
        except (EngineError, Moved) as error:
            log.warning("what was replaced will be removed by the next writing: %s", error)

    def _send(self, version: Version, operations: Iterable[Operation]) -> list[Item]:
        return send(self._index.connection, version.target, operations)

    def _unsettled(self, after: str) -> dict[str, State]:
        answer = self._index.search(
            {
                "query": unsettled(),
                "size": MOST_AT_ONCE,
                "sort": [{"article_id": "asc"}],
                "source_includes": ["state"],
                "seq_no_primary_term": True,
                "track_total_hits": False,
                **({"search_after": [after]} if after else {}),
            }
        )
        hits = {hit["sort"][0]: hit for hit in answer["hits"]["hits"]}
        return {key: read_state(key, hit) for key, hit in hits.items()}


def _placed(state: State, item: Item) -> State:
    return replace(state, place=None if state.is_nothing else item.place)


def _if_less(before: State, after: State) -> State | None:
    return None if before == after else after


def _is_there(edition: Edition, state: State) -> bool:
    shown = state.shown
    return (
        shown is not None
        and shown.content_hash == edition.content_hash
        and (shown.embedded or not edition.embedded)
    )


def _says_less(article: IndexedArticle, other: IndexedArticle) -> bool:
    """Tell whether an article is another one without its vectors."""
    return (
        other.embedded
        and not article.embedded
        and article.article.content_hash() == other.article.content_hash()
    )


def _failed(article_id: str, reason: str) -> WriteOutcome:
    return WriteOutcome(article_id, "failed", f"article {article_id!r} was not stored: {reason}")
