"""Bytes to text: never a guess, never a replacement character."""

from __future__ import annotations

import codecs
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.encodings import decode, lines
from search.errors import SourceError


@pytest.mark.parametrize(
    "content",
    [
        "نص".encode(),
        codecs.BOM_UTF8 + "نص".encode(),
        codecs.BOM_UTF16_LE + "نص".encode("utf-16-le"),
        codecs.BOM_UTF16_BE + "نص".encode("utf-16-be"),
    ],
)
def test_encodings(content: bytes) -> None:
    assert decode(content) == "نص"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("نص".encode() + b"\xe3 ", "not UTF-8: byte 4 (0xe3) cannot be read"),
        ("نص".encode("cp1256"), "not UTF-8: byte 0"),
        (b"\xed\xa0\x80", "not UTF-8: byte 0"),  # half of a surrogate pair
        (b"abc\0", "character 3 is NUL"),
        ("نص abc".encode("utf-16-le"), "NUL"),
        (codecs.BOM_UTF16_LE + b"\x00\xd8", "not UTF-16: byte 2"),
        (codecs.BOM_UTF16_LE + b"a", "not UTF-16: byte 2"),
    ],
)
def test_refusals(content: bytes, message: str) -> None:
    with pytest.raises(SourceError) as error:
        decode(content)
    assert message in str(error.value)


def read(content: bytes, limit: int = 100) -> list[tuple[int, str, str]]:
    return [(line.number, line.text, line.problem) for line in lines(BytesIO(content), limit)]


def test_lines() -> None:
    assert read(b"a\n\nb\r\nc") == [(1, "a", ""), (2, "", ""), (3, "b\r", ""), (4, "c", "")]
    assert read(b"") == []
    assert read(codecs.BOM_UTF8 + b"a\n" + codecs.BOM_UTF8 + b"b") == [
        (1, "a", ""),
        (2, "\ufeffb", ""),
    ]


def test_a_bad_line_fails_alone_and_names_its_offset_in_the_file() -> None:
    first, second, third = read("نص\n".encode() + b"b\xff\nc\n")
    assert (first[1], third[1]) == ("نص", "c")
    assert "byte 6 (0xff) cannot be read" in second[2]


def test_a_long_line_fails_alone() -> None:
    first, second = read(b"x" * 101 + b"\nb", limit=100)
    assert "102 bytes, and 100 are the most" in first[2]
    assert second == (2, "b", "")
    assert read(b"x" * 100 + b"\n", limit=100) == [(1, "x" * 100, "")]


@pytest.mark.parametrize("order", ["utf-16-le", "utf-16-be"])
def test_utf16_lines(order: str) -> None:
    assert read(("\ufeffنص\nb\n" * 1).encode(order)) == [(1, "نص", ""), (2, "b", "")]


@pytest.mark.parametrize("broken", [b"\x00\xd8", b"\x00\xdc", b"c"])
def test_utf16_that_is_broken_fails_in_its_line_alone(broken: bytes) -> None:
    content = codecs.BOM_UTF16_LE + "a\nb\n".encode("utf-16-le") + broken
    first, second, third = read(content)
    assert (first[1], second[1]) == ("a", "b")
    assert "not UTF-8" in third[2]


@given(st.binary(max_size=300), st.integers(1, 50))
def test_sizes_add_up(content: bytes, limit: int) -> None:
    found = list(lines(BytesIO(content), limit))
    if not content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        assert sum(line.size for line in found) == len(content)
    assert [line.number for line in found] == list(range(1, len(found) + 1))


@pytest.mark.slow
def test_a_line_of_100_megabytes_is_passed_over_in_little_memory() -> None:
    import tracemalloc

    class Endless(BytesIO):
        left = 100 << 20

        def read(self, size: int | None = -1) -> bytes:
            assert size is not None
            size = min(size, self.left)
            self.left -= size
            return b"x" * size if self.left else b"x" * (size - 6) + b"\nlast\n" if size else b""

    tracemalloc.start()
    first, second = lines(Endless(), 1 << 20)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "104,857,595 bytes, and 1,048,576 are the most" in first.problem
    assert second.text == "last"
    assert peak < 8 << 20
