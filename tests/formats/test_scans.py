"""What OCR writes: hOCR and ALTO of tesseract, PAGE by the layout that Transkribus writes."""

from __future__ import annotations

import pytest

from indexer.extraction.registry import Extracted
from search.errors import SourceError
from tests.formats.parts import articles_of, broken_of, items_of
from tests.formats.reading import check_damage
from tests.support import REPOSITORY

TEXTS = REPOSITORY / "tests" / "fixtures" / "texts"
NAMESPACE = "http://schema.primaresearch.org/PAGE/gts/pagecontent/2013-07-15"


def read(name: str, content: bytes | str) -> Extracted:
    found = items_of(name, content.encode() if isinstance(content, str) else content)
    (only,) = articles_of(found)
    return only


def lines(name: str, content: bytes | str) -> list[str]:
    return str(read(name, content).fields["text"]).split("\n")


def hocr(*pages: str) -> str:
    inner = "".join(f"<div class='ocr_page'>{page}</div>" for page in pages)
    return f"<html><head><title>a.png</title></head><body>{inner}</body></html>"


def hocr_lines(*lines: str) -> str:
    words = (
        "".join(f"<span class='ocrx_word'>{w}</span> " for w in line.split()) for line in lines
    )
    inner = "".join(f"<span class='ocr_line'>{line}</span>\n" for line in words)
    return f"<p class='ocr_par'>{inner}</p>"


def alto(inner: str) -> str:
    return (
        '<alto xmlns="http://www.loc.gov/standards/alto/ns-v3#"><Description><fileName>a.png'
        f"</fileName></Description><Layout><Page>{inner}</Page></Layout></alto>"
    )


def page(inner: str) -> str:
    return f'<PcGts xmlns="{NAMESPACE}"><Metadata><Creator>x</Creator></Metadata><Page>{inner}</Page></PcGts>'


def region(name: str, *lines: str) -> str:
    inner = "".join(
        f"<TextLine><Word><TextEquiv><Unicode>لا</Unicode></TextEquiv></Word><TextEquiv><Unicode>"
        f"{line}</Unicode></TextEquiv></TextLine>"
        for line in lines
    )
    whole = "\n".join(lines)
    return f'<TextRegion id="{name}">{inner}<TextEquiv><Unicode>{whole}</Unicode></TextEquiv></TextRegion>'


@pytest.mark.parametrize("name", ["tesseract.hocr", "tesseract.alto.xml"])
def test_what_tesseract_writes(name: str) -> None:
    content = (TEXTS / name).read_bytes()
    found = read(name, content)
    assert str(found.fields["text"]).split("\n") == [
        "قال المسؤولون إن القوات نفذت ضربات على مواقع في العراق خلال الليل وإن العملية انتهت قبل الفجر",
        "وأضاف البيان أن التحقيق مستمر",
        "Officials said that the forces struck overnight and that the operation was ended "
        "before dawn without any losses on either side.",
    ]
    assert found.size == len(content)
    assert found.notes == ()


def test_hocr_under_the_name_of_a_page() -> None:
    assert lines("a.html", hocr(hocr_lines("نص أول", "يتبع"), hocr_lines("نص ثان"))) == [
        "نص أول يتبع",
        "نص ثان",
    ]


def test_headings_and_numbers_that_most_pages_have_are_left_out() -> None:
    pages = [
        hocr_lines("كتاب الحيوان") + hocr_lines(f"نص الصفحة {word}") + hocr_lines(str(number))
        for number, word in enumerate(["الأولى", "الثانية", "الثالثة", "الرابعة"], start=17)
    ]
    assert lines("a.hocr", hocr(*pages)) == [
        f"نص الصفحة {word}" for word in ["الأولى", "الثانية", "الثالثة", "الرابعة"]
    ]


@pytest.mark.parametrize(
    "cut",
    [
        '<String CONTENT="over" SUBS_TYPE="HypPart1" SUBS_CONTENT="overnight"/><HYP CONTENT="-"/></TextLine>'
        '<TextLine><String CONTENT="night" SUBS_TYPE="HypPart2" SUBS_CONTENT="overnight"/>',
        '<String CONTENT="over"/><HYP CONTENT="-"/></TextLine><TextLine><String CONTENT="night"/>',
        '<String CONTENT="over-"/></TextLine><TextLine><String CONTENT="night"/>',
    ],
)
def test_a_word_cut_at_the_end_of_a_line_of_alto(cut: str) -> None:
    inner = f'<TextBlock><TextLine><String CONTENT="strikes"/><SP/>{cut}<SP/><String CONTENT="ended"/></TextLine></TextBlock>'
    assert lines("a.xml", alto(inner)) == ["strikes overnight ended"]


def test_page_in_its_reading_order() -> None:
    order = (
        "<ReadingOrder><OrderedGroup>"
        '<RegionRefIndexed index="0" regionRef="r2"/><RegionRefIndexed index="1" regionRef="r1"/>'
        "</OrderedGroup></ReadingOrder>"
    )
    regions = region("r1", "ثان") + region("r2", "أول", "يتبع") + region("r3", "ثالث")
    assert lines("a.xml", page(order + regions)) == ["أول يتبع", "ثان", "ثالث"]
    assert lines("a.xml", page(regions)) == ["ثان", "أول يتبع", "ثالث"]


def test_page_of_words_and_with_other_readings() -> None:
    words = "".join(
        f"<Word><TextEquiv><Unicode>{w}</Unicode></TextEquiv></Word>" for w in ("نص", "أول")
    )
    other = "".join(
        f"<TextEquiv><Unicode>{w}</Unicode></TextEquiv>" for w in ("الحيوان", "الحيران")
    )
    inner = f"<TextRegion><TextLine>{words}</TextLine></TextRegion><TextRegion><TextLine>{other}</TextLine></TextRegion>"
    assert lines("a.xml", page(inner)) == ["نص أول", "الحيوان"]


def test_a_scan_without_text_is_empty() -> None:
    with pytest.raises(SourceError) as refused:
        items_of("a.hocr", hocr("").encode())
    assert refused.value.code == "empty"
    for content in (alto(""), page("")):
        assert [item.code for item in broken_of(items_of("a.xml", content.encode()))] == ["empty"]


def test_damage() -> None:
    check_damage((TEXTS / "tesseract.alto.xml").read_bytes(), "xml")
    check_damage((TEXTS / "tesseract.hocr").read_bytes(), "html")
    check_damage(page(region("r1", "أول", "ثان")).encode(), "xml")
