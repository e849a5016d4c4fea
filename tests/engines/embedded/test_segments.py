"""What Tantivy opens is what was verified, whatever a writer does meanwhile."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from search.engines.embedded import text, viewing
from search.engines.embedded.engine import EmbeddedEngine
from search.engines.embedded.segments import Manifest, read_manifest
from search.engines.protocol import RankRequest
from search.errors import EngineUnavailable
from search.query.clauses import Everything, Term
from tests.conformance.corpus import FINGERPRINT, found, indexed
from tests.engines.embedded.opening import opened
from tests.processes import processes

pytestmark = pytest.mark.slow


def _write_without_pause(folder: Path, stop: Path) -> None:
    """Replace and remove articles, and publish after each call: segments come, merge and go."""
    engine = EmbeddedEngine(folder, FINGERPRINT)
    for turn in range(100_000):
        if stop.exists():
            break
        engine.write([indexed(f"a{i}", f"turn{turn} shared") for i in range(turn % 40, 40)])
        engine.delete([f"a{turn % 40}"])
        engine.write([indexed(f"a{turn % 40}", f"turn{turn} shared")])
        engine._views.publish()
    engine.close()


def test_a_reader_beside_a_writer_without_pause_opens_only_what_was_verified(
    tmp_path: Path,
) -> None:
    folder, stop = tmp_path / "index", tmp_path / "stop"
    with opened(folder) as engine:
        engine.write([indexed(f"a{i}", "first shared") for i in range(40)])
    writer = processes().Process(target=_write_without_pause, args=(folder, stop))
    writer.start()
    real, checked = text._open, []

    def only_verified(place: Path, *, create: bool = False) -> object:
        for path in place.iterdir():
            if path.is_symlink():
                found = path.stat()
                known = engine._views._segments._whole
                assert (found.st_ino, found.st_size, found.st_mtime_ns) in known
                checked.append(path.name)
        return real(place, create=create)

    try:
        end = time.monotonic() + 6
        with patch.object(text, "_open", only_verified):
            while time.monotonic() < end or len(checked) < 100:
                with opened(folder) as engine:
                    for _ in range(3):
                        rankings = engine.rank(RankRequest(Term("stem", "shared"), limit=100))
                        assert (rankings.text_total or 0) <= 40  # what went is hidden at once
        assert writer.is_alive()
    finally:
        stop.touch()
        writer.join()
    with opened(folder) as engine:
        assert len(found(engine, Everything(), limit=100)) == 40
    files = _files(folder)
    with opened(folder) as engine:
        assert files == {*_published(engine).files, "head.json"}


@pytest.mark.parametrize("kind", ["idx", "pos", "term", "store", "fast", "fieldnorm"])
def test_a_file_that_goes_while_it_is_opened_is_noticed(tmp_path: Path, kind: str) -> None:
    folder = tmp_path / "index"
    with opened(folder) as engine:
        engine.write([indexed("a", "shared")])
    real = text._open

    def removed_just_before(place: Path, *, create: bool = False) -> object:
        for path in (folder / "text").glob(f"*.{kind}"):
            path.unlink()
        return real(place, create=create)

    with opened(folder) as engine:
        with patch.object(text, "_open", removed_just_before):
            view, damage = engine._views._renewed()
            assert view is None
            assert damage
        assert found(engine, Term("stem", "shared")) == ["a#0"]  # built anew


@pytest.mark.parametrize("failing", ["Tantivy", "the record"])
def test_what_is_published_stays_whole_until_the_record_has_the_next(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, failing: str
) -> None:
    """Segments are merged away and removals noted in the folder that others search meanwhile."""

    def full(*given: Any, **named: Any) -> None:
        if failing == "Tantivy":
            text.change(*given, **named)
        raise OSError("no room")

    place = "derived.change" if failing == "Tantivy" else "record.Record.publish"
    folder = tmp_path / "index"
    with opened(folder) as engine:
        engine.write([indexed(f"a{i}", "shared") for i in range(600)])
    merged = False
    for turn in range(20):
        with opened(folder) as engine:
            engine.delete([f"a{turn}"])  # shown at once
            engine.write([indexed(f"b{turn}", "shared")])
            before = _published(engine)
            with patch(f"search.engines.embedded.{place}", full), pytest.raises(EngineUnavailable):
                engine.show()
            engine._views._segments.verify(before)
            left = _files(folder) - {*before.files, "head.json"}
            # What was made is there until the next try, as it is where a writer was killed.
            assert bool(left) == (failing == "the record")
            engine.show()
            merged |= len(_published(engine).files) < len(before.files)
            assert len(found(engine, Term("stem", "shared"), limit=1_000)) == 600
    assert merged
    assert "anew" not in caplog.text


def _files(folder: Path) -> set[str]:
    """Return the text index's files, but for a lock that a thread of Tantivy may make late."""
    return {path.name for path in (folder / "text").iterdir()} - {".tantivy-meta.lock"}


def _published(engine: EmbeddedEngine) -> Manifest:
    with engine._record.snapshot() as moment:
        assert moment is not None
        manifest = read_manifest(moment[0])
    assert manifest is not None
    return manifest


def test_searching_leaves_no_private_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    private = tmp_path / "private"
    private.mkdir()
    monkeypatch.setattr("tempfile.tempdir", os.fspath(private))
    with opened(tmp_path / "index") as engine:
        engine.write([indexed("a", "x")])
    with opened(tmp_path / "index") as engine:
        assert found(engine, Term("stem", "x")) == ["a#0"]
        assert not list(private.iterdir())


def test_only_the_newest_files_are_remembered(tmp_path: Path) -> None:
    with opened(tmp_path / "index") as engine:
        for turn in range(30):
            engine.write([indexed(f"a{i}", f"turn{turn} shared") for i in range(3)])
            engine.show()
        manifest = _published(engine)
        engine._views._segments.verify(manifest)
        assert len(engine._views._segments._whole) == len(manifest.files)


def test_a_publication_that_is_due_while_its_engine_is_closed_is_not_made(tmp_path: Path) -> None:
    engine = EmbeddedEngine(tmp_path / "index", FINGERPRINT)
    engine.write([indexed("a", "first")])
    views = engine._views
    close = views.close

    def close_just_before_it_is_due() -> None:
        close()
        with patch.object(viewing, "publish") as published:
            views.publish()
        published.assert_not_called()

    with patch.object(views, "close", close_just_before_it_is_due):
        engine.close()
    assert views.latest is None
