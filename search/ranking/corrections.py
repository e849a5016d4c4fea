"""Suggests other queries: words that were perhaps meant, and relaxed forms of one that found nothing.

Only offered: the answer is to the query as it was typed. Nothing is asked of the engine where
every word is known and something was found.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from search.analysis.tokens import Token, analyse
from search.domain import (
    NO_FILTER,
    Correction,
    DidYouMean,
    Hit,
    Query,
    Relaxation,
)
from search.engines.protocol import CountRequest, EngineReader, RankRequest
from search.query.clauses import Clause, Term
from search.query.keyboard import other_layout
from search.query.matching import constraint, near_clause, stem_terms, text_clause
from search.query.misspellings import Meant, is_one_edit_away
from search.query.parse import Item, ParsedQuery, parse
from search.ranking.counting import counted_clause
from search.ranking.highlight import Marker

MAX_WORDS = 4  # of a query that was perhaps typed in the other layout
_LOOKED_AT = 10  # passages, for words that may be meant


def did_you_mean(
    engine: EngineReader,
    query: Query,
    parsed: ParsedQuery,
    misspelt: Sequence[Meant],
    frequencies: Mapping[Term, int],
    hits: Sequence[Hit],
    *,
    is_full: bool,
) -> DidYouMean | None:
    """Return a query's words that no passage has as words that some have; None without any.

    Args:
        misspelt: words of the query that no passage has, with what may be meant.
        frequencies: passages with each stem, where they were counted.
        hits: of the answer, whose marked words may be what was meant.
        is_full: a page of hits by words: what is meant would be among them, so that no more
            passages are read (on Elasticsearch p95 of a search was 4.0 times by hand, not 2.5).
    """
    words = stem_terms(parsed)
    if words and len(words) <= MAX_WORDS and all(frequencies.get(term) == 0 for term in words):
        meant = other_layout(query.text)
        if meant is not None and (passages := _all_known(engine, meant)):
            return DidYouMean(meant, (Correction(query.text, meant, "keyboard", passages),))
    if not misspelt:
        return None
    found = _words_meant(misspelt, (s.text for h in hits for s in h.segments if s.match))
    # A hit may have another form of what was meant only: الإسلام for الاسلاميية.
    if not is_full and not all(_nearest(typed, several) for typed, several in found.items()):
        more = _words_meant(misspelt, _near_words(engine, query, parsed, misspelt))
        found = {typed: {**more[typed], **several} for typed, several in found.items()}
    written = {
        t.letters: t.letters if i.within else i.text[t.start : t.end]
        for i in parsed.items
        for t in i.tokens
    }
    terms = {Term("folded", word) for several in found.values() for word in several}
    known = engine.rank(RankRequest(frequencies=tuple(terms))).frequencies if terms else {}
    corrections: list[Correction] = []
    text = query.text
    for typed, several in found.items():
        if several:
            # One letter of the whole word before one of its stem; then what most passages have.
            best = max(
                _nearest(typed, several) or several, key=lambda f: known.get(Term("folded", f), 0)
            )
            passages = known.get(Term("folded", best), 0)
            as_typed = written[typed.letters]
            corrections.append(Correction(as_typed, several[best], "spelling", passages))
            text = text.replace(as_typed, several[best], 1)
    return DidYouMean(text, tuple(corrections)) if corrections else None


def _nearest(typed: Token, words: Iterable[str]) -> list[str]:
    """Return the words that differ from the whole word by a letter, not from its stem only."""
    return [folded for folded in words if is_one_edit_away(typed.folded, folded)]


def relaxations(
    engine: EngineReader, query: Query, parsed: ParsedQuery, frequencies: Mapping[Term, int]
) -> tuple[Relaxation, ...]:
    """Return less demanding queries that find something, for one that found nothing by words.

    Args:
        frequencies: passages with each of the query's stems.
    """
    offered = [
        (each, CountRequest(clause, NO_FILTER if each.kind == "filter" else query.filter))
        for each in _relaxed(query, parsed, frequencies)
        if (clause := _clause(each.text))
    ]
    counts = engine.count([request for _, request in offered]) if offered else []
    return tuple(
        replace(each, passages=count.passages)
        for (each, _), count in zip(offered, counts, strict=True)
        if count.passages
    )


def _relaxed(
    query: Query, parsed: ParsedQuery, frequencies: Mapping[Term, int]
) -> Iterator[Relaxation]:
    known = [item for item in parsed.items if not _is_unknown(item, frequencies)]
    has_words = any(item.tokens and item.occur != "excluded" for item in known)
    if has_words and len(known) < len(parsed.items):
        yield Relaxation("words", " ".join(map(_written, known)))
    if any(item.exact or item.field or item.occur != "optional" for item in parsed.items):
        loose = (_loose(item) for item in known or parsed.items if item.occur != "excluded")
        if text := " ".join(filter(None, loose)):
            yield Relaxation("operators", text)
    if query.filter != NO_FILTER:
        yield Relaxation("filter", query.text)
    if query.match is not None:
        yield Relaxation("match", query.text)


def _is_unknown(item: Item, frequencies: Mapping[Term, int]) -> bool:
    """Tell whether an item is of words that no passage has."""
    is_words = bool(item.tokens) and not item.prefix
    return is_words and all(frequencies.get(Term("stem", t.stem)) == 0 for t in item.tokens)


def _loose(item: Item) -> str:
    """Return an item's words without what they demand; a field's value is none."""
    if item.field:
        return ""
    return " ".join(token.letters for token in item.tokens) if item.within else item.text


def _written(item: Item) -> str:
    sign = {"required": "+", "excluded": "-", "optional": ""}[item.occur]
    if item.field:
        return f'{sign}{item.field}:"{item.text}"'
    if item.within:
        return f"{sign if sign == '-' else ''}{item.text}"
    if item.typed or not item.exact:
        return f"{'=' if item.typed and sign != '+' else sign}{item.text}"
    return f'{"-" if sign == "-" else ""}"{item.text}"'


def _clause(text: str) -> Clause | None:
    parsed = parse(text)
    return counted_clause(RankRequest(clause=text_clause(parsed), constraint=constraint(parsed)))


def _all_known(engine: EngineReader, text: str) -> int:
    """Return how many passages have the rarest word of a text; 0 where it has none of its own."""
    words = [word for word in analyse(text) if not word.stop]
    terms = tuple(dict.fromkeys(Term("stem", word.stem) for word in words))
    known = engine.rank(RankRequest(frequencies=terms)).frequencies if terms else {}
    return min((known.get(term, 0) for term in terms), default=0)


def _words_meant(misspelt: Sequence[Meant], pieces: Iterable[str]) -> dict[Token, dict[str, str]]:
    """Return for each misspelt word the words of texts that may be meant.

    As they are written there, by their spelling in the layer `folded`.
    """
    words = [token for piece in pieces for token in analyse(piece)]
    return {
        one.word: {t.folded: t.letters for t in words if one.includes(t.folded, t.stem)}
        for one in misspelt
    }


def _near_words(
    engine: EngineReader, query: Query, parsed: ParsedQuery, misspelt: Sequence[Meant]
) -> Iterator[str]:
    """Yield the marked pieces of passages that have nearly a word."""
    clause = near_clause(parsed, {}, (), misspelt)
    asked = RankRequest(
        clause, filter=query.filter, limit=_LOOKED_AT, exact_total=False, texts=True
    )
    found = engine.rank(asked)
    marker = Marker(parsed, {}, misspelt)
    # Read with the ranking where that spares a round trip.
    read = found.passages_read.values() or engine.fetch([hit.passage_id for hit in found.text])
    for stored in read:
        pieces = (*marker.highlight(stored.article.title), *marker.highlight(stored.passage.text))
        yield from (piece.text for piece in pieces if piece.match)
