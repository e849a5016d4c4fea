"""Articles for engines, from plain words, and what must be found in them, worked out by hand."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date
from functools import cache

import numpy as np

from search.domain import (
    LAYERS,
    PHRASE_LAYERS,
    Article,
    FacetField,
    Filter,
    IndexedArticle,
    IndexedPassage,
    Layer,
    Passage,
    Span,
    Vector,
)
from search.engines.protocol import (
    CountRequest,
    Counts,
    Engine,
    EngineReader,
    Fingerprint,
    RankRequest,
)
from search.query.clauses import (
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
from tests.support import HashingEmbedder, article

DIMENSIONS = 32
EMBEDDER = HashingEmbedder(DIMENSIONS)
FINGERPRINT = Fingerprint("test/1", EMBEDDER.name, EMBEDDER.content_hash, DIMENSIONS, True, 1)
WORDS = [
    "العراق",
    "إيران",
    "قصف",
    "قاعدة",
    "طائرة",
    "جندي",
    "بغداد",
    "وزير",
    "سفير",
    "نفط",
    "ماء",
    "حدود",
]


def indexed(
    id: str,
    *paragraphs: str,
    layers: Mapping[Layer, str] | None = None,
    title: str = "",
    source: str = "",
    author: str = "",
    language: str = "",
    published: date | None = None,
    tags: tuple[str, ...] = (),
) -> IndexedArticle:
    """Return an article of paragraphs, one a line; ". " ends a sentence.

    Every layer holds the words as they stand, but for those given in `layers`
    (which then hold for every paragraph).
    """
    text = "\n".join(paragraphs)
    passages, start = [], 0
    for position, paragraph in enumerate(paragraphs):
        passage = Passage(id, position, start, start + len(paragraph), paragraph)
        passages.append(indexed_passage(passage, layers or {}))
        start += len(paragraph) + 1
    known = article(
        id,
        text,
        title=title,
        source=source,
        author=author,
        language=language,
        published=published,
        tags=tags,
    )
    return IndexedArticle(known, tuple(passages))


def without_vectors(article: IndexedArticle) -> IndexedArticle:
    """Return an article as it is indexed for keyword search only."""
    none = np.zeros((0, DIMENSIONS), np.float32)
    return replace(
        article,
        passages=tuple(
            replace(passage, vector=None, sentences=(), sentence_vectors=none)
            for passage in article.passages
        ),
    )


def indexed_passage(passage: Passage, layers: Mapping[Layer, str]) -> IndexedPassage:
    words = " ".join(passage.text.replace(". ", " ").split())
    spans = sentence_spans(passage.text)
    return IndexedPassage(
        passage=passage,
        terms={**dict.fromkeys(LAYERS, words), **layers},
        vector=EMBEDDER.embed_query(passage.text),
        sentences=spans,
        sentence_vectors=EMBEDDER.embed_passages([passage.text[s.start : s.end] for s in spans]),
    )


def sentence_spans(text: str) -> tuple[Span, ...]:
    """Return the sentences' spans; none where the text is a single one."""
    ends = [i + 1 for i in range(len(text)) if text.startswith(". ", i)]
    bounds = [0, *(end + 1 for end in ends)], [*ends, len(text)]
    return tuple(Span(a, b) for a, b in zip(*bounds, strict=True)) if ends else ()


def random_articles(seed: int, count: int) -> list[IndexedArticle]:
    """Return articles of random words, one to four paragraphs of one to four sentences."""
    random_ = random.Random(seed)
    return [
        indexed(
            f"مقال-{i}",
            *(_paragraph(random_) for _ in range(random_.randint(1, 4))),
            source=random_.choice(["", "cnn", "bbc", "الجزيرة"]),
            language=random_.choice(["", "ar", "en"]),
            published=random_.choice([None, date(2020 + i % 4, 1 + i % 12, 1 + i % 28)]),
            tags=tuple(random_.sample(["حرب", "سلام", "نفط"], random_.randint(0, 3))),
        )
        for i in range(count)
    ]


def _paragraph(random_: random.Random) -> str:
    sentences = [
        " ".join(random_.choices(WORDS, k=random_.randint(1, 7)))
        for _ in range(random_.randint(1, 4))
    ]
    return ". ".join(sentences)


# -- what must be found


def matches(clause: Clause, passage: IndexedPassage) -> bool:
    """Tell whether a clause matches, from its definition."""
    match clause:
        case Term(layer=layer, value=value):
            return value in passage.terms[layer].split()
        case Phrase(layer=layer, values=values):
            terms, size = passage.terms[layer].split(), len(values)
            return size > 0 and any(
                tuple(terms[i : i + size]) == values for i in range(len(terms) - size + 1)
            )
        case Prefix(layer=layer, value=value):
            return any(term.startswith(value) for term in passage.terms[layer].split())
        case Fuzzy(layer=layer, value=value):
            return value != "" and any(
                _edits(value, term) <= 1 for term in passage.terms[layer].split()
            )
        case Proximity(layer=layer, first=first, second=second, gap=gap, in_order=in_order):
            terms = passage.terms[layer].split()
            apart = [j - i for i, a in enumerate(terms) if a == first
                     for j, b in enumerate(terms) if b == second]  # fmt: skip
            return any(0 < (n if in_order else abs(n)) <= gap + 1 for n in apart)
        case AnyOf(clauses=parts, minimum=minimum):
            return sum(matches(part, passage) for part in parts) >= minimum
        case AllOf(clauses=parts):
            return bool(parts) and all(matches(part, passage) for part in parts)
        case Not(clause=wanted, excluded=excluded):
            return matches(wanted, passage) and not matches(excluded, passage)
        case Prefer(clause=wanted) | Boost(clause=wanted):
            return matches(wanted, passage)
        case Everything():
            return True
        case Among():
            raise TypeError("a passage does not know its article; see test_filters")


@cache
def _edits(a: str, b: str) -> int:
    """Return how many letters more, less, other or transposed there are (Damerau 1964)."""
    if not a or not b:
        return len(a or b)
    same = _edits(a[1:], b[1:]) + (a[0] != b[0])
    swapped = [1 + _edits(a[2:], b[2:])] if len(a) > 1 and a[:2] == b[1::-1] else []
    return min(same, 1 + _edits(a[1:], b), 1 + _edits(a, b[1:]), *swapped)


def admits(filter: Filter, article: Article) -> bool:
    """Tell whether a filter lets an article's passages through, from its definition."""
    info = article.info
    wanted = (
        (filter.sources, {info.source} - {""}),
        (filter.languages, {info.language} - {""}),
        (filter.articles, {info.id}),
        (filter.collections, {info.collection}),
        (filter.tags, set(info.tags)),
    )
    if any(values and not set(values) & own for values, own in wanted):
        return False
    first, last = filter.published_from, filter.published_to
    if first is None and last is None:
        return True
    day = info.published
    return day is not None and (first or date.min) <= day <= (last or date.max)


def passages_of(
    articles: Iterable[IndexedArticle], clause: Clause | None = None, filter: Filter | None = None
) -> dict[str, IndexedPassage]:
    """Return the passages a clause matches inside a filter, by id."""
    return {
        passage.passage.id: passage
        for a in articles
        if filter is None or admits(filter, a.article)
        for passage in a.passages
        if clause is None or matches(clause, passage)
    }


def meaning(passage: IndexedPassage, query: Vector) -> tuple[float, Span | None]:
    """Return a passage's exact semantic score and its best sentence."""
    assert passage.vector is not None
    own = _cosine(passage.vector, query)
    if not passage.sentences:
        return own, None
    cosines = [_cosine(vector, query) for vector in passage.sentence_vectors]
    best = int(np.argmax(cosines))
    return (own + cosines[best]) / 2, passage.sentences[best]


def _cosine(a: Vector, b: Vector) -> float:
    x, y = a.astype(np.float64), b.astype(np.float64)
    return float(x @ y / np.linalg.norm(x) / np.linalg.norm(y))


def _misspelt(word: str, random_: random.Random) -> str:
    at = random_.randrange(len(word))
    return random_.choice([word, word[:at] + word[at + 1 :], word[:at] + "ظ" + word[at:]])


def random_clause(random_: random.Random, depth: int = 3) -> Clause:
    """Return a clause of any kind, at most so deep."""
    layer = random_.choice([layer for layer in LAYERS if layer != "sound"])  # never scored
    words = random_.choices([*WORDS, "غائب"], k=3)
    leaves: list[Clause] = [
        Term(layer, words[0]),
        Phrase(random_.choice(PHRASE_LAYERS), tuple(words[: random_.randint(1, 3)])),
        Prefix(layer, words[0][: random_.randint(1, 3)]),
        Fuzzy(layer, _misspelt(words[0], random_)),
        Proximity(random_.choice(PHRASE_LAYERS), words[0], words[random_.choice((0, 1, 1))],
                  random_.randint(0, 6), random_.random() < 0.5),
        Everything(),
    ]  # fmt: skip
    if depth == 0 or random_.random() < 0.3:
        return random_.choices(leaves, weights=[6, 2, 2, 2, 2, 1])[0]

    def part() -> Clause:
        return random_clause(random_, depth - 1)

    parts = tuple(part() for _ in range(random_.randint(1, 4)))
    nodes: list[Clause] = [
        AnyOf(parts, minimum=random_.randint(1, len(parts))),
        AllOf(parts),
        Not(part(), part()),
        Prefer(part(), part()),
        Boost(part(), random_.choice([0.0, 0.5, 3.0])),
    ]
    return random_.choice(nodes)


def random_filter(random_: random.Random) -> Filter:
    """Return a filter of any fields."""
    return Filter(
        sources=tuple(
            random_.sample(["cnn", "bbc", "الجزيرة", "لا"], random_.choice([0, 0, 1, 2]))
        ),
        languages=tuple(random_.sample(["ar", "en"], random_.choice([0, 0, 1]))),
        tags=tuple(random_.sample(["حرب", "سلام", "نفط"], random_.choice([0, 0, 1, 2]))),
        published_from=random_.choice([None, None, date(2021, 3, 1)]),
        published_to=random_.choice([None, None, date(2022, 6, 15)]),
    )


# -- asking


def found(engine: Engine, clause: Clause, **asked: object) -> list[str]:
    """Return the ids a clause ranks, best first."""
    return [hit.passage_id for hit in engine.rank(RankRequest(clause, **asked)).text]  # type: ignore[arg-type]


def near(engine: Engine, text: str, **asked: object) -> list[str]:
    """Return the ids nearest to a text, best first."""
    request = RankRequest(vector=EMBEDDER.embed_query(text), **asked)  # type: ignore[arg-type]
    return [hit.passage_id for hit in engine.rank(request).vector]


def counts(engine: EngineReader, clause: Clause | None = None, **asked: object) -> Counts:
    """Return what is counted of the passages a clause matches."""
    (counted,) = engine.count([CountRequest(clause, **asked)])  # type: ignore[arg-type]
    return counted


def facets(
    engine: EngineReader,
    clause: Clause | None,
    filter: Filter,
    fields: Iterable[FacetField],
    limit: int = 20,
) -> dict[str, list[tuple[str, int]]]:
    """Return the facets of the passages a clause matches inside a filter."""
    found = counts(engine, clause, filter=filter, facets=tuple(fields), limit=limit)
    return {field: list(pairs) for field, pairs in found.facets.items()}
