"""Articles to the engine: unchanged ones passed over, the rest split, analysed, embedded, written.

Only what the engine acknowledged counts as written. Each failure is named and the rest
goes on; stopping in the middle loses nothing that was acknowledged, and the next run
goes on from there, because an article whose content hash is stored is passed over.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np

from indexer.paragraphs import split
from indexer.sources import Failure, Found, Item, Skipped
from search.analysis import terms
from search.domain import (
    LAYERS,
    Article,
    IndexedArticle,
    IndexedPassage,
    Layer,
    Passage,
    Span,
    Vector,
)
from search.embedding import Embedder
from search.engine import Engine
from search.errors import EmbedderError, EngineError
from search.evidence import evidence_spans
from search.settings import Settings

# A batch is embedded together (sorted by length) and acknowledged together: some 300
# texts of 100 tokens, ten seconds of two slow cores.
BATCH_ARTICLES = 64
BATCH_LENGTH = 100_000  # code points; a longer article is a batch of its own
EMBED_AT_ONCE = 4_096  # texts given to the model in one call

# Stands between a title's terms and a text's, so that no phrase crosses; analysis
# makes no such term of any text.
TITLE_END = "¶"

Batched = TypeVar("Batched", Found, IndexedArticle)

OnSize = Callable[[float], None]  # called with how many more bytes of the sources are done


@dataclass(frozen=True, slots=True)
class Report:
    """What became of a run. `stopped` says why it ended early, "" if it did not."""

    articles: int  # read without a failure
    passages: int  # of the articles written
    written: int
    unchanged: int
    skipped: tuple[Skipped, ...]
    failed: tuple[Failure, ...]
    seconds: float
    stopped: str = ""


def index(
    items: Iterable[Item],
    engine: Engine,
    embedder: Embedder,
    settings: Settings,
    on_size: OnSize | None = None,
) -> Report:
    """Write every article that is new or changed; return what became of each.

    Ctrl-C and an engine that cannot go on end the run early, in `Report.stopped`.

    Raises:
        EngineError: already the first try to write failed, as when another writer is at work.
    """
    engine.write([])  # refused now rather than after the first batch is embedded
    run = _Run(engine, embedder, settings, on_size or (lambda _: None))
    stopped = ""
    try:
        for batch in batches(run.admitted(items)):
            run.take(batch)
    except KeyboardInterrupt:
        stopped = "interrupted"
    except EngineError as error:
        stopped = str(error)
    return run.report(stopped)


@dataclass(slots=True)
class _Run:
    """One run's counts, and where each id was seen first."""

    engine: Engine
    embedder: Embedder
    settings: Settings
    on_size: OnSize
    started: float = field(default_factory=time.monotonic)
    passages: int = 0
    written: int = 0
    unchanged: int = 0
    articles: int = 0
    places: dict[str, str] = field(default_factory=dict)
    failed: list[Failure] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)

    def admitted(self, items: Iterable[Item]) -> Iterator[Found]:
        """Yield the articles; note what failed, was skipped or repeats an id of this run."""
        for item in items:
            match item:
                case Found(article=article, place=place):
                    first = self.places.get(article.id)
                    if first is None:
                        self.places[article.id] = place
                        self.articles += 1
                        yield item
                    elif first == place:
                        self.skipped.append(Skipped(place, "given twice"))
                        self.on_size(item.size)
                    else:
                        reason = f"its id {article.id!r} is also that of {first}: give it another"
                        self.fail(Failure(place, reason, item.size))
                case Failure():
                    self.fail(item)
                case Skipped():
                    self.skipped.append(item)

    def take(self, batch: Sequence[Found]) -> None:
        """Write what of a batch is new or changed."""
        stored = self.engine.content_hashes([found.article.id for found in batch])
        changed = []
        for found in batch:
            if stored.get(found.article.id) == found.article.content_hash():
                self.unchanged += 1
                self.on_size(found.size)
            else:
                changed.append(found)
        if not changed:
            return
        try:
            self._write(changed)
        except EmbedderError as error:
            if len(changed) == 1:
                self.fail(Failure(changed[0].place, str(error), changed[0].size))
                return
            for found in changed:  # so that one text the model fails on fails alone
                self.take([found])

    def _write(self, changed: Sequence[Found]) -> None:
        size = sum(found.size for found in changed)
        ready = prepare(
            [found.article for found in changed],
            self.embedder,
            self.settings,
            on_share=lambda share: self.on_size(share * size),
        )
        outcomes = self.engine.write(ready)
        for found, indexed, outcome in zip(changed, ready, outcomes, strict=True):
            match outcome.status:
                case "written":
                    self.written += 1
                    self.passages += len(indexed.passages)
                case "unchanged":
                    self.unchanged += 1
                case "failed":
                    self.failed.append(Failure(found.place, outcome.error))

    def fail(self, failure: Failure) -> None:
        self.failed.append(failure)
        self.on_size(failure.size)

    def report(self, stopped: str) -> Report:
        return Report(
            articles=self.articles,
            passages=self.passages,
            written=self.written,
            unchanged=self.unchanged,
            skipped=tuple(self.skipped),
            failed=tuple(self.failed),
            seconds=time.monotonic() - self.started,
            stopped=stopped,
        )


def prepare(
    articles: Sequence[Article],
    embedder: Embedder,
    settings: Settings,
    *,
    by_line: bool = True,
    on_share: Callable[[float], None] | None = None,
    known: Mapping[str, Vector] | None = None,
) -> list[IndexedArticle]:
    """Return articles ready to be written: split, analysed and embedded.

    Args:
        articles: any number; all their texts are embedded together.
        embedder: the model.
        settings: of which `sentence_vectors` matters here.
        by_line: False makes each article one passage, unless it is over-long.
        on_share: called with the share of the embedding that was done since the last call.
        known: vectors of texts that need not be embedded (`known_vectors`).

    Raises:
        EmbedderError: the model failed on a text.
    """
    drafts = [
        draft
        for article in articles
        for draft in _drafts(article, embedder, settings, by_line=by_line)
    ]
    vectors = dict(known or {})
    texts = [text for draft in drafts for text in draft.texts if text not in vectors]
    vectors.update(_embed(texts, embedder, on_share))
    passages: dict[str, list[IndexedPassage]] = {article.id: [] for article in articles}
    for draft in drafts:
        passages[draft.passage.article_id].append(draft.with_vectors(vectors, embedder.dimensions))
    return [IndexedArticle(article, tuple(passages[article.id])) for article in articles]


def known_vectors(articles: Iterable[IndexedArticle], embedder: Embedder) -> dict[str, Vector]:
    """Return the vectors that articles were stored with, by the text that each was made of."""
    known: dict[str, Vector] = {}
    for indexed in articles:
        heading = _heading(indexed.article.info.title, embedder)
        for stored in indexed.passages:
            text = stored.passage.text
            known[heading + text] = stored.vector
            for span, vector in zip(stored.sentences, stored.sentence_vectors, strict=True):
                known[text[span.start : span.end]] = vector
    return known


@dataclass(frozen=True, slots=True)
class _Draft:
    """A passage before its vectors are known; `texts[0]` is the whole, the rest sentences."""

    passage: Passage
    terms: Mapping[Layer, str]
    sentences: tuple[Span, ...]
    texts: tuple[str, ...]

    def with_vectors(self, vectors: Mapping[str, Vector], dimensions: int) -> IndexedPassage:
        own, *others = (vectors[text] for text in self.texts)
        return IndexedPassage(
            passage=self.passage,
            terms=self.terms,
            vector=own,
            sentences=self.sentences,
            sentence_vectors=np.stack(others) if others else np.zeros((0, dimensions), np.float32),
        )


def _drafts(
    article: Article, embedder: Embedder, settings: Settings, *, by_line: bool
) -> Iterator[_Draft]:
    title = article.info.title
    heading = _heading(title, embedder)
    room = embedder.max_tokens
    if heading:
        room -= embedder.count_tokens([heading])[0] + 1
    title_terms = terms(title)
    for passage in split(article, embedder.count_tokens, room, by_line=by_line):
        sentences = evidence_spans(passage.text) if settings.sentence_vectors else []
        if len(sentences) < 2:
            sentences = []
        yield _Draft(
            passage=passage,
            terms=_terms(title_terms, passage.text),
            sentences=tuple(sentences),
            texts=(heading + passage.text, *(passage.text[s.start : s.end] for s in sentences)),
        )


def _heading(title: str, embedder: Embedder) -> str:
    """Return what of a title is embedded before each passage's text."""
    heading = f"{title}\n" if title else ""
    # A long one would crowd out the text; its words are still matched.
    crowding = heading and embedder.count_tokens([heading])[0] + 1 > embedder.max_tokens // 4
    return "" if crowding else heading


def _terms(title_terms: Mapping[Layer, str], text: str) -> dict[Layer, str]:
    """Return each layer's terms of title and text, `TITLE_END` between them."""
    text_terms = terms(text)
    return {
        layer: f"{title_terms[layer]} {TITLE_END} {text_terms[layer]}".rstrip()
        if title_terms[layer]
        else text_terms[layer]
        for layer in LAYERS
    }


def _embed(
    texts: Sequence[str], embedder: Embedder, on_share: Callable[[float], None] | None
) -> dict[str, Vector]:
    """Return each different text's vector; a repeated line is embedded once."""
    different = list(dict.fromkeys(texts))
    vectors: dict[str, Vector] = {}
    for start in range(0, len(different), EMBED_AT_ONCE):
        some = different[start : start + EMBED_AT_ONCE]
        progress = (lambda n: on_share(n / len(different))) if on_share else None
        vectors.update(zip(some, embedder.embed_passages(some, progress), strict=True))
    return vectors


def batches(items: Iterable[Batched]) -> Iterator[list[Batched]]:
    """Yield articles in batches of bounded number and length, in order."""
    batch: list[Batched] = []
    length = 0
    for item in items:
        if batch and length + len(item.article.text) > BATCH_LENGTH:
            yield batch
            batch, length = [], 0
        batch.append(item)
        length += len(item.article.text)
        if len(batch) == BATCH_ARTICLES:
            yield batch
            batch, length = [], 0
    if batch:
        yield batch
