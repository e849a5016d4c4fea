"""Which other spellings of a word are asked whatever passages have."""

from __future__ import annotations

import pytest

from search.analysis.tokens import analyse
from search.query.spellings import other_seats


@pytest.mark.parametrize(
    ("typed", "word"),
    [
        ("تئخير", "تأخير"),
        ("تأخير", "تئخير"),
        ("والرئس", "الرأس"),
        ("سءال", "سؤال"),
        ("مفاجئة", "مفاجأة"),
    ],
)
def test_hamza_inside_of_a_word_is_asked_on_its_other_seats(typed: str, word: str) -> None:
    assert analyse(word)[0].stem in other_seats(analyse(typed)[0])


@pytest.mark.parametrize(
    "word", ["رئيس", "شؤون", "الأمر", "وأمر", "أمر", "شيء", "كتاب", "باب", "iraq"]
)
def test_hamza_stays_where_it_has_one_seat(word: str) -> None:
    assert other_seats(analyse(word)[0]) == ()
