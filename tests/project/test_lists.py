"""Every list that code reads says who makes it: people, or a script that is here."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support import REPOSITORY
from tools import letter_pairs

LEXICON = REPOSITORY / "search" / "analysis" / "lexicon"
LISTS = sorted((REPOSITORY / "search").rglob("*.txt")) + sorted(
    (REPOSITORY / "indexer").rglob("*.txt")
)


def head(path: Path) -> str:
    """Return the comment a list begins with."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return "\n".join(line for line in lines[: next(i for i, x in enumerate(lines) if x[:1] != "#")])


@pytest.mark.parametrize("path", LISTS, ids=lambda path: path.name)
def test_a_list_says_who_makes_it(path: Path) -> None:
    script = re.search(r"Made by (tools/\w+\.py)", head(path))
    if script:
        assert (REPOSITORY / script[1]).is_file()
    else:
        assert re.search(r"\bby hand\b", head(path))


def test_letter_pairs_has_the_head_and_the_letters_of_its_script() -> None:
    committed = (LEXICON / "letter_pairs.txt").read_text(encoding="utf-8")
    assert committed.startswith(letter_pairs.HEAD)
    made = list(letter_pairs.table({"باب": 0.01, "بيت": 0.01}))
    body = committed.removeprefix(letter_pairs.HEAD).splitlines()
    assert made[0] == body[0]
    assert [len(line.split()) for line in made] == [len(line.split()) for line in body]


def test_letter_pairs_are_counted_by_how_often_texts_have_a_word() -> None:
    letters, *rows = letter_pairs.table({"بب": 0.03, "بت": 0.01, "ابx": 0.5, "تا": 1e-8})
    cells = {
        row.split()[0]: dict(zip(letters.split()[1:], row.split()[1:], strict=True)) for row in rows
    }
    assert cells["_"]["ب"] == "0"  # every word begins with ب
    assert cells["ب"]["ب"] == "8"  # 3 of 7: -10 ln .43
    assert cells["ت"]["_"] == "0"
    assert int(cells["ت"]["ب"]) > 40  # no word has it, but ب is frequent
    assert cells["ت"]["ا"] == "99"
