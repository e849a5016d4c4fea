"""Damage: what is derived is found out before Tantivy opens it and built anew; the record says so."""

from __future__ import annotations

import json
import logging
import shutil
import sqlite3
import zlib
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from search.engines.embedded import derived
from search.engines.embedded.engine import EmbeddedEngine
from search.engines.protocol import RankRequest
from search.errors import EngineUnavailable, FingerprintMismatch, RecordCorrupt
from search.query.clauses import Everything, Term
from tests.conformance.corpus import FINGERPRINT, found, indexed, near, random_articles
from tests.engines.embedded.opening import opened

KINDS = ["term", "idx", "pos", "store", "fast", "fieldnorm", "del"]


def missing(path: Path) -> None:
    path.unlink()


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def flipped(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0x10
    path.write_bytes(content)


def lengthened(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\0")


DAMAGE = [missing, truncated, empty, flipped, lengthened]


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with an index whose text index has every kind of file."""
    folder = tmp_path_factory.mktemp("sound") / "index"
    with opened(folder) as engine:
        engine.write([indexed(f"{i:04}", f"word{i} shared") for i in range(600)])
        engine._views.publish()
        engine.write([indexed("0000", "replaced shared")])  # too little to build anew: a .del file
    assert list(folder.glob("text/*.del"))
    return folder


def _copy(sound: Path, folder: Path) -> Path:
    shutil.copytree(sound, folder)
    return folder


def _files(folder: Path, kind: str) -> list[Path]:
    return [p for p in (folder / "text").rglob("*") if p.name == kind or p.suffix == f".{kind}"]


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("kind", KINDS)
def test_damaged_derived_files_are_built_anew(
    sound: Path, tmp_path: Path, kind: str, damage: Callable[[Path], None], caplog: pytest.LogCaptureFixture
) -> None:  # fmt: skip
    folder = _copy(sound, tmp_path / "index")
    (path,) = _files(folder, kind)[:1]
    damage(path)
    with caplog.at_level(logging.INFO), opened(folder) as engine:
        assert engine.rank(RankRequest(Term("stem", "shared"), limit=0)).text_total == 600
        assert found(engine, Term("stem", "replaced")) == ["0000#0"]
        assert found(engine, Term("stem", "word0")) == []
    assert "building the text index anew" in caplog.text
    caplog.clear()
    with caplog.at_level(logging.INFO), opened(folder) as engine:
        assert found(engine, Term("stem", "word7")) == ["0007#0"]
    assert not caplog.text


MANIFESTS = [
    "",
    "{}",
    "[]",
    "null",
    "3",
    "[" * 100_000,
    '{"files": 3}',
    '{"files": {"../../x": [1, 2]}}',
]


@pytest.mark.parametrize("honest", [True, False], ids=["right checksum", "wrong checksum"])
@pytest.mark.parametrize("content", MANIFESTS, ids=range(len(MANIFESTS)))
def test_a_manifest_that_is_not_ours(
    sound: Path, tmp_path: Path, content: str, honest: bool
) -> None:
    folder = _copy(sound, tmp_path / "index")
    with closing(sqlite3.connect(folder / "record.sqlite")) as connection, connection:
        row = (content, zlib.crc32(content.encode()) ^ (not honest))
        connection.execute("UPDATE text SET about = ?, checksum = ?", row)
    with opened(folder) as engine:
        assert found(engine, Term("stem", "word7")) == ["0007#0"]


@pytest.mark.parametrize("name", ["/etc/hostname", "../record.sqlite", "x/../../head.json"])
def test_a_manifest_that_was_changed_is_not_believed(
    sound: Path, tmp_path: Path, name: str
) -> None:
    folder = _copy(sound, tmp_path / "index")
    with closing(sqlite3.connect(folder / "record.sqlite")) as connection, connection:
        about = json.loads(connection.execute("SELECT about FROM text").fetchone()[0])
        about["files"] |= {name: about["files"].popitem()[1]}
        connection.execute("UPDATE text SET about = ?", (json.dumps(about),))
    with opened(folder) as engine:
        assert found(engine, Term("stem", "word7")) == ["0007#0"]


@pytest.mark.parametrize("damage", ["text", "text/*.term", "text/*"])
def test_a_missing_folder_is_built_anew(sound: Path, tmp_path: Path, damage: str) -> None:
    folder = _copy(sound, tmp_path / "index")
    for path in folder.glob(damage):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    with opened(folder) as engine:
        assert found(engine, Term("stem", "word7")) == ["0007#0"]


def test_remains_of_a_killed_writer_are_removed(sound: Path, tmp_path: Path) -> None:
    folder = _copy(sound, tmp_path / "index")
    remains = folder / "text" / "work-dead"
    remains.mkdir()
    (remains / "meta.json").write_text("{")
    (folder / "text" / "dead.term").write_text("x")
    with opened(folder) as engine:
        engine.write([indexed("new", "new")])
    assert not remains.exists()
    assert not (folder / "text" / "dead.term").exists()


def test_another_version_of_the_text_index_is_built_anew(
    sound: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    folder = _copy(sound, tmp_path / "index")
    monkeypatch.setattr(derived, "_format", lambda: "another")
    with caplog.at_level(logging.WARNING), opened(folder) as engine:
        assert found(engine, Term("stem", "word7")) == ["0007#0"]
    assert "another version" in caplog.text


def test_a_text_index_of_another_record_is_not_used(sound: Path, tmp_path: Path) -> None:
    folder = tmp_path / "index"
    with opened(folder) as engine:
        engine.write([indexed("other", "other")])
    shutil.rmtree(folder / "text")
    shutil.copytree(sound / "text", folder / "text")
    with opened(folder) as engine:
        assert found(engine, Everything()) == ["other#0"]


def test_a_damaged_text_index_does_not_stop_writing(sound: Path, tmp_path: Path) -> None:
    folder = _copy(sound, tmp_path / "index")
    for path in _files(folder, "term"):
        flipped(path)
    with opened(folder) as engine:
        assert engine.write([indexed("new", "brand")])[0].is_stored
        assert found(engine, Term("stem", "brand")) == ["new#0"]
        assert found(engine, Term("stem", "word7")) == ["0007#0"]


# -- the record


@pytest.mark.parametrize("content", [b"not a database, but long enough to be read as one" * 100, b"\x00" * 8192])  # fmt: skip
def test_a_record_that_is_not_sqlite(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "record.sqlite").write_bytes(content)
    with pytest.raises(RecordCorrupt, match=r"delete the folder .* and index"):
        EmbeddedEngine(tmp_path, FINGERPRINT)


def test_a_database_of_something_else(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "record.sqlite")
    connection.execute("CREATE TABLE meta (something TEXT)")
    connection.close()
    with pytest.raises((RecordCorrupt, FingerprintMismatch)):
        EmbeddedEngine(tmp_path, FINGERPRINT)


def test_an_empty_file_is_an_empty_index(tmp_path: Path) -> None:
    (tmp_path / "record.sqlite").touch()
    with opened(tmp_path) as engine:
        assert engine.status().articles == 0
        assert engine.write([indexed("a", "x")])[0].is_stored


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(12))
def test_a_damaged_record_is_an_error_of_ours_or_harmless(tmp_path: Path, seed: int) -> None:
    """Bytes overwritten anywhere: never a traceback of SQLite's, never a wrong passage count."""
    import random

    folder = tmp_path / "index"
    with opened(folder) as engine:
        engine.write(random_articles(seed, 60))
        passages = engine.status().passages
    shutil.rmtree(folder / "text")
    path = folder / "record.sqlite"
    content = bytearray(path.read_bytes())
    random_ = random.Random(seed)
    for _ in range(60):
        at = random_.randrange(100, len(content) - 64)
        content[at : at + 64] = random_.randbytes(64)
    path.write_bytes(content)
    try:
        with opened(folder) as engine:
            assert len(found(engine, Everything(), limit=1000)) <= passages
            near(engine, "نفط")
            for known in engine.article_ids("", 100):
                engine.article(known)
    except (RecordCorrupt, FingerprintMismatch):
        pass  # said in our words; anything else fails the test


def test_a_record_of_a_newer_version(sound: Path, tmp_path: Path) -> None:
    folder = _copy(sound, tmp_path / "index")
    connection = sqlite3.connect(folder / "record.sqlite")
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(FingerprintMismatch, match="schema 99"):
        EmbeddedEngine(folder, FINGERPRINT)


def test_a_data_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(EngineUnavailable, match="file"), opened(tmp_path / "file") as engine:
        engine.write([indexed("a", "x")])
