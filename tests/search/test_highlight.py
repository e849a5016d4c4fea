"""What is marked, one line per rule; segments always join to the source text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.domain import Span
from search.query.parse import parse
from search.ranking.highlight import Marker, segments


def marked(text: str, query: str) -> list[str]:
    return [s.text for s in Marker(parse(query)).highlight(text) if s.match]


@pytest.mark.parametrize(
    ("text", "query", "expected"),
    [
        ("ضربات في العراق.", "العراق", ["العراق"]),
        ("ضربات وبالعراق.", "عراق", ["وبالعراق"]),
        ("ضَرَباتٌ في العِراق", "ضربات", ["ضَرَباتٌ"]),
        ("الولايات المتحدة", "الولايات المتحدة", ["الولايات", "المتحدة"]),
        ("قال إن بغداد", "في بغداد", ["بغداد"]),
        ("حزب الله", "«حزب الله»", ["حزب", "الله"]),
        ("حزب كبير", "«حزب الله»", []),
        ("وقوات التحالف", "«قوات التحالف»", ["وقوات", "التحالف"]),
        ("للتحالف الدولي", "«التحالف الدولي»", ["للتحالف", "الدولي"]),
        ("قوات تحالف", "«قوات التحالف»", []),
        ("نتانياهو يقول", "نتنياهو", ["نتانياهو"]),
        ("ضربات", "-ضربات", []),
        ("عدد ١٥١ مرة", "151", ["١٥١"]),
        ("وزير الدفاع", "زير", []),
        ("", "العراق", []),
    ],
)
def test_marks(text: str, query: str, expected: list[str]) -> None:
    assert marked(text, query) == expected


def test_segments_cut_at_spans() -> None:
    pieces = segments("abcdef", [Span(1, 3), Span(5, 6)])
    assert [(p.text, p.match) for p in pieces] == [
        ("a", False),
        ("bc", True),
        ("de", False),
        ("f", True),
    ]


@given(st.text(max_size=300), st.text(max_size=100))
def test_segments_join_to_exactly_the_text(text: str, query: str) -> None:
    assert "".join(s.text for s in Marker(parse(query)).highlight(text)) == text


@given(st.text("العراق بكتاب\u064e\u0640-“”", max_size=80), st.sampled_from(["العراق", "كتاب"]))
def test_segments_of_arabic_join_to_exactly_the_text(text: str, query: str) -> None:
    assert "".join(s.text for s in Marker(parse(query)).highlight(text)) == text
