"""PDFs of ten producers: what is read is what was written, or it is refused; and hostile ones."""

from __future__ import annotations

import json
import unicodedata
import zlib
from contextlib import suppress
from difflib import SequenceMatcher
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pypdf import PdfWriter

from indexer.extraction import pdf
from indexer.extraction.pdf.fonts import plain
from indexer.extraction.pdf.glyphs import DrawnText
from indexer.extraction.pdf.lines import is_right_to_left, lines_of, texts_of
from indexer.extraction.registry import NO_OCR, Extracted
from search.errors import SourceError
from tests.formats.parts import articles_of, items_of
from tests.formats.reading import SEED

FIXTURES = Path(__file__).parent.parent / "fixtures" / "pdf"
TEXTS = json.loads((FIXTURES / "texts.json").read_text(encoding="utf-8"))
ARTICLE = [line.strip() for line in SEED if line.strip()]
SENTENCES = TEXTS["sentences"]
WITH_LISTS = [*SENTENCES, *TEXTS["bullets"], *(" ".join(row) for row in TEXTS["cells"])]

WRITTEN: dict[str, list[str]] = {
    "cairo-sentences": SENTENCES,
    "chromium-article": ARTICLE,
    "chromium-columns": ARTICLE[:9],
    "chromium-persian": TEXTS["persian"],
    "chromium-sentences": WITH_LISTS,
    "fpdf2-english": TEXTS["english"],
    "fpdf2-sentences": SENTENCES,
    "libreoffice-article": ARTICLE,
    "libreoffice-sentences": WITH_LISTS,
    "locked-empty-password": ARTICLE[:3],
    "reportlab-sentences": SENTENCES,
    "typst-sentences": SENTENCES,
    "weasyprint-sentences": WITH_LISTS,
}
REFUSED = {
    "locked": "encrypted",
    "mupdf-sentences": "garbled",
    "no-unicode": "garbled",
    "scanned": "no-text-layer",
}


def article(content: bytes) -> Extracted:
    (found,) = articles_of(items_of("d/a.pdf", content))
    return found


def text_of(content: bytes) -> str:
    text = article(content).fields["text"]
    assert isinstance(text, str)
    return text


def refusal(content: bytes) -> str:
    with pytest.raises(SourceError) as caught:
        items_of("a.pdf", content)
    return caught.value.code


def fixture(name: str) -> bytes:
    return (FIXTURES / f"{name}.pdf").read_bytes()


def letters(text: str) -> str:
    """Return a text without what a page's layout decides: spaces, line ends and ZWNJ."""
    return "".join(unicodedata.normalize("NFC", text.replace("\u200c", "")).split())


def accuracy(found: str, written: list[str]) -> float:
    """Return the share of letters that are right and in their place."""
    a, b = letters(found), letters("".join(written))
    blocks = SequenceMatcher(None, a, b, autojunk=False).get_matching_blocks()
    return sum(block.size for block in blocks) / max(len(a), len(b))


@pytest.mark.parametrize("name", sorted(WRITTEN))
def test_what_is_read_is_what_was_written(name: str) -> None:
    assert accuracy(text_of(fixture(name)), WRITTEN[name]) == 1.0


@pytest.mark.parametrize("name", sorted(WRITTEN))
def test_words_stay_words(name: str) -> None:
    found, written = (
        set(unicodedata.normalize("NFC", text).split())
        for text in (text_of(fixture(name)), " ".join(WRITTEN[name]))
    )
    # Two addresses are cut at the end of a line.
    assert len(written - found) <= 2, written - found


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_what_is_refused(name: str) -> None:
    assert refusal(fixture(name)) == REFUSED[name]


def test_every_fixture_is_looked_at() -> None:
    assert {path.stem for path in FIXTURES.glob("*.pdf")} == {*WRITTEN, *REFUSED}
    assert all(path.stat().st_size <= 60_000 for path in FIXTURES.iterdir() if path.is_file())


def test_what_a_pdf_says_of_itself() -> None:
    content = fixture("chromium-article")
    found = article(content)
    assert found.fields["id"] == "d/a.pdf"
    assert found.fields["title"] == "نص للفحص"
    assert found.fields["language"] == "ar"
    assert str(found.fields["published"]).startswith("20")
    assert (found.place, found.size) == ("", len(content))
    assert "title" not in article(fixture("reportlab-sentences")).fields


def said(**metadata: str) -> dict[str, object]:
    """Return an article's fields, of a PDF that says this of itself."""
    writer = PdfWriter(clone_from=BytesIO(fixture("fpdf2-english")))
    writer.add_metadata({f"/{name}": value for name, value in metadata.items()})
    stream = BytesIO()
    writer.write(stream)
    return dict(article(stream.getvalue()).fields)


@pytest.mark.parametrize(
    ("title", "wanted"),
    [
        ("عنوان التقرير", "عنوان التقرير"),
        ("ﻋﻨﻮﺍﻥ", "عنوان"),
        ("ÇáÊÞÑíÑ ÇáÓäæí", "التقرير السنوي"),
        ("Rapport économique", "Rapport économique"),
        ("Microsoft Word - تقرير نهائي", "تقرير نهائي"),
        ("Microsoft Word - تقرير.docx", None),
        ("untitled-1", None),
        ("Document1", None),
        ("تقرير.indd", None),
        ("https://example.com/print", None),
        ("  ", None),
        ("12", None),
    ],
)
def test_titles_that_programs_write_are_none(title: str, wanted: str | None) -> None:
    assert said(Title=title).get("title") == wanted


def test_other_facts() -> None:
    fields = said(Author="فاطمة", Keywords="أ، ب; ج", CreationDate="D:20240130101500+03'00'")
    assert (fields["author"], fields["tags"]) == ("فاطمة", ["أ", "ب", "ج"])
    assert fields["published"] == "2024-01-30"
    fields = said(Author="User", Keywords="", CreationDate="D:never")
    assert {"author", "tags", "published"} & set(fields) == set()


def pdf_of(*contents: bytes, extra: str = "", resources: str = "") -> bytes:
    """Return a PDF of these pages' operators, in Times; `extra` are more objects from 100 on."""
    kids = " ".join(f"{10 + 2 * place} 0 R" for place in range(len(contents)))
    objects = {
        1: b"<</Type/Catalog/Pages 2 0 R>>",
        2: f"<</Type/Pages/Kids[{kids}]/Count {len(contents)}>>".encode(),
        3: b"<</Type/Font/Subtype/Type1/BaseFont/Times-Roman/Encoding/WinAnsiEncoding>>",
    }
    for place, content in enumerate(contents):
        packed = zlib.compress(content)
        head = f"<</Length {len(packed)}/Filter/FlateDecode>>stream\n".encode()
        objects[11 + 2 * place] = head + packed + b"\nendstream"
        objects[10 + 2 * place] = (
            f"<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents {11 + 2 * place} 0 R"
            f"/Resources<</Font<</F 3 0 R>>{resources}>>>>"
        ).encode()
    done = bytearray(b"%PDF-1.7\n")
    for number, body in sorted(objects.items()):
        done += f"{number} 0 obj".encode() + body + b"\nendobj\n"
    return bytes(done + extra.encode() + b"trailer<</Root 1 0 R>>\nstartxref\n0\n%%EOF")


def shown(text: str, x: int = 72, y: int = 700) -> bytes:
    return f"BT /F 12 Tf {x} {y} Td ({text}) Tj ET\n".encode()


def test_a_small_page() -> None:
    assert text_of(pdf_of(shown("One line of text."))) == "One line of text."


def test_gaps_are_spaces_and_a_line_is_one_however_it_is_drawn() -> None:
    drawn = shown("word", 150) + shown("First", 72) + shown("second", 102) + shown("Next.", 72, 680)
    assert text_of(pdf_of(drawn)).split() == ["First", "second", "word", "Next."]


def test_what_is_drawn_twice_for_bold_is_there_once() -> None:
    drawn = b"".join(
        f"BT /F 12 Tf {72 + shift} 700 Td (B) Tj (ig) Tj ET\n".encode() for shift in (0, 0.3)
    )
    pieces = [
        DrawnText(char, 10 * n + shift, 10 * n + 8 + shift, 5, 12)
        for shift in (0.0, 0.4)
        for n, char in enumerate("ميبك")
    ]
    assert texts_of(lines_of(pieces), right_to_left=True) == ["كبيم"]
    assert drawn


def test_pages_that_cannot_be_read_fail_the_file() -> None:
    good = pdf_of(shown("One."), shown("Two."))
    assert refusal(good.replace(b"/FlateDecode", b"/NoSuchDecode", 1)) == "damaged"


def test_faults_that_are_passed_over_are_said() -> None:
    (note,) = article(pdf_of(shown("One."))).notes
    assert "faults were passed over" in note


def test_a_picture_among_pages_of_text_is_said() -> None:
    picture = "100 0 obj<</Type/XObject/Subtype/Image/Width 1/Height 1/Length 0>>stream\n\nendstream endobj\n"
    content = pdf_of(b"q /I Do Q", extra=picture, resources="/XObject<</I 100 0 R>>")
    assert refusal(content) == "no-text-layer"
    mixed = pdf_of(
        shown("Some text."), b"q /I Do Q", extra=picture, resources="/XObject<</I 100 0 R>>"
    )
    assert article(mixed).notes[0] == "1 of its 2 pages are pictures without text: " + NO_OCR


def test_more_text_than_an_article_may_have(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf, "MAX_TEXT", 1_000)
    assert refusal(pdf_of(*[shown("x" * 600)] * 2)) == "too-large"


def test_more_pages_than_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf, "MAX_PAGES", 3)
    assert refusal(pdf_of(*[shown("x")] * 4)) == "too-large"


def test_a_huge_page_is_a_page_like_others() -> None:
    content = pdf_of(shown("Text.", 10**5)).replace(
        b"0 0 612 792", b"-1000000000 0 99999999999 99999999999999999999"
    )
    assert text_of(content) == "Text."


@pytest.mark.parametrize(
    "operators",
    [
        b"BT /F 12 Tf 1e999 0 0 1 nan 0 Tm (x) Tj ET",
        b"BT /F 0 Tf 0 0 0 0 0 0 Tm (x) Tj ET",
        b"BT /Nope 12 Tf (x) Tj ET BT /F 12 Tf (y) Tj ET",
        b"BT /F Tf Td (y) Tj ET",
        b"BT /F 12 Tf [(y) (z) /n << >>] TJ ET",
        b"Q Q Q EMC EMC BT /F 12 Tf (y) Tj ET",
        b"/Span << /ActualText (\xfe\xff\xd8\x00) >> BDC BT /F 12 Tf (y) Tj ET EMC",
    ],
)
def test_strange_operators(operators: bytes) -> None:
    with suppress(SourceError):
        items_of("a.pdf", pdf_of(operators))


@pytest.mark.parametrize("algorithm", ["RC4-40", "RC4-128", "AES-128", "AES-256-R5", "AES-256"])
def test_locks(algorithm: str) -> None:
    """Many PDFs are locked against changes only: anybody may read them."""

    def locked(password: str) -> bytes:
        writer = PdfWriter(clone_from=BytesIO(fixture("fpdf2-english")))
        writer.encrypt(password, owner_password="owner", algorithm=algorithm)
        stream = BytesIO()
        writer.write(stream)
        return stream.getvalue()

    assert text_of(locked("")) == text_of(fixture("fpdf2-english"))
    assert refusal(locked("secret")) == "encrypted"


def test_a_damaged_lock() -> None:
    writer = PdfWriter(clone_from=BytesIO(fixture("fpdf2-english")))
    stream = BytesIO()
    writer.write(stream)
    lock = (
        b"/Encrypt<</Filter/Standard/V 5/R 6/Length 256/P -4/EncryptMetadata true/O<"
        + b"00" * 48
        + b">/U<"
        + b"00" * 48
        + b">/OE<"
        + b"00" * 32
        + b">/UE<"
        + b"00" * 32
        + b">/Perms<"
        + b"00" * 16
        + b">/StmF/StdCF/StrF/StdCF/CF<</StdCF<</CFM/AESV3/Length 32"
        b"/AuthEvent/DocOpen>>>>>>/ID[<00><00>]"
    )
    content = stream.getvalue().replace(b"trailer\n<<", b"trailer\n<<" + lock)
    assert lock in content
    assert refusal(content) == "encrypted"


# Drawn lines, from left to right as they are seen, one piece a letter.
SEEN: list[tuple[str, str]] = [
    ("2.5 رادصإلا", "الإصدار 2.5"),
    ("نم Windows Server 2.5 رادصإلا", "الإصدار Windows Server 2.5 من"),
    ("٣٢٠٢ ماع", "عام ٣٢٠٢"),
    ("٣/٥/٢٠٢٣ يف", "في ٣/٥/٢٠٢٣"),
    ("12:30 ةعاسلا", "الساعة 12:30"),
    ("%12 يأ", "أي 12%"),
    ("4567-123 مقرلا", "الرقم 123-4567"),
    ("info@a.com :لصاوتلل", "للتواصل: info@a.com"),
    (".ةياهن", "نهاية."),
    (".The UN said", "The UN said."),
    ("The UN said.", "The UN said."),
]


@pytest.mark.parametrize(("seen", "read"), SEEN)
@pytest.mark.parametrize("backwards", [False, True])
def test_what_is_seen_becomes_what_is_read(seen: str, read: str, backwards: bool) -> None:
    pieces = [DrawnText(c, 6.0 * n, 6.0 * n + 6, 100, 12) for n, c in enumerate(seen)]
    if backwards:
        pieces.reverse()
    assert texts_of(lines_of(pieces), right_to_left=True) == [read]


def test_arabic_in_a_latin_text() -> None:
    seen = "The word باتك means book, ملق 12 pen."
    pieces = [DrawnText(c, 6.0 * n, 6.0 * n + 6, 100, 12) for n, c in enumerate(seen)]
    lines = lines_of(pieces)
    assert not is_right_to_left(lines)
    assert texts_of(lines, right_to_left=False) == ["The word كتاب means book, قلم 12 pen."]


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0)])
def test_marks_go_to_the_letter_they_stand_over(order: tuple[int, ...]) -> None:
    drawn = [
        DrawnText("ب", 0, 6, 100, 12),
        DrawnText("\u064e", 15, 15, 104, 12, mark=True),
        DrawnText("ك", 10, 20, 100, 12),
    ]
    lines = lines_of([drawn[place] for place in order])
    assert texts_of(lines, right_to_left=True)[0].replace(" ", "") == "كَب"


@pytest.mark.parametrize(
    ("forms", "letters"),
    [
        ("ﻻ", "لا"),
        ("ﷲ", "الله"),
        ("\ufc60", "\u064e\u0651"),
        ("ﹷ", "\u064e"),
        ("a\u200f\u00ad", "a"),
    ],
)
def test_forms_become_letters(forms: str, letters: str) -> None:
    assert sorted(plain(forms)) == sorted(letters)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_bytes_that_are_cut_or_changed(data: st.DataObject) -> None:
    content = bytearray(
        fixture(data.draw(st.sampled_from(["fpdf2-english", "weasyprint-sentences"])))
    )
    for _ in range(data.draw(st.integers(0, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    end = data.draw(st.integers(0, len(content)) | st.just(len(content)))
    with suppress(SourceError):
        items_of("a.pdf", bytes(content[:end]))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.text(max_size=3), *[st.floats(-1e5, 1e5)] * 3, st.booleans())))
def test_any_pieces_become_lines(drawn: list[tuple[str, float, float, float, bool]]) -> None:
    pieces = [DrawnText(t, x, x + abs(w), y, 12, mark=mark) for t, x, w, y, mark in drawn]
    lines = lines_of(pieces)
    assert len(texts_of(lines, right_to_left=True)) == len(lines)
