"""The value objects of an explanation of a hit's score (`search.ranking.explaining`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from search.domain import Layer, Level

ExplainedKind = Literal["word", "phrase", "prefix"]
Language = Literal["ar", "en"]


@dataclass(frozen=True, slots=True)
class Part:
    """What one ranking gives a hit: `adds` is `weight` times `value`.

    `score` and `rank` are the ranking's own (BM25 or a cosine), None where it did not list the
    hit; `best` is its best score. `value` is the score itself where it is the only ranking, else
    its place on the common scale 0..1 (`search.ranking.fusion`).
    """

    score: float | None
    rank: int | None
    best: float
    value: float
    weight: float
    adds: float


@dataclass(frozen=True, slots=True)
class WordPart:
    """A word, phrase or beginning of the query, and how a hit has it.

    `layer` is the one it is met in, `as_written` the different words of the title and the text
    that meet it, `times` and `times_in_title` how many they are. `searched_also`: what else was
    looked for in its place. `passages` of the whole index have the word in some form, from which
    `idf` follows. `adds` is its part of the engine's BM25 sum, None where it was not asked.
    """

    text: str
    kind: ExplainedKind
    level: Level | None
    layer: Layer | None
    as_written: tuple[str, ...]
    times: int
    times_in_title: int
    searched_also: tuple[str, ...]
    passages: int | None
    idf: float | None
    adds: float | None


@dataclass(frozen=True, slots=True)
class NearestSentence:
    """The sentence nearest in meaning: its number from 1, where it is in the passage's text.

    The hit's cosine is the mean of `cosine` and `passage_cosine`; both None where the model failed.
    """

    number: int
    start: int
    end: int
    cosine: float | None
    passage_cosine: float | None


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a hit has its score: `score` is what `words` and `meaning` add, which `formula` writes out.

    The words' score is the engine's BM25 sum: what each of `query_words` adds and `other_words`,
    which is what no single word is told for, and rounding. `coverage`: the part of the query's
    words, by idf, that the index knows, from which the words' weight follows; None where only one
    ranking counts. `reads`: the same in sentences, by language.
    """

    score: float
    formula: str
    words: Part | None
    meaning: Part | None
    coverage: float | None
    query_words: tuple[WordPart, ...]
    other_words: float | None
    sentence: NearestSentence | None
    rerank: float | None
    reads: Mapping[Language, tuple[str, ...]]
