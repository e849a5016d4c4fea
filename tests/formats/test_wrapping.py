"""Lines that were broken at a width, and those that were meant."""

from __future__ import annotations

import textwrap

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.extraction.wrapping import WRAPPED, unwrapped
from tests.formats.reading import SEED, article
from tests.support import SEEDS

PARAGRAPHS = [line for line in SEED if len(line) > 200]
POEM = """قفا نبك من ذكرى حبيب ومنزل بسقط اللوى بين الدخول فحومل
فتوضح فالمقراة لم يعف رسمها لما نسجتها من جنوب وشمأل
ترى بعر الآرام في عرصاتها وقيعانها كأنه حب فلفل
كأني غداة البين يوم تحملوا لدى سمرات الحي ناقف حنظل
وقوفا بها صحبي علي مطيهم يقولون لا تهلك أسى وتجمل
وإن شفائي عبرة مهراقة فهل عند رسم دارس من معول
كدأبك من أم الحويرث قبلها وجارتها أم الرباب بمأسل"""
LIST = "\n".join(
    f"- بند طويل من بنود القائمة رقمه {n:03} وله من الكلام ما يملأ السطر" for n in range(30)
)
TABLE = "\n".join(
    f"اسم البلد رقم {n:03}     عدد السكان فيه {n:06}     وعدد المدن {n:03}" for n in range(30)
)
LOG = "\n".join(
    f"2024-01-31 10:00:{n:02} INFO request {n:03} served {'x' * (n * 7 % 40)}" for n in range(60)
)


def wrap(paragraph: str, width: int, first: str = "") -> str:
    return textwrap.fill(
        paragraph, width, initial_indent=first, break_long_words=False, break_on_hyphens=False
    )


@pytest.mark.parametrize("width", [50, 72, 80, 100])
@pytest.mark.parametrize(("first", "between"), [("", "\n\n"), ("    ", "\n"), ("- ", "\n")])
def test_wrapped_paragraphs_are_those_they_were(width: int, first: str, between: str) -> None:
    text = between.join(wrap(each, width, first) for each in PARAGRAPHS)
    found = [" ".join(line.split()) for line in unwrapped(text).split("\n") if line.strip()]
    assert found == [
        first.strip() + " " * bool(first.strip()) + " ".join(p.split()) for p in PARAGRAPHS
    ]


@pytest.mark.parametrize(
    "text", [POEM, LIST, TABLE, LOG, *(p.read_text("utf-8") for p in SEEDS.glob("*.txt"))]
)
def test_lines_that_were_meant_are_kept(text: str) -> None:
    assert unwrapped(text) == text


def test_a_poem_a_list_and_code_in_a_wrapped_text_keep_their_lines() -> None:
    prose = "\n\n".join(wrap(each, 72) for each in PARAGRAPHS)
    code = f"```\n{wrap(PARAGRAPHS[0], 72)}\n```"
    found = unwrapped("\n\n".join((prose, POEM, LIST, TABLE, code)))
    for kept in (POEM, LIST, TABLE, code):
        assert kept in found


def test_texts_and_letters_are_joined_with_a_note_and_logs_are_not() -> None:
    from tests.formats.test_plain import read

    text = "\n\n".join(wrap(each, 72) for each in PARAGRAPHS)
    for name in ("a.txt", "a.md"):
        found = read(text.encode(), name)
        assert found.fields["text"] == unwrapped(text) != text
        assert WRAPPED in found.notes
    assert read(text.encode(), "a.log").fields["text"] == text
    letter = f"Subject: x\nContent-Type: text/plain; charset=utf-8\n\n{text}".encode()
    found = article(letter, "mail")
    assert WRAPPED in found.notes
    assert str(found.fields["text"]).split("\n\n") == unwrapped(text).split("\n\n")


@given(st.text(alphabet="ab -|\n\t>#1.", max_size=400))
def test_nothing_but_line_ends_and_spaces_changes(text: str) -> None:
    assert unwrapped(text).split() == text.split()
