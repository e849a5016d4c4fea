"""Fields of a JSON object: what is accepted, and the words each refusal uses."""

from __future__ import annotations

import json
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.ingestion.records import article_from, parse_object
from search.errors import SourceError
from search.limits import MAX_TEXT


def test_every_field() -> None:
    article = article_from(
        {
            "id": "a1",
            "title": " عنوان\nمن\tسطرين ",
            "text": " نص\n",
            "source": "CNN",
            "language": "ar",
            "published": "2024-01-31",
            "tags": ["ب", " أ ", "ب", ""],
            "url": "https://example.org/",
            "other": {"passed": "over"},
        }
    )
    info = article.info
    assert (info.id, info.title, article.text) == ("a1", "عنوان من سطرين", " نص\n")
    assert (info.source, info.language, info.url) == ("CNN", "ar", "https://example.org/")
    assert info.published == date(2024, 1, 31)
    assert info.tags == ("ب", "أ")


def test_null_is_unknown() -> None:
    known = dict.fromkeys(["title", "source", "language", "published", "tags", "url"])
    assert (
        article_from({**known, "_id": 7, "text": "نص"}).info
        == article_from({"id": "7", "text": "نص"}).info
    )


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"id": None}, '"id" is missing'),
        ({"id": ""}, '"id" is missing'),
        ({"id": True}, '"id" must be a text, not true or false'),
        ({"id": 1.5}, '"id" must be a text, not a number'),
        ({"id": "a\nb"}, '"id" has the control character U+000A'),
        ({"id": "a" * 513}, '"id" has 513 characters, and 512 are the most'),
        ({"text": None}, '"text" must be a text, not null'),
        ({"text": ["a"]}, '"text" must be a text, not a list'),
        ({"text": " \n\t"}, "there is no text: nothing to index"),
        ({"text": "نص\0"}, '"text" has a NUL at character 2'),
        ({"text": "نص \ud83d!"}, '"text" has half of a surrogate pair (U+D83D) at character 3'),
        ({"text": "a" * (MAX_TEXT + 1)}, "10,000,001 characters, and 10,000,000 are the most"),
        ({"title": {}}, '"title" must be a text, not an object'),
        ({"title": "\udc00"}, '"title" has half of a surrogate pair'),
        ({"title": "a" * 1001}, '"title" has 1,001 characters, and 1,000 are the most'),
        (
            {"published": 2024},
            '"published" must be a date such as "2024-01-31", not 2024: it names no day',
        ),
        ({"published": [2024]}, '"published" must be a date such as "2024-01-31", not a list'),
        ({"published": "yesterday"}, "must be a date such as \"2024-01-31\", not 'yesterday'"),
        ({"tags": "a"}, '"tags" must be a list of texts'),
        ({"tags": [1]}, '"tags" must be a list of texts'),
        ({"tags": [str(n) for n in range(65)]}, '"tags" has 65 tags, and 64 are the most'),
        ({"tags": ["a" * 101]}, 'each of "tags" may have 100 characters, not 101'),
    ],
)
def test_refusals(fields: dict[str, object], message: str) -> None:
    with pytest.raises(SourceError) as error:
        article_from({"id": "a", "text": "نص", **fields})
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not JSON: "),
        ('{"id": }', "at column 8"),
        ("[1]", "not a JSON object but a list"),
        ("null", "not a JSON object but null"),
        ('"text"', "not a JSON object but a text"),
        ("[" * 100_000, "nested too deeply"),
        ('{"id": ' + "1" * 5000 + "}", "not usable JSON"),
        ("", "not JSON: "),
    ],
)
def test_what_is_no_object(text: str, message: str) -> None:
    with pytest.raises(SourceError) as error:
        parse_object(text)
    assert message in str(error.value)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
FIELDS = st.sampled_from(["id", "_id", "title", "text", "published", "tags", "source", "url"])


@given(st.dictionaries(FIELDS, JSON_VALUES))
def test_any_object_is_an_article_or_a_source_error(fields: dict[str, object]) -> None:
    try:
        article = article_from(parse_object(json.dumps(fields)))
    except SourceError:
        return
    assert article.text == fields["text"]
    assert article.content_hash()


@given(st.text(max_size=100))
def test_any_text_is_an_object_or_a_source_error(text: str) -> None:
    try:
        found = parse_object(text)
    except SourceError:
        return
    assert found == json.loads(text)
