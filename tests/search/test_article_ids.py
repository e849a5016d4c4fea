"""Ids: (collection, own id) as one text, and back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from indexer.ingestion.records import article_from
from search.article_ids import (
    FILES,
    MAX_FILE_ID,
    bounded,
    checked_collection,
    id_in_file,
    is_addressable,
    joined,
    parsed,
    within,
)
from search.domain import ArticleInfo
from search.errors import InputError, SourceError
from search.limits import MAX_ID

NAMES = st.from_regex(r"\A[\w][\w.-]{0,63}\Z").filter(lambda name: not name.endswith("\n"))
OWN = st.text(min_size=1, max_size=400)


def test_an_id_that_begins_with_its_collection_stays() -> None:
    assert within("laws", "17") == within("laws", "/laws/17") == "/laws/17"
    assert within("laws", "/Laws/17") == "/laws//Laws/17"
    assert within("laws", "/laws/") == "/laws//laws/"


@given(NAMES, OWN)
def test_parsing_is_the_inverse_of_joining(collection: str, own: str) -> None:
    whole = joined(collection, own)
    assert parsed(whole) == (collection, own)
    assert (ArticleInfo(whole).collection, ArticleInfo(whole).own_id) == (collection, own)
    assert is_addressable(whole)


@given(OWN.filter(lambda own: not own.startswith("/")))
def test_an_id_without_a_slash_first_is_of_the_default_collection(own: str) -> None:
    assert joined("", own) == own
    assert parsed(own) == ("", own)


@given(st.lists(st.text(min_size=MAX_ID - 3, max_size=MAX_ID + 40), max_size=5, unique=True))
def test_no_two_ids_are_shortened_to_one(ids: list[str]) -> None:
    shortened = [bounded(each) for each in ids]
    assert all(len(each) <= MAX_ID for each in shortened)
    assert len(set(shortened)) == len(ids)
    assert all(bounded(each) != each for each in shortened if len(each) == MAX_ID)


@given(OWN, OWN)
def test_an_own_id_stands_after_its_file_but_in_a_named_collection_alone(
    path: str, own: str
) -> None:
    file_id = joined(FILES, path)
    assert id_in_file(file_id, "", own) == bounded(f"{file_id}/{own}")
    assert id_in_file(file_id, ":x", "") == bounded(f"{file_id}:x")
    assert id_in_file(joined("laws", path), "/member", own) == joined("laws", own)
    assert id_in_file("up.csv", "/member", own) == own


@given(st.integers(1, 600), st.integers(1, 600), st.text(min_size=1, max_size=3))
def test_a_files_id_stands_at_the_head_of_its_articles_however_long(
    path: int, inside: int, some: str
) -> None:
    file_id = bounded(joined(FILES, some * path), MAX_FILE_ID)
    article_id = id_in_file(file_id, "", some * inside)
    assert article_id.startswith(f"{file_id}/")
    assert len(article_id) <= MAX_ID


@pytest.mark.parametrize("given_id", ["/", "//", "/a", "/a/", "//a", "/ a/b", "/-a/b", "/a#/b"])
def test_an_id_that_begins_with_a_slash_is_a_collection_and_an_id_or_refused(given_id: str) -> None:
    with pytest.raises(SourceError, match="begins with / and is not /collection/id") as caught:
        article_from({"id": given_id, "text": "نص"})
    assert caught.value.code == "bad-field"


@pytest.mark.parametrize("given_id", ["/files/a  b .txt", "/أخبار/١", "/laws//x", "/a/b#c?d%2F e"])
def test_an_id_of_a_collection_is_kept_as_it_is(given_id: str) -> None:
    assert article_from({"id": given_id, "text": "نص"}).id == given_id


@pytest.mark.parametrize("name", ["", "a/b", "files", ".a", "-a", "a b", "a\n", "أ" * 65, "a#b"])
def test_what_is_no_name_of_a_collection(name: str) -> None:
    with pytest.raises(InputError):
        checked_collection(name)


def test_a_collections_name_is_in_nfc() -> None:
    assert checked_collection("قرآن") == "قر\u0622ن"
