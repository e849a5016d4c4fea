"""Order does not depend on how an index came to be, as far as that can be held."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from search.engines.embedded import derived
from search.engines.embedded.engine import EmbeddedEngine
from search.engines.protocol import Ranked, RankRequest
from search.query.clauses import AnyOf, Boost, Clause, Prefer, Prefix, Term
from tests.conformance.corpus import EMBEDDER, WORDS, indexed, random_articles
from tests.engines.embedded.opening import opened

QUERIES: list[Clause] = [
    AnyOf(tuple(Boost(Term("stem", word), 0.1 + i / 7) for i, word in enumerate(WORDS))),
    Term("stem", WORDS[0]),
    Prefer(Prefix("stem", "ق"), AnyOf(tuple(Term("letters", word) for word in WORDS[3:9]))),
]


def answers(engine: EmbeddedEngine) -> list[tuple[object, ...]]:
    vector = EMBEDDER.embed_query("نفط وزير")
    return [
        part
        for clause in QUERIES
        for limit in (10, 1000)
        for rankings in (engine.rank(RankRequest(clause, vector, limit=limit)),)
        for part in (rankings.text, rankings.vector)
    ]


def test_segments_do_not_change_the_order(tmp_path: Path) -> None:
    """Written in 20 calls or in one, from a text index built anew or followed: the same hits."""
    articles = random_articles(3, 120)
    with opened(tmp_path / "one") as engine:
        engine.write(articles)
        expected = answers(engine)
    with opened(tmp_path / "many") as engine:
        for i in range(0, 120, 6):
            engine.write(articles[i : i + 6])
            engine._views.publish()
        assert answers(engine) == expected
        view = engine._views.latest
        assert view is not None
        assert view.text.segments > 1
    shutil.rmtree(tmp_path / "many" / "text")
    with opened(tmp_path / "many") as engine:
        assert answers(engine) == expected


def test_after_replacements_a_small_index_answers_as_a_fresh_one(tmp_path: Path) -> None:
    """Up to 500 passages any removal builds anew, so BM25 never counts what went."""
    with opened(tmp_path / "changed") as engine:
        engine.write(random_articles(1, 60))
        engine.write([indexed(f"gone{i}", "نفط " * 9) for i in range(20)])
        engine.write(random_articles(3, 120))
        engine.delete([f"gone{i}" for i in range(20)])
        changed = answers(engine)
    with opened(tmp_path / "fresh") as engine:
        engine.write(random_articles(3, 120))
        assert answers(engine) == changed


def test_removed_passages_weigh_a_tenth_at_most(tmp_path: Path) -> None:
    """In larger indexes what went counts in BM25's statistics until a tenth of all went."""
    with opened(tmp_path) as engine:
        engine.write([indexed(f"{i}", f"word{i} shared") for i in range(1000)])
        engine._views.publish()
        for i in range(0, 150, 5):
            engine.delete([f"{j}" for j in range(i, i + 5)])
            engine._views.publish()
            view = engine._views.current()
            assert view is not None
            assert view.text._removed <= derived._MOST_REMOVED * 1000
            assert view.text.passages == 1000 - i - 5
        assert engine.rank(RankRequest(frequencies=(Term("stem", "shared"),))).frequencies == {
            Term("stem", "shared"): 850
        }


@pytest.mark.parametrize("limit", [5, 60])
def test_pages_of_ties_are_prefixes_of_each_other(tmp_path: Path, limit: int) -> None:
    with opened(tmp_path) as engine:
        for start in range(0, 900, 90):
            engine.write([indexed(f"{(start + i) * 7 % 900:03}", "same") for i in range(90)])
            engine._views.publish()
        hits: tuple[Ranked, ...] = engine.rank(
            RankRequest(AnyOf((Term("stem", "same"), Term("grams", "same"))), limit=limit)
        ).text
        assert [hit.passage_id for hit in hits] == [f"{i:03}#0" for i in range(limit)]
