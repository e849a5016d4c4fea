"""The text index is what the record holds, whatever happened between its publications."""

from __future__ import annotations

import random
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from search.engines.embedded import reading, storing
from search.engines.embedded.engine import EmbeddedEngine
from search.engines.embedded.segments import Manifest
from search.engines.protocol import RankRequest
from search.query.clauses import Everything, Term
from tests.conformance.corpus import found, indexed, passages_of, random_articles, without_vectors
from tests.engines.embedded.opening import opened


@pytest.mark.parametrize("seed", range(6))
def test_the_text_index_is_that_of_the_record(tmp_path: Path, seed: int) -> None:
    """Changes of every kind between publications."""
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
                engine._views.publish()
            if random_.random() < 0.2:
                engine.rest()
        engine._views.publish()
        for word in ("نفط", "ماء", "وزير"):
            clause = Term("stem", word)
            matching = passages_of(expected.values(), clause)
            assert set(found(engine, clause, limit=1000)) == set(matching)
        assert text_total(engine) == 600 + len(passages_of(expected.values()))


def test_a_write_does_not_wait_for_a_publication(tmp_path: Path) -> None:
    with opened(tmp_path) as engine, ThreadPoolExecutor(1) as beside:
        segments, begun, go_on = engine._views._segments, threading.Event(), threading.Event()
        changed = segments.changed

        def slow(*given: Any) -> Manifest:
            begun.set()
            go_on.wait(30)
            return changed(*given)

        with patch.object(segments, "changed", slow):
            engine.write([indexed("a", "x")])
            shown = beside.submit(engine.show)
            assert begun.wait(30)
            assert engine.write([indexed("b", "x")])[0].is_stored
            assert engine.delete(["a"]) == 1
            assert not shown.done()
            go_on.set()
            shown.result(30)
        assert found(engine, Term("stem", "x")) == ["b#0"]


def text_total(engine: EmbeddedEngine) -> int | None:
    return engine.rank(RankRequest(Everything(), limit=0)).text_total


@pytest.mark.parametrize("passages", [1, 63, 64, 65, 200])
def test_terms_are_read_back_as_they_were_packed(tmp_path: Path, passages: int) -> None:
    assert storing.PACKED == 64
    given = indexed("a", *(f"word{i} shared" for i in range(passages)))
    with opened(tmp_path) as engine:
        engine.write([indexed("before", "x", "y"), given])
        with engine._record.snapshot() as moment:
            assert moment is not None
            some = list(reading.read_terms(moment[0], 2, 2 + passages))
    assert [number - about.first for about, number, _ in some] == list(range(0, passages, 64))
    read = [layers for _, _, terms in some for layers in terms]
    assert read == [tuple(p.terms.values()) for p in given.passages]
