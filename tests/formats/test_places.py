"""Where in a file a text stands: pages, slides, rows, times; each format's own way to say it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.extraction.book_parts import parts_of
from indexer.extraction.documents import Facts, article, mark, placed
from indexer.extraction.registry import Extracted
from indexer.ingestion.records import article_from
from search.domain import Article, place_at
from search.errors import SourceError
from tests.formats import reading
from tests.formats.building import epub_around, zip_of
from tests.formats.parts import articles_of, items_of
from tests.formats.test_pdf import pdf_of, shown
from tests.formats.test_subtitles import cues
from tests.poison.office import inline, xlsx

OFFICE = Path(__file__).parent.parent / "fixtures" / "office"


def article_of(found: Extracted) -> Article:
    return article_from({"id": "a", "language": "ar", **found.fields})


def stands(found: Extracted, word: str) -> str:
    """Return where a word of an article stands."""
    known = article_of(found)
    return str(place_at(known.places, known.text.index(word)))


def test_pages_of_a_pdf_also_in_a_paragraph_that_goes_on_over_them() -> None:
    line = "Words that fill the whole line of a page up to its right edge"
    first = shown(line, y=700) + shown(f"{line} here", y=686)
    second = shown("and end on the next one.", y=700) + shown("Another one.", y=600)
    found = reading.article(pdf_of(first, b"", second), "pdf")
    assert "\n" in str(found.fields["text"])
    assert stands(found, "Words") == stands(found, "here") == "page 1"
    assert stands(found, "and end") == stands(found, "Another") == "page 3"


def test_pages_of_a_book() -> None:
    chapter = (
        '<p><span epub:type="pagebreak" title="11"/>أول</p>'
        '<p>ثان <a role="doc-pagebreak" id="p12">12</a>ثالث</p><div role="doc-pagebreak" '
        'aria-label="13"></div><p>رابع</p><p epub:type="pagebreak">ما لم يُغلق قبل النص كله</p>'
    )
    found = reading.article(epub_around({"a.xhtml": chapter}), "epub")
    assert str(found.fields["text"]).split("\n") == [
        "أول", "ثان ثالث", "رابع", "ما لم يُغلق قبل النص كله",
    ]  # fmt: skip
    assert [stands(found, word) for word in ("أول", "ثان", "ثالث", "رابع", "ما")] == [
        "page 11", "page 11", "page 12", "page 13", "page 13",
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["python-pptx.pptx", "libreoffice.pptx", "libreoffice.odp"])
def test_slides(name: str) -> None:
    (found,) = articles_of(items_of(name, (OFFICE / name).read_bytes()))
    assert [stands(found, w) for w in ("تقرير", "ملاحظة", "النتائج", "بغداد")] == [
        "slide 1", "slide 1", "slide 2", "slide 2",
    ]  # fmt: skip


def test_rows_of_a_sheet_that_is_one_article() -> None:
    rows = "".join(inline(f"سطر {n}", f"A{n}") for n in (2, 4))
    (found,) = articles_of(items_of("a.xlsx", zip_of(xlsx(rows))))
    assert [stands(found, w) for w in ("سطر 2", "سطر 4")] == ["row ورقة!2", "row ورقة!4"]


@pytest.mark.parametrize("name", ["openpyxl.xlsx", "libreoffice.ods"])
def test_rows_that_are_articles(name: str) -> None:
    first, *_ = articles_of(items_of(name, (OFFICE / name).read_bytes()))
    assert article_of(first).places[0][0] == 0
    assert stands(first, str(first.fields["text"])) == "row الأخبار!3"


def test_times_of_subtitles() -> None:
    found = reading.article(cues((1, 2, "أول"), (2, 3, "وبقيته."), (75.5, 80, "ثان")), "subtitles")
    assert found.fields["text"] == "أول وبقيته.\nثان"
    assert [stands(found, w) for w in ("أول", "وبقيته", "ثان")] == [
        "time 0:00:01", "time 0:00:01", "time 0:01:15",
    ]  # fmt: skip


def test_places_stay_at_their_words_where_a_text_is_mended() -> None:
    lines = [
        mark("page", 1) + "Ø§Ù„Ø¹Ø±Ø§Ù‚ Ø¨Ù„Ø¯ ÙƒØ¨ÙŠØ±",
        mark("page", 2) + "Ø³ÙˆØ±ÙŠØ§ Ø¨Ù„Ø¯ Ø¢Ø®Ø±",
    ]
    found = article(lines, Facts(), size=0)
    assert found.fields["text"] == "العراق بلد كبير\nسوريا بلد آخر"
    assert (stands(found, "العراق"), stands(found, "سوريا")) == ("page 1", "page 2")


def test_the_parts_of_a_long_book_have_their_own() -> None:
    text = "باب أول\n" + "س" * 30 + "\nباب ثان\n" + "ص" * 30
    book = Extracted({"text": text, "fihris_places": [(0, "page", "1"), (50, "page", "2")]})
    first, second = parts_of(book, limit=50)
    assert first.fields["fihris_places"] == [(0, "page", "1")]
    start = text.index("باب ثان")
    assert second.fields["fihris_places"] == [(0, "page", "1"), (50 - start, "page", "2")]


@given(st.text("ab \n\ufdd1\ufdd2", max_size=30), st.integers(0, 30))
def test_marks_leave_no_trace(text: str, at: int) -> None:
    before, behind = text[:at], text[at:]
    bare, places = placed(f"{before}{mark('page', 7)}{behind}")
    assert "".join(bare.split()) == "".join(text.split())
    assert [place for _, *place in places] == ([["page", "7"]] if behind.strip() else [])


def test_a_text_that_has_what_looks_like_marks_is_not_refused() -> None:
    found = article(["\ufdd1page \ufdd2a\ufdd1rag 1\ufdd2", "\ufdd1time x\ufdd2b"], Facts(), size=0)
    assert article_of(found).places[0][1].kind == "time"


@pytest.mark.parametrize(
    "given",
    [
        "x", {}, [0], [[0, "page"]], [[0, "leaf", "1"]], [[0, "page", ""]], [[0, "page", 1]],
        [[-1, "page", "1"]], [[9, "page", "1"]], [[1, "page", "1"], [1, "page", "2"]],
        [[0, "page", "1" * 101]], [[0, "page", "\ud800"]], [[0, ["page"], "1"]], [["0", "page", "1"]],
        [[0, "page", "1"]] * 100_001,
    ],
)  # fmt: skip
def test_what_is_no_place_is_refused(given: object) -> None:
    with pytest.raises(SourceError) as error:
        article_from({"id": "a", "text": "نص", "fihris_places": given})
    assert error.value.code == "bad-field"
    assert "fihris_places" in str(error.value)
