"""Explains hits: what each ranking and each word of a query gives them. Only where it is asked for.

Nothing is scored by rules of its own: shares are those of `search.ranking.fusion`, and what a
word adds to the BM25 sum is what the engine gives for its clauses of the query that ranked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from search.analysis.tokens import Token, analyse
from search.domain import LEVELS, Component, Filter, Hit, Layer, Level
from search.embedding import Embedder
from search.engines.protocol import Engine, RankRequest
from search.errors import EmbedderError
from search.explanation import ExplainedKind, Explanation, NearestSentence, Part, WordPart
from search.limits import MAX_RESULTS
from search.query.clauses import AnyOf, Boost, Clause, Fuzzy, Phrase, Prefer, Term
from search.query.expansion import homographs_of, kin_of_word, name_variants, other_seats
from search.query.matching import phrase_clause, prefixed
from search.query.parse import Item
from search.query.phrases import layer_of, rows
from search.ranking.explained_text import reads
from search.ranking.fusion import basis, by_distance, by_share, coverage, idf

if TYPE_CHECKING:
    from search.ranking.highlight import Marker
    from search.ranking.levels import Levels
    from search.ranking.searcher import Found

MOST_WORDS = 16  # the rarest, whose part of the BM25 sum is asked: one request to the engine each

_LAYERS: Mapping[Level, Layer] = {
    "exact": "letters", "spelling": "folded", "form": "stem", "near": "grams",
}  # fmt: skip


def explained(
    hits: Sequence[Hit],
    found: Found,
    engine: Engine,
    embedder: Embedder | None,
    marker: Marker,
    levels: Levels,
) -> tuple[Hit, ...]:
    """Return a search's hits with their explanations. Raises EngineError.

    Args:
        found: what was asked and ranked.
        engine, embedder: that ranked.
        marker, levels: of the query's words.
    """
    if not hits:
        return ()
    made = _Explaining(found, hits, engine, embedder)
    return tuple(replace(hit, explanation=made.of(hit, marker, levels)) for hit in hits)


@dataclass(frozen=True, slots=True)
class _Asked:
    """A word, beginning or phrase of the query, with all clauses that may score for it."""

    text: str
    kind: ExplainedKind
    clauses: frozenset[Clause]
    stem: Term | None = None
    vowelled: bool = False
    also: tuple[str, ...] = ()
    phrase: Item | None = None


class _Explaining:
    def __init__(
        self, found: Found, hits: Sequence[Hit], engine: Engine, embedder: Embedder | None
    ) -> None:
        self._found = found
        self._scores = tuple(
            {one.passage_id: float(one.score) for one in ranking}
            for ranking in (found.rankings.text, found.rankings.vector)
        )
        self._basis = basis(found.asked.mode, found.rankings, found.spread, found.weight)
        self._shares = (by_share(self._scores[0]), by_distance(self._scores[1], found.spread))
        self._numbers = {one.passage_id: one.sentence for one in found.rankings.vector}
        self._cosines = _cosines(hits, found, embedder)
        self._asked = _asked(found)
        self._phrases = sum(one.kind == "phrase" for one in self._asked)
        stems = dict.fromkeys(one.stem for one in self._asked if one.stem)
        self._known = engine.rank(RankRequest(frequencies=tuple(stems)))
        self._adds = self._by_word(hits, engine)

    def of(self, hit: Hit, marker: Marker, levels: Levels) -> Explanation:
        key = hit.passage.id
        words = self._part(hit.keyword, key, 0) if self._basis != "meaning" else None
        meaning = self._part(hit.semantic, key, 1) if self._basis != "words" else None
        parts = self._word_parts(hit, marker, levels)
        told = sum(part.adds or 0.0 for part in parts)
        known = coverage(
            self._found.rankings.frequencies, self._found.rankings.passages, self._found.forms
        )
        made = Explanation(
            score=hit.score,
            formula=_formula(hit.score, words, meaning),
            words=words,
            meaning=meaning,
            # A beginning alone counts as known.
            coverage=(known or float(self._found.weight > 0)) if self._basis == "both" else None,
            query_words=parts,
            other_words=hit.keyword.score - told if hit.keyword else None,
            sentence=self._sentence(hit),
            rerank=hit.rerank,
            reads={},
        )
        return replace(made, reads=reads(made, self._known.passages))

    def _part(self, own: Component | None, key: str, which: Literal[0, 1]) -> Part:
        score, rank = (None, None) if own is None else (own.score, own.rank)
        best = max(self._scores[which].values(), default=0.0)
        if self._basis != "both":
            return Part(score, rank, best, score or 0.0, 1.0, score or 0.0)
        shares, weight = self._shares[which], self._found.weight
        # Beyond the nearest a passage means as much as the last of these.
        absent = min(shares.values(), default=0.0) if which else 0.0
        value, weight = shares.get(key, absent), 1 - weight if which else weight
        return Part(score, rank, best, value, weight, weight * value)

    def _sentence(self, hit: Hit) -> NearestSentence | None:
        span, number = hit.best_sentence, self._numbers.get(hit.passage.id)
        if span is None or number is None or hit.semantic is None:
            return None
        cosine = self._cosines.get(hit.passage.id)
        whole = None if cosine is None else 2 * hit.semantic.score - cosine
        return NearestSentence(number + 1, span.start, span.end, cosine, whole)

    def _word_parts(self, hit: Hit, marker: Marker, levels: Levels) -> tuple[WordPart, ...]:
        texts = (hit.passage.text, hit.article.title)
        met = [levels.met(s.text for s in marker.highlight(text) if s.match) for text in texts]
        parts = []
        for n, one in enumerate(self._asked):
            if one.phrase:
                here, above = (_written(one.phrase, text, self._phrases) for text in texts)
            else:
                here, above = met[0][n], met[1][n]
            level = min((level for _, level in here + above), key=LEVELS.index, default=None)
            frequency = self._known.frequencies.get(one.stem) if one.stem else None
            adds = self._adds.get(n)
            parts.append(
                WordPart(
                    text=one.text,
                    kind=one.kind,
                    level=level,
                    layer="vowelled"
                    if level == "exact" and one.vowelled
                    else _LAYERS[level]
                    if level
                    else None,
                    as_written=tuple(dict.fromkeys(text for text, _ in here + above)),
                    times=len(here),
                    times_in_title=len(above),
                    searched_also=one.also,
                    passages=frequency,
                    idf=None if frequency is None else idf(frequency, self._known.passages),
                    adds=None if adds is None else adds.get(hit.passage.id, 0.0),
                )
            )
        return tuple(parts)

    def _by_word(self, hits: Sequence[Hit], engine: Engine) -> dict[int, dict[str, float]]:
        """Return what the clauses of each part of the query score, by passage."""
        owned: dict[int, list[Clause]] = {}
        clause = self._found.request.clause
        for leaf in _leaves(clause) if clause else ():
            inner = leaf.clause if isinstance(leaf, Boost) else leaf
            owners = (n for n, one in enumerate(self._asked) if inner in one.clauses)
            if (owner := next(owners, None)) is not None:
                owned.setdefault(owner, []).append(leaf)
        inside = Filter(articles=tuple({hit.article.id for hit in hits}))
        found = {}
        for owner in sorted(owned, key=self._frequency)[:MOST_WORDS]:
            request = RankRequest(
                AnyOf(tuple(owned[owner])), filter=inside, limit=MAX_RESULTS, exact_total=False
            )
            found[owner] = {one.passage_id: one.score for one in engine.rank(request).text}
        return found

    def _frequency(self, owner: int) -> int:
        stem = self._asked[owner].stem
        return 0 if stem is None else self._known.frequencies.get(stem, 0)


def _asked(found: Found) -> list[_Asked]:
    """Return the parts of a query, words and beginnings in the order of `Levels`."""
    query, forms = found.parsed, found.forms
    asked = [
        _Asked(
            text=word.letters,
            kind="word",
            clauses=_clauses_of(word, found),
            stem=Term("stem", word.stem),
            vowelled=bool(word.vowelled),
            also=tuple(form.letters for form in forms.get(word.stem, ())),
        )
        for word in query.words()
    ]
    asked += [
        _Asked(item.text, "prefix", frozenset(prefixed(item, "near"))) for item in query.prefixes()
    ]
    asked += [
        _Asked(item.text, "phrase", frozenset([phrase_clause(item, query)]), phrase=item)
        for item in query.items
        if item.exact and item.occur != "excluded"
    ]
    return asked


def _clauses_of(word: Token, found: Found) -> frozenset[Clause]:
    stems = [word.stem, *other_seats(word), *kin_of_word(word)]
    stems += [form.stem for form in found.forms.get(word.stem, ())]
    names = [row for typed, row in name_variants(found.parsed) if word.folded in typed]
    return frozenset(
        [
            *(Term("stem", stem) for stem in stems),
            *(Phrase("stem", row) if len(row) > 1 else Term("stem", row[0]) for row in names),
            *(Term("grams", gram) for gram in word.grams),
            *homographs_of(word),
            *(Term(each, getattr(word, each)) for each in ("letters", "folded", "vowelled")),
            *(Fuzzy("folded", word.folded), Fuzzy("stem", word.stem)),  # what may be meant by it
        ]
    )


def _leaves(clause: Clause) -> list[Clause]:
    """Return the clauses whose scores add up to that of one of `search.query.matching`."""
    match clause:
        case Prefer(clause=wanted, bonus=AnyOf(clauses=scores)):
            return [*_leaves(wanted), *scores]
        case AnyOf(clauses=parts):
            return [leaf for part in parts for leaf in _leaves(part)]
        case Boost(factor=0.0):
            return []
        case _:
            return [clause]


def _written(item: Item, text: str, phrases: int) -> list[tuple[str, Level]]:
    """Return how a phrase stands in a text, once for each place."""
    tokens = analyse(text)
    layer = layer_of(item)
    level: Level = "exact" if item.typed else "spelling"
    words = [getattr(token, layer) for token in tokens]
    spans = {
        (tokens[at].start, tokens[at + len(row) - 1].end): level
        for row in rows(item, phrases)
        for at in range(len(words) - len(row) + 1)
        if tuple(words[at : at + len(row)]) == row
    }
    return [(text[start:end], level) for (start, end), level in sorted(spans.items())]


def _formula(score: float, words: Part | None, meaning: Part | None) -> str:
    if words is None or meaning is None:
        return f"{score:.4f} = {'BM25' if words else 'cosine'}"
    added = (f"{part.weight:.4f} × {part.value:.4f}" for part in (words, meaning))
    return f"{score:.4f} = {' + '.join(added)}"


def _cosines(hits: Sequence[Hit], found: Found, embedder: Embedder | None) -> dict[str, float]:
    """Return the cosines of the best sentences, embedded once more; none where the model fails."""
    spans = {hit.passage.id: (hit.passage.text, hit.best_sentence) for hit in hits}
    texts = {key: text[span.start : span.end] for key, (text, span) in spans.items() if span}
    if embedder is None or found.vector is None or not texts:
        return {}
    try:
        vectors = embedder.embed_passages(list(texts.values()))
    except EmbedderError:
        return {}
    return dict(zip(texts, (vectors @ found.vector).tolist(), strict=True))
