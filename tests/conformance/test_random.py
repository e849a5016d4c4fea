"""Random corpora, clauses, filters and changes: the engine and the definitions agree.

The seed stands in the test's name.
"""

from __future__ import annotations

import random
import threading

import pytest

from search.engines.protocol import Engine, RankRequest
from search.query.clauses import Everything, Term
from tests.conformance.corpus import (
    EMBEDDER,
    WORDS,
    found,
    indexed,
    passages_of,
    random_articles,
    random_clause,
    random_filter,
)


@pytest.mark.parametrize("seed", range(6))
def test_what_matches_is_what_the_definitions_say(engine: Engine, seed: int) -> None:
    articles = random_articles(seed, 40)
    engine.write(articles)
    random_ = random.Random(seed)
    for _ in range(60):
        clause, inside = random_clause(random_), random_filter(random_)
        constraint = random_clause(random_, 2) if random_.random() < 0.4 else None
        expected = passages_of(articles, clause, inside)
        if constraint is not None:
            expected = {
                key: p for key, p in expected.items() if key in passages_of(articles, constraint)
            }
        request = RankRequest(clause, filter=inside, constraint=constraint, limit=1000)
        rankings = engine.rank(request)
        assert {hit.passage_id for hit in rankings.text} == set(expected), request
        assert rankings.text_total == len(expected), request
        ordered = sorted(rankings.text, key=lambda hit: (-hit.score, hit.passage_id))
        assert list(rankings.text) == ordered, request
        limited = RankRequest(clause, filter=inside, constraint=constraint, limit=7)
        assert engine.rank(limited).text == rankings.text[:7], limited


@pytest.mark.parametrize("seed", range(4))
def test_any_changes_leave_what_a_fresh_index_holds(engine: Engine, seed: int) -> None:
    random_ = random.Random(seed)
    pool = [random_articles(version, 25) for version in range(5)]
    expected = {}
    for _ in range(12):
        chosen = [random_.choice(pool)[i] for i in random_.sample(range(25), random_.randint(1, 8))]
        engine.write(chosen)
        expected.update({a.article.id: a for a in chosen})
        gone = random_.sample([f"مقال-{i}" for i in range(25)], random_.randint(0, 4))
        assert engine.delete(gone) == sum(expected.pop(key, None) is not None for key in gone)
        passages = passages_of(expected.values())
        assert set(found(engine, Everything(), limit=1000)) == set(passages)
        query = EMBEDDER.embed_query(random_.choice(WORDS))
        hits = engine.rank(RankRequest(vector=query, limit=1000)).vector
        assert {hit.passage_id for hit in hits} == set(passages)
        word = random_.choice(WORDS)
        matching = passages_of(expected.values(), Term("stem", word))
        assert set(found(engine, Term("stem", word), limit=1000)) == set(matching)
        frequency = engine.rank(RankRequest(frequencies=(Term("stem", word),))).frequencies
        assert frequency[Term("stem", word)] == len(matching)
    assert engine.article_ids("", 1000) == sorted(expected)
    for key, given in expected.items():
        stored = engine.article(key)
        assert stored is not None
        assert stored.article == given.article
        assert stored.passages == tuple(p.passage for p in given.passages)


def test_reads_from_many_threads_agree_while_articles_are_written(engine: Engine) -> None:
    engine.write(random_articles(0, 30))
    clause, vector = Term("stem", "نفط"), EMBEDDER.embed_query("نفط")
    alone = {h.passage_id for h in engine.rank(RankRequest(clause)).text}
    failures: list[BaseException] = []
    done = threading.Event()

    def read() -> None:
        try:
            while not done.is_set():
                rankings = engine.rank(RankRequest(clause, vector, limit=1000))
                ids = [h.passage_id for h in rankings.text]
                assert alone <= set(ids)
                assert len({p.passage.id for p in engine.fetch(ids)}) >= len(alone)
                assert engine.article("مقال-0") is not None
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=read) for _ in range(6)]
    for thread in threads:
        thread.start()
    for i in range(12):
        engine.write([indexed(f"new-{i}", "ماء")])
        if i % 3 == 2:
            engine.delete([f"new-{i - 1}"])
    done.set()
    for thread in threads:
        thread.join()
    assert not failures
    assert engine.status().articles == 38
