"""Books: one article, chapters in the order in which they are read."""

from __future__ import annotations

import pytest

from indexer.extraction.registry import Extracted
from indexer.sources import Failure
from tests.formats.building import epub_around, epub_of, zip_of
from tests.formats.reading import (
    AUTHOR,
    DAY,
    FRAGILE,
    SEED,
    TITLE,
    article,
    check_damage,
    items,
    lines,
    refusal,
)
from tests.formats.test_zipped import members


def p(text: str) -> str:
    return f"<p>{text}</p>"


def encryption(uri: str, algorithm: str) -> dict[str, bytes | str]:
    return {
        "META-INF/encryption.xml": (
            '<encryption xmlns="urn:oasis:names:tc:opendocument:xmlns:container"'
            ' xmlns:enc="http://www.w3.org/2001/04/xmlenc#"><enc:EncryptedData>'
            f'<enc:EncryptionMethod Algorithm="{algorithm}"/><enc:CipherData>'
            f'<enc:CipherReference URI="{uri}"/></enc:CipherData></enc:EncryptedData></encryption>'
        )
    }


def test_chapters_in_the_order_of_the_spine_with_their_titles() -> None:
    chapters = {
        "z.xhtml": f"<h1>الباب الأول</h1>{p(FRAGILE)}",
        "a.xhtml": f"<section><h2>الباب الثاني</h2>{p('نص')}</section><aside>{p('حاشية')}</aside>",
    }
    content = epub_around(chapters)
    assert lines(content, "epub") == ["الباب الأول", FRAGILE, "الباب الثاني", "نص", "حاشية"]


def test_anchors_that_end_themselves() -> None:
    chapter = "".join(f'<p><a id="p{number}"/>سطر {number}</p>' for number in range(300))
    expected = [f"سطر {number}" for number in range(300)]
    assert lines(epub_around({"a.xhtml": chapter}), "epub") == expected


def test_named_entities() -> None:
    assert lines(epub_around({"a.xhtml": p("نص&nbsp;و&laquo;قول&raquo;&zwnj;هنا")}), "epub") == [
        "نص و«قول»\u200cهنا"
    ]


@pytest.mark.parametrize(
    ("listed", "member"),
    [
        ("text/%D8%A8%D8%A7%D8%A8.xhtml", "OEBPS/text/باب.xhtml"),
        ("../text/a%20b.xhtml", "text/a b.xhtml"),
        ("TEXT/A.xhtml", "OEBPS/text/a.xhtml"),
    ],
)
def test_names_of_chapters(listed: str, member: str) -> None:
    parts = members(epub_around({listed: p("نص")}))
    parts[member] = parts.pop(f"OEBPS/{listed}")
    assert lines(zip_of(parts), "epub") == ["نص"]


@pytest.mark.parametrize("listed", ["../../etc/passwd", "file:///etc/passwd", "missing.xhtml", ""])
def test_a_chapter_that_cannot_be_read_is_named_and_the_others_are_read(listed: str) -> None:
    parts = members(epub_around({"a.xhtml": p("نص"), listed: p("سر"), "b.xhtml": p("خاتمة")}))
    del parts[f"OEBPS/{listed}"]
    broken, found = items(zip_of(parts), "epub")
    assert isinstance(broken, Failure)
    assert (broken.place, broken.code) == (listed, "damaged")
    assert isinstance(found, Extracted)
    assert found.fields["text"] == "نص\nخاتمة"
    assert found.notes == ("1 of 3 chapters left out",)
    assert broken.size + found.size == len(zip_of(parts))


def test_a_book_none_of_whose_chapters_can_be_read() -> None:
    parts = members(epub_around({"a.xhtml": p("نص")}))
    del parts["OEBPS/a.xhtml"]
    assert refusal(zip_of(parts), "epub") == "damaged"


def test_what_is_known_of_it() -> None:
    content = epub_around(
        {"a.xhtml": p("نص عربي")},
        title=TITLE,
        author=AUTHOR,
        metadata=(
            "<dc:creator>سعاد</dc:creator><dc:publisher>دار النشر</dc:publisher>"
            "<dc:subject>تاريخ</dc:subject><dc:subject>أدب</dc:subject>"
            '<dc:date opf:event="modification">2020-02-02</dc:date>'
            '<dc:date opf:event="publication">2019-03-04</dc:date>'
            "<dc:identifier>urn:uuid:1</dc:identifier>"
            "<dc:identifier>urn:isbn:978-977-02-1234-5</dc:identifier>"
        ),
    )
    fields = dict(article(content, "epub").fields)
    del fields["id"], fields["text"]
    assert fields == {
        "title": TITLE,
        "author": f"{AUTHOR}، سعاد",
        "source": "دار النشر",
        "language": "ar",
        "published": "2019-03-04",
        "tags": ["تاريخ", "أدب"],
    }


@pytest.mark.parametrize(
    ("metadata", "published"),
    [
        ("<dc:date>2019</dc:date>", None),
        ("<dc:date>2019-05</dc:date>", None),
        ("<dc:date>0101-01-01T00:00:00+00:00</dc:date>", None),
        ("<dc:date/>", None),
        ("<dc:date>2019-05-06T00:00:00+00:00</dc:date>", "2019-05-06"),
    ],
)
def test_the_date(metadata: str, published: str | None) -> None:
    found = article(epub_around({"a.xhtml": p("نص")}, metadata=metadata), "epub")
    assert found.fields.get("published") == published


@pytest.mark.parametrize(
    ("identifier", "url"),
    [
        ("https://example.org/book", "https://example.org/book"),
        ("9770212341", None),
        ("urn:isbn:9770212341", None),
        ("javascript:alert(1)", None),
        ("urn:uuid:12345678-1234-1234-1234-123456789012", None),
        ("12345", None),
    ],
)
def test_the_identifier(identifier: str, url: str | None) -> None:
    metadata = f"<dc:identifier>{identifier}</dc:identifier>"
    found = article(epub_around({"a.xhtml": p("نص")}, metadata=metadata), "epub")
    assert found.fields.get("url") == url


def test_a_locked_book() -> None:
    aes = "http://www.w3.org/2001/04/xmlenc#aes128-cbc"
    chapters = {"a.xhtml": p("نص")}
    for uri in ("OEBPS/a.xhtml", "OEBPS/%61.xhtml"):
        locked = epub_around(chapters, more=encryption(uri, aes))
        assert refusal(locked, "epub") == "encrypted"
    for uri, algorithm in (
        ("OEBPS/fonts/a.otf", "http://www.idpf.org/2008/embedding"),
        ("OEBPS/fonts/a.otf", "http://ns.adobe.com/pdf/enc#RC"),
        ("OEBPS/images/a.png", aes),
    ):
        assert lines(epub_around(chapters, more=encryption(uri, algorithm)), "epub") == ["نص"]


def test_no_text() -> None:
    assert refusal(epub_around({}), "epub") == "empty"
    assert refusal(epub_around({"a.xhtml": '<img src="a.png"/>', "b.xhtml": ""}), "epub") == "empty"


def test_damage() -> None:
    check_damage(epub_of(TITLE, AUTHOR, DAY, SEED[:2]), "epub")
