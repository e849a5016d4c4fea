"""OpenDocument texts, as they read when all changes are accepted."""

from __future__ import annotations

import pytest

from tests.formats.building import odt_around, odt_of
from tests.formats.reading import AUTHOR, DAY, SEED, TITLE, article, check_damage, lines, refusal


def p(text: str, tag: str = "p") -> str:
    return f"<text:{tag}>{text}</text:{tag}>"


def row(*cells: str) -> str:
    inner = "".join(f"<table:table-cell>{cell}</table:table-cell>" for cell in cells)
    return f"<table:table-row>{inner}</table:table-row>"


def note(text: str) -> str:
    return (
        "<text:note><text:note-citation>1</text:note-citation>"
        f"<text:note-body>{p(text)}</text:note-body></text:note>"
    )


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (p("عنوان", "h") + p("ال<text:span>كتاب</text:span>"), ["عنوان", "الكتاب"]),
        (p("قبل<text:tab/>بعد<text:s text:c='1000000000'/>هنا"), ["قبل بعد هنا"]),
        (p("سطر<text:line-break/>سطر آخر"), ["سطر سطر آخر"]),
        (p("<text:a>رابط</text:a> هنا"), ["رابط هنا"]),
        (
            f"<text:list><text:list-item>{p('بند')}<text:list><text:list-item>{p('فرع')}"
            "</text:list-item></text:list></text:list-item></text:list>",
            ["بند", "فرع"],
        ),
        (f"<table:table>{row(p('البلد'), p('العاصمة'))}{row(p('مصر'), p('القاهرة'))}</table:table>",
         ["البلد | العاصمة", "مصر | القاهرة"]),
        (f"<table:table>{row(p('أ') + p('ب'), p('ج'))}</table:table>", ["أ", "ب", "ج"]),
        (p(f"نص{note('حاشية')} يتبع") + p("بعد"), ["نص يتبع", "بعد", "حاشية"]),
        (
            p(f"نص{note('حاشية')}")
            + f"<table:table>{row(p('أ' + note('أخرى')), p('ب'))}</table:table>",
            ["نص", "أ | ب", "حاشية", "أخرى"],
        ),
        (p(f"خارج<draw:frame><draw:text-box>{p('في الإطار')}</draw:text-box></draw:frame> بعد"),
         ["في الإطار", "خارج بعد"]),
        (
            f"<text:tracked-changes><text:changed-region><text:deletion>{p('محذوف')}"
            "</text:deletion></text:changed-region></text:tracked-changes>"
            + p("نفذت <text:change-start/>مضاف<text:change-end/>"),
            ["نفذت مضاف"],
        ),
        (p(f"نص<office:annotation>{p('تعليق')}</office:annotation>"), ["نص"]),
        (p("نص<draw:frame><svg:title>صورة</svg:title><svg:desc>وصف</svg:desc></draw:frame>"),
         ["نص"]),
        (p("نص<text:script>alert(1)</text:script>"), ["نص"]),
        (
            p(
                "<text:ruby><text:ruby-base>نص</text:ruby-base><text:ruby-text>فوق</text:ruby-text></text:ruby>"
            ),
            ["نص"],
        ),
        ("خارج الفقرات" + p("نص"), ["نص"]),
    ],
)  # fmt: skip
def test_the_text(body: str, expected: list[str]) -> None:
    assert lines(odt_around(body), "odt") == expected


def test_a_title_that_stands_only_in_the_text() -> None:
    body = f'<text:p text:style-name="Title">عنوان <text:span>النص</text:span></text:p>{p("نص")}'
    assert article(odt_around(body), "odt").fields["title"] == "عنوان النص"
    assert article(odt_around(body, title=TITLE), "odt").fields["title"] == TITLE


def test_a_document_with_a_password() -> None:
    def entry(path: str) -> str:
        return (
            f'<manifest:file-entry manifest:full-path="{path}"><manifest:encryption-data/>'
            "</manifest:file-entry>"
        )

    for path in ("content.xml", "encrypted-package"):
        assert refusal(odt_around(p("نص"), manifest=entry(path)), "odt") == "encrypted"
    assert lines(odt_around(p("نص"), manifest=entry("Pictures/1.png")), "odt") == ["نص"]


def test_no_text() -> None:
    assert refusal(odt_around(""), "odt") == "empty"
    assert refusal(odt_around(p(" ")), "odt") == "empty"


def test_damage() -> None:
    check_damage(odt_of(TITLE, AUTHOR, DAY, SEED[:2]), "odt")
