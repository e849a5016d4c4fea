"""Hostile spreadsheets, presentations and .rtf files."""

from __future__ import annotations

import struct

from tests.formats.compound import SECTOR, Tree, attachment, compound, msg, wide
from tests.poison.archives import endless, locked
from tests.poison.kinds import ARABIC, Poison, of, zipped
from tests.poison.packages import LAUGHS, ODF_TEXT, OFFICE, RELATIONS, Members, packed

S = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
R = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
TABLE = "urn:oasis:names:tc:opendocument:xmlns:table:1.0"
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(4_096)
SHEET = "xl/worksheets/sheet1.xml"


def xlsx(rows: str, strings: str = "", target: str = "worksheets/sheet1.xml") -> Members:
    return {
        "_rels/.rels": RELATIONS.format("xl/workbook.xml"),
        "xl/workbook.xml": f'<workbook xmlns="{S}" xmlns:r="{R}"><sheets>'
        '<sheet name="ورقة" sheetId="1" r:id="r1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": '<Relationships xmlns="http://schemas.openxmlformats.org/'
        f'package/2006/relationships"><Relationship Id="r1" Type="{R}/worksheet" '
        f'Target="{target}"/><Relationship Id="r2" Type="{R}/sharedStrings" '
        'Target="sharedStrings.xml"/></Relationships>',
        "xl/sharedStrings.xml": f'<sst xmlns="{S}">{strings}</sst>',
        SHEET: f'<worksheet xmlns="{S}"><sheetData>{rows}</sheetData></worksheet>',
    }


def inline(text: str, place: str = "A1") -> str:
    number = "".join(filter(str.isdigit, place))
    return f'<row r="{number}"><c r="{place}" t="inlineStr"><is><t>{text}</t></is></c></row>'


def ods(tables: str, doctype: str = "") -> Members:
    return {
        "content.xml": f'{doctype}<office:document-content xmlns:office="{OFFICE}" xmlns:text="'
        f'{ODF_TEXT}" xmlns:table="{TABLE}"><office:body><office:spreadsheet>{tables}'
        "</office:spreadsheet></office:body></office:document-content>"
    }


def table(text: str, rows: int = 1, columns: int = 1, tall: int = 1) -> str:
    return (
        f'<table:table table:name="a"><table:table-row table:number-rows-repeated="{rows}">'
        f'<table:table-cell table:number-columns-repeated="{columns}" '
        f'table:number-rows-spanned="{tall}"><text:p>{text}</text:p></table:table-cell>'
        "</table:table-row></table:table>"
    )


MERGED = '<mergeCells><mergeCell ref="A1:XFD1048576"/></mergeCells>'

SHEETS = (
    of("empty.xlsx", "empty", b""),
    of("ole.xlsx", "damaged", OLE),
    of("encrypted.xlsx", "encrypted", OLE + "EncryptedPackage".encode("utf-16le") + bytes(99)),
    of("locked.xlsx", "encrypted", lambda: locked(zipped(xlsx(inline(ARABIC))))),
    of("cut.xlsx", "damaged", lambda: zipped(xlsx(inline(ARABIC)))[:-200]),
    of("bomb.xlsx", "too-large", lambda: endless("xl/workbook.xml", 300)),
    packed("bomb-sheet.xlsx", "bomb", lambda: xlsx(inline(ARABIC) + " " * (80 << 20))),
    packed("no-cells.xlsx", "empty", lambda: xlsx("")),
    packed("laughs.xlsx", "bomb", lambda: {**xlsx(""), SHEET: LAUGHS + "<a>&e11;</a>"}),
    packed("laughs-book.xlsx", "bomb", lambda: {**xlsx(""), "xl/workbook.xml": LAUGHS + "<a/>"}),
    packed("cut-xml.xlsx", "damaged", lambda: {**xlsx(""), SHEET: f'<worksheet xmlns="{S}">'}),
    packed("vast.xlsx", "read", lambda: xlsx(inline(ARABIC, "XFD1048576") + MERGED)),
    packed("past.xlsx", "read", lambda: xlsx(inline(ARABIC, "ZZZ9999999"))),
    packed("deep.xlsx", "damaged", lambda: xlsx("<x>" * 100_000)),
    packed("elsewhere.xlsx", "damaged", lambda: xlsx(inline(ARABIC), target="../../../etc/passwd")),
    packed("strings.xlsx", "damaged",
           lambda: xlsx('<row><c t="s"><v>0</v></c><c t="s"><v>999999999</v></c></row>', "<si/>")),
    packed(
        "numbers.xlsx",
        "read",
        lambda: xlsx(f'<row r="{"9" * 99}"><c s="{"9" * 99}"><v>{"9" * 999_999}e99</v></c></row>'),
    ),
    packed("merges.xlsx", "read",
           lambda: xlsx(inline(ARABIC) + '<mergeCell ref="A1:B9"/>' * 500_000)),
    of("empty.ods", "empty", b""),
    packed("text.ods", "damaged", lambda: {"content.xml": "<a/>"}),
    packed("repeated.ods", "read", lambda: ods(table(ARABIC, 9_999_999, 9_999_999, 9_999_999))),
    packed("digits.ods", "read", lambda: ods(table(ARABIC, 10**400, 10**400))),
    packed("nested.ods", "read", lambda: ods(table(table(ARABIC) * 9_999))),
    packed("deep.ods", "damaged", lambda: ods("<table:table>" * 100_000)),
    packed("laughs.ods", "bomb", lambda: ods(table("&e11;"), LAUGHS)),
    of("bomb.ods", "bomb",
       lambda: endless("content.xml", 300, str(ods("")["content.xml"]).encode()[:-60])),
    of("locked.ods", "encrypted", lambda: locked(zipped(ods(table(ARABIC))))),
)  # fmt: skip

P = "http://schemas.openxmlformats.org/presentationml/2006/main"
A = "http://schemas.openxmlformats.org/drawingml/2006/main"


def pptx(body: str, slides: int = 1) -> Members:
    ids = "".join(f'<p:sldId id="{n}" r:id="r1"/>' for n in range(slides))
    return {
        "_rels/.rels": RELATIONS.format("ppt/presentation.xml"),
        "ppt/presentation.xml": f'<p:presentation xmlns:p="{P}" xmlns:r="{R}"><p:sldIdLst>{ids}'
        "</p:sldIdLst></p:presentation>",
        "ppt/_rels/presentation.xml.rels": '<Relationships xmlns="http://schemas.openxmlformats.org'
        f'/package/2006/relationships"><Relationship Id="r1" Type="{R}/slide" '
        'Target="slides/slide1.xml"/></Relationships>',
        "ppt/slides/slide1.xml": f'<p:sld xmlns:p="{P}" xmlns:a="{A}">{body}</p:sld>',
    }


SLIDE = f"<a:p><a:r><a:t>{ARABIC}</a:t></a:r></a:p>"

SLIDES = (
    of("empty.pptx", "empty", b""),
    of("encrypted.pptx", "encrypted", OLE + "EncryptedPackage".encode("utf-16le") + bytes(99)),
    packed("word.pptx", "damaged", lambda: xlsx(inline(ARABIC))),
    packed("nothing.pptx", "empty", lambda: pptx("")),
    packed("deep.pptx", "read", lambda: pptx("<a:tr><a:tc>" * 99 + SLIDE + "</a:tc></a:tr>" * 99)),
    packed("same.pptx", "bomb", lambda: pptx(SLIDE + " " * (1 << 20), 1_000)),
    packed("laughs.pptx", "bomb", lambda: {**pptx(""), "ppt/presentation.xml": LAUGHS + "<a/>"}),
    of("cut.pptx", "damaged", lambda: zipped(pptx(SLIDE))[:-100]),
    packed("empty.odp", "empty", lambda: ods("")),
    of("bomb.odp", "damaged", lambda: endless("content.xml", 300)),
)

RTF = (
    of("empty.rtf", "empty", b""),
    of("text.rtf", "damaged", ARABIC),
    of("no-text.rtf", "empty", b"{\\rtf1}"),
    of("deep.rtf", "damaged", b"{\\rtf1" + b"{" * 100_000),
    of("cut.rtf", "read", b"{\\rtf1\\ansicpg1256 {\\b \\'d3\\'e1\\'c7\\'e3 {{"),
    of("closed.rtf", "read", b"{\\rtf1 text}}}}}} more" + b"}" * 99_999),
    of("bin.rtf", "empty", b"{\\rtf1\\bin2147483647 x}"),
    of("numbers.rtf", "read",
       b"{\\rtf1\\uc99999 \\f-99999\\u-1\\u99999999 \\ansicpg9 text\\bin-9 x}"),
    of("fonts.rtf", "read", b"{\\rtf1{\\fonttbl" + b"{\\f7\\fcharset178 a;}" * 20_000 + b"}text}"),
    of("rows.rtf", "read", b"{\\rtf1" + b"\\trowd\\cell\\row" * 20_000 + b" text}"),
    of("notes.rtf", "read", b"{\\rtf1 text" + b"{\\footnote " * 9_000 + b"}" * 9_000),
    of("backslashes.rtf", "read", b"{\\rtf1 text" + b"\\" * 100_001),
    of("picture.rtf", "empty", b"{\\rtf1{\\pict " + b"0f" * 200_000),
    of("page.rtf", "encoding", b"{\\rtf1\\ansicpg1252 \\'81\\'81}"),
)  # fmt: skip

UNREAD = tuple(of(f"old.{kind}", "unsupported", OLE) for kind in ("doc", "xls", "ppt"))

TEXT = {"1000001F": wide(ARABIC)}


def nested(depth: int) -> Tree:
    letter = msg(TEXT, inside=True)
    for _ in range(depth):
        letter = msg(TEXT, attached=[attachment("a", letter)], inside=True)
    return msg(TEXT, attached=[attachment("a", letter)])


def looped() -> bytes:
    """Return a letter whose sectors each lead to the first."""
    content = compound(msg(TEXT))
    return content[:-SECTOR] + bytes(SECTOR)


OUTLOOK = (
    of("empty.msg", "empty", b""),
    of("ole.msg", "damaged", OLE),
    of("mail.msg", "damaged", b"Subject: a\n\ntext"),
    of("cut.msg", "damaged", lambda: compound(msg(TEXT))[:-600]),
    of("loop.msg", "read", looped),
    of("nested.msg", "read", lambda: compound(nested(20))),
    of("deep.msg", "damaged", lambda: compound(nested(300))),
    of("attached.msg", "read", lambda: compound(msg(TEXT, attached=[attachment("a")] * 300))),
    of("endless.msg", "damaged",
       lambda: compound(msg(TEXT)).replace(struct.pack("<Q", 4_096), struct.pack("<Q", 1 << 31))),
    of("numbers.msg", "read", lambda: compound(msg(TEXT, dict.fromkeys(range(99_999), 1 << 63)))),
    of("pages.msg", "read", lambda: compound(msg({"1000001E": ARABIC.encode("cp1256")},
                                                 {0x3FDE0003: 0xFFFFFFFF}))),
    of("headers.msg", "read", lambda: compound(msg({**TEXT, "007D001E": b"From: " + b"(" * 99_999}))),
)  # fmt: skip

POISON: tuple[Poison, ...] = (*SHEETS, *SLIDES, *RTF, *OUTLOOK, *UNREAD)
