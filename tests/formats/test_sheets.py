"""Spreadsheets: rows under heads are articles, other sheets are one; files of two programs."""

from __future__ import annotations

from pathlib import Path

import pytest

from indexer.extraction import sheets
from indexer.extraction.registry import Extracted
from indexer.extraction.xlsx import number_shown
from search.errors import SourceError
from tests.formats.building import zip_of
from tests.formats.parts import articles_of, broken_of, items_of
from tests.poison.office import inline, ods, table, xlsx

OFFICE = Path(__file__).parent.parent / "fixtures" / "office"
NEWS = [
    ("ضربات", "نفذت القوات ضربات على مواقع", "فاطمة", "2024-01-31", ["سياسة"]),
    ("مياه", "انقطعت المياه عن الحي", "أحمد", "2023-12-01", ["سياسة"]),  # merged from above
    ("أسعار", "ارتفعت الأسعار\nفي الأسواق", "ليلى", "1999-05-07", ["اقتصاد"]),
]


@pytest.mark.parametrize("name", ["openpyxl.xlsx", "libreoffice.xlsx", "libreoffice.ods"])
def test_what_programs_write(name: str) -> None:
    *news, notes = articles_of(items_of(name, (OFFICE / name).read_bytes()))
    fields = ("title", "text", "author", "published", "tags")
    assert [tuple(item.fields[field] for field in fields) for item in news] == NEWS
    assert [item.place for item in news] == ["الأخبار!3", "الأخبار!4", "الأخبار!5"]
    assert str(news[0].fields["id"]).startswith(f"{name}/الأخبار/:")
    text = str(notes.fields["text"])  # the hidden sheet is none
    told = [note for item in (*news, notes) for note in item.notes]
    assert "1 hidden sheet left out" in told
    if name.startswith("openpyxl"):  # which computes nothing
        assert text == "ملاحظات الاجتماع | 12.5 | 25%\nفي الطرف"
        assert notes.notes[0].startswith("formulas without values")
    else:
        assert text == "ملاحظات الاجتماع | 12.5 | 25%\n12.5\nفي الطرف"
    assert (notes.fields["title"], notes.fields["author"]) == ("ملاحظات", "هيئة التحرير")


def read(rows: str, strings: str = "") -> list[Extracted]:
    return articles_of(items_of("a.xlsx", zip_of(xlsx(rows, strings))))


def test_shared_texts_keep_their_runs_and_no_phonetics() -> None:
    strings = "<si><r><t>نـ</t></r><r><t>ص</t></r><rPh><t>x</t></rPh></si><si><t>text</t></si>"
    (found,) = read('<row><c t="s"><v>1</v></c></row><row><c t="s"><v>0</v></c></row>', strings)
    assert (found.fields["text"], found.place) == ("نـص", "ورقة!2")


def test_other_cells() -> None:
    cells = '<c t="b"><v>1</v></c><c t="e"><v>#N/A</v></c><c t="str"><f>x</f><v>قيمة</v></c>'
    cells += '<c t="d"><v>2024-01-31</v></c><c><v>0.30000000000000004</v></c>'
    (found,) = read(f"<row>{cells}</row>")
    assert found.fields["text"] == "TRUE | قيمة | 2024-01-31 | 0.3"


@pytest.mark.parametrize(
    ("number", "since_1904", "shown"),
    [
        ("1", False, "1900-01-01"),
        ("59", False, "1900-02-28"),
        ("61", False, "1900-03-01"),
        ("45322", False, "2024-01-31"),
        ("43860", True, "2024-01-31"),
        ("45322.5", False, "2024-01-31 12:00:00"),
        ("0.25", False, "6:00:00"),
        ("2958466", True, "2958466"),
        ("-1", False, "-1"),
        ("nan", False, "nan"),
        ("1e999", False, "1e999"),
    ],
)
def test_dates_of_both_calendars(number: str, since_1904: bool, shown: str) -> None:
    assert number_shown(number, "date", since_1904=since_1904) == shown


def test_a_row_fails_alone_and_ids_stand_after_the_sheet() -> None:
    heads = '<row><c t="str"><v>المعرف</v></c><c t="str"><v>النص</v></c></row>'
    rows = "".join(
        f'<row><c><v>{n}</v></c><c t="str"><v>{text}</v></c><c t="str"><v>بلا رأس</v></c></row>'
        for n, text in enumerate(["نص", "كلمة ?????? ??????? ????? ???????", "نص آخر"])
    )
    items = items_of("a.xlsx", zip_of(xlsx(heads + rows)))
    assert [(a.fields["id"], a.inside) for a in articles_of(items)] == [
        ("0", "/ورقة"),
        ("2", "/ورقة"),
    ]
    assert [(b.place, b.code) for b in broken_of(items)] == [("ورقة!3", "garbled")]


def test_a_long_sheet_is_several_articles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheets, "_PART", 100)
    found = read("".join(inline(f"سطر رقم {n} من الورقة", f"A{n}") for n in range(1, 11)))
    assert [item.place for item in found] == ["ورقة", "ورقة!7"]
    text = "\n".join(str(item.fields["text"]) for item in found)
    assert text.split("\n") == [f"سطر رقم {n} من الورقة" for n in range(1, 11)]


def test_prose_that_has_a_known_word_is_no_table() -> None:
    (found,) = articles_of(items_of("a.ods", zip_of(ods(table("مقدمة") + table("خبر")))))
    assert found.fields["text"] == "مقدمة\nخبر"


def test_formulas_that_have_no_values_are_all_there_is() -> None:
    (broken,) = broken_of(items_of("a.xlsx", zip_of(xlsx("<row><c><f>NOW()</f></c></row>"))))
    assert (broken.code, "formulas without values" in broken.reason) == ("empty", True)


def test_what_is_no_spreadsheet() -> None:
    for name in ("a.xlsx", "a.ods"):
        with pytest.raises(SourceError) as refused:
            items_of(name, (OFFICE / "libreoffice.odp").read_bytes())
        assert refused.value.code == "damaged"
