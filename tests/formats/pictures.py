"""Pictures of pages for the tests of text recognition, drawn from the PDFs of tests/fixtures."""

from __future__ import annotations

import shutil
import struct
import zlib
from dataclasses import dataclass
from functools import cache
from io import BytesIO

import pytest
from pypdf import PdfReader, PdfWriter
from pypdfium2 import PdfDocument

from tests.support import REPOSITORY

FIXTURES = REPOSITORY / "tests" / "fixtures" / "pdf"

needs_tesseract = pytest.mark.skipif(
    shutil.which("tesseract") is None,
    reason="no tesseract (Debian: apt-get install tesseract-ocr tesseract-ocr-ara)",
)


@dataclass(frozen=True, slots=True)
class Picture:
    """Grey pixels, row by row."""

    width: int
    height: int
    pixels: bytes

    def cut(self, top: int, bottom: int) -> Picture:
        """Return the rows between two."""
        rows = self.pixels[top * self.width : bottom * self.width]
        return Picture(self.width, bottom - top, rows)

    def png(self) -> bytes:
        rows = (
            b"\0" + self.pixels[row * self.width : (row + 1) * self.width]
            for row in range(self.height)
        )
        head = struct.pack(">IIBBBBB", self.width, self.height, 8, 0, 0, 0, 0)
        chunks = ((b"IHDR", head), (b"IDAT", zlib.compress(b"".join(rows))), (b"IEND", b""))
        return b"\x89PNG\r\n\x1a\n" + b"".join(
            struct.pack(">I", len(content))
            + name
            + content
            + struct.pack(">I", zlib.crc32(name + content))
            for name, content in chunks
        )

    def pnm(self) -> bytes:
        return b"P5 %d %d 255\n" % (self.width, self.height) + self.pixels


@cache
def drawn(name: str, page: int = 0, dpi: int = 150) -> Picture:
    """Return a page of a fixture as it is printed."""
    bitmap = PdfDocument(FIXTURES / f"{name}.pdf")[page].render(scale=dpi / 72, grayscale=True)
    content, stride = bytes(bitmap.buffer), bitmap.stride
    rows = (content[row * stride : row * stride + bitmap.width] for row in range(bitmap.height))
    return Picture(bitmap.width, bitmap.height, b"".join(rows))


def tiff(*pictures: Picture, broken: int = -1) -> bytes:
    """Return a TIFF of pages, of which one may have its pixels outside of the file."""
    made = bytearray(struct.pack("<2sHI", b"II", 42, 0))
    link = 4
    for number, picture in enumerate(pictures):
        pixels = len(made) if number != broken else 1 << 30
        made += picture.pixels + b"\0" * (len(picture.pixels) % 2)
        struct.pack_into("<I", made, link, len(made))
        entries = (
            (256, picture.width), (257, picture.height), (258, 8), (259, 1), (262, 1),
            (273, pixels), (277, 1), (278, picture.height), (279, len(picture.pixels)),
        )  # fmt: skip
        made += struct.pack("<H", len(entries))
        for tag, value in entries:
            made += struct.pack("<HHII", tag, 4, 1, value)
        link = len(made)
        made += bytes(4)
    return bytes(made)


def pages_of(*names: str) -> bytes:
    """Return a PDF of the first pages of fixtures."""
    writer = PdfWriter()
    for name in names:
        writer.add_page(PdfReader(FIXTURES / f"{name}.pdf").pages[0])
    made = BytesIO()
    writer.write(made)
    return made.getvalue()
