"""write, delete, stored: whole articles, one outcome each."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from search.domain import NO_FILTER, IndexedArticle, IndexedPassage
from search.engines.protocol import Engine, RankRequest, Stored
from search.errors import FingerprintMismatch
from search.query.clauses import Everything, Term
from tests.conformance.conftest import Open
from tests.conformance.corpus import FINGERPRINT, facets, found, indexed, near


def _with(article: IndexedArticle, **changes: object) -> IndexedArticle:
    """Return an article whose first passage is changed."""
    first = replace(article.passages[0], **changes)  # type: ignore[arg-type]
    return replace(article, passages=(first, *article.passages[1:]))


def test_outcomes_come_in_order(engine: Engine) -> None:
    outcomes = engine.write([indexed("b", "x"), indexed("a", "y")])
    assert [(o.id, o.status, o.error) for o in outcomes] == [
        ("b", "created", ""),
        ("a", "created", ""),
    ]


def test_an_outcome_says_whether_the_article_is_new(engine: Engine) -> None:
    assert engine.write([indexed("a", "x")])[0].status == "created"
    assert engine.write([indexed("a", "y")])[0].status == "updated"
    engine.delete(["a"])
    assert engine.write([indexed("a", "y")])[0].status == "created"


def test_nothing_to_write_is_no_error(engine: Engine) -> None:
    assert engine.write([]) == []
    assert engine.status().articles == 0


def test_what_is_there_already_is_left_alone(engine: Engine) -> None:
    engine.write([indexed("a", "x y", title="t")])
    assert [o.status for o in engine.write([indexed("a", "x y", title="t")])] == ["unchanged"]


OTHERS = [
    indexed("a", "x", title="other"),
    indexed("a", "x", source="other"),
    indexed("a", "x", author="other"),
    indexed("a", "x", language="ar"),
    indexed("a", "x", tags=("t",)),
    indexed("a", "x "),
]


def test_any_field_that_differs_is_written(engine: Engine) -> None:
    for other in OTHERS:
        for given in (indexed("a", "x"), other):
            assert engine.write([given])[0].is_stored, other
            stored = engine.article("a")
            assert stored is not None
            assert stored.article == given.article


def test_a_shortened_article_leaves_no_stale_passage(engine: Engine) -> None:
    engine.write([indexed("a", "one", "two", "three")])
    engine.write([indexed("a", "two")])
    assert found(engine, Everything()) == ["a#0"]
    assert found(engine, Term("stem", "one")) == []
    assert near(engine, "three") == ["a#0"]
    assert engine.fetch(["a#1", "a#2"]) == []
    assert engine.status().passages == 1


def test_the_last_of_two_with_one_id_stays(engine: Engine) -> None:
    outcomes = engine.write([indexed("a", "old"), indexed("a", "new")])
    assert [o.status for o in outcomes] == ["created", "updated"]
    assert found(engine, Everything()) == ["a#0"]
    assert found(engine, Term("stem", "new")) == ["a#0"]


def test_an_article_without_passages_is_kept(engine: Engine) -> None:
    assert engine.write([indexed("a")])[0].is_stored
    stored = engine.article("a")
    assert stored is not None
    assert stored.passages == ()
    assert engine.status().articles == 1


BAD = {
    "empty id": indexed("", "x"),
    "control character in id": indexed("a\nb", "x"),
    "huge id": indexed("a" * 513, "x"),
    "surrogate in id": indexed("a\ud800", "x"),
    "surrogate in text": indexed("bad", "x\ud800", layers={}),
    "surrogate in title": indexed("bad", "x", title="\udfff"),
    "surrogate in tag": indexed("bad", "x", tags=("\ud800",)),
    "NUL in source": indexed("bad", "x", source="a\x00b"),
    "surrogate in terms": indexed("bad", "x", layers={"stem": "\ud800"}),
    "line break in terms": indexed("bad", "x", layers={"stem": "a\nb"}),
    "tab in terms": indexed("bad", "x", layers={"grams": "a\tb"}),
    "term without end": indexed("bad", "x", layers={"stem": "س" * 40_000}),
    "huge title": indexed("bad", "x", title="t" * 100_000),
    "short vector": _with(indexed("bad", "x"), vector=np.ones(3, np.float32)),
    "NaN in vector": _with(indexed("bad", "x"), vector=np.full(32, np.nan, np.float32)),
    "infinity in vector": _with(indexed("bad", "x"), vector=np.full(32, np.inf, np.float32)),
    "vector of zeros": _with(indexed("bad", "x"), vector=np.zeros(32, np.float32)),
    "sentences without vectors": _with(
        indexed("bad", "x. y"), sentence_vectors=np.zeros((0, 32), np.float32)
    ),
    "sentence outside": _with(indexed("bad", "x. y"), sentences=indexed("b", "x. yyyyy").passages[0].sentences),
}  # fmt: skip


def test_an_article_that_cannot_be_stored_fails_alone(engine: Engine) -> None:
    for name, bad in BAD.items():
        outcomes = engine.write([indexed("first", "good"), bad, indexed("last", "good")])
        assert [o.status for o in outcomes] == ["created", "failed", "created"], name
        assert len(outcomes[1].error) > 20, name
        assert found(engine, Everything()) == ["first#0", "last#0"], name
        assert engine.article_ids("", 10) == ["first", "last"], name
        assert engine.delete(["first", "last"]) == 2


def test_a_bad_replacement_leaves_what_was_there(engine: Engine) -> None:
    engine.write([indexed("a", "good")])
    bad = _with(indexed("a", "bad"), vector=np.full(32, np.nan, np.float32))
    assert engine.write([bad])[0].status == "failed"
    stored = engine.article("a")
    assert stored is not None
    assert stored.article.text == "good"
    assert found(engine, Term("stem", "good")) == ["a#0"]


def test_passages_must_be_the_articles(engine: Engine) -> None:
    a, b = indexed("a", "one", "two"), indexed("b", "one", "two")
    swapped = replace(a, passages=(a.passages[1], a.passages[0]))
    foreign = replace(a, passages=b.passages)
    elsewhere: IndexedPassage = replace(
        a.passages[0], passage=replace(a.passages[0].passage, start=1, end=4)
    )
    moved = replace(a, passages=(elsewhere,))
    for bad in (swapped, foreign, moved):
        assert engine.write([bad])[0].status == "failed"
    assert engine.status().articles == 0


def test_delete_removes_everything_of_an_article(engine: Engine) -> None:
    engine.write([indexed("a", "one. two", "three"), indexed("b", "one")])
    assert engine.delete(["a"]) == 1
    assert engine.article("a") is None
    assert engine.fetch(["a#0", "a#1"]) == []
    assert found(engine, Everything()) == ["b#0"]
    assert near(engine, "three") == ["b#0"]
    assert engine.stored(["a"]) == {}
    assert engine.terms_with_prefixes("stem", ["t"], 10) == {"t": []}
    status = engine.status()
    assert (status.articles, status.passages, status.sentences) == (1, 1, 0)


def test_delete_ignores_unknown_ids_and_counts_once(engine: Engine) -> None:
    assert engine.delete(["nothing"]) == 0
    engine.write([indexed("a", "x"), indexed("b", "x")])
    assert engine.delete(["a", "a", "nothing", "\ud800", ""]) == 1
    assert engine.delete(["a"]) == 0
    assert engine.delete([]) == 0


def test_deletion_and_replacement_in_a_larger_index(engine: Engine) -> None:
    """Large enough that no engine builds it anew for a few removals."""
    engine.write([indexed(f"{i:04}", f"w{i} shared") for i in range(1500)])
    assert engine.delete(["0003", "0004"]) == 2
    engine.write([indexed("0005", "fresh")])
    rankings = engine.rank(RankRequest(Term("stem", "shared"), limit=10_000))
    assert rankings.text_total == len(rankings.text) == 1497
    assert not {"0003#0", "0004#0", "0005#0"} & {hit.passage_id for hit in rankings.text}
    assert found(engine, Term("stem", "fresh")) == ["0005#0"]
    frequencies = engine.rank(RankRequest(frequencies=(Term("stem", "shared"),))).frequencies
    assert frequencies[Term("stem", "shared")] == 1497
    assert engine.terms_with_prefixes("stem", ["w3"], 1) == {"w3": [("w30", 1)]}
    assert facets(engine, Term("stem", "w5"), NO_FILTER, ["source"]) == {"source": []}


def test_a_deleted_article_can_come_back(engine: Engine) -> None:
    engine.write([indexed("a", "x")])
    engine.delete(["a"])
    assert engine.write([indexed("a", "x")])[0].is_stored
    assert found(engine, Term("stem", "x")) == ["a#0"]


def test_what_is_stored_of_the_known(engine: Engine) -> None:
    a = indexed("a", "x")
    engine.write([a])
    assert engine.stored(["a", "b", "\ud800"]) == {"a": Stored(a.article.content_hash(), True)}


def test_what_was_written_is_there_after_opening_again(open_index: Open) -> None:
    with open_index() as engine:
        engine.write([indexed("a", "one. two"), indexed("b", "three")])
        engine.write([indexed("b", "four")])
        engine.delete(["a"])
    with open_index() as engine:
        assert found(engine, Everything()) == ["b#0"]
        assert found(engine, Term("stem", "four")) == ["b#0"]
        assert near(engine, "four") == ["b#0"]
        assert engine.write([indexed("b", "four")])[0].status == "unchanged"


@pytest.mark.parametrize(
    ("field", "value"),
    [("analyser", "x"), ("model", "x"), ("model_hash", "x"), ("sentence_vectors", False)],
)
def test_another_fingerprint_is_refused_naming_the_difference(
    open_index: Open, field: str, value: object
) -> None:
    with open_index() as engine:
        engine.write([indexed("a", "x")])
    other = replace(FINGERPRINT, **{field: value})  # type: ignore[arg-type]
    with pytest.raises(FingerprintMismatch, match=field), open_index(other) as engine:
        engine.rank(RankRequest(Everything()))
