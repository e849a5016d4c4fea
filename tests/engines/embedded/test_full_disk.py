"""A disk that fills up: a clear error, nothing acknowledged lost, and work goes on when there is room."""

from __future__ import annotations

import contextlib
import resource
import shutil
import signal
import subprocess
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from search.engines.embedded.engine import EmbeddedEngine
from search.engines.protocol import RankRequest
from search.errors import EngineUnavailable
from search.query.clauses import Everything
from tests.conformance.corpus import EMBEDDER, FINGERPRINT, indexed
from tests.engines.embedded.opening import opened
from tests.processes import processes

pytestmark = pytest.mark.slow


def _fill(folder: Path, most: int, pipe: Connection) -> None:
    """Write until no file may grow beyond `most` bytes; say what was acknowledged and the error."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # writes then fail with EFBIG
    engine = EmbeddedEngine(folder, FINGERPRINT)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, resource.RLIM_INFINITY))
    acknowledged = []
    error: BaseException | None = None
    try:
        for i in range(2_000):
            engine.write([indexed(f"{i:04}", *(f"word{i} {j} " * 20 for j in range(3)))])
            acknowledged.append(f"{i:04}")
    except BaseException as raised:
        error = raised
    readable = engine.article_ids("", 10_000)
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    again = [o.status for o in engine.write([indexed("again", "x")])]
    found = engine.rank(RankRequest(Everything(), limit=0)).text_total
    engine.close()
    pipe.send((acknowledged, type(error), str(error), readable, again, found))


@pytest.mark.parametrize("most", [200_000, 700_000, 2_000_000])
def test_a_full_disk(tmp_path: Path, most: int) -> None:
    folder = tmp_path / "index"
    context = processes()
    ours, theirs = context.Pipe()
    child = context.Process(target=_fill, args=(folder, most, theirs))
    child.start()
    acknowledged, error, message, readable, again, total = ours.recv()
    child.join()
    assert error is EngineUnavailable, message
    assert "acknowledged is safe" in message
    assert readable == acknowledged
    assert again == ["created"]
    assert total == 3 * len(acknowledged) + 1
    with opened(folder) as engine:
        assert engine.article_ids("", 10_000) == [*acknowledged, "again"]
        assert engine.rank(RankRequest(Everything(), limit=0)).text_total == total


def test_a_text_index_that_cannot_be_written_fails_no_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with opened(tmp_path) as engine:
        engine.write([indexed("a", "x")])
        engine.show()
        with monkeypatch.context() as patch:
            patch.setattr(engine._views._segments, "changed", _no_space)
            assert engine.write([indexed("b", "x")])[0].is_stored
            engine._views.publish()
            assert "No space left" in caplog.text
            # Searching goes on with what the text index had; meaning has the new one too.
            rankings = engine.rank(RankRequest(Everything(), EMBEDDER.embed_query("x")))
            assert rankings.text_total == 1
            assert rankings.behind
            assert len(rankings.vector) == 2
            assert "safe in the record" in caplog.text
        engine._views._not_before = 0
        assert engine.rank(RankRequest(Everything())).text_total == 2
        assert not engine.rank(RankRequest(Everything())).behind


def test_what_cannot_be_shown_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with opened(tmp_path) as engine:
        engine.write([indexed("a", "x")])
        with monkeypatch.context() as patch:
            patch.setattr(engine._views._segments, "changed", _no_space)
            engine.write([indexed("b", "x")])
            with pytest.raises(EngineUnavailable, match="safe in the record"):
                engine.show()
            engine.rest()  # what it cannot publish now, the next search or writer does
        engine._views._not_before = 0
        assert engine.rank(RankRequest(Everything())).text_total == 2


def test_without_any_text_index_a_full_disk_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(tmp_path) as engine:
        with monkeypatch.context() as patch:
            patch.setattr(engine._views._segments, "changed", _no_space)
            assert engine.write([indexed("a", "x")])[0].is_stored
            with pytest.raises(EngineUnavailable, match="safe in the record"):
                engine.rank(RankRequest(Everything()))
        assert engine.rank(RankRequest(Everything())).text_total == 1


def test_changes_that_cannot_be_made_leave_no_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(tmp_path) as engine:
        engine.write([indexed("a", "x")])
        with monkeypatch.context() as patch:
            patch.setattr(Path, "symlink_to", _no_space)
            engine.write([indexed("b", "x")])
            engine._views.publish()
        assert not list((tmp_path / "text").glob("fihris-*"))


def _no_space(*_: object) -> Path:
    raise OSError(28, "No space left on device")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Give a file system of 40 MB of its own."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=40m", "none", str(folder)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("no file system can be mounted here: that takes root")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.parametrize("batch", [1, 40])
def test_on_a_full_disk_articles_are_removed_and_searches_say_that_they_are_behind(
    small_disk: Path, batch: int
) -> None:
    with opened(small_disk / "index") as engine:
        (small_disk / "other").write_bytes(bytes(20 << 20))
        count = 0
        with contextlib.suppress(EngineUnavailable):
            while True:
                texts = [f"word{count + n} {'نص ' * 400}" for n in range(batch)]
                engine.write([indexed(f"{count + n:05}", *[t] * 5) for n, t in enumerate(texts)])
                count += batch
        with contextlib.suppress(OSError), (small_disk / "other").open("ab", buffering=0) as other:
            while True:
                other.write(bytes(4096))
        assert count > 20
        assert [engine.delete([f"{n:05}"]) for n in range(12)] == [1] * 12
        assert engine.article_ids("", 10_000) == [f"{n:05}" for n in range(12, count)]
        rankings = engine.rank(RankRequest(Everything(), EMBEDDER.embed_query("نص"), limit=10_000))
        shown = {hit.passage_id.partition("#")[0] for hit in rankings.text}
        assert shown.isdisjoint(f"{n:05}" for n in range(12))
        assert rankings.behind == (len(rankings.text) < 5 * (count - 12))
        assert len(rankings.vector) == 5 * (count - 12)
        (small_disk / "other").unlink()
        engine.show()
        rankings = engine.rank(RankRequest(Everything(), limit=0))
        assert (rankings.text_total, rankings.behind) == (5 * (count - 12), False)
        assert engine.write([indexed("new", "جديد")])[0].is_stored
