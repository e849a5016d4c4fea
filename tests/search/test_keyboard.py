"""Texts in the other keyboard layout."""

from __future__ import annotations

import pytest

from search.query.keyboard import other_layout


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("hguvhr", "العراق"),
        ("hgj[vfm", "التجربة"),
        ("hgHofhv", "الأخبار"),
        ("سشيياشى", "saddhan"),
        ("ىثصس", "news"),
        ("ىثصس hg", None),
        ("2003", None),
        ("", ""),
    ],
)
def test_other_layout(typed: str, meant: str | None) -> None:
    assert other_layout(typed) == meant


@pytest.mark.parametrize("word", ["العراق", "سلام", "مكتبة", "ظئءؤ", "لا"])
def test_there_and_back(word: str) -> None:
    typed = other_layout(word)
    assert typed is not None
    assert other_layout(typed) == word
