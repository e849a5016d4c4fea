"""The same article in each format, as bytes: deterministic, and fast enough for an archive.

Each takes (title, author, day, paragraphs); `html_of` puts menus and a footer around them,
as sites do.
"""

from __future__ import annotations

import base64
import io
import zipfile
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta, timezone
from email.utils import format_datetime
from html import escape

_WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_RELATIONS = "http://schemas.openxmlformats.org/package/2006/relationships"
_OFFICE_RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_OPEN = "urn:oasis:names:tc:opendocument:xmlns"
_ZONE = timezone(timedelta(hours=3))
_MENU = ("الرئيسية", "أخبار", "اقتصاد", "رياضة", "ثقافة", "منوعات", "فيديو", "اتصل بنا")


def zip_of(members: Mapping[str, bytes | str], stored: Sequence[str] = ()) -> bytes:
    """Return a zip file of these members, in this order, always the same bytes."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in members.items():
            info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            info.compress_type = zipfile.ZIP_STORED if name in stored else zipfile.ZIP_DEFLATED
            archive.writestr(info, content)
    return stream.getvalue()


def html_of(
    title: str,
    author: str,
    day: date | None,
    paragraphs: Sequence[str],
    *,
    encoding: str = "utf-8",
    around: bool = True,
) -> bytes:
    """Return a web page; `around` puts a menu before and a footer after the article."""
    menu = "".join(f'<li><a href="/{n}">{item}</a></li>' for n, item in enumerate(_MENU))
    published = f'<meta property="article:published_time" content="{day}T08:00:00+03:00">'
    page = (
        f'<!DOCTYPE html>\n<html lang="ar" dir="rtl"><head><meta charset="{encoding}">'
        f"<title>{escape(title)} - صحيفة الفهرس</title>"
        f'<meta property="og:site_name" content="صحيفة الفهرس">'
        f'<meta name="author" content="{escape(author)}">{published if day else ""}'
        "<script>var ads = 'إعلان';</script><style>p { color: red }</style></head><body>"
        + (f"<header><nav><ul>{menu}</ul></nav></header>" if around else "")
        + f"<main><article><h1>{escape(title)}</h1>\n"
        + "\n".join(f"<p>{escape(paragraph)}</p>" for paragraph in paragraphs)
        + "</article></main>"
        + (f"<footer><p>جميع الحقوق محفوظة © 2019</p><ul>{menu}</ul></footer>" if around else "")
        + "</body></html>\n"
    )
    return page.encode(encoding, "xmlcharrefreplace")


def docx_of(title: str, author: str, day: date | None, paragraphs: Sequence[str]) -> bytes:
    """Return a document of Word's."""
    texts = (
        '<w:p><w:pPr><w:bidi/></w:pPr><w:r><w:rPr><w:rtl/></w:rPr><w:t xml:space="preserve">'
        f"{escape(paragraph, quote=False)}</w:t></w:r></w:p>"
        for paragraph in paragraphs
    )
    return docx_around("".join(texts), title=title, author=author, day=day)


def docx_around(
    body: str,
    *,
    title: str = "",
    author: str = "",
    day: date | None = None,
    more: Mapping[str, bytes | str] | None = None,
    relations: str = "",
) -> bytes:
    """Return a document of Word's around its body's XML, with other members beside it."""
    created = f"<dcterms:created>{day}T08:00:00Z</dcterms:created>" if day else ""
    return zip_of(
        {
            "[Content_Types].xml": (
                '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
                '<Default Extension="xml" ContentType="application/xml"/></Types>'
            ),
            "_rels/.rels": (
                f'<Relationships xmlns="{_RELATIONS}">'
                f'<Relationship Id="r1" Type="{_OFFICE_RELATIONS}/officeDocument"'
                ' Target="word/document.xml"/>'
                '<Relationship Id="r2" Type="http://schemas.openxmlformats.org/package/2006/'
                'relationships/metadata/core-properties" Target="docProps/core.xml"/>'
                "</Relationships>"
            ),
            "docProps/core.xml": (
                '<cp:coreProperties xmlns:cp="http://schemas.openxmlformats.org/package/2006/'
                'metadata/core-properties" xmlns:dc="http://purl.org/dc/elements/1.1/"'
                ' xmlns:dcterms="http://purl.org/dc/terms/">'
                f"<dc:title>{escape(title)}</dc:title><dc:creator>{escape(author)}</dc:creator>"
                f"{created}<dc:language>ar-SA</dc:language></cp:coreProperties>"
            ),
            "word/_rels/document.xml.rels": (
                f'<Relationships xmlns="{_RELATIONS}">{relations}</Relationships>'
            ),
            "word/document.xml": (
                '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
                f'<w:document xmlns:w="{_WORD}" xmlns:mc="http://schemas.openxmlformats.org/'
                f'markup-compatibility/2006" xmlns:r="{_OFFICE_RELATIONS}">'
                f"<w:body>{body}<w:sectPr/></w:body></w:document>"
            ),
            **(more or {}),
        }
    )


def odt_of(title: str, author: str, day: date | None, paragraphs: Sequence[str]) -> bytes:
    """Return an OpenDocument text."""
    texts = "".join(f"<text:p>{escape(text, quote=False)}</text:p>" for text in paragraphs)
    return odt_around(texts, title=title, author=author, day=day)


def odt_around(
    body: str, *, title: str = "", author: str = "", day: date | None = None, manifest: str = ""
) -> bytes:
    """Return an OpenDocument text around its body's XML."""
    spaces = " ".join(
        f'xmlns:{name}="{_OPEN}:{kind}:1.0"'
        for name, kind in (
            ("office", "office"),
            ("text", "text"),
            ("table", "table"),
            ("draw", "drawing"),
            ("meta", "meta"),
            ("svg", "svg-compatible"),
        )
    )
    spaces += ' xmlns:dc="http://purl.org/dc/elements/1.1/"'
    kind = "application/vnd.oasis.opendocument.text"
    created = f"<meta:creation-date>{day}T08:00:00</meta:creation-date>" if day else ""
    return zip_of(
        {
            "mimetype": kind,
            "content.xml": (
                '<?xml version="1.0" encoding="UTF-8"?>'
                f"<office:document-content {spaces}><office:automatic-styles/>"
                f"<office:body><office:text>{body}</office:text></office:body>"
                "</office:document-content>"
            ),
            "meta.xml": (
                f"<office:document-meta {spaces}><office:meta><dc:title>{escape(title)}</dc:title>"
                f"<meta:initial-creator>{escape(author)}</meta:initial-creator>{created}"
                "<dc:language>ar</dc:language></office:meta></office:document-meta>"
            ),
            "META-INF/manifest.xml": (
                f'<manifest:manifest xmlns:manifest="{_OPEN}:manifest:1.0">'
                f'<manifest:file-entry manifest:full-path="/" manifest:media-type="{kind}"/>'
                f"{manifest}</manifest:manifest>"
            ),
        },
        stored=["mimetype"],
    )


def epub_of(title: str, author: str, day: date | None, paragraphs: Sequence[str]) -> bytes:
    """Return a book, ten paragraphs a chapter."""
    pages = [paragraphs[start : start + 10] for start in range(0, len(paragraphs), 10)]
    chapters = {
        f"text/chapter{number}.xhtml": "".join(f"<p>{escape(text)}</p>" for text in page)
        for number, page in enumerate(pages)
    }
    return epub_around(chapters, title=title, author=author, day=day)


def epub_around(
    chapters: Mapping[str, str],
    *,
    title: str = "",
    author: str = "",
    day: date | None = None,
    metadata: str = "",
    more: Mapping[str, bytes | str] | None = None,
) -> bytes:
    """Return a book around its chapters' markup; their names are as its list has them."""
    items = "".join(
        f'<item id="c{number}" href="{escape(name)}" media-type="application/xhtml+xml"/>'
        for number, name in enumerate(chapters)
    )
    spine = "".join(f'<itemref idref="c{number}"/>' for number in range(len(chapters)))
    published = f"<dc:date>{day}</dc:date>" if day else ""
    members: dict[str, bytes | str] = {
        "mimetype": "application/epub+zip",
        "META-INF/container.xml": (
            '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container" version="1.0">'
            '<rootfiles><rootfile full-path="OEBPS/content.opf"'
            ' media-type="application/oebps-package+xml"/></rootfiles></container>'
        ),
        "OEBPS/content.opf": (
            '<package xmlns="http://www.idpf.org/2007/opf" version="3.0">'
            '<metadata xmlns:dc="http://purl.org/dc/elements/1.1/"'
            ' xmlns:opf="http://www.idpf.org/2007/opf">'
            f"<dc:title>{escape(title)}</dc:title><dc:creator>{escape(author)}</dc:creator>"
            f"<dc:language>ar</dc:language>{published}{metadata}</metadata>"
            '<manifest><item id="nav" href="nav.xhtml" properties="nav"'
            f' media-type="application/xhtml+xml"/>{items}</manifest>'
            f'<spine><itemref idref="nav"/>{spine}</spine></package>'
        ),
        "OEBPS/nav.xhtml": "<html><body><nav><ol><li>المحتويات</li></ol></nav></body></html>",
    }
    for name, markup in chapters.items():
        members[f"OEBPS/{name}"] = (
            '<?xml version="1.0" encoding="utf-8"?><!DOCTYPE html>'
            '<html xmlns="http://www.w3.org/1999/xhtml" xml:lang="ar" dir="rtl">'
            f"<head><title/></head><body>{markup}</body></html>"
        )
    return zip_of({**members, **(more or {})}, stored=["mimetype"])


def eml_of(
    title: str,
    author: str,
    day: date | None,
    paragraphs: Sequence[str],
    *,
    encoding: str = "utf-8",
    declared: str = "",
) -> bytes:
    """Return a letter of one text, in base64; `declared` is the charset that it claims."""
    declared = declared or encoding
    body = base64.encodebytes("\r\n".join(paragraphs).encode(encoding))
    headers = [
        f"From: {_word(author, encoding)} <writer@example.org>",
        "To: reader@example.org",
        f"Subject: {_word(title, encoding)}",
        *([f"Date: {format_datetime(datetime.combine(day, time(8), _ZONE))}"] if day else []),
        "Content-Language: ar",
        "MIME-Version: 1.0",
        f'Content-Type: text/plain; charset="{declared}"',
        "Content-Transfer-Encoding: base64",
    ]
    return "\r\n".join(headers).encode("ascii") + b"\r\n\r\n" + body.replace(b"\n", b"\r\n")


def _word(text: str, encoding: str) -> str:
    """Return a header's text as encoded words, cut as mailers do: also inside of letters."""
    encoded = text.encode(encoding)
    words = (
        f"=?{encoding}?B?{base64.b64encode(encoded[start : start + 45]).decode()}?="
        for start in range(0, len(encoded), 45)
    )
    return "\r\n ".join(words)
