"""Answers are kept for a day, so many and so large, and never half of one."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from api import idempotency
from api.idempotency import Kept, Keys, Recording, asked
from api.problems import KeyInUse
from search.errors import InputError
from search.settings import Settings
from tests.api.support import ToldIngest, ToldSearcher, client


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    return Keys(tmp_path / "kept")


def begun(keys: Keys, key: str) -> Recording:
    record = keys.take(key, "POST /", 200, "text/plain")
    assert isinstance(record, Recording)
    return record


def keep(keys: Keys, key: str, content: bytes = b"answer") -> None:
    record = begun(keys, key)
    record.add(content)
    record.keep("sha")
    record.drop()


def found(keys: Keys, key: str) -> bytes | None:
    taken = keys.take(key, "POST /", 200, "text/plain")
    if isinstance(taken, Kept):
        return b"".join(taken.content())
    taken.drop()
    return None


def test_an_answer_is_kept_with_what_it_answers(keys: Keys) -> None:
    keep(keys, "one", b"x" * 100_000)
    kept = keys.take("one", "POST /", 200, "text/plain")
    assert isinstance(kept, Kept)
    assert b"".join(kept.content()) == b"x" * 100_000
    assert (kept.request, kept.status, kept.media_type) == (
        asked("POST /", "sha"), 200, "text/plain",
    )  # fmt: skip


def test_what_was_not_kept_leaves_nothing(keys: Keys) -> None:
    record = begun(keys, "one")
    record.add(b"half")
    record.drop()
    assert list(keys.folder.iterdir()) == []
    assert found(keys, "one") is None


def test_a_key_has_one_request_at_a_time(keys: Keys) -> None:
    record = begun(keys, "one")
    with pytest.raises(KeyInUse):
        keys.take("one", "POST /", 200, "text/plain")
    record.drop()
    begun(keys, "one").drop()


def test_a_kept_answer_can_be_asked_for_at_once(keys: Keys) -> None:
    keep(keys, "one")
    for _ in range(2):
        assert isinstance(keys.take("one", "POST /", 200, "text/plain"), Kept)


@pytest.mark.parametrize("key", ["", "a b", "é", "a\n", "a" * 256])
def test_what_is_no_key(keys: Keys, key: str) -> None:
    with pytest.raises(InputError) as caught:
        keys.take(key, "POST /", 200, "text/plain")
    assert caught.value.field == "Idempotency-Key"


def test_an_answer_is_kept_for_a_day(keys: Keys) -> None:
    keep(keys, "one")
    (path,) = keys.folder.iterdir()
    yesterday = time.time() - idempotency.KEPT_SECONDS
    os.utime(path, (yesterday + 60, yesterday + 60))
    assert found(keys, "one") == b"answer"
    os.utime(path, (yesterday - 1, yesterday - 1))
    assert found(keys, "one") is None
    assert not path.exists()


def test_the_oldest_go_where_there_are_many(keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idempotency, "MOST_KEPT", 3)
    for number in range(5):
        keep(keys, f"k{number}")
        os.utime(keys.folder / f"{_name(f'k{number}')}.answer", (1e9, time.time() - 100 + number))
    assert [found(keys, f"k{number}") is not None for number in (4, 3, 2)] == [True, True, True]
    assert len(list(keys.folder.iterdir())) == 3


def test_the_oldest_go_where_they_are_large(keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idempotency, "MOST_BYTES", 40_000)
    for number in range(6):
        keep(keys, f"k{number}", b"x" * 9_000)
        os.utime(keys.folder / f"{_name(f'k{number}')}.answer", (1e9, time.time() - 100 + number))
    begun(keys, "other").drop()
    assert sum(path.stat().st_size for path in keys.folder.iterdir()) <= 40_000
    assert found(keys, "k5") == b"x" * 9_000


def test_an_answer_that_is_too_large_is_not_kept(
    keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(idempotency, "MOST_BYTES", 40_000)
    keep(keys, "one", b"x" * 10_001)
    assert found(keys, "one") is None


def test_what_a_crash_left_goes_after_a_day_and_no_earlier(keys: Keys) -> None:
    record = begun(keys, "one")  # of another server in the same folder, as far as this one knows
    left = keys.folder / ".left"
    left.write_bytes(b"")
    os.utime(left, (1e9, 1e9))
    keep(keys, "two")
    assert not left.exists()
    record.add(b"answer")
    record.keep("sha")
    record.drop()
    assert found(keys, "one") == b"answer"


@pytest.mark.parametrize("content", [b"", b"{", b"{}", b"[]", b"null", b"\xff" * 600])
def test_a_damaged_answer_is_none(keys: Keys, content: bytes) -> None:
    keep(keys, "one")
    (path,) = keys.folder.iterdir()
    path.write_bytes(content)
    assert found(keys, "one") is None


def test_a_disk_that_is_full_hinders_no_writing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with client(ToldSearcher(), Settings(data=tmp_path), ToldIngest()) as http:
        assert put(http) == 201
        assert put(http) == 200  # unchanged: it was not kept
    assert list((tmp_path / "idempotency").iterdir()) == []


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    told = ToldIngest()
    with client(ToldSearcher(), Settings(data=tmp_path / "file"), told) as http:
        answer = http.put("/v1/articles/a", json={"text": "x"}, headers={"Idempotency-Key": "a"})
        assert (answer.status_code, answer.json()["type"]) == (503, "/problems/misconfigured")
        assert "FIHRIS_DATA" in answer.json()["detail"]
        assert told.texts == {}
        assert http.put("/v1/articles/a", json={"text": "x"}).status_code == 201


def put(http: TestClient) -> int:
    headers = {"Idempotency-Key": "one"}
    return http.put("/v1/articles/a", json={"text": "x"}, headers=headers).status_code


def _name(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()
