"""doctor and check: what is wrong is said, with what to do, and no secret is."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from search.engines import open_engine
from search.settings import Settings
from tests.conformance.corpus import FINGERPRINT, indexed
from tests.indexer.conftest import Fihris


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give a folder with an article."""
    folder = tmp_path / "articles"
    folder.mkdir()
    (folder / "a.txt").write_text("نص قصير", "utf-8")
    return folder


def findings(fihris: Fihris) -> dict[str, tuple[str, str]]:
    """Return what `doctor` says of each thing, and check how it ends."""
    ran = fihris("doctor", "--json")
    found = json.loads(ran.out)
    assert ran.status == int(any(each["state"] == "failed" for each in found))
    return {each["name"]: (each["state"], each["says"]) for each in found}


def test_all_is_well(fihris: Fihris, folder: Path) -> None:
    fihris("index", folder)
    found = findings(fihris)
    assert {state for state, _ in found.values()} == {"ok"}
    assert found["writer"][1] == "nobody writes"
    assert fihris("doctor").out.count("\n") == len(found)
    assert fihris("check").out == "nothing is damaged\n"


def test_an_index_that_is_not_there_yet(fihris: Fihris) -> None:
    state, says = findings(fihris)["articles"]
    assert (state, "`fihris index PATH...`" in says) == ("warning", True)
    assert fihris("check").status == 2


@pytest.mark.parametrize(
    ("variable", "value", "name", "state", "says"),
    [
        ("FIHRIS_PORT", "many", "settings", "failed", "FIHRIS_PORT"),
        ("FIHRIS_SYNONYMS", "/nowhere/at/all", "synonyms", "failed", "/nowhere/at/all"),
        ("FIHRIS_DATAA", "/data", "settings", "warning", "FIHRIS_DATAA is no setting"),
        ("FIHRIS_ENGINE", "elasticsearch", "index", "failed", "Is it running"),
    ],
)
def test_what_is_set_wrong_is_named(
    fihris: Fihris,
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
    value: str,
    name: str,
    state: str,
    says: str,
) -> None:
    monkeypatch.setenv("FIHRIS_ELASTICSEARCH_URL", "http://user:password-of-it@127.0.0.1:1")
    monkeypatch.setenv("FIHRIS_WEBHOOK_SECRET", "a-secret-of-sixteen")
    monkeypatch.setenv(variable, value)
    ran = fihris("doctor", "--json")
    found = [(each["name"], each["state"], each["says"]) for each in json.loads(ran.out)]
    assert [each for each in found if each[:2] == (name, state) and says in each[2]]
    assert "password-of-it" not in ran.out + ran.err
    assert "a-secret" not in ran.out + ran.err


def test_an_index_of_another_analyser(fihris: Fihris, tmp_path: Path) -> None:
    with closing(open_engine(Settings(data=tmp_path / "data"), FINGERPRINT)) as engine:
        engine.write([indexed("a", "نص")])
        state, says = findings(fihris)["index"]
        assert (state, "`fihris upgrade`" in says) == ("failed", True)


def test_who_writes_is_named(fihris: Fihris, folder: Path, tmp_path: Path) -> None:
    fihris("index", folder)
    from search.engines.embedded.locking import WriterLock

    lock = WriterLock(tmp_path / "data")
    lock.acquire("a test")
    try:
        assert "a test since" in findings(fihris)["writer"][1]
    finally:
        lock.release()


def test_it_takes_no_lock_that_a_writer_may_need(
    fihris: Fihris, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fihris("index", folder)
    monkeypatch.setattr("filelock.FileLock.acquire", lambda *_, **__: pytest.fail("it was taken"))
    assert findings(fihris)["writer"][1] == "nobody writes"


def test_damage_is_said_and_ends_with_1(fihris: Fihris, folder: Path, tmp_path: Path) -> None:
    fihris("index", folder)
    with closing(sqlite3.connect(tmp_path / "data" / "record.sqlite")) as connection, connection:
        connection.execute("UPDATE articles SET title = title || 'x'")
    ran = fihris("check", "--json")
    assert ran.status == 1
    assert "its fields are not what was written" in str(json.loads(ran.out)["damaged"])
    assert fihris("check").status == 1
