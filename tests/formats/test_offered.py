"""What a document says of itself never costs the document: it fits, or a note says why not."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from email.header import Header
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pypdf import PdfWriter

from indexer.extraction.document_metadata import offered
from indexer.extraction.documents import Facts, article
from indexer.extraction.registry import Extracted, Options
from indexer.ingestion.records import article_from
from indexer.sources import Failure, Found
from indexer.sources.listing import list_files
from indexer.sources.reading import read_articles
from search.errors import SourceError
from search.limits import FIELDS, MAX_LENGTH, MAX_TAG, MAX_TAGS
from tests.formats.reading import BUILDERS, items
from tests.support import REPOSITORY

PDFS = REPOSITORY / "tests" / "fixtures" / "pdf"

TEXT = "نص المقال الذي لا يجوز أن يضيع بسبب ما يقوله الملف عن نفسه"
ODD_DATES = (
    "1402-05-12",
    "14020512",
    "1445/07/15",
    "2200-01-01",
    "9999-12-31",
    "0001-01-01",
    "0599-12-31",
    "2024-02-31",
    "2024",
    "3/4/24",
    "غير معروف",
    "0000-00-00",
    "9" * 400,
)
KEPT_DATES = ("0600-01-01", "1258-02-10", "1342-01-01", "1501-01-01", "2199-12-31")


def of_facts(**said: object) -> Extracted:
    return article([TEXT], Facts(**said), size=1)  # type: ignore[arg-type]


def _json(field: str, value: object) -> Extracted:
    (found,) = items(json.dumps({"text": TEXT, field: value}).encode(), "objects")
    assert isinstance(found, Extracted)
    return found


@pytest.mark.parametrize("value", ODD_DATES)
def test_an_odd_date_is_left_out_and_told(value: str) -> None:
    found = of_facts(published=value, title="ع")
    assert "published" not in found.fields
    assert any("published" in note and "left out" in note for note in found.notes)
    assert article_from({"id": "a", **found.fields}).info.title == "ع"


@pytest.mark.parametrize("value", KEPT_DATES)
def test_a_date_of_a_manuscript_is_kept(value: str) -> None:
    assert article_from(
        {"id": "a", **of_facts(published=value).fields}
    ).info.published == date.fromisoformat(value)


@pytest.mark.parametrize("name", ["date", "pubDate", "created_at", "التاريخ", "published"])
@pytest.mark.parametrize("value", [*ODD_DATES[:10], 99, 1402])
def test_an_odd_date_of_an_object_is_left_out_and_told(name: str, value: object) -> None:
    if name == "published" and value == 99:
        return  # of our own format, and no date at all
    found = _json(name, value)
    assert "published" not in found.fields
    assert any(note.startswith(f"{name} left out: ") for note in found.notes)
    article_from({"id": "a", **found.fields})


@pytest.mark.parametrize("value", ["yesterday", 99, True, [2024], {"year": 2024}])
def test_what_is_no_date_at_all_is_refused_in_our_own_format(value: object) -> None:
    with pytest.raises(SourceError, match="published"):
        article_from({"id": "a", **_json("published", value).fields})


@pytest.mark.parametrize("value", [*ODD_DATES[:10], "yesterday", 99])
def test_a_date_that_was_asked_for_by_name_is_refused(value: object) -> None:
    content = json.dumps({"text": TEXT, "when": value}).encode()
    (found,) = items(content, "objects", Options({"published": "when"}))
    assert isinstance(found, Extracted)
    with pytest.raises(SourceError, match="published"):
        article_from({"id": "a", **found.fields})


LONG: dict[str, Callable[[int], str]] = {
    "title": lambda size: "عنوان " * size,
    "author": lambda size: "علي حسن، " * size,
    "source": lambda size: "دار " * size,
}


@pytest.mark.parametrize("field", LONG)
@pytest.mark.parametrize("own", [True, False])
def test_what_is_too_long_is_cut_between_words_and_told(field: str, own: bool) -> None:
    value = LONG[field](1_000)
    found = _json(field, value) if own else of_facts(**{field: value})
    kept = str(found.fields[field])
    assert len(kept) <= MAX_LENGTH[field]
    assert value.startswith(kept.removesuffix("…"))
    assert value[len(kept) - 1] in " ،"
    assert any(note.startswith(f"{field} cut: ") for note in found.notes)
    article_from({"id": "a", **found.fields})


@pytest.mark.parametrize("field", LONG)
def test_a_word_that_is_too_long_is_left_out(field: str) -> None:
    found = of_facts(**{field: "ط" * 5_000})
    assert field not in found.fields
    assert any(note.startswith(f"{field} left out: ") for note in found.notes)


def test_tags_that_are_too_many_or_too_long() -> None:
    tags = (*(f"وسم {n}" for n in range(1_000)), "ط" * (MAX_TAG + 1))
    found = of_facts(tags=tags)
    assert found.fields["tags"] == list(tags[:MAX_TAGS])
    assert any("936 left out" in note for note in found.notes)
    assert any("1 left out, longer than" in note for note in found.notes)
    assert _json("tags", list(tags)).fields["tags"] == list(tags[:MAX_TAGS])


@pytest.mark.parametrize("value", ["العربية", "Arabic", "x" * 50, "ar-", "ar;en", "123", "ar\n"])
def test_a_language_that_is_no_code(value: str) -> None:
    found = of_facts(language=value)
    if value.strip() == "ar":
        assert found.fields["language"] == "ar"
        return
    assert "language" not in found.fields
    assert any(note.startswith("language left out: ") for note in found.notes)


@pytest.mark.parametrize(
    "value",
    [
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        " javascript:alert(1)",
        "java\nscript:alert(1)",
        "\x01javascript:alert(1)",
        "data:text/html,x",
        "vbscript:x",
        "file:///etc/passwd",
        "//a.example/x",
        "/x",
        "https://a.example/" + "x" * 3_000,
    ],
)
def test_an_address_that_is_none_of_the_web(value: str) -> None:
    for found in (of_facts(url=value), _json("url", value), _json("link", value)):
        assert "url" not in found.fields
        assert any("left out: no http or https address" in note for note in found.notes)
        article_from({"id": "a", **found.fields})
    with pytest.raises(SourceError, match='"url"'):
        article_from({"id": "a", "text": TEXT, "url": value})
    (asked,) = items(
        json.dumps({"text": TEXT, "u": value}).encode(), "objects", Options({"url": "u"})
    )
    assert isinstance(asked, Extracted)
    with pytest.raises(SourceError, match='"url"'):
        article_from(asked.fields)


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=30)
    | st.sampled_from(ODD_DATES),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=4,
)


@given(st.sampled_from([f for f in FIELDS if f not in ("id", "text")]), VALUES)
def test_what_is_taken_is_what_an_article_takes(field: str, value: object) -> None:
    offer = offered(field, value)
    if offer.value is not None:
        article_from({"id": "a", "text": TEXT, field: offer.value})


AUTHORS = "، ".join(f"المؤلف رقم {n}" for n in range(100))
TITLE = "كلمة من العنوان الطويل " * 220


def _pdf(title: str, author: str, day: str) -> bytes:
    writer = PdfWriter(clone_from=BytesIO((PDFS / "fpdf2-english.pdf").read_bytes()))
    writer.add_metadata({"/Title": title, "/Author": author, "/CreationDate": f"D:{day}120000Z"})
    stream = BytesIO()
    writer.write(stream)
    return stream.getvalue()


def _eml(title: str, author: str, day: str) -> bytes:
    subject, sender = (Header(value, "utf-8").encode() for value in (title, author))
    head = f"From: {sender} <a@b.example>\r\nSubject: {subject}\r\nDate: {day}\r\n"
    return (head + "Content-Type: text/plain; charset=utf-8\r\n\r\n" + TEXT).encode()


@pytest.mark.parametrize("day", ["1402-05-12", "2250-01-01", "0100-01-01", "1445-07-15"])
@pytest.mark.parametrize("kind", [*(kind for kind in BUILDERS if kind != "eml"), "eml", "pdf"])
def test_no_kind_of_file_is_lost_by_what_it_says(kind: str, day: str) -> None:
    if kind in ("eml", "pdf"):
        content = (_eml if kind == "eml" else _pdf)(TITLE, AUTHORS, day.replace("-", ""))
    else:
        build: Callable[..., bytes] = BUILDERS[kind]
        content = build(TITLE, AUTHORS, day, [TEXT, TEXT])
    (found,) = items(content, kind)
    assert isinstance(found, Extracted)
    made = article_from({"id": "a", **found.fields})
    assert kind == "pdf" or TEXT in made.text
    assert made.info.published is None
    assert made.info.title.endswith("…")
    assert made.info.author.endswith("…")
    assert AUTHORS.startswith(made.info.author[:-1])
    told = " ".join(found.notes)
    for field in ("published left out: ", "title cut: ", "author cut: "):
        assert field in told, found.notes
    if kind != "eml":  # the heading is the title, and the title is cut: it stays in the text
        assert kind != "html" or "كلمة من العنوان" in made.text


def test_a_table_is_read_whatever_its_guessed_columns_hold() -> None:
    rows = ["العنوان,النص,التاريخ,الرابط,اللغة", f"ع,{TEXT},1402/10/12,javascript:x,العربية"]
    rows += [f"ع,{TEXT},{day}," + "," for day in ODD_DATES[:8]]
    rows.append(f"ع,{TEXT},15/7/1445 هـ,https://a.example,ar")
    found = items("\n".join(rows).encode(), "tables")
    assert len(found) == len(rows) - 1
    for item in found:
        assert isinstance(item, Extracted)
        article_from({"id": "a", **item.fields})
    first, last = found[0], found[-1]
    assert isinstance(first, Extracted)
    assert isinstance(last, Extracted)
    assert len(first.notes) == 3
    assert last.fields["published"] == "2024-01-27"
    assert last.notes == ()


def test_metadata_beside_a_file_is_refused_where_it_does_not_fit(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(TEXT, encoding="utf-8")
    for said, reason in (
        ({"published": "2250-01-01"}, "years are taken"),
        ({"published": 99}, '"published"'),
        ({"url": "javascript:x"}, '"url"'),
    ):
        (tmp_path / "a.meta.json").write_text(json.dumps(said), encoding="utf-8")
        (failure,) = read_articles(list_files([tmp_path / "a.txt"]))
        assert isinstance(failure, Failure)
        assert reason in failure.reason
    known = {"published": "15/7/1445 هـ", "url": "https://a.example"}
    (tmp_path / "a.meta.json").write_text(json.dumps(known), encoding="utf-8")
    (made,) = read_articles(list_files([tmp_path / "a.txt"]))
    assert isinstance(made, Found)
    assert made.article.info.published == date(2024, 1, 27)
