"""Word's documents, as they read when all changes are accepted."""

from __future__ import annotations

import pytest

from tests.formats.building import docx_around, docx_of, zip_of
from tests.formats.reading import AUTHOR, DAY, SEED, TITLE, article, check_damage, lines, refusal
from tests.formats.test_zipped import members

_RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"


def run(text: str, style: str = "") -> str:
    return f'<w:r><w:rPr>{style}</w:rPr><w:t xml:space="preserve">{text}</w:t></w:r>'


def paragraph(*parts: str) -> str:
    return f"<w:p>{''.join(parts)}</w:p>"


def row(*cells: str) -> str:
    return f"<w:tr>{''.join(f'<w:tc>{cell}</w:tc>' for cell in cells)}</w:tr>"


BOX = paragraph(run("في الإطار"))


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (paragraph(run("ال"), run("كتاب"), run(" الأول", "<w:b/>")), ["الكتاب الأول"]),
        (paragraph(run("قبل"), "<w:r><w:tab/></w:r>", run("بعد")), ["قبل بعد"]),
        (paragraph(run("سطر"), "<w:r><w:br/></w:r>", run("سطر آخر")), ["سطر سطر آخر"]),
        (paragraph(run("شبه"), "<w:r><w:noBreakHyphen/></w:r>", run("جزيرة")), ["شبه\u2011جزيرة"]),
        (paragraph('<w:pPr><w:tabs><w:tab w:pos="9"/></w:tabs></w:pPr>', run("نص")), ["نص"]),
        (paragraph("<w:pPr><w:numPr/></w:pPr>", run("بند")) + paragraph(run("بند آخر")),
         ["بند", "بند آخر"]),
        (paragraph('<w:hyperlink r:id="r9">', run("رابط"), "</w:hyperlink>", run(" هنا")),
         ["رابط هنا"]),
        # tables
        (
            "<w:tbl>"
            + row(paragraph(run("البلد")), paragraph(run("العاصمة")))
            + row(paragraph(run("مصر")), paragraph(run("القاهرة")))
            + "</w:tbl>"
            + paragraph(run("بعد")),
            ["البلد | العاصمة", "مصر | القاهرة", "بعد"],
        ),
        ("<w:tbl>" + row(paragraph(run("أ")) * 2, paragraph(run("ب"))) + "</w:tbl>",
         ["أ", "أ", "ب"]),
        ("<w:tbl>" + row(paragraph(), paragraph(run("ب"))) + "</w:tbl>", ["ب"]),
        # changes
        (
            paragraph(
                run("نفذت "),
                "<w:del><w:r><w:delText>محذوف</w:delText></w:r></w:del>",
                "<w:ins>" + run("مضاف") + "</w:ins>",
            ),
            ["نفذت مضاف"],
        ),
        (paragraph("<w:moveFrom>" + run("منقول") + "</w:moveFrom>", run("باق")), ["باق"]),
        (paragraph("<w:moveTo>" + run("منقول") + "</w:moveTo>"), ["منقول"]),
        # fields
        (
            paragraph(
                '<w:r><w:fldChar w:fldCharType="begin"/></w:r>',
                "<w:r><w:instrText> PAGEREF _Toc1 </w:instrText></w:r>",
                '<w:r><w:fldChar w:fldCharType="separate"/></w:r>',
                run("12"),
                '<w:r><w:fldChar w:fldCharType="end"/></w:r>',
            ),
            ["12"],
        ),
        # text boxes, which Word writes twice
        (
            paragraph(
                run("خارج الإطار"),
                "<w:r><mc:AlternateContent><mc:Choice Requires='wps'><w:txbxContent>",
                BOX,
                "</w:txbxContent></mc:Choice><mc:Fallback><w:pict><w:txbxContent>",
                BOX,
                "</w:txbxContent></w:pict></mc:Fallback></mc:AlternateContent></w:r>",
                run(" وبعده"),
            ),
            ["في الإطار", "خارج الإطار وبعده"],
        ),
        (
            paragraph(
                "<w:r><mc:AlternateContent><mc:Fallback>",
                BOX,
                "</mc:Fallback></mc:AlternateContent></w:r>",
            ),
            ["في الإطار"],
        ),
        # what does not show
        (paragraph(run("ظاهر"), run("خفي", "<w:vanish/>"), run(" أيضا")), ["ظاهر أيضا"]),
        (paragraph(run("ظاهر", '<w:vanish w:val="0"/>')), ["ظاهر"]),
        (paragraph("<w:r><w:ruby><w:rt>" + run("فوق") + "</w:rt></w:ruby></w:r>", run("تحت")),
         ["تحت"]),
        (
            paragraph(
                run("قبل"),
                "<w:sdt><w:sdtPr><w:alias w:val='س'/></w:sdtPr><w:sdtContent>",
                run(" حقل"),
                "</w:sdtContent></w:sdt>",
            ),
            ["قبل حقل"],
        ),
        (
            paragraph(
                '<m:oMath xmlns:m="http://schemas.openxmlformats.org/officeDocument/2006/math">'
                "<m:r><m:t>س+١</m:t></m:r></m:oMath>"
            ),
            ["س+١"],
        ),
    ],
)  # fmt: skip
def test_the_text(body: str, expected: list[str]) -> None:
    assert lines(docx_around(body), "docx") == expected


def test_notes_come_after_the_text_and_headers_do_not() -> None:
    def part(name: str, inner: str) -> str:
        return f'<w:{name} xmlns:w="{_WORD}">{inner}</w:{name}>'

    def relation(kind: str) -> str:
        return f'<Relationship Id="{kind}" Type="{_RELATIONS}/{kind}" Target="{kind}.xml"/>'

    kinds = ("footnotes", "endnotes", "header", "comments")
    content = docx_around(
        paragraph(run("نص"), '<w:r><w:footnoteReference w:id="1"/></w:r>', run(" يتبع")),
        relations="".join(map(relation, kinds))
        + f'<Relationship Id="x" Type="{_RELATIONS}/image" Target="http://x.example/" TargetMode="External"/>',
        more={
            "word/footnotes.xml": part(
                "footnotes",
                "<w:footnote w:type='separator'><w:p><w:r><w:separator/></w:r></w:p></w:footnote>"
                f"<w:footnote>{paragraph(run('حاشية'))}</w:footnote>",
            ),
            "word/endnotes.xml": part(
                "endnotes", f"<w:endnote>{paragraph(run('تعليق ختامي'))}</w:endnote>"
            ),
            "word/header.xml": part("hdr", paragraph(run("ترويسة"))),
            "word/comments.xml": part("comments", paragraph(run("تعليق"))),
        },
    )
    assert lines(content, "docx") == ["نص يتبع", "حاشية", "تعليق ختامي"]


def test_the_strict_form() -> None:
    parts = members(docx_of(TITLE, AUTHOR, DAY, SEED))
    old, new = _WORD, "http://purl.oclc.org/ooxml/wordprocessingml/main"
    strict = {
        name: content.replace(old.encode(), new.encode()) if isinstance(content, bytes) else content
        for name, content in parts.items()
    }
    assert lines(zip_of(strict), "docx") == SEED


def test_a_title_that_stands_only_in_the_text() -> None:
    titled = paragraph('<w:pPr><w:pStyle w:val="Title"/></w:pPr>', run("عنوان "), run("النص"))
    found = article(docx_around(titled + paragraph(run("نص"))), "docx")
    assert found.fields["title"] == "عنوان النص"
    assert article(docx_around(titled, title=TITLE), "docx").fields["title"] == TITLE


def test_what_is_known_of_it() -> None:
    parts = members(docx_of(TITLE, AUTHOR, DAY, SEED))
    core = parts["docProps/core.xml"]
    assert isinstance(core, bytes)
    more = "<cp:keywords>العراق، اليمن; إيران, العراق</cp:keywords></cp:coreProperties>"
    parts["docProps/core.xml"] = core.decode().replace("</cp:coreProperties>", more)
    fields = article(zip_of(parts), "docx").fields
    assert fields["tags"] == ["العراق", "اليمن", "إيران"]
    assert fields["published"] == DAY.isoformat()
    parts["docProps/core.xml"] = (
        core.decode().replace("ar-SA", "en-US").replace(str(DAY), "1601-00")
    )
    found = article(zip_of(parts), "docx")
    assert "language" not in found.fields
    assert "published" not in found.fields
    assert len(found.notes) == 2
    del parts["docProps/core.xml"]
    assert article(zip_of(parts), "docx").fields["text"] == "\n".join(SEED)


def test_no_text() -> None:
    assert refusal(docx_around(""), "docx") == "empty"
    assert refusal(docx_around(paragraph()), "docx") == "empty"


@pytest.mark.parametrize(
    "body",
    [
        "<w:tc>" + paragraph(run("نص")) + "</w:tc>",
        "<mc:Choice>" + paragraph(run("نص")) + "</mc:Choice>",
        "<w:tbl><w:tr><w:tr><w:tc/></w:tr></w:tr></w:tbl>" + paragraph(run("نص")),
    ],
)
def test_xml_that_word_would_not_write(body: str) -> None:
    assert lines(docx_around(body), "docx") == ["نص"]
    assert refusal(docx_around("</w:p>"), "docx") == "damaged"


def test_damage() -> None:
    check_damage(docx_of(TITLE, AUTHOR, DAY, SEED[:2]), "docx")
