"""Presentations and RTF, as programs write them and as the specification allows."""

from __future__ import annotations

from pathlib import Path

import pytest

from indexer.extraction.registry import Options
from search.errors import SourceError
from tests.formats.building import zip_of
from tests.formats.parts import articles_of, items_of
from tests.formats.reading import check_damage
from tests.formats.test_pdf import SENTENCES, TEXTS
from tests.poison.office import SLIDE, pptx

OFFICE = Path(__file__).parent.parent / "fixtures" / "office"


@pytest.mark.parametrize("name", ["python-pptx.pptx", "libreoffice.pptx", "libreoffice.odp"])
def test_slides_in_order_with_notes_and_tables(name: str) -> None:
    (found,) = articles_of(items_of(name, (OFFICE / name).read_bytes()))
    assert str(found.fields["text"]).split("\n") == [
        "تقرير المياه", "إعداد فاطمة", "ملاحظة للمتحدث", "النتائج", "انقطعت المياه", "عادت المياه",
        "المدينة | الأيام", "بغداد | 7",
    ]  # fmt: skip
    assert (found.fields["title"], found.fields["author"]) == ("تقرير المياه", "فاطمة")


def test_a_hidden_slide_is_left_out() -> None:
    members = pptx(SLIDE)
    slide = str(members["ppt/slides/slide1.xml"]).replace("<p:sld ", '<p:sld show="0" ')
    with pytest.raises(SourceError) as refused:
        items_of("a.pptx", zip_of({**members, "ppt/slides/slide1.xml": slide}))
    assert refused.value.code == "empty"


def test_what_libreoffice_writes_as_rtf() -> None:
    (found,) = articles_of(items_of("a.rtf", (OFFICE / "libreoffice.rtf").read_bytes()))
    rows = [" | ".join(row) for row in TEXTS["cells"]]
    assert str(found.fields["text"]).split("\n") == [*SENTENCES, *TEXTS["bullets"], *rows]
    assert found.fields["title"] == "نص للفحص"


@pytest.mark.parametrize(
    ("body", "lines"),
    [
        (r"\'e4\'d5", ["نص"]),  # the document's code page
        (r"{\f1 \'e4\'d5}{\f2 \'e9}", ["نصé"]),
        (r"\u1606?\u1589\'3f", ["نص"]),
        (r"{\uc0 \u1606 \u1589}{\uc2 \u-10179??\u-8704??}", ["نص😀"]),
        (r"a\line b\par c", ["a b", "c"]),
        (r"a{\v b}{\deleted c}\v d\v0 e", ["ae"]),
        (r"a{\*\unknown b}{\pict 00ff}{\header c}d", ["ad"]),
        (r"\{a\}\~b\rdblquote", ["{a} b”"]),
        (r"a{\footnote n}b", ["n", "ab"]),
        (r"a{\field{\*\fldinst HYPERLINK x}{\fldrslt b}}", ["ab"]),
        (r"{\*\shpinst{\sp{\sn x}{\sv y}}{\shptxt a\par}}", ["a"]),
        (r"\trowd\cellx1 a\cell b\cell\row c", ["a | b", "c"]),
        ("a\\bin3 {{{b", ["ab"]),
    ],
)
def test_what_rtf_says(body: str, lines: list[str]) -> None:
    fonts = r"{\fonttbl{\f1\fcharset178 A;}{\f2\fcharset0 B;}}"
    content = rf"{{\rtf1\ansi\ansicpg1256{fonts} {body}}}".encode()
    (found,) = articles_of(items_of("a.rtf", content))
    assert str(found.fields["text"]).split("\n") == lines


def test_what_rtf_says_of_itself() -> None:
    info = r"{\info{\title \'e4\'d5}{\author a}{\creatim\yr2024\mo1\dy31}{\keywords b, c}}"
    (found,) = articles_of(items_of("a.rtf", rf"{{\rtf1\ansicpg1256{info} x}}".encode()))
    assert found.fields == {
        "id": "a.rtf",
        "title": "نص",
        "author": "a",
        "published": "2024-01-31",
        "tags": ["b", "c"],
        "text": "x",
    }


def test_an_encoding_that_is_said_decides() -> None:
    content = rb"{\rtf1\ansicpg1252 \'e4\'d5}"
    (found,) = articles_of(items_of("a.rtf", content, Options(encoding="cp1256")))
    assert found.fields["text"] == "نص"


def test_damage() -> None:
    check_damage((OFFICE / "libreoffice.rtf").read_bytes()[:3_000], "rtf")
