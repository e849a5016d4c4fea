"""fetch, article, article_ids, indexed, status: given back code point for code point."""

from __future__ import annotations

from datetime import date

import pytest

from search.domain import LAYERS, NO_FILTER, Layer
from search.engines.protocol import Engine, RankRequest
from search.errors import InputError
from search.query.clauses import Everything
from tests.conformance.corpus import EMBEDDER, FINGERPRINT, facets, found, indexed


@pytest.fixture(scope="module")
def one(shared: Engine) -> Engine:
    shared.write([indexed("a", "x")])
    return shared


TEXTS = {
    "tashkeel": "قَصَفَ الجيشُ هٰذا المَوقِعَ",
    "not normalised": "e\u0301 \u00e9 ﻻ ﷺ ﬁ",
    "controls": "a\x00b\x01c\x7f \u200f\u202b\u2066x\u2069\ufeff",
    "line ends": "a\r b\u2028 c\x0b",
    "white space": "  two  spaces\u00a0and\u3000more ",
    "astral": "😀👨‍👩‍👧 𝔸 \U0010ffff",
    "not characters": "\ufffe\uffff\ufdd0",
    "tatweel": "العـــراق",
    "long": "كلمة " * 20_000,
    "marks": "ب" + "\u064e" * 5_000,
}


def test_text_comes_back_code_point_for_code_point(engine: Engine) -> None:
    layers: dict[Layer, str] = dict.fromkeys(LAYERS, "x")
    for name, text in TEXTS.items():
        given = indexed(name, text, "next", layers=layers, title=text[:1000])
        assert engine.write([given])[0].is_stored, name
        stored = engine.article(name)
        assert stored is not None
        assert stored.article == given.article, name
        assert stored.passages == tuple(p.passage for p in given.passages), name
        (passage,) = engine.fetch([f"{name}#0"])
        assert passage.passage == given.passages[0].passage, name
        assert passage.article == given.article.info, name


def test_everything_known_of_an_article_comes_back(engine: Engine) -> None:
    given = indexed(
        "id",
        "x",
        title="عنوان",
        source="s",
        author="كاتبة",
        language="ar",
        published=date(1, 1, 1),
        tags=("b", "a"),
    )
    engine.write([given])
    stored = engine.article("id")
    assert stored is not None
    assert stored.article == given.article
    assert engine.fetch(["id#0"])[0].article == given.article.info
    assert engine.indexed(["id"])[0].article == given.article


IDS = [
    "مقال",
    "a b",
    "a#1",
    "#",
    "a#b#",
    "💥",
    "É",
    "E\u0301",
    "a/b?c=d&e",
    "%00",
    "'; DROP",
    "x" * 512,
    "_id",
    "*",
]


def test_ids_of_any_script_and_sign(engine: Engine) -> None:
    assert all(o.is_stored for o in engine.write([indexed(key, f"word {key!r}") for key in IDS]))
    assert engine.article_ids("", 100) == sorted(IDS)
    for key in IDS:
        stored = engine.article(key)
        assert stored is not None
        assert stored.article.id == key
        assert [p.passage.id for p in engine.fetch([f"{key}#0"])] == [f"{key}#0"]
    assert found(engine, Everything()) == sorted(f"{key}#0" for key in IDS)
    assert engine.delete(IDS) == len(IDS)


def test_ids_are_not_folded_or_normalised(engine: Engine) -> None:
    engine.write([indexed(key, "x") for key in ("É", "E\u0301", "é", "E")])
    assert engine.status().articles == 4


def test_fetch_keeps_the_order_asked_and_ignores_the_unknown(engine: Engine) -> None:
    engine.write([indexed("a", "0", "1", "2"), indexed("b", "0")])
    asked = ["b#0", "a#2", "zzz#0", "a#0", "a#3", "a", "#", "", "a#-1", "a#00", "a#٠", "\ud800#0"]
    assert [p.passage.id for p in engine.fetch(asked)] == ["b#0", "a#2", "a#0"]
    assert engine.fetch([]) == []


def test_fetch_gives_a_passage_asked_twice_twice(engine: Engine) -> None:
    engine.write([indexed("a", "x")])
    assert [p.passage.id for p in engine.fetch(["a#0", "a#0"])] == ["a#0", "a#0"]


@pytest.mark.parametrize("key", ["unknown", "", "\ud800", "a#0", "x" * 10_000, "\x00"])
def test_an_unknown_article_is_none(one: Engine, key: str) -> None:
    assert one.article(key) is None


def test_article_ids_page_by_page(engine: Engine) -> None:
    ids = sorted(f"م{i}" for i in range(25))
    engine.write([indexed(key, "x") for key in reversed(ids)])
    listed: list[str] = []
    sizes = []
    while page := engine.article_ids(listed[-1] if listed else "", 10):
        listed += page
        sizes.append(len(page))
    assert sizes == [10, 10, 5]
    assert listed == ids
    assert engine.article_ids("", 0) == []


def test_status_counts(engine: Engine) -> None:
    engine.write([indexed("a", "x. y", "z"), indexed("b", "x. y. z")])
    status = engine.status()
    assert (status.articles, status.passages, status.sentences) == (2, 3, 5)
    assert status.unembedded == 0
    assert status.fingerprint == FINGERPRINT
    assert status.engine


def test_an_empty_index_answers_everything(engine: Engine) -> None:
    rankings = engine.rank(RankRequest(Everything(), EMBEDDER.embed_query("x")))
    assert (rankings.text, rankings.text_total, rankings.vector) == ((), 0, ())
    assert rankings.passages == 0
    assert engine.fetch(["a#0"]) == []
    assert engine.article("a") is None
    assert engine.article_ids("", 10) == []
    assert engine.unembedded("", 10) == []
    assert engine.stored(["a"]) == {}
    assert engine.delete(["a"]) == 0
    assert facets(engine, None, NO_FILTER, ["tag"]) == {"tag": []}
    assert engine.terms_with_prefixes("stem", [""], 10) == {"": []}
    status = engine.status()
    assert (status.articles, status.passages, status.sentences) == (0, 0, 0)


def test_an_index_emptied_answers_everything(engine: Engine) -> None:
    engine.write([indexed("a", "x")])
    engine.delete(["a"])
    rankings = engine.rank(RankRequest(Everything(), EMBEDDER.embed_query("x")))
    assert (rankings.text, rankings.text_total, rankings.vector) == ((), 0, ())
    assert facets(engine, None, NO_FILTER, ["tag"]) == {"tag": []}


def test_closing_twice_is_harmless(engine: Engine) -> None:
    engine.write([indexed("a", "x")])
    engine.close()
    engine.close()


@pytest.mark.parametrize("limit", [-1, 10_001, 10**12])
def test_limits_are_bounded(one: Engine, limit: int) -> None:
    with pytest.raises(InputError, match="limit"):
        one.rank(RankRequest(Everything(), limit=limit))
    with pytest.raises(InputError, match="limit"):
        facets(one, None, NO_FILTER, ["tag"], limit)
    with pytest.raises(InputError, match="limit"):
        one.terms_with_prefixes("stem", [""], limit)
    with pytest.raises(InputError, match="limit"):
        one.article_ids("", limit)
    with pytest.raises(InputError, match="limit"):
        one.unembedded("", limit)


def test_texts_that_come_with_a_ranking_are_those_that_are_fetched(engine: Engine) -> None:
    engine.write([indexed(f"a{i}", f"x word{i}. y", "x z", title=f"t{i}") for i in range(5)])
    rankings = engine.rank(RankRequest(Everything(), limit=6, texts=True))
    assert [hit.passage_id for hit in rankings.text] == [
        f"a{i}#{j}" for i in range(3) for j in (0, 1)
    ]
    for passage_id, read in rankings.passages_read.items():
        assert engine.fetch([passage_id]) == [read]
    assert set(rankings.passages_read) <= {hit.passage_id for hit in rankings.text}
    assert engine.rank(RankRequest(Everything(), limit=6)).passages_read == {}
