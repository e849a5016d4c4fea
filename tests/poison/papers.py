"""Hostile .pdf files."""

from __future__ import annotations

import zlib
from collections.abc import Mapping

from tests.poison.archives import zeros
from tests.poison.kinds import ARABIC, MEBIBYTE, Poison, of, sparse

CATALOG = "<< /Type /Catalog /Pages 2 0 R >>"
PAGES = "<< /Type /Pages /Kids [3 0 R] /Count 1 >>"
PAGE = "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 600 800] /Contents 4 0 R /Resources << /Font << /F 5 0 R >> {} >> >>"
FONT = "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"
FOUR = b"BT /F 12 Tf 50 700 Td <0001000200030004> Tj ET"
SAYS = b"BT /F 12 Tf 50 700 Td (The committee met on Monday and agreed on the budget.) Tj ET"


def stream(content: bytes, head: str = "") -> bytes:
    return f"<< /Length {len(content)} {head} >>\nstream\n".encode() + content + b"\nendstream"


def pdf(
    objects: Mapping[int, str | bytes] | None = None, trailer: str = "", end: bytes = b""
) -> bytes:
    """Return a PDF of one page, some of its objects replaced."""
    all_of = {1: CATALOG, 2: PAGES, 3: PAGE.format(""), 4: stream(SAYS), 5: FONT, **(objects or {})}
    made = b"%PDF-1.7\n"
    places = {}
    for number, content in sorted(all_of.items()):
        places[number] = len(made)
        raw = content if isinstance(content, bytes) else content.encode()
        made += f"{number} 0 obj\n".encode() + raw + b"\nendobj\n"
    size = max(all_of) + 1
    start = len(made)
    rows = [
        f"{places[n]:010} 00000 n " if n in places else "0000000000 65535 f " for n in range(size)
    ]
    made += f"xref\n0 {size}\n".encode() + "\n".join(rows).encode()
    made += f"\ntrailer\n<< /Size {size} /Root 1 0 R {trailer} >>\n".encode()
    return made + end + f"startxref\n{start}\n%%EOF\n".encode()


def contents(content: bytes, head: str = "") -> bytes:
    return pdf({4: stream(content, head)})


def flate(times: int, content: bytes) -> bytes:
    for _ in range(times):
        content = zlib.compress(content, 9)
    return content


FORM = "/XObject << /X 6 0 R >>"
LOOPING_FORM = stream(
    b"/X Do " + SAYS, "/Type /XObject /Subtype /Form /Resources << /XObject << /X 6 0 R >> >>"
)


def doubling(depth: int) -> bytes:
    """Return a page whose form draws a form twice that draws a form twice ..."""
    forms: dict[int, str | bytes] = {3: PAGE.format(FORM), 4: stream(b"/X Do")}
    for n in range(depth):
        draws = b"/X Do /X Do" if n < depth - 1 else SAYS
        forms[6 + n] = stream(
            draws,
            f"/Type /XObject /Subtype /Form /Resources << /Font << /F 5 0 R >> /XObject << /X {7 + n} 0 R >> >>",
        )
    return pdf(forms)


def mapped(ranges: bytes, says: bytes = FOUR) -> bytes:
    """Return a page in a font with this ToUnicode table."""
    font = "<< /Type /Font /Subtype /Type0 /BaseFont /A /Encoding /Identity-H /ToUnicode 6 0 R /DescendantFonts [<< /Type /Font /Subtype /CIDFontType2 /BaseFont /A /CIDSystemInfo << >> >>] >>"
    table = (
        b"begincmap 1 begincodespacerange <0000> <ffff> endcodespacerange " + ranges + b" endcmap"
    )
    return pdf({4: stream(says), 5: font, 6: stream(table)})


def reversed_arabic() -> bytes:
    """Return a page whose letters were put down as they are seen, the last of a line first."""
    letters = sorted(set(ARABIC))
    chars = b"".join(
        b"<%04x> <%s> " % (code, letter.encode("utf-16-be").hex().encode())
        for code, letter in enumerate(letters, start=1)
    )
    codes = "".join(f"{letters.index(letter) + 1:04x}" for letter in reversed(ARABIC)).encode()
    ranges = b"%d beginbfchar %s endbfchar" % (len(letters), chars)
    return mapped(ranges, b"BT /F 12 Tf 50 700 Td <" + codes + b"> Tj ET")


POISON: tuple[Poison, ...] = (
    of("empty.pdf", "empty", b""),
    of("head-only.pdf", "damaged", b"%PDF-1.7\n"),
    of("text.pdf", "damaged", ARABIC),
    of("docx.pdf", "damaged", b"PK\x03\x04" + bytes(99)),
    of("reversed.pdf", "read", reversed_arabic()),
    of("good.pdf", "read", pdf()),
    of("pages-loop.pdf", "damaged", pdf({2: "<< /Type /Pages /Kids [2 0 R] /Count 1 >>"})),
    of(
        "pages-long-loop.pdf",
        "damaged",
        pdf(
            {
                2: "<< /Type /Pages /Kids [6 0 R] /Count 1 >>",
                6: "<< /Type /Pages /Parent 2 0 R /Kids [2 0 R] /Count 1 >>",
            }
        ),
    ),
    of("pages-repeated.pdf", "bomb",
       pdf({2: f"<< /Type /Pages /Kids [{'3 0 R ' * 100_000}] /Count 100000 >>"})),
    of(
        "pages-deep.pdf",
        "bomb",
        pdf(
            {2: "<< /Type /Pages /Kids [6 0 R] /Count 1 >>"}
            | {6 + n: f"<< /Type /Pages /Kids [{7 + n} 0 R] /Count 1 >>" for n in range(5_000)}
        ),
    ),
    of("parent-loop.pdf", "read",
       pdf({2: "<< /Type /Pages /Kids [3 0 R] /Count 1 /Parent 2 0 R >>"})),
    of("count.pdf", "read", pdf({2: "<< /Type /Pages /Kids [3 0 R] /Count 1000000000 >>"})),
    of("negative-count.pdf", "read", pdf({2: "<< /Type /Pages /Kids [3 0 R] /Count -1 >>"})),
    of("no-pages.pdf", "damaged", pdf({1: "<< /Type /Catalog >>"})),
    of("pages-number.pdf", "damaged", pdf({2: "<< /Type /Pages /Kids 7 /Count 1 >>"})),
    of("pages-none.pdf", "empty", pdf({2: "<< /Type /Pages /Count 1 >>"})),
    of("pages-both.pdf", "damaged", pdf({2: "<< /Type /Pages /Kids [3 0 R 2 0 R] /Count 2 >>"})),
    of("root-loop.pdf", "damaged", pdf({1: "1 0 R"})),
    of("length-loop.pdf", "bomb",
       pdf({4: b"<< /Length 4 0 R >>\nstream\n" + SAYS + b"\nendstream"})),
    of("length.pdf", "bomb",
       pdf({4: b"<< /Length 99999999999 >>\nstream\n" + SAYS + b"\nendstream"})),
    of("negative-length.pdf", "read",
       pdf({4: b"<< /Length -5 >>\nstream\n" + SAYS + b"\nendstream"})),
    of("prev-itself.pdf", "read", pdf(trailer="/Prev 400")),
    of("prev-loop.pdf", "read", pdf(trailer=f"/Prev {pdf().index(b'xref')}")),
    of("prev-far.pdf", "damaged", pdf(trailer="/Prev 99999999999999999999")),
    of("prev-chain.pdf", "read",
       b"".join(b"xref\n0 0\ntrailer\n<< /Prev %d >>\n" % (n * 39) for n in range(9)) + pdf()),
    of("size.pdf", "read", pdf(trailer="/Size 2000000000")),
    of("xref-vast.pdf", "bomb", pdf().replace(b"xref\n0 6", b"xref\n0 999999999", 1)),
    of("no-xref.pdf", "damaged", pdf().partition(b"xref")[0]),
    of("startxref-far.pdf", "read",
       pdf().partition(b"startxref")[0] + b"startxref\n999999999\n%%EOF"),
    of("no-end.pdf", "damaged", pdf()[:-30]),
    of("cut.pdf", "damaged", pdf()[:200]),
    of(
        "extends-loop.pdf",
        "damaged",
        pdf(
            {
                1: "<< /Type /Catalog /Pages 7 0 R >>",
                6: stream(b"7 0 << >>", "/Type /ObjStm /N 1 /First 4 /Extends 6 0 R"),
            }
        ),
    ),
    of("objects-vast.pdf", "read",
       pdf({6: stream(b"7 0 8 0", "/Type /ObjStm /N 1000000000 /First 4")})),
    of("deep-arrays.pdf", "damaged", pdf({2: "[" * 500_000})),
    of("deep-dicts.pdf", "damaged", pdf({3: "<< /A " * 80_000})),
    of("flate.pdf", "bomb", contents(zeros(300, 15), "/Filter /FlateDecode")),
    of("flate-chain.pdf", "bomb",
       contents(flate(3, zeros(300, 15)), f"/Filter [{'/FlateDecode ' * 4}]")),
    of("filters.pdf", "bomb", contents(SAYS, f"/Filter [{'/ASCIIHexDecode ' * 10_000}]")),
    of("lzw.pdf", "empty",
       contents(b"\x80\x0b\x60\x50\x22\x0c\x0c\x85\x01" * 40_000, "/Filter /LZWDecode")),
    of("runs.pdf", "bomb",
       contents(flate(1, b"\x81 " * 4_000_000), "/Filter [/FlateDecode /RunLengthDecode]")),
    of("hex.pdf", "empty", contents(b"20" * 300_000, "/Filter /ASCIIHexDecode")),
    of(
        "predictor.pdf",
        "bomb",
        contents(
            flate(1, bytes(999)),
            "/Filter /FlateDecode /DecodeParms << /Predictor 15 /Columns 2000000000 /Colors 99 >>",
        ),
    ),
    of("unknown-filter.pdf", "damaged", contents(SAYS, "/Filter /NoSuchDecode")),
    of("jbig2.pdf", "damaged", contents(SAYS, "/Filter /JBIG2Decode")),
    of("form-loop.pdf", "bomb",
       pdf({3: PAGE.format(FORM), 4: stream(b"/X Do " + SAYS), 6: LOOPING_FORM})),
    of("forms-doubling.pdf", "bomb", doubling(40)),
    of(
        "glyphs.pdf",
        "bomb",
        contents(
            b"BT /F 12 Tf 50 700 Td " + b"(aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa) Tj " * 20_000 + b"ET"
        ),
    ),
    of("operators.pdf", "bomb",
       contents(zlib.compress(b"q Q " * 5_000_000 + SAYS, 1), "/Filter /FlateDecode")),
    of("saves.pdf", "read", contents(b"q " * 300_000 + SAYS)),
    of("contents-repeated.pdf", "bomb",
       pdf({3: PAGE.format("").replace("4 0 R", f"[{'4 0 R ' * 100_000}]")})),
    of("numbers.pdf", "bomb", contents(b"9" * 100_000 + b" 1 1 1 1 1 cm " + SAYS)),
    of("matrix.pdf", "read", contents(b"1e308 0 0 1e308 1e308 1e308 cm " * 9 + SAYS)),
    of("inline-image.pdf", "read", contents(b"BI /W 9 /H 9 ID " + b"x" * 100_000 + b" EI " + SAYS)),
    of("open-inline-image.pdf", "damaged", contents(b"BI /W 9 /H 9 ID " + b"x" * 300_000)),
    of("open-string.pdf", "damaged", contents(b"BT /F 12 Tf (" + b"(" * 500_000)),
    of("map-vast.pdf", "bomb", mapped(b"1 beginbfrange <0000> <ffffffff> <0000> endbfrange")),
    of("map-long.pdf", "bomb",
       mapped(b"1 beginbfchar <0001> <" + b"0627" * 50_000 + b"> endbfchar")),
    of("map-half-pair.pdf", "garbled", mapped(b"1 beginbfchar <0001> <D800> endbfchar")),
    of("map-control.pdf", "empty", mapped(b"1 beginbfrange <0001> <0004> <0000> endbfrange")),
    of("blank-page.pdf", "empty", contents(b"")),
    of(
        "encrypted.pdf",
        "encrypted",
        pdf(
            trailer=f"/ID [<00> <00>] /Encrypt << /Filter /Standard /V 1 /R 2 /P -4 /O <{'41' * 32}> /U <{'42' * 32}> >>"
        ),
    ),
    of("encrypted-bad.pdf", "damaged",
       pdf(trailer="/ID [<00> <00>] /Encrypt << /Filter /Standard /V 99 /R 99 >>")),
    of("certificate.pdf", "damaged",
       pdf(trailer="/ID [<00> <00>] /Encrypt << /Filter /Adobe.PubSec /V 4 >>")),
    of("info-loop.pdf", "read", pdf({6: "<< /Title 6 0 R >>"}, "/Info 6 0 R")),
    of("info-long.pdf", "read",
       pdf({6: f"<< /Title ({'x' * 300_000}) /CreationDate (D:{'9' * 9_999}) >>"}, "/Info 6 0 R")),
    of(
        "xmp.pdf",
        "read",
        pdf(
            {
                1: "<< /Type /Catalog /Pages 2 0 R /Metadata 6 0 R >>",
                6: stream(
                    b'<!DOCTYPE x [<!ENTITY a "&b;&b;"><!ENTITY b "&a;">]><x>&a;</x>',
                    "/Type /Metadata /Subtype /XML",
                ),
            }
        ),
    ),
    of(
        "outline-loop.pdf",
        "read",
        pdf(
            {
                1: "<< /Type /Catalog /Pages 2 0 R /Outlines 6 0 R >>",
                6: "<< /First 6 0 R /Next 6 0 R /Last 6 0 R >>",
            }
        ),
    ),
    of("launch.pdf", "read",
       pdf({1: "<< /Type /Catalog /Pages 2 0 R /OpenAction << /S /Launch /F (/bin/sh) >> >>"})),
    sparse("vast.pdf", "too-large", 3 << 30, b"%PDF-1.7\n", b"startxref\n99\n%%EOF"),
    sparse("zeros.pdf", "damaged", 50 * MEBIBYTE),
)  # fmt: skip
