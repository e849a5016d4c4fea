"""Which texts are near copies of each other, whatever their script."""

from __future__ import annotations

import pytest

from search.domain import ArticleInfo, Passage, StoredPassage
from search.ranking.duplicates import collapsed

ARABIC = "أعلنت إدارة المصفاة أن إنتاج البنزين في الميناء ارتفع هذا العام إلى مستوى قياسي"


def are_copies(first: str, second: str) -> bool:
    texts = {"أ#0": first, "ب#0": second}
    stored = {
        key: StoredPassage(Passage(key[0], 0, 0, len(text), text), ArticleInfo(key[0]))
        for key, text in texts.items()
    }
    kept, copies = collapsed([[(key, 1.0)] for key in texts], stored)
    assert len(kept) + sum(map(len, copies.values())) == 2
    return len(kept) == 1


@pytest.mark.parametrize(
    ("first", "second", "copy"),
    [
        (ARABIC, ARABIC, True),
        (ARABIC, "بغداد (رويترز) - اعلنت اداره المصفاه ان انتاج البنزين فى الميناء ارتفع هذا العام", True),
        (ARABIC, "أَعْلَنَتْ إدارةُ المصفاةِ أنّ إنتاجَ البنزينِ في الميناء ارتفع هذا العام إلى مستوى قياسي", True),
        (ARABIC, "ارتفع إنتاج البنزين في الميناء هذا العام كما قالت إدارة المصفاة أمس", False),
        (ARABIC, ARABIC.split(" أن ")[0], False),  # what is quoted is no copy
        ("The Refinery raised its output", "the refinery raised its output today", True),
        ("новый завод открыт вчера утром", "новый завод открыт вчера утром", True),
        ("новый завод открыт вчера утром", "белая кошка бежит ночью тихо", False),  # as long
        ("بغداد", "بغداد", True),
        ("بغداد", "دمشق", False),
        ("...", "...", True),
        ("", "", False),
        ("\ud800 \ud800 نص", "\ud800 \ud800 نص", True),
    ],
)  # fmt: skip
def test_near_copies(first: str, second: str, copy: bool) -> None:
    assert are_copies(first, second) is copy
