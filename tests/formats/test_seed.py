"""The seed article made into each format comes out as it went in."""

from __future__ import annotations

import socket

import pytest

from indexer.extraction.registry import id_of
from indexer.ingestion.records import article_from
from tests.formats.reading import AUTHOR, BUILDERS, DAY, FRAGILE, SEED, TITLE, article, lines

KINDS = sorted(BUILDERS)


@pytest.mark.parametrize("kind", KINDS)
def test_the_text_and_what_is_known_of_it(kind: str) -> None:
    content = BUILDERS[kind](TITLE, AUTHOR, DAY, SEED)
    found = article(content, kind)
    assert found.fields["text"] == "\n".join(SEED)
    assert found.size == len(content)
    assert found.notes == ()
    kept = article_from(found.fields)
    assert kept.id == id_of(f"a/b.{kind}")
    assert (kept.info.title, kept.info.author) == (TITLE, AUTHOR)
    assert kept.info.published == DAY
    assert kept.info.language.partition("-")[0] == "ar"


@pytest.mark.parametrize("kind", KINDS)
def test_no_letter_is_changed(kind: str) -> None:
    paragraphs = [f"{FRAGILE} {paragraph}" for paragraph in SEED]
    assert lines(BUILDERS[kind](TITLE, AUTHOR, DAY, paragraphs), kind) == paragraphs


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_known(kind: str) -> None:
    found = article(BUILDERS[kind]("", "", None, SEED), kind)
    assert "published" not in found.fields
    assert found.fields["text"] == "\n".join(SEED)


@pytest.mark.parametrize("kind", KINDS)
def test_built_files_are_the_same_each_time(kind: str) -> None:
    first = BUILDERS[kind](TITLE, AUTHOR, DAY, SEED)
    assert first == BUILDERS[kind](TITLE, AUTHOR, DAY, SEED)


@pytest.mark.parametrize("kind", KINDS)
def test_no_network(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a connection was tried")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    assert lines(BUILDERS[kind](TITLE, AUTHOR, None, SEED), kind) == SEED
