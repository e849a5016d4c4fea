"""show, rest: what was written is seen everywhere, and others get their turn to write."""

from __future__ import annotations

import threading

import pytest

from search.engines.protocol import Engine, RankRequest
from search.errors import EngineBusy, EngineUnavailable
from search.query.clauses import Everything, Term
from tests.conformance.conftest import Open
from tests.conformance.corpus import found, indexed, near


def test_what_is_shown_is_seen_by_others_at_once(open_index: Open, engine: Engine) -> None:
    with open_index() as other:
        for turn in range(4):
            engine.write([indexed(f"{turn}", f"word{turn}")])
            engine.write([indexed("same", f"turn{turn}")])
            engine.show()
            assert found(other, Term("stem", f"word{turn}")) == [f"{turn}#0"]
            assert found(other, Term("stem", f"turn{turn}")) == ["same#0"]
            assert found(other, Term("stem", f"turn{turn - 1}")) == []
            assert len(near(other, "word", limit=100)) == turn + 2
        engine.delete(["0"])
        engine.show()
        assert other.rank(RankRequest(Everything())).text_total == 4


def test_after_a_rest_another_may_write(open_index: Open, engine: Engine) -> None:
    with open_index() as other:
        for turn in range(4):
            engine.write([indexed(f"mine-{turn}", f"mine{turn} turn"), indexed("both", f"m{turn}")])
            engine.rest()
            other.write([indexed(f"other-{turn}", f"other{turn} turn")])
            other.write([indexed("both", f"o{turn}")])
            other.show()
            for one in (engine, other):
                assert found(one, Term("stem", f"o{turn}")) == ["both#0"]
                assert found(one, Term("stem", f"m{turn}")) == []
                assert found(one, Term("stem", f"mine{turn}")) == [f"mine-{turn}#0"]
                assert found(one, Term("stem", f"other{turn}")) == [f"other-{turn}#0"]
                assert one.rank(RankRequest(Everything())).text_total == 2 * turn + 3
                assert len(near(one, "turn", limit=100)) == 2 * turn + 3
            other.rest()
        assert engine.delete(["both"]) == 1
        engine.show()
        assert found(other, Term("stem", "o3")) == []
        assert engine.status().articles == other.status().articles == 8


def test_a_rest_is_harmless_at_any_time(engine: Engine) -> None:
    engine.rest()
    engine.write([indexed("a", "x")])
    engine.rest()
    engine.rest()
    assert found(engine, Everything()) == ["a#0"]
    with engine.hold("a test"):
        engine.rest()
    assert engine.write([indexed("a", "x")])[0].status == "unchanged"
    engine.close()
    engine.rest()


def test_others_are_kept_out_while_it_is_held_though_it_rests(
    open_index: Open, engine: Engine
) -> None:
    engine.write([indexed("a", "x")])
    with open_index() as other:
        order: list[str] = []

        def write() -> None:
            while True:
                try:
                    other.write([indexed("b", "y")])
                except EngineBusy:
                    continue
                order.append("other")
                return

        with engine.hold("a test"):
            engine.rest()
            thread = threading.Thread(target=write)
            thread.start()
            thread.join(0.3)
            order.append("held")
        engine.rest()
        thread.join()
        assert order == ["held", "other"]


def test_shows_and_rests_from_many_threads(engine: Engine) -> None:
    failures: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for turn in range(5):
                engine.write([indexed(f"{number}-{turn}", f"word{number}")])
                engine.rest()
                engine.show()
                assert f"{number}-{turn}#0" in found(engine, Term("stem", f"word{number}"))
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert engine.rank(RankRequest(Everything())).text_total == 20


def test_an_empty_index_can_be_shown_and_a_closed_one_cannot(engine: Engine) -> None:
    engine.show()
    engine.write([indexed("a", "x")])
    engine.show()
    engine.close()
    with pytest.raises(EngineUnavailable, match="closed"):
        engine.show()
