"""OpenITI's mARkdown, and books that are longer than an article may be."""

from __future__ import annotations

import os
import zipfile
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.extraction import plain
from indexer.extraction.book_parts import parts_of
from indexer.extraction.registry import Extracted, Options
from indexer.sources import Found, Skipped
from indexer.sources.listing import list_files
from indexer.sources.reading import read_articles
from tests.formats.reading import check_damage

BOOK = """######OpenITI#

#META# 000.BookURI\t:: 0255Jahiz.Hayawan
#META# 010.AuthorAKA\t:: الجاحظ
#META# 010.AuthorNAME\t:: عمرو بن بحر الجاحظ ¶ الجاحظ
#META# 011.AuthorDIED\t:: 0255
#META# 020.BookTITLE\t:: الحيوان
#META# 021.BookSUBJ\t:: أدب :: حيوان
#META# 043.EdPUBLISHER\t:: NODATA
#META#Header#End#

# PageV01P001
### | باب [الكلب]
# قال الجاحظ في كتابه PageV01P002 إن الكلب
~~ أوفى ms012 الحيوان
~~ لصاحبه.
# قفا نبك %~% بسقط اللوى PageV01P003
### $BIO_MAN$ زيد بن ثابت @PER02 رضي الله عنه
"""
TEXT = """باب [الكلب]
قال الجاحظ في كتابه إن الكلب أوفى الحيوان لصاحبه.
قفا نبك * بسقط اللوى
زيد بن ثابت رضي الله عنه"""


def read(text: str, name: str = "a.mARkdown") -> list[Extracted]:
    found = list(plain.read(BytesIO(text.encode()), name, Options()))
    return [item for item in found if isinstance(item, Extracted)]


@pytest.mark.parametrize(
    "name", ["a.mARkdown", "a.completed", "a.txt", "0255Jahiz.Hayawan.JK1-ara1"]
)
def test_a_book(name: str) -> None:
    (found,) = read(BOOK.replace("\n", "\r\n") if name == "a.txt" else BOOK, name)
    assert found.fields == {
        "text": TEXT,
        "title": "الحيوان",
        "author": "عمرو بن بحر الجاحظ",
        "tags": ["أدب", "حيوان", "ت 255 هـ"],
        "fihris_places": [
            (0, "page", "1/2"),  # the first page has no text
            (TEXT.index("إن الكلب"), "page", "1/3"),
        ],
    }


def test_the_heads_of_other_libraries_and_of_none() -> None:
    shamela = (
        "######OpenITI#\n#META# الكتاب: الأم\n#META# المؤلف: الشافعي: محمد\n#META#Header#End#\n# نص"
    )
    (found,) = read(shamela)
    assert (found.fields["title"], found.fields["author"]) == ("الأم", "الشافعي: محمد")
    (found,) = read("######OpenITI#\n#META#Header#End#\n# نص", "x/0204Shafici.Umm.Shamela1-ara1")
    known = {"title": "Umm", "author": "Shafici", "tags": ["ت 204 هـ"], "text": "نص"}
    assert found.fields == known


def test_a_file_without_suffix_is_told_by_its_first_line(tmp_path: Path) -> None:
    for name in ("book", "0255Jahiz.Hayawan.JK000127-ara1"):
        (tmp_path / name).write_text(BOOK, encoding="utf-8")
    (tmp_path / "Makefile").write_text("all:", encoding="utf-8")
    os.mkfifo(tmp_path / "pipe")
    with zipfile.ZipFile(tmp_path / "c.zip", "w") as archive:
        archive.writestr("data/0255Jahiz/0255Jahiz.Hayawan.JK000127-ara1", BOOK)
        archive.writestr("data/README", "x")
    items = list(read_articles(list_files([tmp_path])))
    found = [item for item in items if isinstance(item, Found)]
    ids = [item.article.id.removeprefix(f"/files{tmp_path}/") for item in found]
    name = "0255Jahiz.Hayawan.JK000127-ara1"
    assert ids == [name, "book", f"c.zip/data/0255Jahiz/{name}"]
    assert {item.article.text for item in found} == {TEXT}
    left_out = [item for item in items if isinstance(item, Skipped)]
    assert [item.kind for item in left_out] == ["without a suffix"] * 2
    assert found[1].file is not None
    (again,) = read_articles(list_files([tmp_path / "book"]))
    assert isinstance(again, Found)


def test_a_long_book_is_split_at_its_headings() -> None:
    chapter = "كلمة " * 800_000  # of 4,000,000 characters
    (first, second) = read("".join(f"# فصل {n}\n{chapter}\n" for n in range(4)), "a.md")
    assert [len(str(each.fields["text"])) for each in (first, second)] == [8_000_017] * 2
    assert (first.inside, first.fields["title"]) == ("", "فصل 0")
    assert second.inside.startswith("/:")
    assert second.fields["title"] == "فصل 0 – فصل 2"


@given(st.lists(st.tuples(st.sampled_from(["أ", "ب", ""]), st.integers(0, 30)), max_size=30))
def test_parts_are_the_whole_and_their_ids_differ(sections: list[tuple[str, int]]) -> None:
    text = "".join(f"# {heading}\n{'س' * size}\n" for heading, size in sections)
    parts = list(parts_of(Extracted({"text": text, "title": "كتاب"}, size=9), limit=60))
    texts = [str(part.fields["text"]) for part in parts]
    assert "".join(texts).replace("\n", "") == text.replace("\n", "")
    assert all(len(each) <= 60 for each in texts)
    assert len({part.inside for part in parts}) == len(parts)
    assert sum(part.size for part in parts) == 9


def test_the_id_of_a_part_is_that_of_its_heading() -> None:
    def ids(first: str) -> list[str]:
        text = "\n".join((first, "# ب", "س" * 40, "# ج", "س" * 40))
        return [part.inside for part in parts_of(Extracted({"text": text}), limit=60)]

    assert ids("س" * 30)[1:] == ids("س" * 50)[1:]


def test_damage() -> None:
    check_damage(BOOK.encode(), "plain")
