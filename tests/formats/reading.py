"""What the tests of formats share: the seed article, and bytes read as a file of a name."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import date
from importlib import import_module
from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.extraction.registry import Extracted, Options, Reader
from indexer.sources import Failure
from search.errors import SourceError
from tests.formats import building
from tests.formats.parts import with_id
from tests.support import SEEDS

SEED = (SEEDS / "000_68ec81c8af20b3f5.txt").read_text(encoding="utf-8").split("\n")
TITLE = "ضرباتٌ جويّة في العراق"
AUTHOR = "أ. د. فاطمة الزهراء"
DAY = date(2024, 1, 24)

# Letters that libraries like to lose: marks in an order that NFC would change, zero-width
# joiners, Quran numbering, presentation forms, a direction mark, tatweel.
FRAGILE = "مُّدَرَّسٌ می\u200cخواهم ه\u200d \u06dd\u0663 ﻻ\u200f ـــ \u0653ا"

Builder = Callable[..., bytes]
BUILDERS: dict[str, Builder] = {
    "html": building.html_of,
    "docx": building.docx_of,
    "odt": building.odt_of,
    "epub": building.epub_of,
    "eml": building.eml_of,
}
_MODULES = {"eml": "mail", "msg": "outlook", "json": "objects", "txt": "plain", "xml": "xml_kinds"}


def reader(kind: str) -> Reader:
    found: Reader = import_module(f"indexer.extraction.{_MODULES.get(kind, kind)}").read
    return found


def items(content: bytes, kind: str, options: Options | None = None) -> list[Extracted | Failure]:
    name = f"a/b.{kind}"
    found = reader(kind)(BytesIO(content), name, options or Options())
    return [with_id(item, name) for item in found]


def article(content: bytes, kind: str, options: Options | None = None) -> Extracted:
    (found,) = items(content, kind, options)
    assert isinstance(found, Extracted)
    return found


def lines(content: bytes, kind: str, options: Options | None = None) -> list[str]:
    text = article(content, kind, options).fields["text"]
    assert isinstance(text, str)
    return text.split("\n")


def refusal(content: bytes, kind: str) -> str:
    with pytest.raises(SourceError) as error:
        items(content, kind)
    return error.value.code


def check_damage(
    content: bytes, kind: str, wrapped: Callable[[bytes], bytes] = lambda damaged: damaged
) -> None:
    """Check that no way of breaking a file, or a part that is wrapped, escapes SourceError."""

    @settings(max_examples=150, deadline=None)
    @given(st.data())
    def broken(data: st.DataObject) -> None:
        damaged = bytearray(content)
        for _ in range(data.draw(st.integers(0, 8))):
            place = data.draw(st.integers(0, len(damaged) - 1))
            damaged[place] = data.draw(st.integers(0, 255))
        end = data.draw(st.integers(0, len(damaged)) | st.just(len(damaged)))
        with suppress(SourceError):
            items(wrapped(bytes(damaged[:end])), kind)

    broken()
