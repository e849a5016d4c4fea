"""Passages without vectors: in everything but vector rankings, and vectors may come later."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from search.domain import NO_FILTER, Filter, IndexedArticle, Span
from search.engines.protocol import Engine, RankRequest, Stored
from search.query.clauses import Everything, Not, Term
from tests.conformance.conftest import Open
from tests.conformance.corpus import (
    DIMENSIONS,
    EMBEDDER,
    facets,
    found,
    indexed,
    near,
    passages_of,
    random_articles,
    without_vectors,
)


def bare(id: str, *paragraphs: str, source: str = "") -> IndexedArticle:
    return without_vectors(indexed(id, *paragraphs, source=source))


def statuses(engine: Engine, *articles: IndexedArticle) -> list[str]:
    return [outcome.status for outcome in engine.write(articles)]


def test_they_are_found_by_words_counted_and_read_like_any_other(engine: Engine) -> None:
    a = bare("a", "oil. water", "sand", source="s")
    assert statuses(engine, a, indexed("b", "oil", source="s")) == ["created", "created"]
    assert found(engine, Term("stem", "oil")) == ["b#0", "a#0"]
    rankings = engine.rank(RankRequest(Everything(), frequencies=(Term("stem", "oil"),)))
    assert (rankings.text_total, rankings.passages) == (3, 3)
    assert rankings.frequencies == {Term("stem", "oil"): 2}
    assert facets(engine, None, NO_FILTER, ["source"]) == {"source": [("s", 3)]}
    assert engine.terms_with_prefixes("stem", ["san"], 5) == {"san": [("sand", 1)]}
    (passage,) = engine.fetch(["a#0"])
    assert passage.passage == a.passages[0].passage
    assert passage.sentences == ()
    stored = engine.article("a")
    assert stored is not None
    assert stored.article == a.article
    assert stored.passages == tuple(p.passage for p in a.passages)
    assert engine.article_ids("", 10) == ["a", "b"]


def test_they_are_in_no_vector_ranking(engine: Engine) -> None:
    engine.write([bare(f"a{i}", "oil", source="s") for i in range(3)])
    assert near(engine, "oil") == []
    engine.write([indexed("b", "sand. oil", source="s"), indexed("c", "water")])
    engine.write([bare(f"d{i}", "oil. water", source="s") for i in range(3)])
    assert near(engine, "oil", limit=5) == ["b#0", "c#0"]  # fewer than the limit
    assert near(engine, "oil", limit=1) == ["b#0"]
    assert near(engine, "oil", filter=Filter(sources=("s",))) == ["b#0"]
    assert near(engine, "oil", filter=Filter(articles=("a1",))) == []
    assert near(engine, "oil", constraint=Term("stem", "oil")) == ["b#0"]
    without = Not(Everything(), Term("stem", "sand"))
    assert near(engine, "oil", constraint=without) == ["c#0"]
    both = engine.rank(RankRequest(Term("stem", "oil"), EMBEDDER.embed_query("oil")))
    assert both.text_total == 7
    assert {hit.passage_id for hit in both.vector} == {"b#0", "c#0"}


@pytest.mark.parametrize("seed", range(3))
def test_a_vector_ranking_is_that_of_an_index_of_the_others_only(
    open_index: Open, engine: Engine, seed: int
) -> None:
    articles = random_articles(seed, 60)
    engine.write([without_vectors(a) if n % 3 else a for n, a in enumerate(articles)])
    query = EMBEDDER.embed_query("قصف قاعدة جندي")
    embedded = passages_of(articles[::3])
    hits = engine.rank(RankRequest(vector=query, limit=1000)).vector
    assert {hit.passage_id for hit in hits} == set(embedded)
    assert engine.rank(RankRequest(vector=query, limit=7)).vector == hits[:7]
    assert set(found(engine, Everything(), limit=1000)) == set(passages_of(articles))
    engine.delete([a.article.id for n, a in enumerate(articles) if n % 2])
    left = passages_of(a for n, a in enumerate(articles) if not n % 2 and not n % 3)
    assert engine.rank(RankRequest(vector=query, limit=1000)).vector == tuple(
        hit for hit in hits if hit.passage_id in left
    )


def test_vectors_are_added_later_and_never_taken_away(engine: Engine) -> None:
    whole = indexed("a", "oil. water", "sand")
    assert statuses(engine, without_vectors(whole)) == ["created"]
    assert statuses(engine, without_vectors(whole)) == ["unchanged"]
    assert statuses(engine, whole) == ["updated"]
    assert sorted(near(engine, "oil")) == ["a#0", "a#1"]
    assert found(engine, Everything()) == ["a#0", "a#1"]
    assert statuses(engine, without_vectors(whole)) == ["unchanged"]
    assert statuses(engine, whole) == ["unchanged"]
    assert sorted(near(engine, "oil")) == ["a#0", "a#1"]
    assert statuses(engine, bare("a", "other")) == ["updated"]  # another text has none yet
    assert near(engine, "oil") == []


def test_in_one_call_too_vectors_are_not_taken_away(engine: Engine) -> None:
    whole = indexed("a", "oil. water")
    engine.write([without_vectors(whole), whole, without_vectors(whole)])
    assert near(engine, "oil") == ["a#0"]
    assert found(engine, Everything()) == ["a#0"]


def test_what_is_stored_says_whether_it_has_vectors(engine: Engine) -> None:
    a, b, empty = bare("a", "x"), indexed("b", "x"), indexed("empty", "")
    empty = replace(empty, passages=())
    engine.write([a, b, empty])
    assert engine.stored(["empty", "b", "a"]) == {
        "a": Stored(a.article.content_hash(), embedded=False),
        "b": Stored(b.article.content_hash(), embedded=True),
        "empty": Stored(empty.article.content_hash(), embedded=True),  # it lacks none
    }
    engine.write([indexed("a", "x")])
    assert engine.stored(["a"])["a"].embedded


def test_they_are_given_back_without_vectors(open_index: Open) -> None:
    given = bare("a", "one. two", "three")
    with open_index() as engine:
        engine.write([given, indexed("b", "one. two")])
    with open_index() as engine:
        first, second = engine.indexed(["a", "b"])
    assert first.article == given.article
    assert [p.passage for p in first.passages] == [p.passage for p in given.passages]
    for passage in first.passages:
        assert passage.vector is None
        assert passage.sentences == ()
        assert passage.sentence_vectors.shape == (0, DIMENSIONS)
    assert not first.embedded
    assert second.embedded
    assert len(second.passages[0].sentences) == 2


def test_articles_without_vectors_are_listed_in_order(engine: Engine) -> None:
    ids = sorted(f"م{i}" for i in range(9))
    engine.write([bare(key, "x") for key in reversed(ids)])
    engine.write([indexed("a", "x"), indexed("~", "x"), replace(indexed("e", ""), passages=())])
    assert engine.unembedded("", 100) == ids
    assert engine.unembedded("", 2) == ids[:2]
    assert engine.unembedded(ids[1], 3) == ids[2:5]
    assert engine.unembedded(ids[-1], 3) == []
    assert engine.unembedded("", 0) == []
    engine.write([indexed(ids[0], "x")])
    engine.delete([ids[1]])
    assert engine.unembedded("", 3) == ids[2:5]


def test_status_counts_passages_without_vectors(engine: Engine) -> None:
    engine.write([bare("a", "x", "y"), indexed("b", "x. y"), bare("c", "z")])
    status = engine.status()
    assert (status.passages, status.sentences, status.unembedded) == (4, 2, 3)
    engine.write([indexed("a", "x", "y")])
    engine.delete(["c"])
    assert engine.status().unembedded == 0


def test_a_mixture_is_refused_by_name(engine: Engine) -> None:
    whole = indexed("a", "x", "y")
    bare_second = replace(whole.passages[1], vector=None)
    mixed = replace(whole, passages=(whole.passages[0], bare_second))
    (outcome,) = engine.write([mixed])
    assert outcome.status == "failed"
    assert "passage 1 has no vector" in outcome.error
    assert engine.article("a") is None


def test_sentences_without_a_vector_of_the_whole_are_refused(engine: Engine) -> None:
    whole = indexed("a", "x. y")
    half = replace(whole.passages[0], vector=None)
    spans = replace(
        half, sentences=(Span(0, 1),), sentence_vectors=np.zeros((0, DIMENSIONS), np.float32)
    )
    for passage in (half, spans):
        (outcome,) = engine.write([replace(whole, passages=(passage,))])
        assert outcome.status == "failed"
        assert "sentences" in outcome.error
