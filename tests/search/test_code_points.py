"""Every code point there is, single, doubled and beside Arabic letters, through what takes text.

The fast tests take the code points that NFKC changes, each by itself: those are the ones that
become several words, none, or signs of another kind. The slow one takes all that are assigned.
"""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

import pytest

from indexer.ingestion.preparing import prepare
from indexer.ingestion.records import article_from
from search.analysis.tokens import MAX_TERM, analyse, terms
from search.analysis.transliteration import forms_of, may_have_forms
from search.domain import Article, ArticleInfo, Filter, Query
from search.engines import open_engine
from search.engines.protocol import Engine, Fingerprint
from search.query.matching import constraint, text_clause
from search.query.parse import parse
from search.ranking.highlight import Marker
from search.ranking.searcher import Searcher
from search.settings import Settings
from tests.support import HashingEmbedder

EMBEDDER = HashingEmbedder(32)
ARABIC = "من بغداد و "


def _assigned() -> Iterator[str]:
    """Yield all that are assigned; of those that are alike some (`make attack` takes them all)."""
    for number in range(sys.maxunicode + 1):
        char = chr(number)
        kind = unicodedata.category(char)
        alike = ALIKE.get(kind, 1) if kind != "Lo" or _is_one_of_many(char) else 1
        if number % alike == 0:
            yield char


# Unassigned and private ones, 960,000; letters of Chinese, Hangul, Tangut, Egyptian..., 125,000.
ALIKE = {"Cn": 8_192, "Co": 8_192, "Cs": 64, "Lo": 32}
MANY = ("CJK UNIFIED", "HANGUL SYLLABLE", "TANGUT", "EGYPTIAN HIEROGLYPH", "CUNEIFORM", "YI SYLL")


def _is_one_of_many(char: str) -> bool:
    name = unicodedata.name(char, "")  # Tangut letters have none before Python 3.12
    return not name or name.startswith(MANY)


def _some(items: Iterable[str], size: int) -> Iterator[list[str]]:
    rest = iter(items)
    while some := list(islice(rest, size)):
        yield some


CHANGED = [
    char
    for char in map(chr, range(sys.maxunicode + 1))
    if not "\ud800" <= char <= "\udfff"
    and unicodedata.normalize("NFKC", char) != char
    and not "\uf900" <= char <= "\ufaff"  # Chinese letters, one for one
    and not "\U0002f800" <= char <= "\U0002fa1f"
    and not "가" <= char <= "힣"
]


def _written(char: str) -> tuple[str, ...]:
    return char, char * 2, f"م{char}", f"{char}م"


def _vocabulary(prefix: str) -> list[tuple[str, int]]:
    return [("bgd=بغداد=بغداد", 2), ("k=ك=ك", 1)]


def _asked(text: str) -> None:
    """Do all of a search that needs no engine."""
    query = parse(text)
    for word, names in may_have_forms(query).items():
        forms_of(word, names, _vocabulary)
    text_clause(query)
    constraint(query)
    segments = Marker(query).highlight(text)
    assert "".join(segment.text for segment in segments) == text


def _analysed(text: str) -> None:
    for token in analyse(text):
        assert 0 <= token.start <= token.end <= len(text)
        for term in (token.letters, token.folded, token.stem, *token.grams):
            assert 0 < len(term) <= MAX_TERM
            assert not any(map(str.isspace, term))
    assert all(term == "" or " ".join(term.split()) == term for term in terms(text).values())


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    fingerprint = Fingerprint("test/1", EMBEDDER.name, EMBEDDER.content_hash, 32, True, 1)
    opened = open_engine(Settings(data=tmp_path / "index"), fingerprint)
    try:
        yield opened
    finally:
        opened.close()


def _stored(engine: Engine, articles: list[Article]) -> None:
    for start in range(0, len(articles), 200):
        some = articles[start : start + 200]
        engine.write(prepare(some, EMBEDDER, Settings(), embed=False))


def test_every_character_that_nfkc_changes_can_be_asked_for() -> None:
    for char in CHANGED:
        for text in (char, f"a{char}"):
            try:
                _asked(text)
            except Exception as error:
                raise AssertionError(f"U+{ord(char):04X} in {text!r}") from error


def test_a_character_that_is_several_words_is_marked_without_empty_pieces() -> None:
    for char in CHANGED:
        for segment in Marker(parse(char)).highlight(f"{char} و {char}{char}"):
            assert segment.text, f"U+{ord(char):04X}"


@pytest.mark.slow
def test_every_assigned_character_is_analysed_and_asked_for() -> None:
    for some in _some(_assigned(), 60):
        text = " ".join(written for char in some for written in _written(char))
        _analysed(text)
        _asked(text)


@pytest.mark.slow
def test_every_assigned_character_is_indexed_in_text_title_and_tags(engine: Engine) -> None:
    chars = [char for char in _assigned() if not "\ud800" <= char <= "\udfff" and char != "\0"]
    articles = []
    for number, some in enumerate(_some(chars, 100)):
        fields = {
            "id": str(number),
            "text": ARABIC + " ".join(f"{c} {c}{c} م{c} {c}م" for c in some),
            "title": "".join(some),
            "tags": [f"{c}م" for c in some[:60]],
            "source": "".join(some),
            "author": "".join(some),
        }
        articles.append(article_from(fields))
    _stored(engine, articles)
    for article in articles:
        found = engine.article(article.id)
        assert found is not None
        assert found.article == article


@pytest.mark.slow
def test_every_character_that_nfkc_changes_is_searched_and_found(engine: Engine) -> None:
    articles = [
        Article(ArticleInfo(id=str(n), title="بغداد"), ARABIC + " ".join(some))
        for n, some in enumerate(_some(CHANGED, 100))
    ]
    _stored(engine, articles)
    searcher = Searcher(engine, None)
    for number, some in enumerate(_some(CHANGED, 100)):
        where = Filter(articles=(str(number),))
        given = tuple(some)
        every = Filter(tags=given, sources=given, languages=given)
        searcher.search(Query("بغداد", "keyword", size=1, filter=every))
        for char in some:
            try:
                text = f'م{char} "{char}" +{char} -{char}'
                searcher.search(Query(text, "keyword", size=1))
                results = searcher.search(Query(char, "keyword", filter=where))
                engine.terms_with_prefixes("letters", [char], 3)
                engine.terms_with_prefixes("sound", [char], 3)
            except Exception as error:
                raise AssertionError(f"U+{ord(char):04X}") from error
            assert results.hits or not analyse(char), f"U+{ord(char):04X}"
