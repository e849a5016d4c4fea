"""A cached file is read whole and intact, or not at all; and nothing raises."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from search.embedding import cache

CONTENT = bytes(range(256)) * 8


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    path = tmp_path / "deep" / "folder" / "model.graph"
    assert cache.write(path, CONTENT)
    return path


def test_what_is_written_is_read(stored: Path) -> None:
    assert cache.read(stored) == CONTENT


def test_writing_leaves_no_other_file(stored: Path) -> None:
    assert list(stored.parent.iterdir()) == [stored]


def test_nothing_written_nothing_read(tmp_path: Path) -> None:
    assert cache.read(tmp_path / "none") is None


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100)
@given(st.integers(0, len(CONTENT) + 46), st.integers(0, 7))
def test_any_flipped_bit_is_noticed(stored: Path, position: int, bit: int) -> None:
    cache.write(stored, CONTENT)
    damaged = bytearray(stored.read_bytes())
    damaged[position] ^= 1 << bit
    stored.write_bytes(damaged)
    assert cache.read(stored) is None


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(st.integers(0, len(CONTENT) + 46))
def test_any_truncation_is_noticed(stored: Path, size: int) -> None:
    cache.write(stored, CONTENT)
    stored.write_bytes(stored.read_bytes()[:size])
    assert cache.read(stored) is None


def test_something_appended_is_noticed(stored: Path) -> None:
    stored.write_bytes(stored.read_bytes() + b"\0")
    assert cache.read(stored) is None


def test_a_folder_in_the_files_place_is_no_file(tmp_path: Path) -> None:
    assert cache.read(tmp_path) is None
    (tmp_path / "model.graph").mkdir()
    assert not cache.write(tmp_path / "model.graph", CONTENT)
    assert [path.name for path in tmp_path.iterdir()] == ["model.graph"]


def test_a_file_in_the_folders_place_cannot_be_written_in(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert not cache.write(tmp_path / "file" / "model.graph", CONTENT)
    assert cache.read(tmp_path / "file" / "model.graph") is None


def test_a_full_disk_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert not cache.write(tmp_path / "model.graph", CONTENT)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(
    not Path("/proc/self").is_dir(), reason="no /proc: root may write anywhere else"
)
def test_a_folder_that_even_root_cannot_write_in() -> None:
    assert not cache.write(Path("/proc/self/fihris/model.graph"), CONTENT)


def test_many_writers_at_once_leave_one_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "model.graph"
    contents = [bytes([i]) * 200_000 for i in range(8)]
    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(lambda content: cache.write(path, content), contents * 3))
    assert cache.read(path) in contents
    assert list(tmp_path.iterdir()) == [path]
