"""A known difference: layers that some passages have no term in.

BM25 weighs a term by the number of passages and by their mean length. Lucene counts the
passages that have a term in the layer, Tantivy all. `letters`, `folded`, `stem` and `grams`
have terms in every passage that holds a word or number, so there they agree. `vowelled` has
one only where tashkeel is written: a word asked with its vowels (weight 0.5 in
`search.query.matching`) scores higher in the embedded engine, and so may rank passages otherwise.
`sound` is looked up by prefix and never scored: what a term of it scores is not promised.

Each test holds one side to its formula, so that it fails when the difference is gone.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import pytest

from search.domain import LAYERS, IndexedPassage, Layer
from search.engines.protocol import Engine, RankRequest
from search.query.clauses import AllOf, AnyOf, Boost, Clause, Not, Phrase, Prefer, Term
from tests.congruence.compare import TEXT
from tests.congruence.corpora import Recipe, typed_requests
from tests.congruence.pairs import Pair, paired
from tests.congruence.test_text import assert_alike, text_differences

pytestmark = pytest.mark.slow

SPARSE: tuple[Layer, ...] = ("vowelled", "sound")
K1, B = 1.2, 0.75


@pytest.fixture(scope="module", params=[1, 2], ids="shards{}".format)
def pair(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Pair]:
    recipe = Recipe("sparse", 5, request.param)
    with paired(
        tmp_path_factory.mktemp("s"), str(recipe), recipe.articles(), recipe.shards
    ) as both:
        yield both


def test_some_passages_have_no_term_in_a_sparse_layer(pair: Pair) -> None:
    lacking = {layer for p in pair.passages for layer in LAYERS if not p.terms[layer]}
    assert lacking == set(SPARSE)


@pytest.mark.parametrize("seed", range(4))
def test_queries_without_vowels_rank_alike(pair: Pair, seed: int) -> None:
    requests = typed_requests(seed, pair.passages, 30)
    assert_alike(pair, seed, (r for r in requests if not asks_vowels(r.clause)))


@pytest.mark.parametrize("seed", range(4))
def test_queries_with_vowels_match_alike(pair: Pair, seed: int) -> None:
    requests = [r for r in typed_requests(seed, pair.passages, 60) if asks_vowels(r.clause)]
    assert requests
    for number, request in enumerate(requests):
        whole = replace(request, limit=1000)
        a, b = pair.embedded.rank(whole), pair.elastic.rank(whole)
        about = f"{pair.name}, seed {seed}, request {number}: {request}"
        assert {h.passage_id for h in a.text} == {h.passage_id for h in b.text}, about
        assert a.text_total == b.text_total, about


@pytest.mark.parametrize("layer", ["vowelled"])
def test_terms_of_sparse_layers_weigh_otherwise(pair: Pair, layer: Layer) -> None:
    having = [p for p in pair.passages if p.terms[layer]]
    assert len(having) < len(pair.passages)
    for value in sorted({p.terms[layer].split()[0] for p in having}):
        term = Term(layer, value)
        assert_scores(pair.embedded, term, having, len(pair.passages))
        assert_scores(pair.elastic, term, having, len(having))
        assert text_differences(pair, RankRequest(term)), term


def assert_scores(engine: Engine, term: Term, having: list[IndexedPassage], counted: int) -> None:
    """Assert that an engine scores a term as BM25 does where so many passages are counted."""
    words = {p.passage.id: p.terms[term.layer].split() for p in having}
    found = {key: terms.count(term.value) for key, terms in words.items() if term.value in terms}
    mean = sum(map(len, words.values())) / counted
    idf = math.log(1 + (counted - len(found) + 0.5) / (len(found) + 0.5))
    hits = engine.rank(RankRequest(term, limit=1000)).text
    assert {hit.passage_id for hit in hits} == found.keys()
    for hit in hits:
        often, length = found[hit.passage_id], len(words[hit.passage_id])
        weight = often * (K1 + 1) / (often + K1 * (1 - B + B * length / mean))
        if length < 40:  # longer ones are rounded
            assert TEXT.holds(hit.score, idf * weight), (term, hit)


def asks_vowels(clause: Clause | None) -> bool:
    """Tell whether a clause scores a term of the layer `vowelled`."""
    match clause:
        case Term(layer=layer) | Phrase(layer=layer):
            return layer == "vowelled"
        case AnyOf(clauses=parts) | AllOf(clauses=parts):
            return any(map(asks_vowels, parts))
        case Prefer(clause=a, bonus=b):
            return asks_vowels(a) or asks_vowels(b)
        case Not(clause=a) | Boost(clause=a):
            return asks_vowels(a)
        case _:
            return False
