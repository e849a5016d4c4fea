"""Makes an index anew, or copies it to another engine, from what it holds, while searches go on.

Both copy what differs between two engines until nothing does: passages and terms as today's
analysis makes them, and the stored vectors if the model is the same. After a kill the next run
copies what is still missing. Other writers are kept out while the last differences are copied
and both sides are compared, so that no acknowledged article can be lost.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace

from indexer.ingestion.batches import BATCH_ARTICLES, batches
from indexer.ingestion.preparing import known_vectors, prepare
from search.assembly import fingerprint_of
from search.domain import IndexedArticle
from search.embedding import Embedder
from search.engines import Source, open_engine, present_index, stored_fingerprint, successor
from search.engines.protocol import Engine, Fingerprint, Stored
from search.errors import EngineError, InputError
from search.settings import Settings

PAGE = 1_000  # articles compared at once

OnStep = Callable[[str, int, int], None]  # what is done now, how far, of how many articles


@dataclass(frozen=True, slots=True)
class Copied:
    """What a run did, in articles. `kept`: where the old version still is, "" if removed.

    `vectors_kept`: the model is the same, so only texts that are cut otherwise were embedded.
    """

    articles: int
    written: int
    unchanged: int
    removed: int
    vectors_kept: bool
    kept: str = ""


def reindex(
    settings: Settings, embedder: Embedder, *, keep: bool = False, on_step: OnStep | None = None
) -> Copied:
    """Make the next version of the index and let it take the old one's place.

    Args:
        keep: leave the old version where it is.

    Raises:
        InputError: there is no index.
        EngineError: an article cannot be stored, the versions differ in the end, or
            another writer is at work. The old version is still the one that is searched.
    """
    fingerprint = fingerprint_of(embedder, settings)
    with present_index(settings) as present:
        if present is None:
            raise InputError(
                "there is no index to make anew; `fihris index PATH` makes one", field="index"
            )
        source = present.source
        with successor(settings, fingerprint) as following:
            copy = _Copy(source, following.engine, embedder, settings, on_step or _ignore)
            copy.reuse = _same_model(present.fingerprint, fingerprint)
            copy.differences(remove=True)
            with source.hold("reindexing"):
                copy.differences(remove=True)
                copied = copy.verified()
                return replace(copied, kept=following.take_over(keep=keep))


def upgrade(
    settings: Settings, embedder: Embedder, *, on_step: OnStep | None = None
) -> Copied | None:
    """Bring an index of an older Fihris to today's format and analysis, by `reindex`.

    Nothing that has a vector is embedded again. Returns None where nothing is to be done.

    Raises:
        InputError: there is no index, or the settings name another model than made it.
        EngineError: as `reindex`.
    """
    wanted = fingerprint_of(embedder, settings)
    with present_index(settings) as present:
        if present is None:
            raise InputError(
                "there is no index to upgrade; `fihris index PATH` makes one", field="index"
            )
        made_by = present.fingerprint
        if present.is_todays and made_by == wanted:
            return None
    if not _same_model(made_by, wanted):
        raise InputError(
            f"the index was made with the model {made_by.model} ({made_by.model_hash[:12]}), and "
            f"the settings name {wanted.model} ({wanted.model_hash[:12]}). Set FIHRIS_MODEL as it "
            "was, or run `fihris reindex`, which embeds everything anew.",
            field="FIHRIS_MODEL",
        )
    if made_by.sentence_vectors != wanted.sentence_vectors:
        raise InputError(
            f"the index was made with FIHRIS_SENTENCE_VECTORS={made_by.sentence_vectors}. Set it "
            "so, or run `fihris reindex`.",
            field="FIHRIS_SENTENCE_VECTORS",
        )
    return reindex(settings, embedder, on_step=on_step)


def migrate(
    source_settings: Settings,
    target_settings: Settings,
    embedder: Embedder,
    on_step: OnStep | None = None,
) -> Copied:
    """Copy an index to another engine. Articles that only the other one has stay there.

    Raises:
        InputError: there is nothing to copy.
        FingerprintMismatch: one of them was not made by this Fihris and model.
        EngineError: an article cannot be stored, or another writer is at work.
    """
    if stored_fingerprint(source_settings) is None:
        raise InputError(
            f"the {source_settings.engine} engine holds no index to copy", field="from"
        )
    fingerprint = fingerprint_of(embedder, target_settings)
    with (
        closing(open_engine(source_settings, fingerprint)) as source,
        closing(open_engine(target_settings, fingerprint)) as target,
    ):
        copy = _Copy(source, target, embedder, target_settings, on_step or _ignore)
        copy.differences(remove=False)
        with source.hold("migrating"):
            copy.differences(remove=False)
            return copy.verified(alike=False)


class _Copy:
    """One engine's articles to another."""

    def __init__(
        self,
        source: Source,
        target: Engine,
        embedder: Embedder,
        settings: Settings,
        on_step: OnStep,
    ) -> None:
        self._source = source
        self._target = target
        self._embedder = embedder
        self._settings = settings
        self._on_step = on_step
        self.reuse = True  # the vectors: whether the model that made them is this one
        self._written: set[str] = set()
        self._removed = 0

    def differences(self, *, remove: bool) -> None:
        """Write what the target lacks or has otherwise, and remove what the source has not."""
        whole, done = self._source.status().articles, 0
        for page in _pages(self._source):
            stored, there = self._source.stored(page), self._target.stored(page)
            wanted = [
                key for key in page if key in stored and not _is_there(stored[key], there.get(key))
            ]
            for batch in batches(self._articles(wanted)):
                self._write(batch)
            done += len(page)
            self._on_step("copying", min(done, whole), whole)
        if not remove:
            return
        for page in _pages(self._target):
            stored = self._source.stored(page)
            self._removed += self._target.delete([key for key in page if key not in stored])

    def verified(self, *, alike: bool = True) -> Copied:
        """Compare what both hold; return what was done.

        Args:
            alike: the target may hold nothing else.

        Raises:
            EngineError: they differ.
        """
        whole = self._source.status().articles
        count = lacking = other = 0
        for page in _pages(self._source):
            stored, there = self._source.stored(page), self._target.stored(page)
            lacking += sum(not _is_there(stored[key], there.get(key)) for key in stored)
            count += len(stored)
            self._on_step("comparing", min(count, whole), whole)
        for page in _pages(self._target) if alike else ():
            other += len(set(page) - self._source.stored(page).keys())
            self._on_step("comparing", whole, whole)
        if lacking or other:
            raise EngineError(
                f"of {count:,} articles the copy lacks {lacking:,} or has them otherwise, and it has "
                f"{other:,} others; nothing was changed. Run the command again."
            )
        written = len(self._written)
        return Copied(count, written, count - written, self._removed, self.reuse)

    def _articles(self, wanted: Sequence[str]) -> Iterator[IndexedArticle]:
        for start in range(0, len(wanted), BATCH_ARTICLES):
            yield from self._source.indexed(wanted[start : start + BATCH_ARTICLES])

    def _write(self, batch: Sequence[IndexedArticle]) -> None:
        known = known_vectors(batch, self._embedder) if self.reuse else {}
        ready = [
            indexed
            for embed in (True, False)
            for indexed in prepare(
                [indexed.article for indexed in batch if indexed.embedded == embed],
                self._embedder,
                self._settings,
                embed=embed,
                known=known,
            )
        ]
        for outcome in self._target.write(ready):
            if outcome.status == "failed":
                raise EngineError(f"{outcome.error} Nothing was changed; mend it and try again.")
            self._written.add(outcome.id)


def _is_there(stored: Stored, there: Stored | None) -> bool:
    """Tell whether a copy needs no writing: it may have vectors that the source lacks."""
    return (
        there is not None
        and there.content_hash == stored.content_hash
        and (there.embedded or not stored.embedded)
    )


def _pages(engine: Source) -> Iterator[list[str]]:
    after = ""
    while page := engine.article_ids(after, PAGE):
        yield page
        after = page[-1]


def _same_model(a: Fingerprint, b: Fingerprint) -> bool:
    return (a.model_hash, a.dimensions) == (b.model_hash, b.dimensions)


def _ignore(_what: str, _done: int, _of: int) -> None:
    """Show no progress."""
