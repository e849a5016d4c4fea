"""Hostile .docx, .odt and .epub files."""

from __future__ import annotations

import zipfile
from collections.abc import Callable

from tests.poison.archives import endless, locked, patched
from tests.poison.kinds import ARABIC, Poison, of, zipped
from tests.poison.pages import XHTML

ENTITIES = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10 if n else "لول" * 10}">' for n in range(12))
LAUGHS = f"<!DOCTYPE x [{ENTITIES}]>"
EXTERNAL = '<!DOCTYPE x [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
REMOTE = '<!DOCTYPE x [<!ENTITY % p SYSTEM "http://127.0.0.1:9/x.dtd"> %p;]>'
QUADRATIC = f'<!DOCTYPE x [<!ENTITY e11 "{"ا" * 100_000}">]>'

W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
OFFICE = "urn:oasis:names:tc:opendocument:xmlns:office:1.0"
ODF_TEXT = "urn:oasis:names:tc:opendocument:xmlns:text:1.0"
TYPES = (
    '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Override '
    'PartName="/word/document.xml" ContentType="application/vnd.openxmlformats-officedocument.'
    'wordprocessingml.document.main+xml"/></Types>'
)
RELATIONS = (
    '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    '<Relationship Id="r" Type="http://schemas.openxmlformats.org/officeDocument/2006/'
    'relationships/officeDocument" Target="{}"/></Relationships>'
)
CONTAINER = (
    '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container" version="1.0"><rootfiles>'
    '<rootfile full-path="{}" media-type="application/oebps-package+xml"/></rootfiles></container>'
)

Members = dict[str, bytes | str]


def words(body: str) -> str:
    return f'<w:document xmlns:w="{W}"><w:body>{body}</w:body></w:document>'


def paragraph(text: str) -> str:
    return f"<w:p><w:r><w:t>{text}</w:t></w:r></w:p>"


def docx(document: bytes | str, target: str = "word/document.xml", **more: str) -> Members:
    return {
        "[Content_Types].xml": TYPES,
        "_rels/.rels": RELATIONS.format(target),
        "word/document.xml": document,
        **more,
    }


def odt(content: str, doctype: str = "", **more: str) -> Members:
    return {
        "mimetype": "application/vnd.oasis.opendocument.text",
        "content.xml": f'{doctype}<office:document-content xmlns:office="{OFFICE}" xmlns:text="'
        f'{ODF_TEXT}"><office:body><office:text>{content}</office:text></office:body>'
        "</office:document-content>",
        **more,
    }


def epub(
    chapters: dict[str, str],
    spine: list[str] | None = None,
    doctype: str = "",
    more: Members | None = None,
) -> Members:
    items = "".join(
        f'<item id="{n}" href="{name}" media-type="application/xhtml+xml"/>'
        for n, name in enumerate(chapters)
    )
    order = spine if spine is not None else [str(n) for n in range(len(chapters))]
    refs = "".join(f'<itemref idref="{each}"/>' for each in order)
    return {
        "mimetype": "application/epub+zip",
        "META-INF/container.xml": CONTAINER.format("book.opf"),
        "book.opf": f'{doctype}<package xmlns="http://www.idpf.org/2007/opf"><metadata/><manifest>'
        f"{items}</manifest><spine>{refs}"
        "</spine></package>",
        **{name: content for name, content in chapters.items() if "://" not in name},
        **(more or {}),
    }


def packed(name: str, ends: str, members: Callable[[], Members]) -> Poison:
    return of(name, ends, lambda: zipped(members()))


def chapter(text: str, doctype: str = "") -> str:
    return doctype + XHTML.format(f"<p>{text}</p>")


MANY_ATTRIBUTES = " ".join(f'a{n}="1"' for n in range(50_000))
DEEP_ODT = "<text:section>" * 50_000 + f"<text:p>{ARABIC}</text:p>" + "</text:section>" * 50_000
DEEP_DOCX = "<w:tbl><w:tr><w:tc>" * 20_000 + paragraph(ARABIC) + "</w:tc></w:tr></w:tbl>" * 20_000
FLIPPED = zipped(docx(words(paragraph(ARABIC)))).replace(
    b"word/document.xml", b"word/document.xm\xff"
)

DOCX = (
    of("empty.docx", "empty", b""),
    of("pdf.docx", "damaged", b"%PDF-1.7\n" + bytes(range(256)) * 9),
    of("ole.docx", "damaged", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(4_096)),
    of(
        "encrypted-ole.docx",
        "encrypted",
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
        + bytes(4_096)
        + "EncryptedPackage".encode("utf-16le")
        + bytes(999),
    ),
    of("locked.docx", "encrypted", lambda: locked(zipped(docx(words(paragraph(ARABIC)))))),
    packed("no-document.docx", "damaged", lambda: {"a.xml": "<a/>"}),
    packed("no-text.docx", "empty", lambda: docx(words(""))),
    packed("not-xml.docx", "damaged", lambda: docx("نص")),
    packed("cut-xml.docx", "damaged", lambda: docx(words(paragraph(ARABIC))[:-20])),
    of("cut.docx", "damaged", lambda: zipped(docx(words(paragraph(ARABIC))))[:-200]),
    of("flipped.docx", "damaged", FLIPPED),
    packed("laughs.docx", "bomb", lambda: docx(LAUGHS + words(paragraph("&e11;")))),
    packed("quadratic.docx", "bomb", lambda: docx(QUADRATIC + words(paragraph("&e11;" * 20_000)))),
    packed("external.docx", "bomb", lambda: docx(EXTERNAL + words(paragraph("&x;" + ARABIC)))),
    packed("remote.docx", "bomb", lambda: docx(REMOTE + words(paragraph(ARABIC)))),
    packed("utf7.docx", "damaged",
           lambda: docx('<?xml version="1.0" encoding="utf-7"?>' + words(paragraph(ARABIC)))),
    packed("deep.docx", "read", lambda: docx(words(DEEP_DOCX))),
    packed("target.docx", "damaged", lambda: docx(words(""), "../../../../etc/passwd")),
    packed("remote-target.docx", "damaged", lambda: docx(words(""), "http://127.0.0.1:9/x")),
    packed("runs.docx", "read",
           lambda: docx(words(f"<w:p>{'<w:r><w:t>ا </w:t></w:r>' * 300_000}</w:p>"))),
    packed("attributes.docx", "read",
           lambda: docx(words(f"<w:p {MANY_ATTRIBUTES}/>{paragraph(ARABIC)}"))),
    packed(
        "core.docx",
        "damaged",
        lambda: docx(words(paragraph(ARABIC)), **{"docProps/core.xml": LAUGHS + "<a>&e11;</a>"}),
    ),
    of("bomb.docx", "bomb", lambda: endless("word/document.xml", 300, words("").encode()[:-23])),
    of(
        "twice.docx",
        "read",
        lambda: zipped(
            [*docx(words(paragraph("x"))).items(), *docx(words(paragraph(ARABIC))).items()]
        ),
    ),
)  # fmt: skip

ODT = (
    of("empty.odt", "empty", b""),
    of("not-zip.odt", "damaged", ARABIC),
    packed("no-content.odt", "damaged", lambda: {"mimetype": "x"}),
    packed("laughs.odt", "bomb", lambda: odt("<text:p>&e11;</text:p>", LAUGHS)),
    packed("external.odt", "bomb", lambda: odt(f"<text:p>&x;{ARABIC}</text:p>", EXTERNAL)),
    packed("quadratic.odt", "bomb", lambda: odt(f"<text:p>{'&e11;' * 20_000}</text:p>", QUADRATIC)),
    packed("deep.odt", "read", lambda: odt(DEEP_ODT)),
    packed("spaces.odt", "read", lambda: odt('<text:p>نص<text:s text:c="1000000000"/>نص</text:p>')),
    packed("spaces-word.odt", "read", lambda: odt('<text:p>نص<text:s text:c="many"/>نص</text:p>')),
    packed(
        "columns.odt",
        "read",
        lambda: odt(
            f'<table:table xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0"><table:table-row table:number-rows-repeated="1000000000"><table:table-cell table:number-columns-repeated="1000000000"><text:p>{ARABIC}</text:p></table:table-cell></table:table-row></table:table>'
        ),
    ),
    packed(
        "manifest.odt",
        "encrypted",
        lambda: odt(
            "x",
            **{
                "META-INF/manifest.xml": '<m:manifest xmlns:m="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"><m:file-entry m:full-path="content.xml"><m:encryption-data/></m:file-entry></m:manifest>'
            },
        ),
    ),
    of("bomb.odt", "bomb", lambda: endless("content.xml", 300, b"<office>")),
)

EPUB = (
    of("empty.epub", "empty", b""),
    of("not-zip.epub", "damaged", ARABIC),
    packed("no-container.epub", "damaged", lambda: {"mimetype": "application/epub+zip"}),
    packed("loop.epub", "read", lambda: epub({"a.xhtml": chapter(ARABIC)}, ["0"] * 100_000)),
    packed("outside.epub", "damaged", lambda: epub({"../../../etc/passwd": chapter(ARABIC)})),
    packed("absolute.epub", "damaged", lambda: epub({"file:///etc/passwd": chapter(ARABIC)})),
    packed("gone.epub", "empty", lambda: epub({}, ["gone"])),
    packed("itself.epub", "empty",
           lambda: {"META-INF/container.xml": CONTAINER.format("META-INF/container.xml")}),
    packed("laughs.epub", "read", lambda: epub({"a.xhtml": chapter("&e11;", LAUGHS)})),
    packed("laughs-opf.epub", "damaged",
           lambda: epub({"a.xhtml": chapter(ARABIC)}, ["0", "&e11;"], LAUGHS)),
    packed("external.epub", "read", lambda: epub({"a.xhtml": chapter("&x;" + ARABIC, EXTERNAL)})),
    packed("deep.epub", "read", lambda: epub({"a.xhtml": "<div>" * 200_000 + ARABIC})),
    packed("chapters.epub", "read",
           lambda: epub({f"{n}.xhtml": chapter(ARABIC) for n in range(3_000)})),
    packed(
        "rights.epub",
        "encrypted",
        lambda: epub(
            {"a.xhtml": chapter(ARABIC)},
            more={
                "META-INF/encryption.xml": '<encryption xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><EncryptedData xmlns="http://www.w3.org/2001/04/xmlenc#"><EncryptionMethod Algorithm="http://www.w3.org/2001/04/xmlenc#aes256-cbc"/><CipherData><CipherReference URI="a.xhtml"/></CipherData></EncryptedData></encryption>'
            },
        ),
    ),
    of("bomb.epub", "too-large", lambda: endless("META-INF/container.xml", 300)),
    of(
        "stored-twice.epub",
        "damaged",
        lambda: patched(
            zipped(epub({"a.xhtml": chapter(ARABIC)}), zipfile.ZIP_STORED), 8, b"\x63\0"
        ),
    ),
)  # fmt: skip

POISON: tuple[Poison, ...] = (*DOCX, *ODT, *EPUB)
