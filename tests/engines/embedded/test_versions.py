"""An engine goes on with the next version of its index, whatever it was doing at that moment."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from search.engines.embedded.adapter import Successor
from search.engines.embedded.engine import EmbeddedEngine
from search.engines.embedded.vectors import rank_by_meaning
from search.engines.embedded.versions import Versions
from search.engines.protocol import RankRequest
from search.errors import RecordLost
from search.query.clauses import Term
from tests.conformance.corpus import EMBEDDER, FINGERPRINT, found, indexed
from tests.engines.embedded.opening import opened


def _replace(folder: Path, *ids: str) -> None:
    """Put a version with these articles in the place of the one that is searched."""
    successor = Successor(folder, FINGERPRINT)
    successor.engine.write([indexed(known, f"text of {known}", "shared") for known in ids])
    successor.take_over(keep=False)


def _first(folder: Path) -> None:
    with opened(folder) as engine:
        engine.write([indexed("old", "old shared"), indexed("b", "other")])


def test_the_next_version_is_searched_and_written_to_at_once(tmp_path: Path) -> None:
    _first(tmp_path)
    with opened(tmp_path) as engine:
        for turn in range(3):
            _replace(tmp_path, f"turn{turn}", "b")
            assert found(engine, Term("stem", "shared")) == ["b#1", f"turn{turn}#1"]
            assert engine.article_ids("", 10) == ["b", f"turn{turn}"]
            assert engine.fetch([f"turn{turn}#0"])[0].passage.text == f"text of turn{turn}"
        engine.write([indexed("new", "shared")])
        engine.delete(["b"])
        assert found(engine, Term("stem", "shared")) == ["new#0", "turn2#1"]
    assert Versions(tmp_path).current() == tmp_path / "versions" / "4"
    assert not (tmp_path / "record.sqlite").exists()


def test_a_search_that_a_version_is_taken_from_asks_the_next_one(tmp_path: Path) -> None:
    """The passages' numbers are other ones there."""
    _first(tmp_path)
    with opened(tmp_path) as engine:
        real, calls = rank_by_meaning, []

        def replaced_before(*given: Any) -> object:
            calls.append(1)
            if len(calls) == 1:
                _replace(tmp_path, "new")
            return real(*given)

        vector = EMBEDDER.embed_query("text")
        with patch("search.engines.embedded.engine.rank_by_meaning", replaced_before):
            ranked = engine.rank(RankRequest(Term("stem", "shared"), vector))
        assert [hit.passage_id for hit in ranked.text] == ["new#1"]
        assert {hit.passage_id for hit in ranked.vector} == {"new#0", "new#1"}
        assert len(calls) == 2


READS: list[Callable[[EmbeddedEngine], object]] = [
    lambda engine: engine.article_ids("", 10),
    lambda engine: [p.passage.text for p in engine.fetch(["new#0", "old#0"])],
    lambda engine: engine.article("new"),
    lambda engine: engine.stored(["new", "old"]),
]


@pytest.mark.parametrize("read", READS)
@pytest.mark.parametrize("late", range(1, 5))
def test_a_version_that_is_removed_while_it_is_read_is_not_an_empty_index(
    tmp_path: Path, read: Callable[[EmbeddedEngine], object], late: int
) -> None:
    _first(tmp_path)
    with opened(tmp_path) as engine:
        found(engine, Term("stem", "shared"))
        record, real = engine._record, engine._record._folder_of
        asked: list[Path] = []

        def removed_behind() -> Path:
            asked.append(real())
            if len(asked) == late:
                _replace(tmp_path, "new")
            return asked[-1]

        record._folder_of = removed_behind
        answer = read(engine)
        while len(asked) < late:
            answer = read(engine)
        record._folder_of = real
        assert answer == read(engine)


def test_a_pointer_that_is_gone_is_an_index_that_is_gone(tmp_path: Path) -> None:
    _first(tmp_path)
    successor = Successor(tmp_path, FINGERPRINT)
    successor.engine.write([indexed("new", "shared")])
    kept = successor.take_over(keep=True)
    assert kept == str(tmp_path)
    with opened(tmp_path) as engine:
        assert found(engine, Term("stem", "shared")) == ["new#0"]
        pointer = (tmp_path / "current").read_text()
        (tmp_path / "current").unlink()
        with pytest.raises(RecordLost, match="open here and is gone"):
            found(engine, Term("stem", "shared"))
        (tmp_path / "current").write_text(pointer)
        assert found(engine, Term("stem", "shared")) == ["new#0"]
