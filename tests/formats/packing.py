"""Archives of 7-Zip's by libarchive, and of RAR's two formats by hand: no free program writes them."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable

from indexer.extraction.packed import IS_THERE as IS_THERE

Members = Iterable[tuple[str, bytes]]
MISSING = "no libarchive (Debian: apt-get install libarchive13)"

STORED = 0x30  # RAR's method
FILE, LINK = 0o100644, 0o120777


def seven(members: Members) -> bytes:
    """Return a .7z of members that are packed together."""
    import libarchive  # which fails without the library

    pieces: list[bytes] = []

    def write(piece: bytes) -> int:
        pieces.append(bytes(piece))
        return len(piece)

    with libarchive.custom_writer(write, "7zip") as archive:
        for name, content in members:
            archive.add_file_from_memory(name, len(content), content)
    return b"".join(pieces)


def rar4(members: Members, flags: int = 0, mode: int = FILE) -> bytes:
    """Return a .rar of before 2013; a flag of 4 says that its members are locked."""

    def block(kind: int, flags: int, more: bytes) -> bytes:
        head = struct.pack("<BHH", kind, flags, 7 + len(more)) + more
        return struct.pack("<H", zlib.crc32(head) & 0xFFFF) + head

    made = b"Rar!\x1a\x07\x00" + block(0x73, 0, bytes(6))
    for name, content in members:
        size, raw = len(content), name.encode()
        fields = (size, size, 3, zlib.crc32(content), 0, 20, STORED, len(raw), mode)
        made += block(0x74, 0x8200 | flags, struct.pack("<IIBIIBBHI", *fields) + raw) + content
    return made + block(0x7B, 0x4000, b"")


def rar5(members: Members) -> bytes:
    """Return a .rar as WinRAR writes them."""

    def number(value: int) -> bytes:
        made = b""
        while value > 0x7F:
            made += bytes([value & 0x7F | 0x80])
            value >>= 7
        return made + bytes([value])

    def block(*fields: int, more: bytes = b"") -> bytes:
        head = b"".join(map(number, fields)) + more
        head = number(len(head)) + head
        return struct.pack("<I", zlib.crc32(head)) + head

    made = b"Rar!\x1a\x07\x01\x00" + block(1, 0, 0)
    for name, content in members:
        size, raw = len(content), name.encode()
        more = struct.pack("<I", zlib.crc32(content)) + number(0) + number(1)
        made += block(2, 2, size, 4, size, FILE, more=more + number(len(raw)) + raw) + content
    return made + block(5, 0, 0)
