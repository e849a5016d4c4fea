"""What an explanation says adds up to what is shown, on every engine."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from indexer.ingestion.preparing import prepare
from search.domain import Hit, Query
from search.engines.protocol import Engine
from search.explanation import Explanation, WordPart
from search.ranking.explaining import MOST_WORDS
from search.ranking.searcher import Searcher
from search.settings import Settings
from tests.conformance.corpus import EMBEDDER
from tests.conformance.test_searches import random_library
from tests.support import article

ARTICLES = [
    article("1", "قال الوزير إن العراق يصدر النفط. وفي العراق نفط كثير. العراق بلد",
            title="نفط العراق"),
    article("2", "وبالعراق آبار\nماء بغداد"),
    article("3", "ذهب وفضة. حديد ونحاس"),
    article("4", "إيران والنفط. سعر النفط اليوم"),
]  # fmt: skip
QUERIES = [
    "نفط",
    "العراق النفط ايران",
    "«نفط العراق» بغداد",
    '="العراق" نف*',
    "Baghdad oil",
    "نفظ",
    "لاشيء",
    "قمح ماء ذهب حديد خشب نفط",
    "+نفط -ماء",
]


@pytest.fixture(scope="module")
def library(shared: Engine) -> Searcher:
    shared.write(prepare([*ARTICLES, *random_library(3, 40)], EMBEDDER, Settings()))
    return Searcher(shared, EMBEDDER)


def explanation(hit: Hit) -> Explanation:
    assert hit.explanation is not None
    return hit.explanation


def word(hit: Hit, text: str) -> WordPart:
    return next(part for part in explanation(hit).query_words if part.text == text)


@pytest.mark.parametrize("text", QUERIES)
@pytest.mark.parametrize("mode", ["keyword", "semantic", "hybrid"])
def test_the_parts_add_up_to_the_score_and_nothing_else_changes(
    library: Searcher, text: str, mode: str
) -> None:
    query = Query(text, mode, size=60, explain=True)  # type: ignore[arg-type]
    found = library.search(query)
    plain = library.search(replace(query, explain=False))
    assert tuple(replace(hit, explanation=None) for hit in found.hits) == plain.hits
    for hit in found.hits:
        told = explanation(hit)
        parts = [part for part in (told.words, told.meaning) if part]
        assert sum(part.adds for part in parts) == hit.score == told.score
        assert [part.adds for part in parts] == [part.weight * part.value for part in parts]
        if len(parts) == 2:
            assert sum(part.weight for part in parts) == 1
            assert told.coverage is not None
        if told.words:
            assert told.words.score == (hit.keyword and hit.keyword.score)
        if hit.keyword:
            assert told.other_words is not None
            adds = sum(part.adds or 0.0 for part in told.query_words) + told.other_words
            assert math.isclose(adds, hit.keyword.score)
            # Every clause that scores is of some word: what is left is rounding.
            assert abs(told.other_words) <= hit.keyword.score * 2**-10
        if told.sentence and hit.semantic and hit.best_sentence:
            sentence = told.sentence
            assert sentence.cosine is not None
            assert sentence.passage_cosine is not None
            mean = (sentence.cosine + sentence.passage_cosine) / 2
            assert math.isclose(mean, hit.semantic.score, abs_tol=1e-9)
            assert -1 <= sentence.passage_cosine <= 1 + 1e-3
        assert [len(lines) for lines in told.reads.values()] == [len(told.reads["en"])] * 2


def test_how_often_where_and_in_how_many_passages_a_word_is(library: Searcher) -> None:
    query = Query("العراق ايران «الوزير»", "keyword", size=60, explain=True)
    hits = {hit.passage.id: hit for hit in library.search(query).hits}
    iraq = word(hits["1#0"], "العراق")
    assert (iraq.level, iraq.layer) == ("exact", "letters")
    assert (iraq.times, iraq.times_in_title, iraq.passages) == (3, 1, 2)
    iraq = word(hits["2#0"], "العراق")
    assert (iraq.level, iraq.layer, iraq.as_written) == ("form", "stem", ("وبالعراق",))
    iran = word(hits["4#0"], "ايران")
    assert (iran.level, iran.layer, iran.as_written) == ("spelling", "folded", ("إيران",))
    assert word(hits["1#0"], "ايران").level is None
    assert iran.idf is not None
    assert iraq.idf is not None
    assert iran.idf > iraq.idf  # rarer
    phrase = explanation(hits["1#0"]).query_words[-1]
    assert (phrase.kind, phrase.text, phrase.times) == ("phrase", "الوزير", 1)
    assert phrase.adds is not None
    assert phrase.adds > 0


def test_what_a_latin_word_was_searched_as(library: Searcher) -> None:
    (hit,) = library.search(Query("Baghdad", "keyword", explain=True)).hits
    part = word(hit, "baghdad")
    assert (part.searched_also, part.level, part.layer) == (("بغداد",), "near", "grams")
    assert "بغداد" in explanation(hit).reads["ar"][0]


def test_it_reads_in_both_languages(library: Searcher) -> None:
    hits = library.search(Query("العراق", explain=True, size=60)).hits
    told = explanation(next(hit for hit in hits if hit.passage.id == "1#0"))
    assert told.reads["en"][0].startswith(
        "“العراق”: same word, 3 times, in the title once, in 2 of"
    )
    assert told.reads["ar"][0].startswith("«العراق»: الكلمة نفسها، ٣ مرات، في العنوان مرة، في ٢ من")
    assert any(line.startswith("Sentence ") for line in told.reads["en"])
    assert any(line.startswith("الجملة ") for line in told.reads["ar"])


def test_of_a_long_query_the_rarest_words_are_told(library: Searcher) -> None:
    numbers = " ".join(f"كلمة{number}" for number in range(20))
    (hit, *_) = library.search(Query(f"{numbers} وفضة نفط", "keyword", explain=True)).hits
    told = explanation(hit)
    adds = {part.text: part.adds for part in told.query_words}
    assert sum(each is not None for each in adds.values()) == MOST_WORDS
    assert adds["نفط"] is None
    assert told.other_words is not None
    assert hit.keyword is not None
    whole = sum(each or 0.0 for each in adds.values()) + told.other_words
    assert math.isclose(whole, hit.keyword.score)


def test_groups_are_explained_too(library: Searcher) -> None:
    groups = library.search(Query("العراق", explain=True, group_by="article")).groups
    assert groups
    assert all(hit.explanation for group in groups for hit in group.hits)
