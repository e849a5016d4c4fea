"""Where sentences end: one line a rule, and what holds for every text."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.analysis.sentences import sentence_ends, sentence_spans, trimmed
from search.limits import MAX_SENTENCES

PIECES = st.sampled_from(
    [*"ابتثجحخ د م abz19٣.؟!?؛…،,:؛ \t\n\r\u2028\u0085“”«»„\"'()\u0640\u064b\u200f😀", "...", "د. "]
)
TEXTS = st.lists(PIECES, max_size=200).map("".join) | st.text(max_size=200)


def sentences(text: str) -> list[str]:
    return [text[span.start : span.end] for span in sentence_spans(text)]


ONE = "ذهب الوزير إلى البيت"
TWO = "ثم عاد في المساء"


@pytest.mark.parametrize("end", [".", "؟", "!", "?", "؛", "…", "؟!", "...", "۔", ".”", '."', ".)"])
def test_ends(end: str) -> None:
    assert sentences(f"{ONE}{end} {TWO}") == [f"{ONE}{end}", TWO]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\u2028", "\u2029", "\x85"])
def test_line_ends(end: str) -> None:
    assert sentences(f"{ONE}{end}{TWO}") == [ONE, TWO]


@pytest.mark.parametrize("end", ["؟", "؛"])
def test_arabic_marks_end_without_a_space(end: str) -> None:
    assert sentences(f"{ONE}{end}{TWO}") == [f"{ONE}{end}", TWO]


@pytest.mark.parametrize(
    "whole",
    [
        "بلغت النسبة 3.5 بالمئة في العام",
        "بلغت النسبة ٣.٥ بالمئة في العام",
        "قال د. أحمد علي إن الحرب انتهت",
        "قال أ.د. أحمد علي إن الحرب انتهت",
        "كتب م. ن. العلي هذا الكتاب كله",
        "The U.S. forces are here now today",
        "Yesterday Mr. Smith went back to his house",
        "انظر https://example.org/a.b?c=d!e هنا اليوم كله",
        "كتب إلى a.b@example.org في يوم أمس كله",
        "قال ... ثم سكت قليلا ومضى",
        "قال … ثم سكت قليلا ومضى",
        "وقال “انتهت الحرب كلها. عاد الناس جميعا” ثم سكت ومضى",
        "وقال «انتهت الحرب كلها. عاد الناس جميعا» ثم سكت ومضى",
        'وقال "انتهت الحرب كلها. عاد الناس جميعا" ثم سكت ومضى',
        "وقال „انتهت الحرب كلها. عاد الناس جميعا“ ثم سكت ومضى",
        "وقال “انتهت «الحرب كلها. عاد» الناس. جميعا هم” ثم سكت ومضى",
        "الأسعار: 5,000.00 دينار، والكمية 1.000.000 طن كل عام",
    ],
)
def test_goes_on(whole: str) -> None:
    assert sentences(whole) == [whole]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # a letter after a number is an era or a unit, not an initial
        (f"كان ذلك سنة 2003 م. {TWO}", ["كان ذلك سنة 2003 م.", TWO]),
        (f"كان ذلك سنة 1445 هـ. {TWO}", ["كان ذلك سنة 1445 هـ.", TWO]),
        # a quotation that nothing closes holds nothing together, on its line or past it
        (f"وقال “{ONE}. {TWO}.", [f"وقال “{ONE}.", f"{TWO}."]),
        (f"وقال “{ONE}\n{TWO}” هكذا", [f"وقال “{ONE}", f"{TWO}” هكذا"]),
        (f"{ONE}”. {TWO}", [f"{ONE}”.", TWO]),
        # the stop after a quotation ends the sentence
        (f"وقال “{ONE}”. {TWO}", [f"وقال “{ONE}”.", TWO]),
        # a short piece goes with a neighbour
        (f"نعم. {ONE}. {TWO}.", [f"نعم. {ONE}.", f"{TWO}."]),
        (f"{ONE}. نعم. {TWO}.", [f"{ONE}. نعم.", f"{TWO}."]),
        ("نعم. لا.", ["نعم. لا."]),
        ("", []),
        (" \n\t ", []),
        ("...", ["..."]),
    ],
)
def test_cases(text: str, expected: list[str]) -> None:
    assert sentences(text) == expected


def test_a_long_quotation_is_several_sentences() -> None:
    statement = " ".join([f"{ONE}."] * 30)
    assert len(sentences(f"وقال: “{statement}”")) == 30
    assert sentence_ends(f"وقال: “{statement}”", longest_quote=10_000) == []


def test_their_number_is_bounded_and_their_lengths_are_alike() -> None:
    spans = sentence_spans(f"{ONE}. " * 10_000)
    assert MAX_SENTENCES // 2 < len(spans) <= MAX_SENTENCES
    lengths = [span.end - span.start for span in spans]
    assert max(lengths) < 2 * min(lengths)


@given(TEXTS)
def test_spans_are_ordered_and_hold_all_but_whitespace(text: str) -> None:
    spans = sentence_spans(text)
    assert len(spans) <= MAX_SENTENCES
    end = 0
    for span in spans:
        assert text[end : span.start].strip() == ""
        assert span.start < span.end
        assert text[span.start : span.end] == text[span.start : span.end].strip()
        end = span.end
    assert text[end:].strip() == ""


@given(TEXTS, st.integers(0, 300))
def test_ends_ascend_inside_the_text(text: str, longest_quote: int) -> None:
    ends = sentence_ends(text, longest_quote)
    assert ends == sorted(set(ends))
    assert all(0 < end < len(text) for end in ends)


def test_trimmed_leaves_out_blank_stretches() -> None:
    spans = trimmed(" a  b ", [0, 2, 3, 6])
    assert [(s.start, s.end) for s in spans] == [(1, 2), (4, 5)]


@pytest.mark.slow
@pytest.mark.parametrize(
    "hostile", ["“", '"', ".", "a.", "“a. ”", '„«“"', " .", "\u064b", "أ. ", "x\n", "؟", "”»"]
)
def test_time_is_linear(hostile: str) -> None:
    def seconds(length: int) -> float:
        text = hostile * (length // len(hostile))
        started = time.process_time()  # whatever else the machine is doing
        sentence_spans(text)
        return time.process_time() - started

    small, large = min(seconds(40_000) for _ in range(3)), seconds(640_000)
    assert large < 16 * 5 * max(small, 0.001)  # 16 times the text; quadratic would be 256
