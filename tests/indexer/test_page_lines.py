"""Lines of pages: joined to paragraphs, and running lines left out."""

from __future__ import annotations

from pathlib import Path
from textwrap import wrap

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.extraction.page_lines import joined_lines, without_running_lines

SEED = (Path(__file__).parents[2] / "seeds/000_68ec81c8af20b3f5.txt").read_text(encoding="utf-8")


def test_the_seed_wrapped_and_joined() -> None:
    paragraphs = [" ".join(line.split()) for line in SEED.splitlines() if line.strip()]
    apart = "\n\n".join("\n".join(wrap(paragraph, 70)) for paragraph in paragraphs)
    assert joined_lines(apart)[0].split("\n") == paragraphs
    close = "\n".join("\n".join(wrap(paragraph, 70)) for paragraph in paragraphs)
    found = joined_lines(close)[0].split("\n")
    assert len(set(found) & set(paragraphs)) >= 0.6 * len(paragraphs)
    assert " ".join(found) == " ".join(paragraphs)


@pytest.mark.parametrize(
    ("lines", "paragraphs"),
    [
        ("", ""),
        ("واحد", "واحد"),
        ("هذا سطر طويل ينتهي وسط\nالجملة ثم يكملها هنا حتى", "هذا سطر طويل ينتهي وسط الجملة ثم يكملها هنا حتى"),
        ("هذا سطر طويل ينتهي وسط\n\nالجملة ثم يكملها هنا حتى", "هذا سطر طويل ينتهي وسط\nالجملة ثم يكملها هنا حتى"),
        ("عنوان\nهذا سطر طويل ينتهي وسط\nالجملة.", "عنوان\nهذا سطر طويل ينتهي وسط الجملة."),
        (
            "هذا سطر طويل ينتهي وسط\nجملة قصيرة هنا.\nوهذا سطر طويل آخر بعدها",
            "هذا سطر طويل ينتهي وسط جملة قصيرة هنا.\nوهذا سطر طويل آخر بعدها",
        ),
        ("• بند أول في القائمة\n• بند ثان في القائمة", "• بند أول في القائمة\n• بند ثان في القائمة"),
        ("١. بند أول في القائمة\n٢. بند ثان في القائمة", "١. بند أول في القائمة\n٢. بند ثان في القائمة"),
        ("أ) بند أول في القائمة\nب) بند ثان في القائمة", "أ) بند أول في القائمة\nب) بند ثان في القائمة"),
        ("a line that is cut in the inter-\nnational style of newspapers", "a line that is cut in the international style of newspapers"),
        ("a line that ends with New-\nYork is not put together so", "a line that ends with New- York is not put together so"),
    ],
)  # fmt: skip
def test_joined(lines: str, paragraphs: str) -> None:
    assert joined_lines(lines)[0] == paragraphs


def page(number: int, *body: str, top: str = "مجلة الفهرس – العدد 12") -> str:
    return "\n".join([top, "", *body, "", f"- {number} -"])


def test_running_lines() -> None:
    pages = [page(n, f"نص الصفحة رقم {'أبتثجح'[n]}", f"سطر {'دذرزسش'[n]}") for n in range(6)]
    pages[0] = "عنوان\nبلا رأس"
    found = without_running_lines(pages)
    bodies = [f"نص الصفحة رقم {'أبتثجح'[n]}\nسطر {'دذرزسش'[n]}" for n in range(1, 6)]
    assert found == ["عنوان\nبلا رأس", *bodies]


def test_left_and_right_pages_have_headings_of_their_own() -> None:
    pages = [page(n, "نص" * (n + 1), top=("الكتاب", "الفصل الأول")[n % 2]) for n in range(8)]
    assert without_running_lines(pages) == ["نص" * (n + 1) for n in range(8)]


@pytest.mark.parametrize(
    "pages",
    [
        [],
        ["وحيدة"],
        [page(1, "نص"), page(2, "نص")],  # of two pages nothing is most
        ["أ\nب", "ج\nد", "هـ\nو"],
        ["س\nش\nص\nمكرر\nض\nط\nظ", "ع\nغ\nف\nمكرر\nق\nك\nل", "م\nن\nه\nمكرر\nو\nي\nى"],  # inside
    ],
)
def test_other_lines_stay(pages: list[str]) -> None:
    assert without_running_lines(pages) == pages


@given(st.lists(st.text(st.sampled_from("اب1. -\n"), max_size=30), max_size=8))
def test_no_text_makes_it_fail(pages: list[str]) -> None:
    found = without_running_lines(pages)
    assert len(found) == len(pages)
    assert all(kept in whole for kept, whole in zip(found, pages, strict=True))


@given(st.text())
def test_joining_loses_no_letter(text: str) -> None:
    hyphens = str.maketrans("", "", "-\u00ad\u2010")
    kept = "".join(joined_lines(text)[0].split())
    assert kept.translate(hyphens) == "".join(text.split()).translate(hyphens)
