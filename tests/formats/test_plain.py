"""Texts and Markdown, with front matter."""

from __future__ import annotations

from io import BytesIO

import pytest

from indexer.extraction import plain
from indexer.extraction.registry import Extracted, Options
from tests.formats.reading import FRAGILE, SEED, check_damage, refusal
from tests.support import REPOSITORY

TEXTS = REPOSITORY / "tests" / "fixtures" / "texts"


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
        ("a.markdown", "# عنوان", "عنوان"),
        ("a.txt", "# ليس عنوانا", None),
        ("a.log", "# ليس عنوانا", None),
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


def test_damage() -> None:
    assert refusal(b"\x00\x01\x02\xff" * 9, "plain")
    check_damage("\n".join(SEED[:3]).encode(), "plain")


def test_the_front_matter_that_pandoc_writes() -> None:
    found = read((TEXTS / "pandoc.md").read_bytes(), "pandoc.md")
    fields = dict(found.fields)
    assert str(fields.pop("text")).strip().startswith("# باب الكلب\n\nقال الجاحظ")
    assert found.notes == ()
    assert fields == {
        "title": "الحيوان: باب في الكلاب",
        "author": "الجاحظ, عبد السلام هارون",
        "published": "2024-01-31",
        "tags": ["أدب", "تراث عربي"],
        "language": "ar",
    }


@pytest.mark.parametrize(
    ("head", "known"),
    [
        ("---\ntitle: 'دار ''السلام'''  # تعليق\n---", {"title": "دار 'السلام'"}),
        ("---\nالعنوان: خبر: عاجل\nالكاتب: سعاد\n---", {"title": "خبر: عاجل", "author": "سعاد"}),
        ("---\ntags: [\"أ، ب\", ج, 'د']\n...", {"tags": ["أ، ب", "ج", "د"]}),
        ("---\ntags:\n- أ\n- ب # ت\nlang: ar\n---", {"tags": ["أ", "ب"], "language": "ar"}),
        ("---\nauthor:\n  name: سعاد\n  age: 3\n---", {"author": "سعاد"}),
        ("---\nauthors:\n  - name: سعاد\n    x: 1\n  - هدى\n---", {"author": "سعاد, هدى"}),
        ("---\ntitle: >\n  سطر\n  وسطر\ndraft: false\n---", {"title": "سطر وسطر"}),
        ("---\r\npublished: true\r\ndate: 2024-01-31\r\n---", {"published": "2024-01-31"}),
        ("---\nsource: https://a.example/1\n---", {"url": "https://a.example/1"}),
        ("---\nsource: الدار\nurl: https://b.example\n---",
         {"source": "الدار", "url": "https://b.example"}),
        ('+++\ntitle = "خبر"\ndate = 2024-01-31T10:00:00Z\ntags = ["أ"]\n+++',
         {"title": "خبر", "published": "2024-01-31", "tags": ["أ"]}),
        ("---\ntitle: &a [*a, *a]\nx: !!python/object/apply:os.system [id]\n---",
         {"title": "&a [*a, *a]"}),
        ("---\nid: 7\ntext: غيره\ntitle: خبر\n---", {"title": "خبر"}),
    ],
)  # fmt: skip
def test_front_matter(head: str, known: dict[str, object]) -> None:
    for name in ("a.md", "a.txt"):
        assert read(f"{head}\nالنص".encode(), name).fields == {**known, "text": "النص"}


@pytest.mark.parametrize(
    "text",
    [
        "---\nسطر بلا مفتاح\n---\nنص",
        "---\ntitle: لا نهاية\nنص",
        "---\n\n---\nنص",
        "---\n- قائمة\n---\nنص",
        "+++\ntitle: ليس TOML\n+++\nنص",
        "+++\na = " + "[" * 8_000 + "\n+++\nنص",
        "نص\n---\ntitle: في الوسط\n---\n",
        "---\n" + "k: v\n" * 10_000 + "---\nنص",
    ],
)
def test_what_is_no_front_matter_stays_in_the_text(text: str) -> None:
    assert read(text.encode(), "a.md").fields == {"text": text}


def test_what_front_matter_says_never_costs_the_text() -> None:
    found = read("---\ndate: قريبا\ntitle: خبر\nurl: javascript:x\n---\nنص".encode(), "a.md")
    assert found.fields == {"title": "خبر", "text": "نص"}
    assert len(found.notes) == 2
