"""Outlook's letters as bytes: a compound file (MS-CFB) of properties (MS-OXMSG)."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Union

Tree = Mapping[str, Union[bytes, "Tree"]]

SECTOR, LEAST = 512, 4_096  # bytes; a smaller stream would be kept in another one
NONE, END, FAT = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD


def compound(tree: Tree) -> bytes:
    """Return a compound file of streams and storages; streams are padded with zeros."""
    content, fat, entries = bytearray(), list[int](), list[bytes]()

    def kept(data: bytes) -> int:
        first, data = len(fat), data + bytes(-len(data) % SECTOR)
        content.extend(data)
        fat.extend([*range(first + 1, first + len(data) // SECTOR), END])
        return first

    def add(name: str, node: bytes | Tree, right: int, kind: int) -> int:
        """Add an entry, which has the next of its folder on its right; return its number."""
        child, start, size = NONE, END, 0
        if isinstance(node, bytes):
            start, size = kept(node.ljust(LEAST, b"\0")), max(len(node), LEAST)
        number = len(entries)
        entries.append(b"")
        if not isinstance(node, bytes):
            for inner, its in node.items():
                child = add(inner, its, child, 2 if isinstance(its, bytes) else 1)
        shown = name.encode("utf-16-le") + bytes(2)
        entries[number] = struct.pack(
            "<64sHBBIII16xI16xIQ", shown, len(shown), kind, 1, NONE, right, child, 0, start, size
        )
        return number

    add("Root Entry", tree, NONE, 5)
    directory = kept(b"".join(entries))
    sectors = -(-(len(fat) + 1) // (SECTOR // 4 - 1))  # of the table itself
    table = [*fat, *[FAT] * sectors]
    table += [NONE] * (-len(table) % (SECTOR // 4))
    difat = [*range(len(fat), len(fat) + sectors), *[NONE] * (109 - sectors)]
    head = struct.pack(
        "<8s16xHHHHH6xIIIIIIIII109I", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", 0x3E, 3, 0xFFFE, 9, 6,
        0, sectors, directory, 0, LEAST, END, 0, END, 0, *difat,
    )  # fmt: skip
    return head + bytes(content) + struct.pack(f"<{len(table)}I", *table)


def wide(text: str) -> bytes:
    return text.encode("utf-16-le")


def msg(
    streams: Mapping[str, bytes],
    numbers: Mapping[int, int] | None = None,
    attached: Sequence[Tree] = (),
    *,
    inside: bool = False,
) -> Tree:
    """Return a letter: its streams by number and type ("1000001F"), numbers by tag."""
    table = b"".join(struct.pack("<IIQ", tag, 6, value) for tag, value in (numbers or {}).items())
    return {
        "__properties_version1.0": bytes(24 if inside else 32) + table,
        **{f"__substg1.0_{name}": content for name, content in streams.items()},
        **{f"__attach_version1.0_#{n:08X}": each for n, each in enumerate(attached)},
    }


def attachment(name: str, letter: Tree | None = None) -> Tree:
    """Return an attached file, or letter."""
    data = (
        {"__substg1.0_37010102": b"x" * 9} if letter is None else {"__substg1.0_3701000D": letter}
    )
    return {"__properties_version1.0": bytes(8), "__substg1.0_3707001F": wide(name), **data}
