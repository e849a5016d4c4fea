"""A batch of articles: compared with what is stored, prepared and written. All writing uses it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from indexer.ingestion.analysis_worker import Analyse, analysed
from indexer.ingestion.preparing import known_vectors, prepare
from indexer.sources import Found
from search.annotations.restoring import restore
from search.domain import Article, IndexedArticle, Vector, WriteOutcome
from search.embedding import Embedder
from search.engines.protocol import EngineWriter, Stored
from search.errors import EmbedderError
from search.limits import MAX_ANNOTATIONS
from search.saved.alerts import Alerts
from search.settings import Settings

# A batch is embedded together (sorted by length) and acknowledged together: some 300
# texts of 100 tokens, ten seconds of two slow cores.
BATCH_ARTICLES = 64
BATCH_LENGTH = 100_000  # code points; a longer article is a batch of its own
# Without a model the write itself is what takes time, and its fsync is shared by more.
KEYWORD_BATCH_ARTICLES = 128
KEYWORD_BATCH_LENGTH = 250_000

_LEFT = (f"annotations left out: {MAX_ANNOTATIONS:,} are kept, which is the most",)

Batched = TypeVar("Batched", Found, IndexedArticle)
OnSize = Callable[[float], None]  # called with how many more bytes of the sources are done


@dataclass(frozen=True, slots=True)
class Ready:
    """A batch between preparing and writing.

    `indexed` is what has to be written and `failed` what the model failed on, both by place
    in the batch; `before` is what saved searches are told of the articles that are replaced.
    """

    batch: Sequence[Article]
    indexed: Mapping[int, IndexedArticle]
    failed: Mapping[int, str]
    before: Mapping[str, Mapping[str, bool]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Maker:
    """Makes batches ready and writes them, in any thread.

    `embed` False leaves passages without vectors; `known` are vectors of texts that need
    not be embedded (`preparing.known_vectors`); `analyse` makes the terms; `alerts` is told of
    what will be written.
    """

    engine: EngineWriter
    embedder: Embedder
    settings: Settings
    embed: bool = True
    known: Mapping[str, Vector] = field(default_factory=dict)
    analyse: Analyse = analysed
    alerts: Alerts | None = None

    def compared(self, batch: Sequence[Article]) -> tuple[dict[str, Stored], list[int]]:
        """Return what is stored of a batch, and which of it has to be written."""
        stored = self.engine.stored([article.id for article in batch])
        changed = [n for n, article in enumerate(batch) if not self._is_there(article, stored)]
        return stored, changed

    def ready(
        self,
        batch: Sequence[Article],
        sizes: Sequence[int] = (),
        on_size: OnSize = lambda _: None,
    ) -> Ready:
        """Prepare the new and changed articles of a batch; vectors of unchanged texts are kept.

        Args:
            batch: articles, no id twice.
            sizes: bytes of each in its source, where `on_size` is given.
            on_size: called with the bytes that were prepared since the last call.
        """
        stored, changed = self.compared(batch)
        if not changed:
            return Ready(batch, {}, {})
        size = left = float(sum(sizes[n] for n in changed) if sizes else 0)

        def on_share(share: float) -> None:
            nonlocal left
            left -= share * size
            on_size(share * size)

        known, before = dict(self.known), {}
        is_asked = self.alerts is not None and self.alerts.are_asked()
        if self.embed or is_asked:
            replaced = self.engine.indexed([batch[n].id for n in changed if batch[n].id in stored])
            if self.embed:
                known.update(known_vectors(replaced, self.embedder))
            if is_asked:
                before = {one.article.id: _texts(one) for one in replaced}
        indexed, failed = self._prepared(batch, changed, known, on_share)
        on_size(left)  # what needed no model
        return Ready(batch, indexed, failed, before)

    def write(self, ready: Ready) -> list[WriteOutcome]:
        """Write what is ready; return what became of each article of the batch, in order.

        Raises:
            EngineError: nothing of it was acknowledged.
        """
        indexed = list(ready.indexed.values())
        if self.alerts is not None and indexed:
            self.alerts.record(indexed, ready.before)
        written = self.engine.write(indexed) if indexed else []
        outcomes = dict(zip(ready.indexed, written, strict=True))
        ended = []
        for n, article in enumerate(ready.batch):
            if n in ready.failed:
                ended.append(WriteOutcome(article.id, "failed", ready.failed[n], "model"))
            else:
                ended.append(outcomes.get(n, WriteOutcome(article.id, "unchanged")))
        return self._annotated(ready.batch, ended)

    def _annotated(self, batch: Sequence[Article], ended: list[WriteOutcome]) -> list[WriteOutcome]:
        """Keep the annotations that came with what is stored; say where they are too many."""
        stored = [a for a, its in zip(batch, ended, strict=True) if its.status != "failed"]
        given = [each for article in stored for each in article.annotations]
        left = restore(self.settings, given) if given else ()
        return [replace(its, notes=_LEFT) if its.id in left else its for its in ended]

    def _is_there(self, article: Article, stored: Mapping[str, Stored]) -> bool:
        there = stored.get(article.id)
        return (
            there is not None
            and there.content_hash == article.content_hash()
            and (there.embedded or not self.embed)
        )

    def _prepared(
        self,
        batch: Sequence[Article],
        changed: Sequence[int],
        known: Mapping[str, Vector],
        on_share: Callable[[float], None],
    ) -> tuple[dict[int, IndexedArticle], dict[int, str]]:
        try:
            ready = prepare(
                [batch[n] for n in changed],
                self.embedder,
                self.settings,
                embed=self.embed,
                known=known,
                on_share=on_share,
                analyse=self.analyse,
            )
        except EmbedderError as error:
            if len(changed) == 1:
                return {}, {changed[0]: str(error)}
            indexed: dict[int, IndexedArticle] = {}
            failed: dict[int, str] = {}
            for n in changed:  # so that one text the model fails on fails alone
                one, reason = self._prepared(batch, [n], known, lambda _: None)
                indexed.update(one)
                failed.update(reason)
            return indexed, failed
        return dict(zip(changed, ready, strict=True)), {}


def _texts(article: IndexedArticle) -> dict[str, bool]:
    """Return an article's texts and whether each has its vector."""
    return {passage.passage.text: passage.vector is not None for passage in article.passages}


def batches(
    items: Iterable[Batched], articles: int = BATCH_ARTICLES, length: int = BATCH_LENGTH
) -> Iterator[list[Batched]]:
    """Yield articles in batches of at most so many and of so many code points, in order."""
    batch: list[Batched] = []
    so_far = 0
    for item in items:
        if batch and so_far + len(item.article.text) > length:
            yield batch
            batch, so_far = [], 0
        batch.append(item)
        so_far += len(item.article.text)
        if len(batch) == articles:
            yield batch
            batch, so_far = [], 0
    if batch:
        yield batch
