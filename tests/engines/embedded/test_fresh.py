"""What the text index takes from memory is what the record holds, whatever else happened."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from search.clauses import Everything, Term
from search.engine import RankRequest
from search.engines.embedded import changes, fresh, storing
from search.engines.embedded.changes import TermRows
from search.engines.embedded.engine import EmbeddedEngine
from search.engines.embedded.fresh import Fresh
from tests.conformance.corpus import found, indexed, passages_of, random_articles, without_vectors
from tests.engines.embedded.opening import opened


def rows(number: int, passages: int = 1, *, letters: int = 1) -> TermRows:
    terms = [("x" * letters,) * 6] * passages
    return TermRows(number, number, f"a{number}", 0, "", "", None, (), terms)


def test_it_gives_what_was_added_and_says_from_where_to_where() -> None:
    known = Fresh()
    assert known.between(0, 9) == (9, 9, [])
    first, second = rows(4, 2), rows(6)
    known.add([first, second], 3, 7)  # 7 went again in the same call
    assert known.between(0, 9) == (3, 7, [first, second])
    assert known.between(3, 5) == (3, 5, [first])
    assert known.between(5, 7) == (5, 7, [second])
    known.forget(5)
    assert known.between(0, 9) == (5, 7, [second])
    known.clear()
    assert known.between(0, 9) == (9, 9, [])


def test_a_call_that_was_interrupted_leaves_no_gap() -> None:
    known = Fresh()
    known.add([rows(1)], 0, 1)
    third = rows(3)
    known.add([third], 2, 3)  # 2 was committed, and nobody said so
    assert known.between(0, 3) == (2, 3, [third])


def test_the_oldest_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fresh, "MOST", 100)
    known = Fresh()
    for number in range(1, 9):
        known.add([rows(number, letters=5)], number - 1, number)  # 30 characters each
    start, end, kept = known.between(0, 8)
    assert (start, end, [some.number for some in kept]) == (5, 8, [6, 7, 8])


@pytest.mark.parametrize("most", [0, 2_000, fresh.MOST])
@pytest.mark.parametrize("seed", range(3))
def test_the_text_index_is_that_of_the_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int, most: int
) -> None:
    """Changes of every kind between publications, with all, some or nothing in memory."""
    monkeypatch.setattr(fresh, "MOST", most)
    random_ = random.Random(seed)
    pool = [random_articles(version, 40) for version in range(4)]
    expected = {}
    with opened(tmp_path) as engine:
        engine.write([indexed(f"base{i}", "base") for i in range(600)])  # so that it is not anew
        for _ in range(20):
            chosen = [random_.choice(pool)[i] for i in random_.choices(range(40), k=6)]
            engine.write([without_vectors(a) if random_.random() < 0.5 else a for a in chosen])
            expected.update({a.article.id: a for a in chosen})
            gone = random_.sample(sorted(expected), random_.randint(0, 3))
            engine.delete(gone)
            for key in gone:
                del expected[key]
            if random_.random() < 0.3:
                engine._publisher.now()
            if random_.random() < 0.2:
                engine.rest()
        engine._publisher.now()
        for word in ("نفط", "ماء", "وزير"):
            clause = Term("stem", word)
            matching = passages_of(expected.values(), clause)
            assert set(found(engine, clause, limit=1000)) == set(matching)
        assert text_total(engine) == 600 + len(passages_of(expected.values()))


def text_total(engine: EmbeddedEngine) -> int | None:
    return engine.rank(RankRequest(Everything(), limit=0)).text_total


@pytest.mark.parametrize("passages", [1, 63, 64, 65, 200])
def test_terms_are_read_back_as_they_were_packed(tmp_path: Path, passages: int) -> None:
    assert storing.PACKED == 64
    given = indexed("a", *(f"word{i} shared" for i in range(passages)))
    with opened(tmp_path) as engine:
        engine.write([indexed("before", "x", "y"), given])
        with engine._record.reading() as connection:
            assert connection is not None
            some = list(changes.read_terms(connection, 2, 2 + passages))
            (again,) = changes.read_articles(connection, 1) if passages <= 64 else (some,)
    assert again == some
    assert [row.position for row in some] == list(range(0, passages, 64))
    read = [terms for row in some for terms in row.terms]
    assert read == [tuple(p.terms.values()) for p in given.passages]
