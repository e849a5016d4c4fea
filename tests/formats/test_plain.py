"""Texts: .txt and .md."""

from __future__ import annotations

from io import BytesIO

import pytest

from indexer.extraction import plain
from indexer.extraction.registry import Extracted, Options
from search.errors import SourceError
from tests.formats.reading import FRAGILE, SEED, check_damage, refusal


def read(content: bytes, name: str, encoding: str = "") -> Extracted:
    (found,) = plain.read(BytesIO(content), name, Options(encoding=encoding))
    assert isinstance(found, Extracted)
    return found


def test_a_text_is_kept_code_point_for_code_point() -> None:
    text = f"  {FRAGILE}\r\n\r\n\tسطر  آخر \n"
    found = read(text.encode(), "مجلد/خبر.txt")
    assert found.fields == {"text": text}
    assert (found.size, found.notes) == (len(text.encode()), ())


@pytest.mark.parametrize(
    ("name", "text", "title"),
    [
        ("a.md", "\n# عنوان النص \nسطر", "عنوان النص"),
        ("a.MD", "# عنوان", "عنوان"),
        ("a.md", "## عنوان فرعي\nسطر", None),
        ("a.md", "سطر\n# عنوان", None),
        ("a.txt", "# ليس عنوانا", None),
    ],
)
def test_the_title_of_a_markdown(name: str, text: str, title: str | None) -> None:
    found = read(text.encode(), name)
    assert found.fields.get("title") == title
    assert found.fields["text"] == text


def test_an_encoding_that_is_not_utf_8_is_said() -> None:
    found = read("\n".join(SEED).encode("cp1256", "ignore"), "a.txt", "windows-1256")
    (note,) = found.notes
    assert note.lower().startswith(("windows-1256 (", "cp1256 ("))


@pytest.mark.parametrize("content", [b"", b" \n\t\r\n", "\ufeff".encode()])
def test_no_text(content: bytes) -> None:
    with pytest.raises(SourceError) as error:
        read(content, "a.txt")
    assert error.value.code == "empty"


def test_too_large() -> None:
    class Endless(BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            assert size is not None
            assert size > 0
            return b"a" * size

    with pytest.raises(SourceError) as error:
        list(plain.read(Endless(), "a.txt", Options()))
    assert error.value.code == "too-large"


def test_damage() -> None:
    assert refusal(b"\x00\x01\x02\xff" * 9, "plain")
    check_damage("\n".join(SEED[:3]).encode(), "plain")
