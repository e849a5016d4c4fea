"""Random corpora and requests. The same seed gives the same ones.

Three families: `words` (tests/conformance: every layer holds the same plain words),
`analysed` (Arabic, Latin letters and digits through `search.analysis.tokens`, as indexing does)
and `sparse`, which is analysed too, but many of its passages have no term in some layer,
since none of their words carries tashkeel or sounds Arabic (see test_sparse).
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date

from search.analysis import tokens
from search.analysis.transliteration import NO_FORMS
from search.domain import LAYERS, LEVELS, Filter, IndexedArticle, IndexedPassage, Layer
from search.engines.protocol import RankRequest
from search.query.clauses import (
    AllOf,
    AnyOf,
    Boost,
    Clause,
    Fuzzy,
    Not,
    Phrase,
    Prefer,
    Prefix,
    Proximity,
    Term,
)
from search.query.matching import constraint, near_clause, text_clause
from search.query.misspellings import meant
from search.query.parse import parse
from tests.conformance.corpus import (
    EMBEDDER,
    indexed,
    random_articles,
    random_clause,
    random_filter,
    without_vectors,
)

LIMITS = (0, 1, 7, 30, 100, 1000)
VOWELLED = ["كَتَبَ", "كُتِبَ", "عِلْم", "عَلَم", "مُدَرِّس"]  # each has a term in every layer
_ARABIC = """
    العراق عراقي عراقية إيران إيرانيون قصف قصفت القاعدة قواعد طائرة طائرات والطائرات جندي جنود
    بغداد ببغداد وزير وزراء للوزراء الوزارة سفير السفارة نفط النفط نفطية ماء مياه المياه حدود
    الحدود مدرسة مدارس كتاب كتب مكتبة مكتبات كَتَبَ كُتِبَ عِلْم عَلَم علم علوم محمد نتنياهو نتانياهو مسؤول
    مسئول أمريكا امريكا الأمريكية ترامب واشنطن لندن القاهرة موسكو سوريا اليمن صنعاء عدن في من
    على إلى عن ثم قال وقال يقول أنّ إنّ هذا التي الذي بين بعد قبل عام سنة ألف مليون
"""
_OTHER = """
    Baghdad COVID-19 iPhone the house houses running Tehran Trump Netanyahu l'état école 2023
    ٢٠٢٣ 19 1,000 3.5 50% B-52 F16 UN F-16s
"""
_WORDS = (_ARABIC.split(), _OTHER.split())
LATIN_NAMES = ["Bagdad", "Iraqi", "Moscou", "Nitanyahu", "Washinton", "Syria", "sana3a"]


@dataclass(frozen=True)
class Recipe:
    """A corpus: its family, its seed, and the shards it is spread over in Elasticsearch.

    `lacking` leaves every third article without vectors.
    """

    family: str
    seed: int
    shards: int = 1
    count: int = 150
    lacking: bool = False

    def __str__(self) -> str:
        lacking = "-lacking" if self.lacking else ""
        return f"{self.family}-seed{self.seed}-shards{self.shards}{lacking}"

    def articles(self) -> list[IndexedArticle]:
        articles = self._embedded()
        if not self.lacking:
            return articles
        return [a if number % 3 else without_vectors(a) for number, a in enumerate(articles)]

    def _embedded(self) -> list[IndexedArticle]:
        if self.family == "words":
            return random_articles(self.seed, self.count)
        first = VOWELLED if self.family == "analysed" else ()
        return analysed_articles(self.seed, self.count, first)


RECIPES = (
    Recipe("words", 1),
    Recipe("analysed", 2),
    Recipe("words", 3, shards=2),
    Recipe("analysed", 4, shards=2),
    Recipe("words", 5, lacking=True),
)


def analysed_articles(seed: int, count: int, first: Sequence[str] = ()) -> list[IndexedArticle]:
    """Return articles of random sentences, some of them long, each with its real terms.

    Every paragraph begins with a word of `first`, if there is one.
    """
    random_ = random.Random(seed)
    return [_analysed_article(random_, number, first) for number in range(count)]


def _analysed_article(random_: random.Random, number: int, first: Sequence[str]) -> IndexedArticle:
    plain = indexed(
        f"خبر-{number}",
        *(_paragraph(random_, first) for _ in range(random_.randint(1, 4))),
        source=random_.choice(["", "cnn", "bbc", "الجزيرة"]),
        language=random_.choice(["", "ar", "en"]),
        published=random_.choice([None, _day(number)]),
        tags=tuple(random_.sample(["حرب", "سلام", "نفط"], random_.randint(0, 3))),
    )
    passages = (replace(p, terms=tokens.terms(p.passage.text)) for p in plain.passages)
    return replace(plain, passages=tuple(passages))


def _paragraph(random_: random.Random, first: Sequence[str]) -> str:
    """Return one to six sentences of up to 30 words: lengths from 40 on are kept rounded."""
    most = random_.choice([5, 12, 30])
    sentences = [
        " ".join(_word(random_) for _ in range(random_.randint(1, most)))
        for _ in range(random_.randint(1, 6))
    ]
    if first:
        sentences[0] = f"{random_.choice(first)} {sentences[0]}"
    return ". ".join(sentences)


def _word(random_: random.Random) -> str:
    # Squared, so that some words are much more frequent than others.
    words = _WORDS[random_.random() < 0.2]
    return words[int(random_.random() ** 2 * len(words))]


# -- clauses


def drawn(random_: random.Random, passages: Sequence[IndexedPassage], depth: int = 3) -> Clause:
    """Return a clause of any kind whose words come from the corpus, but for a few."""
    return _planted(random_clause(random_, depth), random_, passages)


def _planted(clause: Clause, random_: random.Random, passages: Sequence[IndexedPassage]) -> Clause:
    """Return a clause with every leaf's words replaced by some that stand in a passage."""

    def of(part: Clause) -> Clause:
        return _planted(part, random_, passages)

    match clause:
        case Term() | Phrase() | Prefix() | Fuzzy() | Proximity():
            return _leaf(clause, random_, random_.choice(passages))
        case AnyOf(clauses=parts, minimum=minimum):
            return AnyOf(tuple(map(of, parts)), minimum)
        case AllOf(clauses=parts):
            return AllOf(tuple(map(of, parts)))
        case Not(clause=a, excluded=b):
            return Not(of(a), of(b))
        case Prefer(clause=a, bonus=b):
            return Prefer(of(a), of(b))
        case Boost(clause=a, factor=factor):
            return Boost(of(a), factor)
        case _:
            return clause


def _leaf(
    clause: Term | Phrase | Prefix | Fuzzy | Proximity,
    random_: random.Random,
    passage: IndexedPassage,
) -> Clause:
    terms = passage.terms[clause.layer].split()
    if not terms or random_.random() < 0.05:
        return clause
    at = random_.randrange(len(terms))
    match clause:
        case Term(layer=layer):
            return Term(layer, terms[at])
        case Phrase(layer=layer, values=values):
            return Phrase(layer, tuple(terms[at : at + len(values)]))
        case Prefix(layer=layer, value=value):
            return Prefix(layer, terms[at][: len(value)])
        case Proximity(layer=layer):
            return replace(clause, first=terms[at], second=random_.choice(terms))
        case Fuzzy(layer=layer):
            cut = random_.randrange(len(terms[at]))
            return Fuzzy(layer, terms[at][:cut] + terms[at][cut + 1 :])


# -- requests


def any_filter(random_: random.Random) -> Filter:
    """Return a filter of any fields; its dates are often those of some articles."""
    found = random_filter(random_)
    if random_.random() < 0.7:
        return found
    first, last = sorted(_day(random_.randrange(150)) for _ in range(2))
    return replace(found, published_from=first, published_to=random_.choice([first, last, None]))


def _day(number: int) -> date:
    """Return when article `number` was published, if that is known of it."""
    return date(2020 + number % 4, 1 + number % 12, 1 + number % 28)


def clause_requests(
    seed: int, passages: Sequence[IndexedPassage], count: int
) -> Iterator[RankRequest]:
    """Yield text rankings by clauses of any kind, inside any filter and constraint."""
    random_ = random.Random(seed)
    for _ in range(count):
        yield RankRequest(
            clause=drawn(random_, passages),
            filter=any_filter(random_),
            constraint=drawn(random_, passages, 2) if random_.random() < 0.3 else None,
            limit=random_.choice(LIMITS),
        )


def typed_requests(
    seed: int, passages: Sequence[IndexedPassage], count: int
) -> Iterator[RankRequest]:
    """Yield text rankings as a search makes them of typed queries."""
    random_ = random.Random(seed)
    for _ in range(count):
        parsed = parse(typed(random_, passages))
        words = parsed.words(exact=False)
        unknown = tuple(map(meant, words[: random_.randint(0, 2)]))
        near = near_clause(parsed, NO_FORMS, words, unknown)
        yield RankRequest(
            clause=(random_.random() < 0.2 and near) or text_clause(parsed),
            filter=any_filter(random_),
            constraint=constraint(parsed, NO_FORMS, random_.choice((None, *LEVELS[:4]))),
            limit=random_.choice(LIMITS),
        )


def vector_requests(
    seed: int, passages: Sequence[IndexedPassage], count: int
) -> Iterator[RankRequest]:
    """Yield rankings by meaning of some words' vectors, inside any filter and constraint."""
    random_ = random.Random(seed)
    for _ in range(count):
        yield RankRequest(
            vector=EMBEDDER.embed_query(_some_words(random_, passages, 6)),
            filter=any_filter(random_),
            constraint=drawn(random_, passages, 2) if random_.random() < 0.4 else None,
            limit=random_.choice(LIMITS),
        )


def typed(random_: random.Random, passages: Sequence[IndexedPassage]) -> str:
    """Return a query as a person may type it: words, names in Latin letters that the corpus
    has in Arabic ones, "phrases", +required, -excluded."""
    items = []
    for _ in range(random_.randint(1, 5)):
        text = _some_words(random_, passages, 3)
        if random_.random() < 0.1:
            text = random_.choice(LATIN_NAMES)
        if random_.random() < 0.3:
            items.append(random_.choice(["", "", "+", "-"]) + f'"{text}"')
        else:
            items.append(random_.choice(["", "", "", "+", "-"]) + text)
    return " ".join(items)


def _some_words(random_: random.Random, passages: Sequence[IndexedPassage], most: int) -> str:
    """Return some words of a passage that stand side by side, seldom a word that is nowhere."""
    if random_.random() < 0.05:
        return "غائب"
    words = random_.choice(passages).passage.text.replace(". ", " ").split()
    at = random_.randrange(len(words))
    return " ".join(words[at : at + random_.randint(1, most)])


def some_terms(
    random_: random.Random, passages: Sequence[IndexedPassage], count: int
) -> tuple[Term, ...]:
    """Return terms of any layer, some of them nowhere."""
    found = []
    for _ in range(count):
        layer: Layer = random_.choice(LAYERS)
        words = [*random_.choice(passages).terms[layer].split(), "غائب"]
        found.append(Term(layer, random_.choice(words)))
    return tuple(dict.fromkeys(found))
