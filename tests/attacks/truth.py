"""An index whose contents are known, and whether an engine tells the truth about it."""

from __future__ import annotations

import multiprocessing
import random
from collections.abc import Iterable
from multiprocessing.context import ForkServerContext
from pathlib import Path

import numpy as np

from search.domain import IndexedArticle
from search.engines import open_engine
from search.engines.protocol import CountRequest, Engine, RankRequest
from search.errors import EngineUnavailable, FihrisError
from search.query.clauses import Term
from search.settings import Settings
from tests.conformance.corpus import EMBEDDER, FINGERPRINT, WORDS, indexed, meaning, passages_of

Truth = dict[str, IndexedArticle]  # by id

NEAR = 2e-3  # vectors are kept as float16 and compared as int8
LISTED = 20  # hits of a ranking by meaning that are looked at


def opened(folder: Path) -> Engine:
    """Open the embedded engine's index in a folder."""
    return open_engine(Settings(data=folder, engine="embedded"), FINGERPRINT)


def processes() -> ForkServerContext:
    """Return what starts processes that share nothing with this one, in milliseconds."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["search.engines.embedded.engine", __name__])
    return context


def version_of(article_id: str, version: str) -> IndexedArticle:
    """Return an article every paragraph of which names its version, in a word of its own."""
    chosen = random.Random(f"{article_id} {version}")
    return indexed(
        article_id,
        *(
            f"{version} {' '.join(chosen.choices(WORDS, k=4))}. {chosen.choice(WORDS)} {version}"
            for _ in range(chosen.randint(1, 4))
        ),
        source=chosen.choice(["", "cnn", "bbc"]),
    )


def lies(engine: Engine, truth: Truth) -> tuple[list[str], list[FihrisError]]:
    """Ask an engine everything; return what it said that is not true, and what it raised.

    Anything raised that is no error of ours goes through.
    """
    told: list[str] = []
    raised: list[FihrisError] = []
    for question in (_reads, _searches, _meaning):
        try:
            for lie in question(engine, truth):
                told.append(lie)  # noqa: PERF402  # what was told before an error counts
        except FihrisError as error:
            raised.append(error)
    return told, raised


def _reads(engine: Engine, truth: Truth) -> Iterable[str]:
    ids = engine.article_ids("", 10_000)
    if ids != sorted(truth):
        yield f"article_ids: {_difference(ids, truth)}"
    for key, expected in truth.items():
        stored = engine.article(key)
        if stored is None or stored.article != expected.article:
            yield f"article {key}: {stored and stored.article.text[:40]!r}"
        elif stored.passages != tuple(each.passage for each in expected.passages):
            yield f"article {key}: other passages"
    passages = passages_of(truth.values())
    fetched = {each.passage.id: each.passage for each in engine.fetch(list(passages))}
    if fetched != {key: each.passage for key, each in passages.items()}:
        yield f"fetch: {_difference(fetched, passages)}"
    for held in engine.indexed(list(truth)):
        expected = truth.get(held.article.info.id, held)
        if not all(_alike(*pair) for pair in zip(held.passages, expected.passages, strict=False)):
            yield f"indexed {held.article.info.id}: other vectors"
    known = engine.stored(list(truth))
    if set(known) != set(truth):
        yield f"stored: {_difference(known, truth)}"
    if not all(each.embedded for each in known.values()) or engine.unembedded("", 10):
        yield "articles without vectors"
    status = engine.status()
    counts = status.articles, status.passages, status.sentences, status.unembedded
    sentences = sum(len(each.sentences) for each in passages.values())
    if counts != (len(truth), len(passages), sentences, 0):
        yield f"status: {counts}"


def _searches(engine: Engine, truth: Truth) -> Iterable[str]:
    passages = passages_of(truth.values())
    words: dict[str, set[str]] = {word: set() for word in [*WORDS, "غائب"]}
    for key, each in passages.items():
        for word in each.terms["stem"].split():
            words.setdefault(word, set()).add(key)
    behind = False
    for word, expected in words.items():
        rankings = engine.rank(RankRequest(Term("stem", word), limit=10_000))
        ids = [hit.passage_id for hit in rankings.text]
        if getattr(rankings, "behind", False) and set(ids) <= expected:  # says so itself
            behind = True
            continue
        if sorted(ids) != sorted(expected) or rankings.text_total != len(expected):
            yield f"search {word}: {_difference(ids, expected)}"
        for held in engine.fetch(ids[:5]):
            if word not in held.passage.text.replace(". ", " ").split():
                yield f"search {word}: shows {held.passage.text[:40]!r}"
    if behind:
        raise EngineUnavailable("searches say that they are behind")
    if hasattr(engine, "facets"):  # a checkout of 0.2
        sources = dict(engine.facets(None, RankRequest().filter, ["source"])["source"])
    else:
        sources = dict(engine.count([CountRequest(facets=("source",))])[0].facets["source"])
    for source in ("cnn", "bbc"):
        number = sum(len(a.passages) for a in truth.values() if a.article.info.source == source)
        if sources.get(source, 0) != number:
            yield f"facet {source}: {sources.get(source, 0)} of {number}"


def _meaning(engine: Engine, truth: Truth) -> Iterable[str]:
    passages = passages_of(truth.values())
    for word in WORDS[:2]:
        query = EMBEDDER.embed_query(word)
        hits = engine.rank(RankRequest(vector=query, limit=LISTED)).vector
        scores = {key: meaning(each, query)[0] for key, each in passages.items()}
        best = sorted(scores.values(), reverse=True)[:LISTED]
        for hit in hits:
            if abs(scores.get(hit.passage_id, 9.0) - hit.score) > NEAR:
                yield f"near {word}: {hit.passage_id} scores {hit.score:.3f}"
        if len(hits) != len(best):
            yield f"near {word}: {len(hits)} hits of {len(best)}"


def _alike(held: object, expected: object) -> bool:
    one, other = getattr(held, "vector", None), getattr(expected, "vector", None)
    if one is None or other is None:
        return one is other
    return bool(np.abs(np.asarray(one) - np.asarray(other)).max() < NEAR)


def _difference(told: Iterable[str], true: Iterable[str]) -> str:
    told, true = set(told), set(true)
    return f"{len(true - told)} missing, {len(told - true)} too many, of {len(true)}"
