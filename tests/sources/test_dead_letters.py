"""Dead letters: written as they come, read with distrust, settled once tried again."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from indexer.sources import Failure, SourceFile, dead_letters
from indexer.sources.dead_letters import DeadLetters, read_letters, settle
from search.errors import SourceError
from tests.sources.support import source, write


def failure(file: SourceFile | None, code: str = "damaged") -> Failure:
    return Failure(str(file and file.path), code, "why\nnot", 7, file)


def filled(folder: Path, *failures: Failure) -> DeadLetters:
    with DeadLetters(folder / "dead-letters") as letters:
        for each in failures:
            letters.add(each)
    return letters


def test_no_failure_no_file(tmp_path: Path) -> None:
    assert filled(tmp_path).path is None
    assert not (tmp_path / "dead-letters").exists()


def test_a_letter_says_what_happened_and_how_to_try_again(tmp_path: Path) -> None:
    file = source(tmp_path / "sub" / "a.pdf")
    letters = DeadLetters(tmp_path / "dead letters")
    letters.add(Failure("a.pdf:3", "damaged", "why\nnot", 7, file))
    assert letters.path is not None
    letter = json.loads(letters.path.read_text())  # at once: a run may be killed
    letters.close()
    assert letter.pop("time")
    assert letter == {
        "code": "damaged",
        "reason": "why not",
        "place": "a.pdf:3",
        "path": str(file.path),
        "collection": "files",
        "size": 7,
        "retry": f"fihris index --retry '{letters.path}'",
    }
    assert letters.path.stat().st_mode & 0o777 == 0o600
    assert letters.path.parent.stat().st_mode & 0o777 == 0o700


def test_two_runs_in_a_second_have_two_files(tmp_path: Path) -> None:
    one, other = (filled(tmp_path, failure(None)) for _ in range(2))
    assert one.path != other.path


def test_each_file_is_tried_once_as_it_is_now(tmp_path: Path) -> None:
    one, two, gone, pipe = (
        source(tmp_path / name) for name in ("1.txt", "2.txt", "3.txt", "4.txt")
    )
    letters = filled(tmp_path, *map(failure, (one, two, one, None, gone, pipe)))
    write(two.path, "longer than before")
    gone.path.unlink()
    pipe.path.unlink()
    os.mkfifo(pipe.path)
    assert letters.path is not None
    first, second, third, fourth = read_letters(letters.path)
    assert first == one
    assert isinstance(second, SourceFile)
    assert second.size == 18
    assert isinstance(third, Failure)
    assert (third.code, third.file and third.file.path) == ("not-found", gone.path)
    assert isinstance(fourth, Failure)
    assert fourth.code == "not-regular"


def test_a_name_that_is_not_utf8_comes_back(tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xe3/a.txt"))
    file = source(path)
    letters = filled(tmp_path, failure(file))
    assert letters.path is not None
    assert read_letters(letters.path) == [file]


@pytest.mark.parametrize(
    ("letter", "code"),
    [
        ("{", "not-json"),
        ("[]", "not-json"),
        ("[" * 100_000, "not-json"),
        ("{}", "bad-field"),
        ("x" * 300_000, "unreadable"),
        ({"path": 1}, "bad-field"),
        ({"path": "a.txt"}, "bad-field"),
        ({"path": "/a\0.txt"}, "bad-field"),
        ({"path": "/etc/passwd"}, "unsupported"),
        ({"path": "/a.txt", "collection": 1}, "bad-field"),
        ({"path": "/a.txt", "collection": ""}, "bad-field"),
        ({"path": "/a.txt", "collection": "a/b"}, "bad-field"),
    ],
)
def test_what_is_no_letter_is_named_and_the_rest_goes_on(
    tmp_path: Path, letter: object, code: str
) -> None:
    file = source(tmp_path / "a.txt")
    good = {"path": str(file.path), "given": "of version 0.1", "name": "a.txt"}
    line = letter if isinstance(letter, str) else json.dumps(letter)
    path = write(tmp_path / "letters.jsonl", f"{line}\n\n{json.dumps(good)}\n")
    first, second = read_letters(path)
    assert isinstance(first, Failure)
    assert (first.place, first.code) == (f"{path}:1", code)
    assert second == file


def test_what_is_no_file_of_letters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(SourceError, match="not a regular file"):
        read_letters(tmp_path / "pipe")
    with pytest.raises(SourceError, match="there is no such file"):
        read_letters(tmp_path / "gone")
    monkeypatch.setattr(dead_letters, "MAX_LETTERS", 3)
    with pytest.raises(SourceError, match="4 bytes, and 3 are the most"):
        read_letters(write(tmp_path / "large", "{}\n\n"))


def test_what_still_fails_takes_the_place_of_what_was_tried(tmp_path: Path) -> None:
    one, two = source(tmp_path / "1.txt"), source(tmp_path / "2.txt")
    first = filled(tmp_path, failure(one), failure(two))
    again = filled(tmp_path / "elsewhere", failure(two, "timeout"))
    assert first.path is not None
    made = again.path
    settle(first.path, again)
    assert again.path == first.path
    assert made is not None
    assert not made.exists()
    letter = json.loads(first.path.read_text())
    assert (letter["code"], letter["path"]) == ("timeout", str(two.path))
    assert letter["retry"] == f"fihris index --retry {first.path}"
    assert [path.name for path in first.path.parent.iterdir()] == [first.path.name]


def test_nothing_left_nothing_kept(tmp_path: Path) -> None:
    letters = filled(tmp_path, failure(source(tmp_path / "1.txt")))
    assert letters.path is not None
    settle(letters.path, filled(tmp_path))
    assert not letters.path.exists()
