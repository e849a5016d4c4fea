"""Packed texts come back code point for code point, and damage is found out."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.engines.embedded.packing import pack, unpack

TEXTS = [
    "",
    "العراق",
    "قَصَفَ ¶ l'état",
    "پچژگ",
    "٢٠٢٣",
    "漢字",
    "\x00\n",
    "x" * 100_000,
    "😀",
    "漢" * 2_000,
    "\x8d\u200c",
]


@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
def test_any_text_comes_back(text: str) -> None:
    assert unpack(pack(text)) == text


@given(st.text())
def test_any_text_at_all_comes_back(text: str) -> None:
    assert unpack(pack(text)) == text


def test_arabic_takes_a_byte_a_letter() -> None:
    assert len(pack("العراق قَصَفَ")) <= len("العراق قَصَفَ") + 5


@pytest.mark.parametrize("text", ["العراق وإيران", "漢字 漢字", "漢字" * 600])
def test_no_flipped_bit_makes_another_text(text: str) -> None:
    packed = pack(text)
    for bit in range(8 * len(packed)):
        damaged = bytearray(packed)
        damaged[bit // 8] ^= 1 << bit % 8
        with contextlib.suppress(ValueError):
            assert unpack(bytes(damaged)) == text  # a bit that says nothing


def test_a_text_of_another_place_is_refused() -> None:
    with pytest.raises(ValueError, match="checksum"):
        unpack(pack("العراق", 1), 2)


@pytest.mark.parametrize("damaged", [b"", b"\x01", b"\x01\x00\x00", b"\x02", b"x", b"\x02\x78"])
def test_what_was_not_packed_is_refused(damaged: bytes) -> None:
    with pytest.raises(ValueError, match=r"checksum|packed"):
        unpack(damaged)
