"""Objects: whose names are known, what a line's or a file's faults do, and what is a guess."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.extraction import objects
from indexer.extraction.registry import Extracted, Options
from indexer.ingestion.records import article_from
from indexer.sources import Failure
from search.errors import SourceError
from tests.formats.parts import articles_of, broken_of, items_of, made_id

TEXT = "أعلن وزير الدفاع في بيان أن الضربات استهدفت ثلاث منشآت."


def dumps(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def lines_of(*found: object) -> bytes:
    return "\n".join(json.dumps(one, ensure_ascii=False) for one in found).encode()


def fields_of(found: object, **fields: str) -> dict[str, Any]:
    """Return the fields of one object, as a line."""
    (item,) = items_of("a.jsonl", lines_of(found), Options(fields=fields))
    assert isinstance(item, Extracted), item
    return dict(item.fields)


def notes_of(found: object) -> tuple[str, ...]:
    (item,) = items_of("a.jsonl", lines_of(found))
    assert isinstance(item, Extracted)
    return item.notes


def test_lines_are_articles_and_a_bad_one_fails_alone() -> None:
    content = b"\n".join(
        [
            lines_of({"id": "n0", "text": TEXT}),
            b"",
            b'{"id": "x"}',
            b"{",
            b'{"id": "y", "text": "\xff"}',
            b"[]",
            lines_of({"id": "n1", "text": TEXT}),
            b"  ",
            lines_of({"id": 2, "text": TEXT}),
        ]
    )
    items = items_of("news.jsonl", content)
    assert [item.fields["id"] for item in articles_of(items)] == ["n0", "n1", 2]
    assert [item.place for item in items] == ["1", "3", "4", "5", "6", "7", "9"]
    assert sum(item.size for item in items) == len(content)
    reasons = {b.place: (b.code, b.reason.split(",")[0].split(":")[0]) for b in broken_of(items)}
    assert reasons.pop("5")[0] == "encoding"
    assert reasons == {
        "3": ("bad-field", '"text" must be a text'),
        "4": ("not-json", "not JSON"),
        "6": ("not-json", "not a JSON object but a list"),
    }


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"a": ' + "[" * 100_000, "not usable JSON: nested too deeply"),
        ('{"a": ' + "1" * 5_000 + "}", "not usable JSON: Exceeds the limit"),
        ('{"id": 1, "text": ', "not JSON: Expecting value at column 19"),
        ('"text"', "not a JSON object but a text"),
        ("NaN", "not a JSON object but a number"),
    ],
)
def test_what_a_bad_line_says(line: str, reason: str) -> None:
    (broken,) = broken_of(items_of("a.jsonl", line.encode()))
    assert (broken.place, broken.code) == ("1", "not-json")
    assert broken.reason.startswith(reason)


def test_a_key_twice_is_an_error_of_its_object() -> None:
    """`json` takes the last one silently; one of an object in it that is not read harms nobody."""
    twice, once = '{"id": 1, "text": "أ", "text": "ب"}', '{"id": 2, "text": "أ"}'
    unread = '{"id": 3, "text": "أ", "more": {"a": 1, "a": 2}}'
    for content in ("\n".join((once, twice, unread)), f"[{once}, {twice}, {unread}]"):
        items = items_of("a.json", content.encode())
        assert [item.fields["id"] for item in articles_of(items)] == [2, 3]
        (broken,) = broken_of(items)
        assert (broken.place, broken.code) == ("2", "bad-field")
        assert broken.reason == '"text" stands twice in it'
    for content in (twice, f'{{"items": [{once}], "items": []}}'):
        with pytest.raises(SourceError, match="stands twice"):
            items_of("a.json", content.encode())


def test_values_are_those_of_json() -> None:
    line = b'{"id": 123456789012345678901234567890, "text": "\\ud800", "score": NaN}'
    (item,) = articles_of(items_of("a.ndjson", line))
    assert item.fields == {"id": 123456789012345678901234567890, "text": "\ud800"}
    with pytest.raises(SourceError, match="half of a surrogate pair"):
        article_from(item.fields)


def test_a_line_past_the_bound_fails_alone_and_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(objects, "MAX_LINE", 100)
    items = items_of("a.jsonl", b"x" * 1_000 + b'\n{"id": "a", "text": "x"}')
    assert [item.fields["id"] for item in articles_of(items)] == ["a"]
    assert [(b.place, b.code) for b in broken_of(items)] == [("1", "too-large")]
    assert [item.size for item in items] == [1_001, 24]


@pytest.mark.parametrize("name", ["text", "body", "content", "articleBody", "full_text", "النص"])
def test_names_of_the_text(name: str) -> None:
    assert fields_of({name: TEXT})["text"] == TEXT


@pytest.mark.parametrize(
    ("name", "value", "field", "wanted"),
    [
        ("title", "ع", "title", "ع"),
        ("Headline", "ع", "title", "ع"),
        ("العنوان", "ع", "title", "ع"),
        ("guid", "g", "id", "g"),
        ("uuid", "g", "id", "g"),
        ("post_id", 7, "id", 7),
        ("_id", {"$oid": "65b9"}, "id", "65b9"),
        ("link", "https://a.b/c", "url", "https://a.b/c"),
        ("published", "2024-01-30", "published", "2024-01-30"),
        ("datePublished", "2024-01-30T10:00:00+03:00", "published", "2024-01-30"),
        ("date", {"$date": "2024-01-30T10:00:00Z"}, "published", "2024-01-30"),
        ("تاريخ النشر", "2024-01-30", "published", "2024-01-30"),
        ("byline", "كاتب", "author", "كاتب"),
        ("author", {"@type": "Person", "name": "كاتب"}, "author", "كاتب"),
        ("authors", [{"name": "أ"}, "ب"], "author", "أ, ب"),
        ("الكاتب", "كاتب", "author", "كاتب"),
        ("keywords", "أ، ب, ج", "tags", ["أ", "ب", "ج"]),
        ("tags", ["أ"], "tags", ["أ"]),
        ("categories", [{"name": "أ"}], "tags", ["أ"]),
        ("section", "سياسة", "tags", ["سياسة"]),
        ("publisher", {"name": "صحيفة"}, "source", "صحيفة"),
        ("newspaper", "صحيفة", "source", "صحيفة"),
        ("lang", "ar", "language", "ar"),
    ],
)
def test_names_of_other_fields(name: str, value: object, field: str, wanted: object) -> None:
    assert fields_of({name: value, "text": TEXT})[field] == wanted


def test_the_own_name_goes_before_a_guess_and_a_guess_where_it_is_empty() -> None:
    assert fields_of({"body": TEXT * 3, "text": "قصير", "headline": "ب", "title": "أ"}) == {
        "id": made_id("a.jsonl", "أ", "قصير"),
        "title": "أ",
        "text": "قصير",
    }
    assert fields_of({"text": " ", "body": TEXT, "title": None, "headline": "ب"})["title"] == "ب"
    assert fields_of({"text": " ", "body": TEXT})["text"] == TEXT


def test_of_several_texts_the_longest_is_taken() -> None:
    assert fields_of({"content": TEXT[:20] + "… [+900 chars]", "body": TEXT})["text"] == TEXT
    assert fields_of({"body": "قصير", "content": TEXT})["text"] == TEXT


@pytest.mark.parametrize("value", [3, {"a": 1}, ["x", 1], "ت" * 3_000])
@pytest.mark.parametrize("name", ["headline", "link", "byline", "publisher", "lang", "pubDate"])
def test_a_guess_that_does_not_fit_is_left_out(name: str, value: object) -> None:
    found = {name: value, "text": TEXT}
    assert set(fields_of(found)) == {"id", "text"}
    assert name in notes_of(found)[0]


def test_a_guessed_encoding_is_told_once() -> None:
    lines = [json.dumps({"id": key, "text": TEXT}, ensure_ascii=False) for key in "ab"]
    items = articles_of(items_of("a.jsonl", "\n".join(lines).encode("cp1256")))
    assert [item.fields["text"] for item in items] == [TEXT, TEXT]
    (note,), nothing = (item.notes for item in items)
    assert note.startswith("windows-1256 (.")
    assert nothing == ()


def test_a_promise_that_does_not_fit_fails_its_article() -> None:
    with pytest.raises(SourceError, match='"title" must be a text, not a number'):
        article_from(fields_of({"title": 3, "text": TEXT}))
    with pytest.raises(SourceError, match='"author" must be a text, not a number'):
        article_from(fields_of({"x": 3, "text": TEXT}, author="x"))


def test_names_that_a_person_says() -> None:
    found = {"id": 4, "a": {"b": {"c": TEXT}}, "d.e": "عنوان", "text": "لا", "by": {"name": "ك"}}
    fields = fields_of(found, text="a.b.c", title="d.e", author="by.name")
    assert fields == {"id": 4, "text": TEXT, "title": "عنوان", "author": "ك"}


def test_a_name_that_a_person_says_and_that_is_not_there() -> None:
    (broken,) = broken_of(items_of("a.jsonl", lines_of({"text": TEXT}), Options({"text": "nope"})))
    assert broken.code == "bad-field"
    with pytest.raises(SourceError, match='no field "texts"'):
        items_of("a.jsonl", lines_of({"text": TEXT}), Options({"texts": "text"}))


def test_wordpress_is_read_without_its_markup() -> None:
    found = {
        "id": 12,
        "date": "2024-01-30T10:00:00",
        "link": "https://a.b/?p=12",
        "title": {"rendered": "ع &#8211; <em>ب</em>"},
        "content": {"rendered": "\n<p>أ &amp; <b>ب</b></p>\n<p>ج</p>", "protected": False},
        "categories": [3, 4],
    }
    fields = fields_of(found)
    assert (fields["title"], fields["text"]) == ("ع – ب", "أ & ب\nج")
    assert "categories is not what tags may be: left out" in notes_of(found)
    assert "markup taken out of its text" in notes_of(found)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("<!-- wp:paragraph -->\n<p>أ</p>\n<!-- /wp:paragraph -->", "أ"),
        ("أ <script>x('ب')</script><style>p{}</style>ج", "أ ج"),
        ("قال &quot;نعم&quot; &#8211; لا&nbsp;", 'قال "نعم" – لا\u00a0'),
        ("أول\nثان <a href='x'>رابط</a>\n\nثالث<br>رابع", "أول ثان رابط ثالث\nرابع"),
        ("أول\nثان <a href='x'>رابط</a>\n\nثالث", "أول\nثان رابط\nثالث"),
        ("&lt;p&gt;أول&lt;/p&gt;&lt;p&gt;ثان", "أول\nثان"),
    ],
)
def test_markup_is_taken_out_wherever_it_stands(text: str, kept: str) -> None:
    assert fields_of({"text": text})["text"] == kept
    assert "markup taken out of its text" in notes_of({"text": text})
    (row,) = articles_of(items_of("a.csv", 'text\n"{}"\n'.format(text.replace('"', '""')).encode()))
    assert row.fields["text"] == kept


@pytest.mark.parametrize(
    "text",
    ["AT&T &co; &#b;", "x?a=1&copy=2", "1 < 2 و 3 > 2", "قال <هو> ذلك", "a <b>c</b>", "<<نص>>"],
)
def test_what_does_not_start_like_markup_is_kept(text: str) -> None:
    assert fields_of({"text": text})["text"] == text


def test_ids_that_are_made_do_not_depend_on_the_place() -> None:
    found = [{"text": TEXT}, {"text": TEXT, "url": "https://a.b/c"}, {"title": "ع", "text": TEXT}]
    ids = [item.fields["id"] for item in articles_of(items_of("d/a.jsonl", lines_of(*found)))]
    assert ids == [
        made_id("d/a.jsonl", "", TEXT),
        made_id("d/a.jsonl", "https://a.b/c"),
        made_id("d/a.jsonl", "ع", TEXT),
    ]
    again = articles_of(items_of("d/a.jsonl", lines_of(*found[::-1])))
    assert [item.fields["id"] for item in again] == ids[::-1]


@pytest.mark.parametrize("holder", ["articles", "items", "data", "results", "docs", "posts"])
def test_a_json_holds_a_list_under_a_name(holder: str) -> None:
    content = json.dumps({"status": "ok", holder: [{"id": 1, "body": "أ"}, 3, {"id": 2}]}).encode()
    items = items_of("a.json", content)
    assert [item.place for item in items] == ["1", "2", "3"]
    assert [(b.place, b.code) for b in broken_of(items)] == [("2", "not-json"), ("3", "bad-field")]
    assert sum(item.size for item in items) == len(content)


def test_a_json_is_a_list_or_an_article() -> None:
    (first,) = articles_of(items_of("a.json", lines_of([{"id": 1, "text": "أ"}])))
    assert (first.place, first.fields) == ("1", {"id": 1, "text": "أ"})
    (only,) = articles_of(items_of("d/a.json", lines_of({"text": "أ", "guid": "g"})))
    assert (only.place, only.fields) == ("", {"id": "g", "text": "أ"})
    (named,) = articles_of(items_of("d/a.json", lines_of({"text": "أ"})))
    assert named.fields == {"id": "d/a.json", "text": "أ"}


@pytest.mark.parametrize(
    ("content", "code", "reason"),
    [
        (b"[]", "empty", "there is no article in it"),
        (b"3", "not-json", "not a JSON object but a number"),
        (b'[{"text": "x"},\n {]', "not-json", "not JSON: Expecting property name"),
        (b'[{"text": "x"},\n {]', "not-json", "at line 2 column 3"),
        (b"[" * 100_000, "not-json", "nested too deeply"),
        (b'{"a": 1}', "bad-field", "none is known among a"),
        (b'{"items": [1, 2]}', "not-json", ""),
    ],
)
def test_a_json_that_is_none(content: bytes, code: str, reason: str) -> None:
    try:
        found = broken_of(items_of("a.json", content))
    except SourceError as error:
        found = [Failure("", error.code, str(error))]
    assert {broken.code for broken in found} == {code}
    assert reason in found[0].reason


_PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
_KEYS = st.sampled_from(["name", "rendered", "$oid", "$date", "x"])
_VALUES = (
    _PLAIN
    | st.lists(_PLAIN | st.dictionaries(_KEYS, _PLAIN, max_size=2), max_size=3)
    | st.dictionaries(_KEYS, _PLAIN | st.lists(_PLAIN, max_size=2), max_size=2)
)
_NAMES = st.sampled_from(
    ["id", "_id", "text", "body", "title", "date", "tags", "author", "url", "content", "النص", "x"]
)


@given(st.dictionaries(_NAMES, _VALUES), st.sampled_from(["a.json", "a.jsonl"]))
def test_any_object_is_read_or_refused(found: dict[str, object], name: str) -> None:
    try:
        items = items_of(name, json.dumps(found).encode())
    except SourceError:
        return
    for item in articles_of(items):
        assert {"id", "text"} <= set(item.fields)


@given(st.binary(max_size=60), st.integers(0, 80), st.sampled_from(["a.json", "a.jsonl"]))
def test_bytes_that_are_cut_or_changed(noise: bytes, place: int, name: str) -> None:
    content = lines_of({"id": 1, "title": "ع", "text": TEXT})
    with suppress(SourceError):
        items_of(name, content[:place] + noise + content[place + len(noise) // 2 :])


LETTERS = st.sampled_from('ابتج أ\u0651{}[]",:\\\n٣a1')
OBJECTS = st.lists(
    st.fixed_dictionaries(
        {"id": st.integers(0, 10**6).map(str), "text": st.text(LETTERS, min_size=1)},
        optional={"title": st.text(LETTERS, max_size=9), "more": st.just([{}, {"a": [1]}])},
    ),
    min_size=1,
    max_size=6,
    unique_by=lambda found: found["id"],
)
# How one writes several objects; what a file is does not depend on its suffix.
WAYS: dict[str, Callable[[list[dict[str, object]]], str]] = {
    "lines": lambda found: "\n".join(map(dumps, found)),
    "lines with blank ones": lambda found: "\n\n".join(["", *map(dumps, found), ""]),
    "lines of Windows": lambda found: "\r\n".join(map(dumps, found)),
    "array": dumps,
    "pretty array": lambda found: json.dumps(found, indent=2, ensure_ascii=False),
    "array of lines": lambda found: "[\n" + ",\n".join(map(dumps, found)) + "\n]",
    "pretty objects": lambda found: "\n".join(json.dumps(each, indent=1) for each in found),
    "pretty holder": lambda found: json.dumps({"articles": found}, indent=4),
}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("way", sorted(WAYS))
@settings(max_examples=12, deadline=None)
@given(OBJECTS)
def test_objects_are_read_as_what_they_are_whatever_the_suffix(
    way: str, encoding: str, found: list[dict[str, object]]
) -> None:
    content = WAYS[way](found).encode(encoding)
    ids = [each["id"] for each in found]
    texts = [each["text"] for each in found]
    for name in ("a.json", "a.jsonl", "a.ndjson"):
        items = items_of(name, content)
        assert broken_of(items) == []
        assert [item.fields["id"] for item in articles_of(items)] == ids
        assert [item.fields["text"] for item in articles_of(items)] == texts


@pytest.mark.parametrize("name", ["a.json", "a.jsonl"])
@pytest.mark.parametrize("between", [",\n", " ,\r\n", ",\n\n"])
def test_an_object_a_line_with_commas_between_is_told(name: str, between: str) -> None:
    content = between.join(dumps({"id": n, "text": "نص", "tags": [{}]}) for n in range(3))
    with pytest.raises(SourceError, match="an object a line with commas between") as caught:
        items_of(name, content.encode())
    assert caught.value.code == "not-json"


def test_a_first_line_that_is_cut_fails_alone() -> None:
    for cut in ('{"id": "a",', '{"id": "a", "text": "x', "{", "noise"):
        items = items_of("a.jsonl", f'{cut}\n{{"id": "b", "text": "y"}}\n'.encode())
        assert [item.place for item in broken_of(items)] == ["1"]
        assert [item.fields["id"] for item in articles_of(items)] == ["b"]


def test_lines_past_the_first_mebibyte_are_streamed_from_what_cannot_go_back() -> None:
    lines = [dumps({"id": f"{n}", "text": "نص " * 1_000}) for n in range(500)]
    content = "\n".join(lines).encode()

    class Once(io.BytesIO):
        def seek(self, *_: int) -> int:
            raise AssertionError

    for name in ("a.json", "a.jsonl"):
        found = list(objects.read(Once(content), name, Options()))
        assert [item.fields["id"] for item in articles_of(found)] == [f"{n}" for n in range(500)]
        assert sum(item.size for item in found) == len(content)
