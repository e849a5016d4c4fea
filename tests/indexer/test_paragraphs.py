"""An article becomes passages, and the passages give the article back."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.ingestion.paragraphs import split
from search.domain import Passage
from search.limits import MAX_PASSAGE_LENGTH
from tests.support import SEEDS, article

PIECES = [
    *("كلمة ", "word ", "a" * 40, "# ", ". ", "؟ ", "، ", "…", "“", "”", "\u064b", "\u200d", "ﷺ"),
    *("\n", "\r\n", "\r", "\u2028", "\x85", "\n\n", " ", "\t", "\0"),
]
TEXTS = st.lists(st.sampled_from(PIECES), max_size=150).map("".join) | st.text(max_size=200)


def words(texts: Sequence[str]) -> list[int]:
    return [len(text.split()) for text in texts]


def characters(texts: Sequence[str]) -> list[int]:
    return [len(text) for text in texts]


def superadditive(texts: Sequence[str]) -> list[int]:
    """A tokenizer that makes more of a whole than of its parts."""
    return [len(text.split()) + len(text) // 8 for text in texts]


def texts_of(text: str, max_tokens: int = 10, *, by_line: bool = True) -> list[str]:
    return [p.text for p in split(article("a", text), words, max_tokens, by_line=by_line)]


def assert_gives_back(text: str, passages: Sequence[Passage]) -> None:
    end = 0
    for position, passage in enumerate(passages):
        assert passage.position == position
        assert passage.text == text[passage.start : passage.end]
        assert passage.text.strip() == passage.text != ""
        assert text[end : passage.start].strip() == ""
        end = passage.end
    assert text[end:].strip() == ""


@given(
    TEXTS, st.integers(1, 30), st.sampled_from([words, characters, superadditive]), st.booleans()
)
def test_passages_and_gaps_give_the_article_back(
    text: str, max_tokens: int, count: object, by_line: bool
) -> None:
    assert callable(count)
    passages = split(article("a", text), count, max_tokens, by_line=by_line)
    assert_gives_back(text, passages)
    for passage in passages:
        assert count([passage.text])[0] <= max_tokens or len(passage.text) == 1


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\u2028", "\u2029", "\x85", "\n\n", " \n \n"])
def test_a_line_is_a_paragraph(end: str) -> None:
    assert texts_of(f"واحد{end}اثنان") == ["واحد", "اثنان"]


def test_quotes_and_ellipses_are_untouched() -> None:
    text = "قال: “نعم… لا.” ثم «مضى»..."
    assert texts_of(text) == [text]


def test_the_seed_has_one_paragraph_a_line() -> None:
    text = (SEEDS / "000_68ec81c8af20b3f5.txt").read_text(encoding="utf-8")
    passages = split(article("000_68ec81c8af20b3f5", text), words, 500)
    assert_gives_back(text, passages)
    assert [p.text for p in passages] == [s for line in text.split("\n") if (s := line.strip())]
    assert passages[0].id == "000_68ec81c8af20b3f5#0"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # sentence ends first, put together again as far as they fit
        ("1 2 3 4. 5 6 7. 8 9. 1 2 3.", ["1 2 3 4. 5 6 7. 8 9.", "1 2 3."]),
        ("1 2 3 4؟ 5 6 7؛ 8 9! 1 2 3…", ["1 2 3 4؟ 5 6 7؛ 8 9!", "1 2 3…"]),
        # not inside a quotation where that can be avoided
        ("1 2 3 4 5. “6 7 8. 9 1 2 3. 4” 5.", ["1 2 3 4 5.", "“6 7 8. 9 1 2 3. 4” 5."]),
        # inside it where nothing else helps
        ("“1 2 3 4 5. 6 7 8. 9 1 2 3 4 5.”", ["“1 2 3 4 5. 6 7 8.", "9 1 2 3 4 5.”"]),
        # else clauses
        ("1 2 3 4 5 6، 7 8 9 1 2 3، 4", ["1 2 3 4 5 6،", "7 8 9 1 2 3، 4"]),
        # else spaces
        ("1 2 3 4 5 6 7 8 9 1 2 3", ["1 2 3 4 5 6 7 8 9 1", "2 3"]),
    ],
)
def test_a_long_paragraph_is_cut_where_it_hurts_least(text: str, expected: list[str]) -> None:
    assert texts_of(text) == expected


def test_else_it_is_cut_between_characters_but_not_before_a_mark() -> None:
    text = "كَ" * 30
    passages = split(article("a", text), characters, 7)
    assert_gives_back(text, passages)
    assert all(p.text[0] == "ك" for p in passages)
    assert {len(p.text) for p in passages[:-1]} == {6}


def test_the_whole_text_may_be_one_paragraph() -> None:
    assert texts_of(" واحد\nاثنان\n\nثلاثة ", by_line=False) == ["واحد\nاثنان\n\nثلاثة"]


def test_blank_lines_make_no_passage() -> None:
    assert texts_of("\n \n\t\nواحد\n\n\n") == ["واحد"]
    assert texts_of(" \n ") == []


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("كلمة " * 100_000, words),
        ("كلمة " * 100_000, superadditive),
        ("هذه جملة قصيرة جدا. " * 25_000, words),
        ("“" + "هذه جملة. " * 50_000 + "”", words),
        ("a" * 1_000_000, characters),
        ("\u064b" * 1_000_000, words),
    ],
    ids=["words", "superadditive", "sentences", "quotation", "no space", "marks"],
)
@pytest.mark.slow
def test_huge_paragraphs_are_bounded(text: str, count: object) -> None:
    assert callable(count)
    counted = 0

    def counting(texts: Sequence[str]) -> list[int]:
        nonlocal counted
        counted += sum(map(len, texts))
        result: list[int] = count(texts)
        return result

    passages = split(article("a", text), counting, 500)
    assert_gives_back(text, passages)
    assert max(len(p.text) for p in passages) <= MAX_PASSAGE_LENGTH
    assert max(count([p.text for p in passages])) <= 500
    assert counted < 6 * len(text)  # each level counts a text once
    assert len(passages) < len(text) / 400
