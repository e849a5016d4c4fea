"""Documents as LibreOffice writes them, beside those that are built here: read whole."""

from __future__ import annotations

import re

import pytest

from tests.formats.parts import articles_of, items_of
from tests.formats.test_pdf import FIXTURES, SENTENCES, TEXTS

OFFICE = FIXTURES.parent / "office"
BODY = """الحيوان: باب في الكلاب
الجاحظ
عبد السلام هارون
2024-01-31
ملخص الكتاب في سطر واحد.
باب الكلب
قال الجاحظ في كتابه إن الكلب أوفى الحيوان، وهو أليف لصاحبه.
فصل في الوفاء
وللكلب عند الناس فضل ومنة
أولا: الحراسة
ثانيا: الصيد
البيت | الشاعر
قفا نبك | امرؤ القيس
قفا نبك من ذكرى حبيب ومنزل بسقط اللوى بين الدخول فحومل
طبعة دار الجيل، بيروت."""
# In a web page a line break ends a line.
PANDOC = {"docx": BODY, "odt": BODY, "epub": BODY.replace("ومنزل بسقط", "ومنزل\nبسقط")}


@pytest.mark.parametrize("kind", ["docx", "odt", "epub"])
def test_what_libreoffice_writes(kind: str) -> None:
    folder = OFFICE if kind == "epub" else FIXTURES
    content = (folder / f"libreoffice.{kind}").read_bytes()
    (found,) = articles_of(items_of(f"d/a.{kind}", content))
    rows = [" | ".join(row) for row in TEXTS["cells"]]
    text = found.fields["text"]
    assert isinstance(text, str)
    assert [line for line in text.split("\n") if line] == [*SENTENCES, *TEXTS["bullets"], *rows]
    assert found.fields["title"] == "نص للفحص"
    assert "author" not in found.fields


@pytest.mark.parametrize("kind", ["docx", "odt", "epub"])
def test_what_pandoc_writes(kind: str) -> None:
    (found,) = articles_of(items_of(f"d/a.{kind}", (OFFICE / f"pandoc.{kind}").read_bytes()))
    text = str(found.fields["text"])
    assert "\n".join(line for line in text.splitlines() if line != "Abstract") == PANDOC[kind]
    assert found.fields["title"] == "الحيوان: باب في الكلاب"
    assert re.split("[;،] ", str(found.fields["author"])) == ["الجاحظ", "عبد السلام هارون"]
    if kind != "epub":  # has none
        assert found.fields["tags"] == ["أدب", "تراث عربي"]
