"""Tables: heads in two languages, five delimiters, and rows that fail alone."""

from __future__ import annotations

import csv
import io
from contextlib import suppress
from typing import BinaryIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.extraction import objects, tables
from indexer.extraction.registry import Extracted, Options
from search.errors import SourceError
from tests.formats.parts import articles_of, broken_of, items_of

HEADS = ["المعرف", "العنوان", "النص", "التاريخ"]
ROW = ["1", "عنوان", 'قال "نعم"، وذهب; ثم\nعاد | بعد\tحين؛ انتهى', "2024-01-30"]
WANTED = {"id": "1", "title": "عنوان", "text": ROW[2], "published": "2024-01-30"}


def table(*rows: list[str], delimiter: str = ",", end: str = "\r\n") -> str:
    stream = io.StringIO()
    csv.writer(stream, delimiter=delimiter, lineterminator=end).writerows(rows)
    return stream.getvalue()


@pytest.mark.parametrize("delimiter", tables.DELIMITERS)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_delimiters_line_ends_and_marks(delimiter: str, end: str, encoding: str) -> None:
    content = table(HEADS, ROW, ROW, delimiter=delimiter, end=end).encode(encoding)
    items = items_of("a.csv", content)
    assert [item.place for item in items] == ["2", "3"]
    assert [item.fields for item in articles_of(items)] == [WANTED, WANTED]


def test_a_guessed_encoding_is_told_once() -> None:
    row = ["1", "عنوان الخبر", "قال المتحدث باسم الحكومة إن الاجتماع سيعقد غدا", "2024-01-30"]
    first, second = articles_of(items_of("a.csv", table(HEADS, row, row).encode("cp1256")))
    assert first.fields["text"] == second.fields["text"] == row[2]
    assert first.notes[0].startswith("windows-1256 (.")
    assert second.notes == ()


def test_windows_arabic_where_it_is_said() -> None:
    content = table(HEADS, ROW).encode("cp1256")
    (item,) = articles_of(items_of("a.csv", content, Options(encoding="cp1256")))
    assert item.fields == WANTED


def test_sizes_are_those_of_the_file() -> None:
    content = table(HEADS, ROW, [], ["x"], ROW).encode()
    assert sum(item.size for item in items_of("a.csv", content)) == len(content)


def test_heads_are_known_in_any_spelling() -> None:
    (item,) = articles_of(items_of("a.csv", b"Article ID,HEAD-LINE,Full Text\n7,t,x\n"))
    assert item.fields == {"id": "7", "title": "t", "text": "x"}


def test_a_tsv_has_tabs_where_nothing_else_is_certain() -> None:
    (item,) = articles_of(items_of("a.tsv", b"text\na, b; c\n"))
    assert item.fields["text"] == "a, b; c"


def test_excel_says_its_delimiter() -> None:
    (item,) = articles_of(items_of("a.csv", b"sep=;\r\ntext;title\r\na,b;c\r\n"))
    assert (item.place, item.fields["text"], item.fields["title"]) == ("2", "a,b", "c")


def test_empty_cells_are_unknown() -> None:
    (item,) = articles_of(items_of("a.csv", b"id,title,text,date,tags\n1,,x,,\n"))
    assert item.fields == {"id": "1", "text": "x"}


def test_rows_that_are_no_rows_fail_alone() -> None:
    content = b'id,text\n1,a\n2\n3,c,d\n4,"e"f\n5,g\n\n6,\xff\xfe\xff\n7,h\n'
    items = items_of("a.csv", content)
    assert [item.fields["id"] for item in articles_of(items)] == ["1", "2", "5", "7"]
    assert articles_of(items)[1].fields["text"] == ""  # which is no article
    broken = {b.place: (b.code, b.reason) for b in broken_of(items)}
    assert broken.pop("8")[0] == "encoding"
    assert broken == {
        "4": ("bad-field", "3 cells, and 2 heads: is a cell not quoted?"),
        "5": ("damaged", 'a quote inside of a quoted cell that is not doubled ("")'),
    }


@pytest.mark.parametrize("end", [0, 1, 2, 3])
def test_what_a_row_lacks_at_its_end_is_unknown_and_told_once(end: int) -> None:
    row = ",".join(["نص", "عنوان", "كاتب", "رقم"][: end + 1])
    content = f"text,title,author,id\n{row}\n{row} آخر\nنص,ع,ك,ر\n".encode()
    first, second, whole = articles_of(items_of("a.csv", content))
    known = {key: value for key, value in first.fields.items() if first.inside or key != "id"}
    assert known.keys() - {"id"} == {"text", "title", "author"} & {
        "text",
        *["title", "author"][:end],
    }
    assert (first.notes != ()) == (end < 3)
    assert second.notes == whole.notes == ()


def test_empty_cells_past_the_heads_are_nothing() -> None:
    (found,) = articles_of(items_of("a.csv", b"id,text\n1,x,, ,\n"))
    assert found.fields == {"id": "1", "text": "x"}


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_of_two_columns_of_one_name_the_first_is_read_and_that_is_told(delimiter: str) -> None:
    rows = [["id", "text", "title", "text", "", "title", ""], list("123456 "), list("abcdef ")]
    content = "\n".join(map(delimiter.join, rows)).encode()
    first, second = articles_of(items_of("a.csv", content))
    assert first.fields == {"id": "1", "text": "2", "title": "3"}
    assert first.notes == (
        'columns of one name, "text": the first is read',
        'columns of one name, "title": the first is read',
    )
    assert second.notes == ()


@pytest.mark.parametrize("other", ["Title", " TITLE ", "عنوان", "العنوان"])
def test_columns_of_one_name_in_two_spellings_are_told(other: str) -> None:
    name = "title" if other.isascii() else "الـعـنوان"
    for heads in ([name, other], [other, name]):
        content = f"id,text,{','.join(heads)}\n1,x,2,3\n".encode()
        (found,) = articles_of(items_of("a.csv", content))
        spelt = '" and "'.join(head.strip() for head in heads)
        assert found.notes == (f'columns of one name, "{spelt}": one of them is read',)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("name", ["a.csv", "a.tsv"])
def test_byte_order_marks_and_utf_16_of_tables(name: str, encoding: str) -> None:
    content = "المعرف\tالنص\n١\tنص أول\n٢\tنص ثان\n".encode(encoding)
    assert [item.fields for item in articles_of(items_of(name, content))] == [
        {"id": "١", "text": "نص أول"},
        {"id": "٢", "text": "نص ثان"},
    ]


def test_a_quote_that_is_never_closed() -> None:
    (broken,) = broken_of(items_of("a.csv", b'id,text\n1,"a\n2,b\n3,c\n'))
    assert (broken.place, broken.code) == ("2", "damaged")
    assert "never closed" in broken.reason


def test_a_cell_past_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "MAX_CELL", 1_000)
    rows = "".join(f"{n},x\n" for n in range(2, 400))
    items = items_of("a.csv", b'id,text\n1,"' + rows.encode())
    assert "is a quote never closed?" in broken_of(items)[0].reason
    assert articles_of(items)[-1].fields["id"] == "399"


def test_a_line_past_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "MAX_LINE", 100)
    monkeypatch.setattr(objects, "MAX_LINE", 100)
    items = items_of("a.csv", b"id,text\n1," + b"x" * 200 + b"\n2,y\n")
    assert [(b.place, b.code) for b in broken_of(items)] == [("2", "too-large")]
    assert [item.fields["id"] for item in articles_of(items)] == ["2"]


@pytest.mark.parametrize(
    ("content", "code", "reason"),
    [
        (b"", "empty", "no row of heads"),
        (b"\n\n", "empty", "no row of heads"),
        (b"id,text\n", "empty", "no rows under its heads"),
        (b"a,b\n1,2\n", "bad-field", "no head is known to be the text: a, b; `--field text=NAME`"),
        (b"x," * 2_000 + b"text\n1\n", "bad-field", "2,001 heads, and 1,000 are the most"),
        (b"id,text\xd8\n1,2\n", "encoding", "its heads: not UTF-8"),
        (b"a\0b,text\n1,2\n", "not-text", ""),
    ],
)
def test_what_is_no_table(content: bytes, code: str, reason: str) -> None:
    with pytest.raises(SourceError) as caught:
        items_of("a.csv", content)
    assert caught.value.code == code
    assert reason in str(caught.value)


def test_a_head_that_a_person_says() -> None:
    (item,) = articles_of(items_of("a.csv", b"n,a,b\n1,x,y\n", Options({"text": "b", "id": "n"})))
    assert item.fields == {"id": "1", "text": "y"}
    with pytest.raises(SourceError, match="no head is known to be the text"):
        items_of("a.csv", b"n,a,text\n1,x,y\n", Options({"text": "c"}))


class _Endless(io.RawIOBase):
    """Rows without an end: what reads them whole never gives one."""

    def __init__(self) -> None:
        self.given = 0

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        assert size >= 0
        self.given += 1
        return b"id,text\n" if self.given == 1 else b"1,x\n" * (min(size, 1 << 20) // 4)


def test_a_table_is_streamed() -> None:
    stream: BinaryIO = _Endless()  # type: ignore[assignment]
    rows = tables.read(stream, "a.csv", Options())
    assert all(isinstance(next(rows), Extracted) for _ in range(1_000))


@given(st.lists(st.lists(st.text(max_size=6), min_size=1, max_size=4), max_size=5))
def test_any_rows_are_read_or_refused(rows: list[list[str]]) -> None:
    content = table(["id", "text"], *rows).encode("utf-8", "surrogatepass")
    with suppress(SourceError):
        items_of("a.csv", content)


@given(st.binary(max_size=40), st.integers(0, 120))
def test_bytes_that_are_cut_or_changed(noise: bytes, place: int) -> None:
    content = table(HEADS, ROW, ROW).encode()
    with suppress(SourceError):
        items_of("a.csv", content[:place] + noise + content[place + len(noise) // 2 :])
