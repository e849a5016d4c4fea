"""What is asked is bounded before anything native sees it: a clear error, never a crash."""

from __future__ import annotations

from functools import reduce

import numpy as np
import pytest

from search.domain import NO_FILTER, Filter
from search.engines.protocol import Engine, RankRequest
from search.errors import InputError
from search.query.clauses import (
    MAX_CLAUSES,
    AllOf,
    Among,
    AnyOf,
    Boost,
    Clause,
    Everything,
    Fuzzy,
    Not,
    Phrase,
    Prefer,
    Prefix,
    Proximity,
    Term,
)
from tests.conformance.corpus import facets, found, indexed


@pytest.fixture(scope="module")
def one(shared: Engine) -> Engine:
    shared.write([indexed("a", "x y")])
    return shared


def nested(depth: int) -> Clause:
    return reduce(lambda clause, _: AllOf((clause,)), range(depth), Term("stem", "x"))  # type: ignore[arg-type, return-value]


TOO_MUCH: dict[str, Clause] = {
    "too many": AnyOf(tuple(Term("stem", f"t{i}") for i in range(MAX_CLAUSES))),
    "a huge phrase": Phrase("stem", ("x",) * (MAX_CLAUSES + 1)),
    "a phrase of a layer without places": Phrase("grams", ("x", "y")),
    "too deep": nested(20_000),
    "minimum 0": AnyOf((Term("stem", "x"),), minimum=0),
    "minimum -1": AnyOf((Term("stem", "x"),), minimum=-1),
    "negative factor": Boost(Term("stem", "x"), -1.0),
    "huge factor": Boost(Term("stem", "x"), 1001.0),
    "NaN": Boost(Term("stem", "x"), float("nan")),
    "infinity": Boost(Term("stem", "x"), float("inf")),
    "factors that multiply": reduce(lambda c, _: Boost(c, 1000.0), range(20), Everything()),  # type: ignore[arg-type, return-value]
    "no such layer": Term("lemma", "x"),  # type: ignore[arg-type]
    "inside another": Prefer(Everything(), Not(Everything(), Boost(Everything(), -1))),
}


@pytest.mark.parametrize("clause", TOO_MUCH.values(), ids=TOO_MUCH)
def test_a_clause_out_of_bounds_is_refused(one: Engine, clause: Clause) -> None:
    with pytest.raises(InputError):
        one.rank(RankRequest(clause))
    with pytest.raises(InputError):
        one.rank(RankRequest(constraint=clause))
    with pytest.raises(InputError):
        facets(one, clause, NO_FILTER, ["tag"])


def test_as_much_as_is_allowed_works(one: Engine) -> None:
    most = AnyOf((*(Term("stem", f"t{i}") for i in range(MAX_CLAUSES - 2)), Term("stem", "x")))
    assert found(one, most) == ["a#0"]
    assert found(one, nested(50)) == ["a#0"]
    assert found(one, Boost(Boost(Term("stem", "x"), 1000.0), 1000.0)) == ["a#0"]


ODD = ["", " ", "\x00", "\ud800", "x\udfff", "س" * 100_000, "(" * 12_000, "AND OR NOT", "stem:x"]


@pytest.mark.parametrize("odd", ODD, ids=lambda odd: repr(odd[:12]))
def test_odd_values_match_nothing(one: Engine, odd: str) -> None:
    assert found(one, Term("stem", odd)) == []
    assert found(one, Phrase("stem", (odd,))) == []
    assert found(one, Phrase("stem", ("x", odd))) == []
    assert found(one, Not(Term("stem", "x"), Term("stem", odd))) == ["a#0"]
    assert found(one, AnyOf((Term("stem", odd), Term("stem", "x")))) == ["a#0"]
    if odd:
        assert found(one, Prefix("stem", odd)) == []
        assert found(one, Fuzzy("stem", odd + "yz")) == []
    assert found(one, Fuzzy("stem", "")) == []
    assert found(one, Proximity("stem", "x", odd, 5, in_order=False)) == []
    assert found(one, Proximity("stem", odd, odd, 5, in_order=True)) == []
    assert found(one, Among(Filter(sources=(odd,)))) == []


def test_the_empty_prefix_is_any_term(engine: Engine) -> None:
    engine.write([indexed("a", "x"), indexed("b", "x", layers={"vowelled": ""})])
    assert found(engine, Prefix("vowelled", "")) == ["a#0"]


@pytest.mark.parametrize(
    "vector",
    [
        np.zeros(32, np.float32),
        np.full(32, np.nan, np.float32),
        np.full(32, np.inf, np.float32),
        np.ones(31, np.float32),
        np.ones((1, 32), np.float32),
        np.ones(0, np.float32),
    ],
)
def test_a_query_vector_that_has_no_direction_is_refused(
    one: Engine, vector: np.ndarray[tuple[int, ...], np.dtype[np.float32]]
) -> None:
    with pytest.raises(InputError, match="vector"):
        one.rank(RankRequest(vector=vector))


def test_filters_and_frequencies_are_bounded(one: Engine) -> None:
    with pytest.raises(InputError, match="sources"):
        one.rank(RankRequest(Everything(), filter=Filter(sources=("s",) * 10_001)))
    with pytest.raises(InputError, match="frequencies"):
        one.rank(RankRequest(frequencies=(Term("stem", "x"),) * (MAX_CLAUSES + 1)))
    many = Filter(articles=("a", *(f"b{i}" for i in range(9_999))))
    assert found(one, Everything(), filter=many) == ["a#0"]


def test_unknown_fields_and_layers_are_refused(one: Engine) -> None:
    with pytest.raises(InputError, match="colour"):
        facets(one, None, NO_FILTER, ["colour"])  # type: ignore[list-item]
    with pytest.raises(InputError, match="lemma"):
        one.terms_with_prefixes("lemma", [""], 10)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="lemma"):
        one.rank(RankRequest(frequencies=(Term("lemma", "x"),)))  # type: ignore[arg-type]
