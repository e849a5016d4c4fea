"""What of a passage is embedded besides the whole, one line per rule."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.analysis.evidence import evidence_spans
from search.analysis.sentences import sentence_spans
from search.limits import MAX_SENTENCES

TEN = "واحد اثنان ثلاثة أربعة خمسة ستة سبعة ثمانية تسعة عشرة"


def pieces(text: str) -> list[str]:
    return [text[span.start : span.end] for span in evidence_spans(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("جملة قصيرة، فيها فاصلة، لا تقطع.", ["جملة قصيرة، فيها فاصلة، لا تقطع."]),
        (f"{TEN}، {TEN}، {TEN}.", [f"{TEN}، {TEN}،", f"{TEN}."]),
        (f"{TEN} {TEN} {TEN}، {TEN}.", [f"{TEN} {TEN} {TEN}،", f"{TEN}."]),
        (f"{TEN} {TEN} {TEN}.", [f"{TEN} {TEN} {TEN}."]),
        (f"{TEN}، {TEN}، {TEN}، كلمتان هنا.", [f"{TEN}، {TEN}،", f"{TEN}، كلمتان هنا."]),
        (f"{TEN} {TEN}، {TEN}، كلمتان.", [f"{TEN} {TEN}،", f"{TEN}، كلمتان."]),
        (f"{TEN} {TEN} 1,000 {TEN}.", [f"{TEN} {TEN} 1,000 {TEN}."]),
    ],
)
def test_long_sentences_are_cut_at_clauses(text: str, expected: list[str]) -> None:
    assert pieces(text) == expected


def test_short_sentences_stay_as_they_are() -> None:
    text = "قال الوزير إن القوات عادت. وأضاف أن العمليات مستمرة."
    assert evidence_spans(text) == sentence_spans(text)
    assert len(pieces(text)) == 2


def test_their_number_is_bounded() -> None:
    assert len(pieces(f"{TEN}، " * 10_000)) <= MAX_SENTENCES


@given(st.text("ab ،,.\n؟“”", max_size=600))
def test_they_hold_everything_but_space_in_order(text: str) -> None:
    spans = evidence_spans(text)
    assert all(a.end <= b.start for a, b in pairwise(spans))
    assert "".join("".join(p.split()) for p in pieces(text)) == "".join(text.split())
    assert all(p == p.strip() and p for p in pieces(text))
