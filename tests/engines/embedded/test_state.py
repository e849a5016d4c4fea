"""A head file is read again whenever it was written, and only then."""

from __future__ import annotations

import os
from pathlib import Path
from unittest.mock import patch

import pytest

from search.engines.embedded import state as heads
from search.engines.embedded.state import Head, HeadFile, write_head

FIRST, SECOND = (Head("record", token, n, 1, 1) for n, token in enumerate(("a" * 32, "b" * 32)))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    write_head(tmp_path / "head.json", FIRST)
    return tmp_path / "head.json"


def test_a_head_written_again_at_once_is_read_again(path: Path) -> None:
    file = HeadFile()
    assert file.read(path) == FIRST
    write_head(path, SECOND)
    assert file.read(path) == SECOND


def test_a_head_that_went_is_none(path: Path) -> None:
    file = HeadFile()
    file.read(path)
    path.unlink()
    assert file.read(path) is None


def test_another_file_put_in_its_place_is_read(path: Path) -> None:
    file = HeadFile()
    _age(path)
    file.read(path)
    write_head(path.with_name("other"), SECOND)
    _age(path.with_name("other"))
    path.with_name("other").replace(path)
    assert file.read(path) == SECOND


def test_a_head_that_did_not_change_is_not_read_again(path: Path) -> None:
    file = HeadFile()
    _age(path)
    file.read(path)
    with patch.object(heads, "read_head", side_effect=AssertionError):
        assert file.read(path) == FIRST


def _age(path: Path) -> None:
    os.utime(path, ns=(0, 1_000_000_000))
