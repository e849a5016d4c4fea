"""The smallest PDF that holds Arabic text: one font without glyphs, and a map to Unicode."""

from __future__ import annotations

from collections.abc import Sequence

PAGE_LINES = 40


def pdf_of(title: str, lines: Sequence[str]) -> bytes:
    """Return a PDF of these lines in logical order, as a word processor's tagged export has it.

    Real producers, with shaping and visual order, are in tests/fixtures/pdf.
    """
    pages = [lines[n : n + PAGE_LINES] for n in range(0, len(lines), PAGE_LINES)]
    objects: list[bytes] = []

    def add(content: bytes) -> int:
        objects.append(content)
        return len(objects)

    def stream(content: bytes) -> bytes:
        return b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content)

    catalog, tree = 1, 2
    objects += [b"<< /Type /Catalog /Pages 2 0 R >>", b""]
    characters = sorted(set("".join(lines)))
    mapped = "\n".join(f"<{ord(c):04x}> <{ord(c):04x}>" for c in characters)
    cmap = add(
        stream(
            b"/CIDInit /ProcSet findresource begin begincmap\n"
            b"1 begincodespacerange <0000> <ffff> endcodespacerange\n"
            + f"{len(characters)} beginbfchar\n{mapped}\nendbfchar\n".encode()
            + b"endcmap end"
        )
    )
    descendant = add(
        b"<< /Type /Font /Subtype /CIDFontType2 /BaseFont /None /DW 500 "
        b"/CIDSystemInfo << /Registry (Adobe) /Ordering (Identity) /Supplement 0 >> >>"
    )
    font = add(
        b"<< /Type /Font /Subtype /Type0 /BaseFont /None /Encoding /Identity-H "
        b"/DescendantFonts [%d 0 R] /ToUnicode %d 0 R >>" % (descendant, cmap)
    )
    kids = []
    for page in pages:
        shown = "\n".join(f"<{line.encode('utf-16-be').hex()}> Tj 0 -18 Td" for line in page)
        content = add(stream(f"BT /F1 12 Tf 40 780 Td\n{shown}\nET".encode()))
        kids.append(
            add(
                b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents %d 0 R "
                b"/Resources << /Font << /F1 %d 0 R >> >> >>" % (content, font)
            )
        )
    listed = " ".join(f"{kid} 0 R" for kid in kids)
    objects[tree - 1] = f"<< /Type /Pages /Kids [{listed}] /Count {len(kids)} >>".encode()
    info = add(b"<< /Title <feff%s> >>" % title.encode("utf-16-be").hex().encode())
    out = bytearray(b"%PDF-1.7\n")
    places = []
    for number, written in enumerate(objects, start=1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, written)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % place for place in places)
    out += b"trailer\n<< /Size %d /Root %d 0 R /Info %d 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (
        len(objects) + 1,
        catalog,
        info,
        start,
    )
    return bytes(out)
