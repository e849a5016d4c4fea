"""Several processes on one folder: one writer, refused clearly; readers see every commit."""

from __future__ import annotations

import os
import re
import threading
import time
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from search.engines.embedded.engine import EmbeddedEngine
from search.engines.protocol import RankRequest
from search.errors import EngineBusy
from search.query.clauses import Everything, Term
from tests.conformance.corpus import FINGERPRINT, facets, found, indexed, near
from tests.engines.embedded.opening import opened
from tests.processes import processes
from tests.support import until

pytestmark = pytest.mark.slow


def _obey(folder: Path, pipe: Connection) -> None:
    """Write and delete as told through a pipe, until told to stop."""
    engine = EmbeddedEngine(folder, FINGERPRINT)
    while (told := pipe.recv()) is not None:
        if told[0] == "write":
            engine.write([indexed(*article) for article in told[1]])
        elif told[0] == "delete":
            engine.delete(told[1])
        elif told[0] in ("rest", "show"):
            getattr(engine, told[0])()
        elif told[0] == "record only":  # as a writer that dies before it publishes
            engine._views.publish_if_due = lambda: None  # type: ignore[method-assign]
            engine.write([indexed(*article) for article in told[1]])
        pipe.send("done")
    engine.close()


class Other:
    """Another process with the index open."""

    def __init__(self, folder: Path) -> None:
        context = processes()
        self._pipe, theirs = context.Pipe()
        self.process = context.Process(target=_obey, args=(folder, theirs))
        self.process.start()

    def tell(self, *told: object) -> None:
        self._pipe.send(told)
        assert self._pipe.recv() == "done"

    def stop(self) -> None:
        self._pipe.send(None)
        self.process.join()

    def kill(self) -> None:
        self.process.kill()
        self.process.join()


def test_a_reader_sees_what_another_process_does(tmp_path: Path) -> None:
    folder = tmp_path / "index"
    with opened(folder) as reader:
        assert found(reader, Everything()) == []
        other = Other(folder)
        other.tell("write", [("a", "one", "two"), ("b", "three")])
        assert found(reader, Everything()) == [
            "a#0",
            "a#1",
            "b#0",
        ]  # the first write is seen at once
        assert near(reader, "two")[0] == "a#1"
        assert [p.passage.text for p in reader.fetch(["a#1"])] == ["two"]
        other.tell("write", [("a", "four")])
        until(lambda: found(reader, Term("stem", "four")) == ["a#0"])
        assert found(reader, Everything()) == ["a#0", "b#0"]
        assert sorted(near(reader, "two")) == ["a#0", "b#0"]
        other.tell("delete", ["b"])
        assert found(reader, Everything()) == ["a#0"]  # what is gone is hidden at once
        assert reader.rank(RankRequest(Everything())).text_total == 1
        assert near(reader, "three") == ["a#0"]
        assert facets(reader, None, RankRequest().filter, ["source"]) == {"source": []}
        other.stop()
        assert found(reader, Everything()) == ["a#0"]


def test_a_burst_of_writes_is_seen_to_its_end(tmp_path: Path) -> None:
    """Publishing is put off while writes come fast; the last one is published all the same."""
    folder = tmp_path / "index"
    with opened(folder) as reader:
        other = Other(folder)
        for i in range(30):
            other.tell("write", [(f"{i:02}", f"word{i}")])
        assert len(near(reader, "word3", limit=100)) == 30
        until(lambda: len(found(reader, Everything())) == 30)
        other.stop()


def test_a_second_writer_is_refused_at_once_naming_the_first(tmp_path: Path) -> None:
    folder = tmp_path / "index"
    other = Other(folder)
    other.tell("write", [("a", "x")])
    with opened(folder) as engine:
        for write in (lambda: engine.write([indexed("b", "y")]), lambda: engine.delete(["a"])):
            start = time.monotonic()
            with pytest.raises(EngineBusy, match=rf"process {other.process.pid} on .* since 20"):
                write()
            assert time.monotonic() - start < 5  # after half a second
        assert found(engine, Everything()) == ["a#0"]
        other.stop()
        assert engine.write([indexed("b", "y")])[0].is_stored


def test_a_killed_writer_does_not_block_the_next(tmp_path: Path) -> None:
    folder = tmp_path / "index"
    other = Other(folder)
    other.tell("write", [("a", "x")])
    other.kill()
    assert str(other.process.pid) in (folder / "writer.json").read_text()
    with opened(folder) as engine:
        assert engine.write([indexed("b", "y")])[0].is_stored
        assert f'"pid": {os.getpid()}' in (folder / "writer.json").read_text()
        assert found(engine, Everything()) == ["a#0", "b#0"]


def test_two_engines_of_one_process_are_two_writers(tmp_path: Path) -> None:
    with opened(tmp_path) as one, opened(tmp_path) as two:
        one.write([indexed("a", "x")])
        with pytest.raises(EngineBusy, match=str(os.getpid())):
            two.write([indexed("b", "y")])
        one.close()
        assert two.write([indexed("b", "y")])[0].is_stored


def test_after_a_rest_another_process_writes_and_then_the_first_again(tmp_path: Path) -> None:
    folder = tmp_path / "index"
    with opened(folder) as engine:
        other = Other(folder)
        for turn in range(3):
            engine.write([indexed(f"mine-{turn}", "mine shared"), indexed("both", f"m{turn}")])
            with pytest.raises(EngineBusy), opened(folder) as third:
                third.write([indexed("third", "x")])
            engine.rest()
            assert not (folder / "writer.json").exists()
            other.tell("write", [(f"other-{turn}", "other shared"), ("both", f"o{turn}")])
            other.tell("show")
            assert found(engine, Term("stem", f"o{turn}")) == ["both#0"]
            assert found(engine, Term("stem", f"m{turn}")) == []
            assert len(found(engine, Term("stem", "shared"))) == 2 * turn + 2
            assert len(near(engine, "shared", limit=100)) == 2 * turn + 3
            with pytest.raises(EngineBusy, match=f"process {other.process.pid}"):
                engine.write([indexed("third", "x")])
            other.tell("rest")
        engine.write([indexed("last", "shared")])
        with opened(folder) as reader:
            engine.show()
            assert len(found(reader, Term("stem", "shared"))) == 7
        other.stop()


def test_what_is_written_in_a_burst_is_shown_when_asked(tmp_path: Path) -> None:
    folder = tmp_path / "index"
    with opened(folder) as reader:
        other = Other(folder)
        for i in range(12):
            other.tell("write", [(f"{i:02}", f"word{i}")])
            if i % 4 == 3:
                other.tell("show")
                assert len(found(reader, Everything())) == i + 1
        other.tell("rest")
        other.kill()  # a writer that rests leaves nothing to be done
        assert not (folder / "writer.json").exists()
        assert len(found(reader, Everything())) == 12


def test_a_reader_catches_up_when_the_writer_died_before_publishing(tmp_path: Path) -> None:
    folder = tmp_path / "index"
    other = Other(folder)
    other.tell("write", [("a", "one")])
    other.tell("show")
    other.tell("record only", [("b", "two"), ("a", "three")])
    with opened(folder) as reader:
        # While the writer lives nobody else may publish: what went is hidden, what
        # came is found by meaning, and the search goes on.
        assert found(reader, Everything()) == []
        assert sorted(near(reader, "two")) == ["a#0", "b#0"]
        other.kill()
        until(lambda: found(reader, Everything()) == ["a#0", "b#0"])
        assert found(reader, Term("stem", "three")) == ["a#0"]


def test_reading_creates_nothing_and_takes_no_lock(tmp_path: Path) -> None:
    folder = tmp_path / "index"
    with opened(folder) as reader:
        found(reader, Everything())
        reader.delete(["a"])
        assert not folder.exists()
        with opened(folder) as writer:
            writer.write([indexed("a", "x")])
            assert found(reader, Everything()) == ["a#0"]
    assert not (folder / "writer.json").exists()


def test_many_threads_write_and_read_one_engine(tmp_path: Path) -> None:
    with opened(tmp_path) as engine:
        failures: list[BaseException] = []

        def work(number: int) -> None:
            try:
                for i in range(8):
                    engine.write([indexed(f"{number}-{i}", f"word{number}")])
                    assert f"{number}-{i}#0" in found(engine, Term("stem", f"word{number}"))
                engine.delete([f"{number}-0"])
                assert len(found(engine, Term("stem", f"word{number}"))) == 7
            except BaseException as error:
                failures.append(error)

        threads = [threading.Thread(target=work, args=(n,)) for n in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not failures
        assert engine.status().articles == 42


def _search_as_nobody(folder: Path, pipe: Connection) -> None:
    with opened(folder) as engine:  # imports what nobody may not be able to
        found(engine, Term("stem", "x"))
    os.setgid(65534)
    os.setuid(65534)
    try:
        with opened(folder) as engine:
            hits = found(engine, Term("stem", "x")), near(engine, "x")
            try:
                engine.write([indexed("b", "y")])
                refused = ""
            except Exception as error:
                refused = f"{type(error).__name__}: {error}"
            pipe.send((hits, refused))
    except BaseException as error:
        pipe.send(repr(error))


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs root to become another user")  # fmt: skip
def test_a_read_only_folder_can_be_searched(tmp_path: Path) -> None:
    folder = tmp_path / "index"
    with opened(folder) as engine:
        engine.write([indexed("a", "x")])
    for path in (tmp_path, *tmp_path.parents):
        if path.stat().st_uid == 0 and path != Path(path.anchor) and not path.stat().st_mode & 0o1:
            path.chmod(path.stat().st_mode | 0o055)
    for path in folder.rglob("*"):
        path.chmod(0o555 if path.is_dir() else 0o444)
    folder.chmod(0o555)
    context = processes()
    ours, theirs = context.Pipe()
    child = context.Process(target=_search_as_nobody, args=(folder, theirs))
    child.start()
    answer = ours.recv()
    child.join()
    assert answer[0] == (["a#0"], ["a#0"]), answer
    assert re.match(r"EngineUnavailable: cannot write to .*permissions", answer[1]), answer
