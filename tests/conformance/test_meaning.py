"""Ranking by meaning: the mean of the passage's cosine and its best sentence's."""

from __future__ import annotations

import numpy as np
import pytest

from search.domain import Filter, IndexedArticle, IndexedPassage, Span, Vector
from search.engines.protocol import SHORTLIST, Engine, Ranked, RankRequest, shortlist_size
from search.query.clauses import AllOf, AnyOf, Clause, Everything, Not, Phrase, Prefix, Term
from tests.conformance.corpus import (
    EMBEDDER,
    indexed,
    matches,
    meaning,
    near,
    passages_of,
    random_articles,
)

CLOSE = 0.002  # of a cosine: an engine may store vectors in 8 or 16 bits


def ask(engine: Engine, text: str, **asked: object) -> tuple[Ranked, ...]:
    return engine.rank(RankRequest(vector=EMBEDDER.embed_query(text), **asked)).vector  # type: ignore[arg-type]


def sentence_of(engine: Engine, hit: Ranked) -> Span | None:
    """Return the sentence that a hit names."""
    (stored,) = engine.fetch([hit.passage_id])
    return None if hit.sentence is None else stored.sentences[hit.sentence]


def test_one_sentence_scores_its_cosine_and_names_no_sentence(engine: Engine) -> None:
    engine.write([indexed("a", "oil and water")])
    (hit,) = ask(engine, "oil and water")
    assert hit.passage_id == "a#0"
    assert sentence_of(engine, hit) is None
    assert hit.score == pytest.approx(1.0, abs=CLOSE)


def test_the_best_sentence_counts_half_and_is_named(engine: Engine) -> None:
    article = indexed("a", "ministers met. oil rose. nobody spoke")
    engine.write([article])
    (hit,) = ask(engine, "oil rose")
    score, sentence = meaning(article.passages[0], EMBEDDER.embed_query("oil rose"))
    assert sentence == Span(15, 24)
    assert sentence_of(engine, hit) == sentence
    assert hit.score == pytest.approx(score, abs=CLOSE)


def test_scores_may_be_negative(engine: Engine) -> None:
    engine.write([indexed("a", "oil")])
    (hit,) = engine.rank(RankRequest(vector=-EMBEDDER.embed_query("oil"))).vector
    assert hit.score == pytest.approx(-1.0, abs=CLOSE)


def test_only_the_direction_of_the_query_counts(engine: Engine) -> None:
    engine.write([indexed("a", "oil"), indexed("b", "oil water")])
    query = EMBEDDER.embed_query("oil")
    short, long = (
        engine.rank(RankRequest(vector=v)).vector
        for v in (query * np.float32(0.01), query * np.float32(100))
    )
    assert [h.passage_id for h in short] == [h.passage_id for h in long] == ["a#0", "b#0"]
    assert short[0].score == pytest.approx(long[0].score, abs=1e-4)


def test_equal_passages_are_ordered_and_cut_by_id(engine: Engine) -> None:
    ids = [f"{(i * 7919) % 400:03}" for i in range(400)]
    engine.write([indexed(key, "same. words") for key in ids])
    assert near(engine, "same", limit=250) == [f"{i:03}#0" for i in range(250)]
    assert near(engine, "same", limit=3) == ["000#0", "001#0", "002#0"]


def test_limits_and_no_vector(engine: Engine) -> None:
    engine.write([indexed(f"{i}", f"word {i}") for i in range(5)])
    assert len(near(engine, "word", limit=3)) == 3
    assert near(engine, "word", limit=0) == []
    assert len(near(engine, "word", limit=10_000)) == 5
    assert engine.rank(RankRequest(Everything())).vector == ()


def test_a_total_is_of_the_text_only(engine: Engine) -> None:
    engine.write([indexed("a", "oil")])
    assert engine.rank(RankRequest(vector=EMBEDDER.embed_query("oil"))).text_total is None


def test_a_passage_far_in_the_ranking_still_passes_a_filter(engine: Engine) -> None:
    """The filter acts before the shortlist: 300 nearer passages do not crowd it out."""
    engine.write([indexed(f"{i:03}", "oil water", source="many") for i in range(300)])
    engine.write([indexed("far", "ministers", source="one")])
    assert near(engine, "oil water", filter=Filter(sources=("one",))) == ["far#0"]
    assert near(engine, "oil water", constraint=Term("stem", "ministers")) == ["far#0"]


CONSTRAINTS: list[Clause] = [
    Everything(),
    Term("stem", "نفط"),
    Not(Everything(), Term("stem", "نفط")),
    Not(Term("stem", "نفط"), Term("stem", "ماء")),
    AnyOf((Term("stem", "نفط"), Term("stem", "ماء"), Prefix("stem", "وز")), minimum=2),
    AllOf((Term("stem", "نفط"), Term("stem", "ماء"))),
    AllOf(()),
    AnyOf(()),
    Phrase("letters", ("نفط", "ماء")),
]


@pytest.fixture(scope="module")
def library(shared: Engine) -> tuple[Engine, list[IndexedArticle]]:
    articles = random_articles(5, 40)
    shared.write(articles)
    return shared, articles


@pytest.mark.parametrize("constraint", CONSTRAINTS, ids=str)
def test_a_constraint_holds(
    library: tuple[Engine, list[IndexedArticle]], constraint: Clause
) -> None:
    engine, articles = library
    expected = {key for key, p in passages_of(articles).items() if matches(constraint, p)}
    assert set(near(engine, "نفط", constraint=constraint, limit=1000)) == expected


@pytest.mark.parametrize("seed", range(4))
def test_scores_sentences_and_order_are_those_of_exact_cosines(engine: Engine, seed: int) -> None:
    articles = random_articles(seed, 60)
    engine.write(articles)
    passages = passages_of(articles)
    query = EMBEDDER.embed_query("قصف قاعدة جندي")
    hits = engine.rank(RankRequest(vector=query, limit=1000)).vector
    assert {hit.passage_id for hit in hits} == set(passages)
    for hit in hits:
        score, sentence = meaning(passages[hit.passage_id], query)
        assert hit.score == pytest.approx(score, abs=CLOSE)
        named = sentence_of(engine, hit)
        if named != sentence:  # then both are as near
            assert _cosine_of(passages[hit.passage_id], named, query) == pytest.approx(
                _cosine_of(passages[hit.passage_id], sentence, query), abs=CLOSE
            )
    assert [h.passage_id for h in hits] == [
        h.passage_id for h in sorted(hits, key=lambda h: (-h.score, h.passage_id))
    ]


def _cosine_of(passage: IndexedPassage, span: Span | None, query: Vector) -> float:
    assert span is not None
    vector = passage.sentence_vectors[passage.sentences.index(span)]
    return float(vector @ query)


def test_the_shortlist_is_by_the_passages_own_cosines(engine: Engine) -> None:
    """Of 600 passages with limit 5, the best by the full score among the nearest."""
    articles = [a for seed in range(8) for a in _renamed(random_articles(seed, 30), seed)]
    engine.write(articles)
    passages = passages_of(articles)
    assert len(passages) > 2 * SHORTLIST
    query = EMBEDDER.embed_query("سفير بغداد نفط")
    own = {key: float(p.vector @ query) for key, p in passages.items() if p.vector is not None}
    listed = sorted(own, key=lambda key: (-own[key], key))[: shortlist_size(5)]
    best = sorted(listed, key=lambda key: -meaning(passages[key], query)[0])[:5]
    hits = engine.rank(RankRequest(vector=query, limit=5)).vector
    exact = [meaning(passages[key], query)[0] for key in best]
    assert [h.score for h in hits] == pytest.approx(exact, abs=CLOSE)


def _renamed(articles: list[IndexedArticle], seed: int) -> list[IndexedArticle]:
    return [
        indexed(f"{seed}-{a.article.id}", *(p.passage.text for p in a.passages)) for a in articles
    ]


def test_both_rankings_in_one_request_are_those_of_two(engine: Engine) -> None:
    engine.write(random_articles(1, 30))
    clause, vector = Term("stem", "نفط"), EMBEDDER.embed_query("نفط")
    both = engine.rank(RankRequest(clause, vector))
    assert both.text == engine.rank(RankRequest(clause)).text
    assert both.vector == engine.rank(RankRequest(vector=vector)).vector
    assert np.all([value >= 0 for value in both.took_ms.values()])
