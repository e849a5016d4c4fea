"""Text ranking: what each clause matches and how it scores."""

from __future__ import annotations

from itertools import product

import pytest

from search.domain import LAYERS, Filter, Layer
from search.engines.protocol import Engine, RankRequest
from search.query.clauses import (
    AllOf,
    AnyOf,
    Boost,
    Clause,
    Everything,
    Fuzzy,
    Not,
    Phrase,
    Prefer,
    Prefix,
    Term,
)
from tests.conformance.corpus import found, indexed


def t(value: str, layer: Layer = "stem") -> Term:
    return Term(layer, value)


def scores(engine: Engine, clause: Clause) -> dict[str, float]:
    return {hit.passage_id: hit.score for hit in engine.rank(RankRequest(clause)).text}


@pytest.fixture(scope="module")
def abc(shared: Engine) -> Engine:
    shared.write([indexed("1", "a b c"), indexed("2", "a b"), indexed("3", "a"), indexed("4", "z")])
    return shared


def test_a_term_is_looked_for_in_its_layer_only(engine: Engine) -> None:
    for layer in LAYERS:
        others: dict[Layer, str] = {other: "elsewhere" for other in LAYERS if other != layer}
        engine.write([indexed("a", "x", layers={**others, layer: "here"})])
        assert found(engine, t("here", layer)) == ["a#0"], layer
        assert found(engine, t("elsewhere", layer)) == [], layer
        assert found(engine, Prefix(layer, "her")) == ["a#0"], layer
        assert found(engine, Phrase(layer, ("here",))) == ["a#0"], layer
        assert found(engine, Fuzzy(layer, "hare")) == ["a#0"], layer
        engine.delete(["a"])


def test_a_term_is_whole_and_exact(engine: Engine) -> None:
    engine.write([indexed("a", "Word العراق")])
    assert found(engine, t("Word")) == ["a#0"]
    assert found(engine, t("العراق")) == ["a#0"]
    for other in ("word", "Wor", "عراق", "Word العراق", "", " ", "W*", "Word~"):
        assert found(engine, t(other)) == []


ODD = ["(", '"', "a:b", "*", "\\", "[x", "..", "1/2", "٣", "😀", "a\u00a0b", "e\u0301", "\u200f"]


def test_any_characters_can_be_a_term(engine: Engine) -> None:
    engine.write([indexed("b", "x")])
    for odd in ODD:
        engine.write([indexed("a", "x", layers={"letters": f"x {odd} y"})])
        assert found(engine, t(odd, "letters")) == ["a#0"], odd
        assert found(engine, Prefix("letters", odd)) == ["a#0"], odd
        assert found(engine, Fuzzy("letters", odd + "zz")) == [], odd
        assert found(engine, Phrase("letters", ("x", odd, "y"))) == ["a#0"], odd
        engine.delete(["a"])


def test_more_often_scores_more(engine: Engine) -> None:
    engine.write([indexed("1", "a b b b"), indexed("2", "a a a b"), indexed("3", "c d e f")])
    assert found(engine, t("a")) == ["2#0", "1#0"]


def test_a_rarer_term_scores_more(engine: Engine) -> None:
    engine.write([indexed("1", "often x"), indexed("2", "often y"), indexed("3", "rare z")])
    assert found(engine, AnyOf((t("often"), t("rare"))))[0] == "3#0"


def test_a_shorter_passage_scores_more(engine: Engine) -> None:
    engine.write([indexed("1", "a b c d e f g h"), indexed("2", "a b"), indexed("3", "x")])
    assert found(engine, t("a")) == ["2#0", "1#0"]


def test_bm25_as_defined(engine: Engine) -> None:
    """k1 = 1.2, b = 0.75; lengths below 40 are exact in every engine's one-byte norms."""
    import math

    engine.write([indexed("1", "a a b"), indexed("2", "b c"), indexed("3", "c")])
    idf = math.log(1 + (3 - 1 + 0.5) / (1 + 0.5))
    tf = 2 * 2.2 / (2 + 1.2 * (0.25 + 0.75 * 3 / 2))
    assert scores(engine, t("a")) == {"1#0": pytest.approx(idf * tf, rel=1e-3)}


def test_a_phrase_is_next_to_each_other_in_order(engine: Engine) -> None:
    engine.write([indexed("1", "a b c"), indexed("2", "b a c"), indexed("3", "a x b")])
    assert found(engine, Phrase("stem", ("a", "b"))) == ["1#0"]
    assert found(engine, Phrase("stem", ("a", "b", "c"))) == ["1#0"]
    assert found(engine, Phrase("stem", ("a", "c"))) == ["2#0"]
    assert found(engine, Phrase("stem", ("c", "a"))) == []


def test_a_phrase_never_spans_passages(engine: Engine) -> None:
    engine.write([indexed("1", "x a", "b y")])
    assert found(engine, Phrase("stem", ("a", "b"))) == []


def test_a_phrase_may_repeat_a_word(engine: Engine) -> None:
    engine.write([indexed("1", "a a b"), indexed("2", "a b a")])
    assert found(engine, Phrase("stem", ("a", "a"))) == ["1#0"]


def test_an_empty_phrase_matches_nothing(abc: Engine) -> None:
    assert found(abc, Phrase("stem", ())) == []


def test_a_prefix_matches_every_term_that_starts_so(engine: Engine) -> None:
    """Not the first 50 of them, as phrase-prefix queries do."""
    engine.write([indexed(f"{i:03}", f"كلمة{i:03}") for i in range(120)])
    assert len(found(engine, Prefix("stem", "كلم"), limit=1000)) == 120
    assert len(found(engine, Prefix("stem", "كلمة00"), limit=1000)) == 10
    assert found(engine, Prefix("stem", "لمة")) == []


def test_fuzzy_matches_every_term_one_edit_away(engine: Engine) -> None:
    """Not the 50 nearest of them, as fuzzy queries do."""
    letters = [chr(0x4E00 + i) for i in range(120)]
    engine.write([indexed(f"{i:03}", f"كتا{letter}ب") for i, letter in enumerate(letters)])
    engine.write([indexed("other", "كتاب كتابهم تكاب كابت")])
    assert len(found(engine, Fuzzy("stem", "كتاب"), limit=1000)) == 121
    assert found(engine, Fuzzy("stem", "كتابهمم")) == ["other#0"]
    assert found(engine, Fuzzy("stem", "تاكب")) == ["other#0"]  # of تكاب
    assert found(engine, Fuzzy("stem", "تابك")) == []


def test_fuzzy_scores_one(engine: Engine) -> None:
    engine.write([indexed("2", "word word worm"), indexed("1", "a long text with one word in it")])
    assert scores(engine, Fuzzy("stem", "wrd")) == {"1#0": 1.0, "2#0": 1.0}


def test_a_prefix_scores_one(engine: Engine) -> None:
    engine.write([indexed("2", "word word worm"), indexed("1", "a long text with one word in it")])
    assert scores(engine, Prefix("stem", "wor")) == {"1#0": 1.0, "2#0": 1.0}
    assert found(engine, Prefix("stem", "wor")) == ["1#0", "2#0"]


def test_any_of_adds_scores(abc: Engine) -> None:
    one, two = scores(abc, t("a")), scores(abc, t("b"))
    both = scores(abc, AnyOf((t("a"), t("b"))))
    for key, score in both.items():
        assert score == pytest.approx(one.get(key, 0) + two.get(key, 0), rel=1e-3)
    assert set(both) == {"1#0", "2#0", "3#0"}


@pytest.mark.parametrize(
    ("minimum", "ids"), [(1, {"1#0", "2#0", "3#0"}), (2, {"1#0", "2#0"}), (3, {"1#0"}), (4, set())]
)
def test_any_of_needs_its_minimum(abc: Engine, minimum: int, ids: set[str]) -> None:
    clause = AnyOf((t("a"), t("b"), t("c")), minimum=minimum)
    assert set(found(abc, clause)) == ids


def test_any_of_counts_a_clause_given_twice_twice(abc: Engine) -> None:
    assert set(found(abc, AnyOf((t("c"), t("c"), t("b")), minimum=2))) == {"1#0"}


def test_all_of_needs_every_clause_and_adds_scores(abc: Engine) -> None:
    together = scores(abc, AllOf((t("a"), t("b"))))
    assert set(together) == {"1#0", "2#0"}
    apart = scores(abc, t("a"))["2#0"] + scores(abc, t("b"))["2#0"]
    assert together["2#0"] == pytest.approx(apart, rel=1e-3)


def test_nothing_asked_gives_nothing(abc: Engine) -> None:
    assert found(abc, AnyOf(())) == []
    assert found(abc, AllOf(())) == []
    assert abc.rank(RankRequest()).text == ()
    assert abc.rank(RankRequest()).text_total is None
    assert abc.rank(RankRequest(AnyOf(()))).text_total == 0


def test_not_takes_out_and_keeps_the_score(abc: Engine) -> None:
    assert scores(abc, Not(t("a"), t("c"))) == {
        key: score for key, score in scores(abc, t("a")).items() if key != "1#0"
    }
    assert found(abc, Not(t("a"), t("a"))) == []
    assert set(found(abc, Not(t("a"), t("absent")))) == {"1#0", "2#0", "3#0"}


def test_prefer_adds_a_bonus_and_never_a_passage(abc: Engine) -> None:
    plain, bonus = scores(abc, t("a")), scores(abc, t("b"))
    preferred = scores(abc, Prefer(t("a"), AnyOf((t("b"), t("z")))))
    assert set(preferred) == set(plain)
    for key, score in preferred.items():
        assert score == pytest.approx(plain[key] + bonus.get(key, 0), rel=1e-3)


@pytest.mark.parametrize("factor", [0.0, 0.25, 1.0, 7.0, 1000.0])
def test_boost_multiplies(abc: Engine, factor: float) -> None:
    plain, boosted = scores(abc, t("b")), scores(abc, Boost(t("b"), factor))
    assert boosted == {key: pytest.approx(score * factor, rel=1e-3) for key, score in plain.items()}


def test_everything_is_every_passage_with_score_zero(abc: Engine) -> None:
    assert scores(abc, Everything()) == {"1#0": 0.0, "2#0": 0.0, "3#0": 0.0, "4#0": 0.0}
    assert found(abc, Not(Everything(), t("a"))) == ["4#0"]


def test_a_constraint_holds_and_scores_nothing(abc: Engine) -> None:
    plain = scores(abc, t("a"))
    rankings = abc.rank(RankRequest(t("a"), constraint=Boost(t("b"), 50.0)))
    assert {hit.passage_id: hit.score for hit in rankings.text} == {
        key: pytest.approx(plain[key], rel=1e-3) for key in ("1#0", "2#0")
    }
    assert rankings.text_total == 2


def test_the_total_is_exact_whatever_the_limit(engine: Engine) -> None:
    engine.write([indexed(f"{i:04}", "a b" if i % 3 else "b") for i in range(400)])
    for limit in (0, 1, 10, 10_000):
        rankings = engine.rank(RankRequest(t("a"), limit=limit))
        assert rankings.text_total == 266
        assert len(rankings.text) == min(limit, 266)


def test_order_is_score_then_id(engine: Engine) -> None:
    engine.write([indexed(key, "a b") for key in ("c", "a", "ب", "B", "b", "أ")])
    engine.write([indexed("first", "a")])
    assert found(engine, t("a")) == ["first#0", "B#0", "a#0", "b#0", "c#0", "أ#0", "ب#0"]


def test_positions_are_ordered_as_text(engine: Engine) -> None:
    engine.write([indexed("a", *["x"] * 12)])
    assert found(engine, t("x"))[:4] == ["a#0", "a#1", "a#10", "a#11"]


def test_a_tie_at_the_cut_is_cut_by_id(engine: Engine) -> None:
    ids = [f"{(i * 7919) % 300:03}" for i in range(300)]
    for start in range(0, 300, 50):  # several segments
        engine.write([indexed(key, "same words") for key in ids[start : start + 50]])
    for limit in (1, 7, 99, 100, 150):
        expected = [f"{i:03}#0" for i in range(limit)]
        assert found(engine, t("same"), limit=limit) == expected
        assert found(engine, AnyOf((t("same"), t("words"))), limit=limit) == expected
        assert found(engine, Everything(), limit=limit) == expected
        assert found(engine, Prefix("stem", "sa"), limit=limit) == expected


def with_grams(wanted: Clause, *parts: Clause) -> Clause:
    """Return a clause like a query's: what must match, unscored, and what adds up."""
    return Prefer(Boost(wanted, 0), AnyOf((*parts, Boost(t("gram", "grams"), 0.2))))


def test_grams_decide_between_equals_and_ids_between_equal_grams(engine: Engine) -> None:
    """More equals than are wanted, so an engine that looks at the best few has to look on."""
    names = [f"{i:03}" for i in range(300)]
    first = names[::50]
    engine.write(
        [
            indexed(name, "x", layers={"grams": "gram" if name in first else "other"})
            for name in reversed(names)
        ]
    )
    clause = with_grams(t("x"), t("x"))
    ordered = [f"{name}#0" for name in first + [name for name in names if name not in first]]
    for limit, texts in product((1, 10, 39), (False, True)):
        ranked = engine.rank(RankRequest(clause, limit=limit, texts=texts)).text
        assert [hit.passage_id for hit in ranked] == ordered[:limit], (limit, texts)


def test_grams_rank_what_has_no_other_term(engine: Engine) -> None:
    engine.write([indexed(f"{i:03}", f"w{i}", layers={"grams": "other"}) for i in range(150)])
    engine.write([indexed("last", "w", layers={"grams": "gram other"})])
    clause = with_grams(t("other", "grams"), t("x"))
    assert found(engine, clause, limit=1) == ["last#0"]


def test_the_same_question_has_the_same_answer(abc: Engine) -> None:
    request = RankRequest(AnyOf((t("a"), t("b"), t("c"))))
    assert len({abc.rank(request).text for _ in range(5)}) == 1


def test_frequencies_count_passages_of_the_whole_index(engine: Engine) -> None:
    engine.write([indexed("1", "a a", "a b", source="s"), indexed("2", "b"), indexed("3", "a")])
    asked = (t("a"), t("b"), t("absent"), t("a", "grams"), t("\ud800"))
    rankings = engine.rank(RankRequest(filter=Filter(sources=("s",)), frequencies=asked))
    assert dict(rankings.frequencies) == dict(zip(asked, (3, 2, 0, 3, 0), strict=True))
    assert rankings.passages == 4
    engine.delete(["3"])
    assert engine.rank(RankRequest(frequencies=asked)).frequencies[t("a")] == 2


def test_vocabulary_most_frequent_first_then_by_term(engine: Engine) -> None:
    engine.write([indexed("1", "كتاب كتب", "كتب مكتب"), indexed("2", "كتاب كتب كاتب")])
    assert engine.terms_with_prefixes("stem", ["ك"], 10) == {
        "ك": [("كتب", 3), ("كتاب", 2), ("كاتب", 1)]
    }
    assert engine.terms_with_prefixes("stem", ["كت"], 1) == {"كت": [("كتب", 3)]}
    assert engine.terms_with_prefixes("stem", [""], 10)[""][-1] == ("مكتب", 1)
    assert engine.terms_with_prefixes("stem", ["ك"], 0) == {"ك": []}
    assert engine.terms_with_prefixes("stem", ["\ud800"], 10) == {"\ud800": []}
    assert engine.terms_with_prefixes("vowelled", ["zz"], 10) == {"zz": []}
    several = engine.terms_with_prefixes("stem", ["كت", "zz", "\ud800", "مك", "كت"], 1)
    assert several == {"كت": [("كتب", 3)], "zz": [], "\ud800": [], "مك": [("مكتب", 1)]}
    assert engine.terms_with_prefixes("stem", [], 10) == {}
    engine.delete(["2"])
    assert engine.terms_with_prefixes("stem", ["ك"], 10) == {"ك": [("كتب", 2), ("كتاب", 1)]}
