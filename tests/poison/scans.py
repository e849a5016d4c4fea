"""Hostile pictures, and PDFs of pictures: for text recognition."""

from __future__ import annotations

import struct
import zlib

from tests.poison.archives import zeros
from tests.poison.kinds import ARABIC, Poison, of
from tests.poison.papers import CATALOG, FORM, PAGE, pdf, stream

PNG = b"\x89PNG\r\n\x1a\n"
IMAGE = "/Type /XObject /Subtype /Image /ColorSpace /DeviceGray /BitsPerComponent 8"
DRAWN = stream(b"600 0 0 800 0 0 cm /X Do")


def chunk(name: bytes, content: bytes) -> bytes:
    checked = name + content
    return struct.pack(">I", len(content)) + checked + struct.pack(">I", zlib.crc32(checked))


def png(width: int, height: int, packed: bytes) -> bytes:
    """Return a grey PNG whose head says what it likes."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return PNG + head + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


def tiff(*directories: tuple[int, int, int]) -> bytes:
    """Return a TIFF of directories: width, height, and which comes next (from 1; 0 ends)."""
    made = struct.pack("<2sHI", b"II", 42, 8)
    for width, height, following in directories:
        entries = (
            (256, width), (257, height), (258, 8), (259, 1), (262, 1), (273, 8), (277, 1),
            (278, height), (279, width * height % (1 << 32)),
        )  # fmt: skip
        made += struct.pack("<H", len(entries))
        made += b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in entries)
        made += struct.pack("<I", following and 8 + 114 * (following - 1))
    return made


def scan(head: str, content: bytes = bytes(10_000), page: str = PAGE) -> bytes:
    """Return a PDF of a page that is a picture."""
    return pdf({3: page.format(FORM), 4: DRAWN, 6: stream(content, f"{IMAGE} {head}")})


def scans(number: int) -> bytes:
    """Return a PDF of so many pages that are one picture."""
    kids = " ".join(["3 0 R"] * number)
    pages = f"<< /Type /Pages /Kids [{kids}] /Count {number} >>"
    picture = stream(bytes(10_000), f"{IMAGE} /Width 100 /Height 100")
    return pdf({1: CATALOG, 2: pages, 3: PAGE.format(FORM), 4: DRAWN, 6: picture})


POISON: tuple[Poison, ...] = (
    of("empty.jpg", "", b""),
    of("text.jpeg", "damaged", ARABIC),
    of("names.png", "damaged", "/dev/zero\n/etc/passwd\n" * 99),
    of("list.gif", "damaged", "tests.png\n"),
    of("huge.png", "damaged", lambda: png(60_000, 60_000, zeros(200, 15))),
    of("lying.png", "damaged", png(2_000_000_000, 2_000_000_000, zlib.compress(b"\0"))),
    of("cut.png", "damaged", png(900, 900, zlib.compress(bytes(900 * 901)))[:-60]),
    of("no-pixels.png", "damaged", png(0, 0, b"")),
    of("cut.jpg", "damaged", b"\xff\xd8\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0\xff\xda"),
    of("loop.tif", "", tiff((9, 9, 2), (9, 9, 1))),
    of("pages.tiff", "", tiff(*((9, 9, number + 2) for number in range(3_000)))),
    of("vast.tiff", "damaged", tiff((1 << 31, 1 << 31, 0))),
    of("cut.tiff", "damaged", tiff((9, 9, 0))[:-40]),
    of("vast.bmp", "damaged", b"BM" + struct.pack("<IIIIiiHHIIIIII", 99, 0, 54, 40, 1 << 30, 1 << 30, 1, 8, 0, 0, 0, 0, 0, 0)),
    of("vast.gif", "damaged", b"GIF89a" + struct.pack("<HHBBB", 65_535, 65_535, 0x80, 0, 0) + bytes(6) + b"," + struct.pack("<HHHHB", 0, 0, 65_535, 65_535, 0) + b"\x02\x01\x44\0;"),
    of("vast.webp", "damaged", b"RIFF" + struct.pack("<I", 30) + b"WEBPVP8X" + struct.pack("<I", 10) + b"\0\0\0\0" + b"\xff" * 6),
    of("vast.pnm", "damaged", b"P5 99999 99999 255\n" + bytes(99)),
    of("digits.pnm", "damaged", b"P2 " + b"9" * 100_000),
    of("scanned.pdf", "empty", scan("/Width 100 /Height 100")),
    of("scan-noise.pdf", "empty", scan("/Width 100 /Height 100", bytes(range(250)) * 40)),
    of("scan-vast.pdf", "empty", scan("/Width 100000 /Height 100000 /Filter /FlateDecode", zeros(200, 15))),
    of("scan-lying.pdf", "empty", scan("/Width 2000000000 /Height 2000000000")),
    of("scan-page.pdf", "empty", scan("/Width 100 /Height 100", page=PAGE.replace("600 800", "99999999 99999999"))),
    of("scan-thin.pdf", "damaged", scan("/Width 100 /Height 100", page=PAGE.replace("600 800", "0.001 14400"))),
    of("scan-jpx.pdf", "empty", scan("/Width 9999 /Height 9999 /Filter /JPXDecode", b"\xff\x4f\xff\x51" + bytes(99))),
    of("scan-jbig2.pdf", "empty", scan("/Width 9999 /Height 9999 /Filter /JBIG2Decode", bytes(99))),
    of("scan-fax.pdf", "empty", scan("/Width 9999 /Height 9999 /Filter /CCITTFaxDecode", bytes(99))),
    of("scans.pdf", "empty", lambda: scans(10)),
)  # fmt: skip
