"""Documents as LibreOffice writes them, beside those that are built here: read whole."""

from __future__ import annotations

import pytest

from tests.formats.parts import articles_of, items_of
from tests.formats.test_pdf import FIXTURES, SENTENCES, TEXTS


@pytest.mark.parametrize("kind", ["docx", "odt"])
def test_what_libreoffice_writes(kind: str) -> None:
    content = (FIXTURES / f"libreoffice.{kind}").read_bytes()
    (found,) = articles_of(items_of(f"d/a.{kind}", content))
    rows = [" | ".join(row) for row in TEXTS["cells"]]
    text = found.fields["text"]
    assert isinstance(text, str)
    assert [line for line in text.split("\n") if line] == [*SENTENCES, *TEXTS["bullets"], *rows]
    assert found.fields["title"] == "نص للفحص"
