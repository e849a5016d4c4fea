"""Hostile .zip, .tar, .tgz, .gz, .bz2 and .xz files."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable

from tests.poison.kinds import ARABIC, MEBIBYTE, Poison, of, sparse, zipped
from tests.poison.texts import GOOD_LINE

LOCAL, CENTRAL = b"PK\x03\x04", b"PK\x01\x02"


def zeros(mebibytes: int, window: int = -15, start: bytes = b"") -> bytes:
    """Return so many MiB of zeros (after a start: of spaces) deflated, without the time it takes."""
    packer = zlib.compressobj(9, zlib.DEFLATED, window)
    piece = (b" " if start else b"\0") * MEBIBYTE
    first = packer.compress(start + piece) + packer.flush(zlib.Z_FULL_FLUSH)
    again = packer.compress(piece) + packer.flush(zlib.Z_FULL_FLUSH)
    return first + again * (mebibytes - 1) + packer.flush()


def endless(name: str, mebibytes: int, start: bytes = b"") -> bytes:
    """Return a zip of one member that unpacks to so many MiB of zeros, or of spaces after a start."""
    content = zeros(mebibytes, -15, start)
    size = mebibytes * MEBIBYTE + len(start)
    raw = name.encode()
    fields = struct.pack("<HHHHIIIHH", 0, 8, 0, 33, 0, len(content), size, len(raw), 0)
    local = LOCAL + struct.pack("<H", 20) + fields + raw + content
    central = CENTRAL + struct.pack("<HH", 20, 20) + fields + struct.pack("<HHHII", 0, 0, 0, 0, 0)
    end = struct.pack("<HHHHIIH", 0, 0, 1, 1, len(central + raw), len(local), 0)
    return local + central + raw + b"PK\x05\x06" + end


def lying(size: int) -> bytes:
    """Return a zip whose member says that it is of another size than it is."""
    made = bytearray(endless("a.txt", 200))
    for mark, at in ((LOCAL, 22), (CENTRAL, 24)):
        struct.pack_into("<I", made, made.index(mark) + at, size)
    return bytes(made)


def patched(content: bytes, at: int, value: bytes) -> bytes:
    """Return a zip with other bytes at a place of every header of its members.

    The place is that in the local header; the central one has it two bytes later.
    """
    made = bytearray(content)
    for mark, shift in ((LOCAL, 0), (CENTRAL, 2)):
        start = made.find(mark)
        while start >= 0:
            made[start + at + shift : start + at + shift + len(value)] = value
            start = made.find(mark, start + 4)
    return bytes(made)


def locked(content: bytes) -> bytes:
    """Return a zip whose members are said to be encrypted."""
    return patched(content, 6, b"\x01\0")


def overlapping(number: int) -> bytes:
    """Return a zip in which one member's bytes are those of many (David Fifield's kernel)."""
    content = bytearray(endless("0000.txt", 64))
    start = content.index(CENTRAL)
    entry = bytes(content[start : content.index(b"PK\x05\x06")])
    entries = b"".join(entry.replace(b"0000", f"{n:04}".encode()) for n in range(number))
    end = struct.pack("<HHHHIIH", 0, 0, number, number, len(entries), start, 0)
    return bytes(content[:start]) + entries + b"PK\x05\x06" + end


def nested(depth: int, width: int) -> bytes:
    """Return zips in zips, as 42.zip has them."""
    content = endless("a.txt", 30)
    for _ in range(depth):
        content = zipped({f"{n}.zip": content for n in range(width)})
    return content


def shells(depth: int, make: Callable[[bytes], bytes], content: bytes) -> bytes:
    for _ in range(depth):
        content = make(content)
    return content


def linked() -> bytes:
    """Return a zip with a link to a file outside."""
    kept = io.BytesIO()
    with zipfile.ZipFile(kept, "w") as archive:
        link = zipfile.ZipInfo("passwd.txt")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
        archive.writestr(zipfile.ZipInfo("good.txt"), ARABIC)
    return kept.getvalue()


def tarred(*members: tuple[str, bytes, bytes], **options: int) -> bytes:
    """Return a tar of (name, type, content) members."""
    kept = io.BytesIO()
    with tarfile.open(fileobj=kept, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for name, kind, content in members:
            info = tarfile.TarInfo(name)
            info.type = kind
            info.linkname = "/etc/passwd" if kind in (tarfile.SYMTYPE, tarfile.LNKTYPE) else ""
            info.size = len(content) if kind == tarfile.REGTYPE else 0
            archive.addfile(info, io.BytesIO(content))
    made = bytearray(kept.getvalue())
    if (size := options.get("size")) is not None:
        made[124:136] = (
            b"\xff" * 4 + struct.pack(">q", size)
            if size < 0
            else b"\x80" + bytes(3) + struct.pack(">q", size)
        )
        sum_at = made[:148] + b" " * 8 + made[156:512]
        made[148:156] = b"%06o\0 " % sum(sum_at)
    return bytes(made)


def headers(number: int) -> bytes:
    """Return a tar of extended headers that follow each other without end."""
    record = b"20 comment=xxxxxxxx\n"
    info = tarfile.TarInfo("x")
    info.type, info.size = tarfile.XHDTYPE, len(record)
    return (info.tobuf() + record.ljust(512, b"\0")) * number


REG = tarfile.REGTYPE
TEXT = ARABIC.encode()
LINE = GOOD_LINE.encode()
HOSTILE_NAMES = (
    "../../etc/cron.txt",
    "/etc/passwd.txt",
    "..\\..\\x.txt",
    "C:\\x.txt",
    "a/../../b.txt",
)

ZIPS = (
    of("empty.zip", "empty", b""),
    of("nothing.zip", "empty", lambda: zipped({})),
    of("folders.zip", "empty", lambda: zipped({f"f{n}/": "" for n in range(1_000)})),
    of("pictures.zip", "unsupported", lambda: zipped({"a.png": b"\x89PNG", "b.exe": b"MZ"})),
    of("flat.zip", "too-large", lambda: endless("a.txt", 1_000)),
    of("flat-lines.zip", "bomb", lambda: endless("a.jsonl", 300)),
    of("small-bomb.zip", "bomb", lambda: endless("a.txt", 65)),
    of("lying-small.zip", "damaged", lambda: lying(10)),
    of("lying-large.zip", "bomb", lambda: lying(0xFFFFFFFE)),
    of("overlapping.zip", "bomb", lambda: overlapping(1_000)),
    of("nested.zip", "nested", lambda: nested(5, 4)),
    of("deep.zip", "nested",
       lambda: shells(100, lambda c: zipped({"a.zip": c}), zipped({"a.txt": TEXT}))),
    of("traversal.zip", "read+unsafe-name",
       lambda: zipped((name, TEXT) for name in (*HOSTILE_NAMES, "good.txt"))),
    of("controls.zip", "read+unsafe-name",
       lambda: zipped({"a\x1b[31m.txt": TEXT, "b\n.txt": TEXT, "good.txt": TEXT})),
    of("long-name.zip", "read+unsafe-name",
       lambda: zipped({"a" * 5_000 + ".txt": TEXT, "good.txt": TEXT})),
    of("link.zip", "not-regular+read", linked),
    of("locked.zip", "encrypted", lambda: locked(zipped({"a.txt": TEXT}))),
    of("method.zip", "unsupported", lambda: patched(zipped({"a.txt": TEXT}), 8, b"\x62\0")),
    of("checksum.zip", "damaged", lambda: patched(zipped({"a.txt": TEXT}), 14, b"\1\2\3\4")),
    of("cut.zip", "damaged", lambda: zipped({"a.txt": TEXT})[:-30]),
    of("junk-before.zip", "read", lambda: b"MZ" + bytes(9_999) + zipped({"good.txt": TEXT})),
    of("comment.zip", "damaged",
       lambda: zipped({"good.txt": TEXT})[:-2] + b"\xff\xff" + b"PK\x05\x06" * 16_383 + b"abc"),
    of("many.zip", "bomb", lambda: many(100_001)),
    of("twice.zip", "duplicate-id+read", lambda: zipped([("good.txt", TEXT), ("good.txt", TEXT)])),
    of("poison.zip", "damaged+not-text+read",
       lambda: zipped({"a.pdf": b"%PDF-1.7", "b.txt": b"\0", "good.txt": TEXT})),
    of("metadata.zip", "not-json",
       lambda: zipped([("a.txt", TEXT), ("a.meta.json", "[" * 100_000)])),
    of("zip64.zip", "bomb", lambda: zip64()),
    of("rar.zip", "damaged", b"Rar!\x1a\x07\x00" + bytes(99)),
    sparse("zeros.zip", "damaged", 3 << 30, LOCAL),
)  # fmt: skip


def many(number: int) -> bytes:
    """Return a zip of empty members by the number, made by hand because zipfile takes seconds."""
    entry = CENTRAL + struct.pack(
        "<HHHHHHIIIHHHHHII", 20, 20, 0, 0, 0, 33, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0
    )
    directory = b"".join(entry + f"{n:05}".encode()[-5:] + b".txt" for n in range(number))
    end = struct.pack("<HHHHIIH", 0, 0, 0xFFFF, 0xFFFF, len(directory), 0, 0)
    record = struct.pack(
        "<4sQHHIIQQQQ", b"PK\x06\x06", 44, 45, 45, 0, 0, number, number, len(directory), 0
    )
    locator = struct.pack("<4sIQI", b"PK\x06\x07", 0, len(directory), 1)
    return directory + record + locator + b"PK\x05\x06" + end


def zip64() -> bytes:
    """Return a zip that says it has 2**63 members."""
    record = struct.pack(
        "<4sQHHIIQQQQ", b"PK\x06\x06", 44, 45, 45, 0, 0, 1 << 63, 1 << 63, 1 << 62, 0
    )
    locator = struct.pack("<4sIQI", b"PK\x06\x07", 0, 0, 1)
    return record + locator + b"PK\x05\x06" + b"\xff" * 16 + b"\0\0"


TARS = (
    of("empty.tar", "empty", b""),
    of("empty.tgz", "empty", b""),
    of("not-tar.tar", "damaged", TEXT * 99),
    of(
        "links.tar",
        "not-regular+read",
        lambda: tarred(
            ("s.txt", tarfile.SYMTYPE, b""),
            ("h.txt", tarfile.LNKTYPE, b""),
            ("good.txt", REG, TEXT),
        ),
    ),
    of(
        "devices.tar",
        "not-regular+read",
        lambda: tarred(
            ("c.txt", tarfile.CHRTYPE, b""),
            ("p.txt", tarfile.FIFOTYPE, b""),
            ("good.txt", REG, TEXT),
        ),
    ),
    of("traversal.tar", "read+unsafe-name",
       lambda: tarred(*((n, REG, TEXT) for n in (*HOSTILE_NAMES, "good.txt")))),
    of("negative.tar", "damaged", lambda: tarred(("a.txt", REG, TEXT), size=-(1 << 40))),
    of("vast.tar", "damaged", lambda: tarred(("a.txt", REG, TEXT), size=1 << 60)),
    of("sparse.tar", "not-regular", lambda: tarred(("a.txt", tarfile.GNUTYPE_SPARSE, b""))),
    of("headers.tar", "damaged", lambda: headers(1_000)),
    of("cut.tar", "damaged", lambda: tarred(("a.txt", REG, TEXT * 99))[:2_000]),
    of("long-name.tar", "read+unsafe-name",
       lambda: tarred(("a" * 90_000 + ".txt", REG, TEXT), ("good.txt", REG, TEXT))),
    of("deep.tar", "nested", lambda: shells(10, lambda c: tarred(("a.tar", REG, c)), TEXT)),
    of("bomb.tgz", "bomb", lambda: gz(tarred(("a.txt", REG, b""), size=300 * MEBIBYTE)[:512], 300)),
    of("plain.tgz", "damaged", lambda: gzip.compress(TEXT, mtime=0)),
    sparse("zeros.tar", "empty", 4 << 30),
)  # fmt: skip


def gz(start: bytes, mebibytes: int) -> bytes:
    """Return two gzip members: these bytes, then so many MiB of zeros."""
    return gzip.compress(start, mtime=0) + zeros(mebibytes, 31)


def stacked(depth: int) -> bytes:
    return shells(depth, lambda content: gzip.compress(content, mtime=0), TEXT)


GZIPS = (
    of("empty.gz", "empty", b""),
    of("zeros.txt.gz", "bomb", lambda: zeros(300, 31)),
    of("zeros.jsonl.gz", "bomb", lambda: zeros(300, 31)),
    of("members.jsonl.gz", "read",
       lambda: gzip.compress(LINE + b"\n", mtime=0) * 1 + gzip.compress(b"\n", mtime=0) * 50_000),
    of("empty-members.txt.gz", "empty", lambda: gzip.compress(b"", mtime=0) * 20_000),
    of("cut.txt.gz", "damaged", lambda: gzip.compress(TEXT * 99, mtime=0)[:-9]),
    of(
        "cut.jsonl.gz",
        "damaged",
        lambda: gzip.compress(
            b"".join(b'{"id": "g%d", "text": "%d"}\n' % (n, n * n) for n in range(9_999)), mtime=0
        )[:-99],
    ),
    of("large-text.txt.gz", "too-large", lambda: gzip.compress(b"ab cd " * 1_700_000, mtime=0)),
    of("checksum.txt.gz", "damaged", lambda: gzip.compress(TEXT, mtime=0)[:-8] + bytes(8)),
    of("junk-after.txt.gz", "damaged", lambda: gzip.compress(TEXT, mtime=0) + b"junk" * 99),
    of("stacked.txt.gz", "not-text", lambda: stacked(100)),
    of("nested.tar.gz.gz.gz.gz", "nested", lambda: stacked(4)),
    of("exe.gz", "unsupported", lambda: gzip.compress(b"MZ", mtime=0)),
    of("plain.txt.gz", "damaged", TEXT),
)  # fmt: skip


def wide_xz() -> bytes:
    """Return an xz that wants a dictionary of 1.5 GiB to be unpacked."""
    made = bytearray(lzma.compress(TEXT, format=lzma.FORMAT_XZ))
    # The header of the first block: its size, flags, then LZMA2 with one byte of properties.
    at = made.index(b"\x21\x01") + 2
    made[at] = 39
    end = 12 + (made[12] + 1) * 4
    made[end - 4 : end] = struct.pack("<I", zlib.crc32(made[12 : end - 4]))
    return bytes(made)


OTHERS = (
    of("empty.bz2", "empty", b""),
    of("zeros.txt.bz2", "bomb", lambda: bz2.compress(bytes(64 * MEBIBYTE + 1))),
    of("cut.txt.bz2", "damaged", lambda: bz2.compress(TEXT * 99)[:-9]),
    of("plain.txt.bz2", "damaged", TEXT),
    of("empty.xz", "empty", b""),
    of("zeros.txt.xz", "bomb", lambda: lzma.compress(bytes(64 * MEBIBYTE + 1), preset=0)),
    of("wide.txt.xz", "memory", wide_xz),
    of("cut.txt.xz", "damaged", lambda: lzma.compress(TEXT * 99)[:-9]),
    of("plain.txt.xz", "damaged", TEXT),
)

POISON: tuple[Poison, ...] = (*ZIPS, *TARS, *GZIPS, *OTHERS)
