"""Which pieces of a text answer the query. Pure: segments joined are exactly the text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from search.analysis import GRAMS, RUN, STEM, STOP, Token, analyse, words_of
from search.domain import Segment, Span
from search.matching import near, with_clitics
from search.parse import ParsedQuery
from search.variants import NO_FORMS, Forms


class Marker:
    """What a query marks in texts: made once a query, since near matches are dear to tell."""

    def __init__(self, query: ParsedQuery, forms: Forms = NO_FORMS) -> None:
        loose = query.words(exact=False)
        self._stems = {w.stem for w in loose} | {
            f.stem for w in loose for f in forms.get(w.stem, ())
        }
        self._nears = [n for n in map(near, loose) if n]
        self._near_grams = frozenset().union(*(n.grams for n in self._nears))
        self._phrases = [
            (frozenset(with_clitics(item.tokens[0].letters)), [t.letters for t in item.tokens[1:]])
            for item in query.items
            if item.exact and item.occur != "excluded"
        ]

    def highlight(self, text: str) -> tuple[Segment, ...]:
        """Return the text in segments, the words that match the query marked."""
        return segments(text, self.spans(text))

    def spans(self, text: str) -> list[Span]:
        """Return the spans of the words that match, by the rules of `search.matching`."""
        found: list[Span] = []
        # A page of ten hits has a thousand words, and this loop is most of marking them.
        stems, apart = self._stems, self._near_grams.isdisjoint
        for match in RUN.finditer(text):
            for start, end, layers in words_of(match.group()):
                if layers[STEM] in stems or not (
                    apart(layers[GRAMS]) or layers[STOP] or not self._is_near(layers[GRAMS])
                ):
                    offset = match.start()
                    if end > start:  # the later words of ﷺ stand at an empty span of it
                        found.append(Span(offset + start, offset + end))
        if not self._phrases:
            return found
        tokens = analyse(text)
        in_phrases = {at for phrase in self._phrases for at in _phrase(tokens, *phrase)}
        spans = (Span(tokens[at].start, tokens[at].end) for at in in_phrases)
        marked = {*found, *(span for span in spans if span.end > span.start)}
        return sorted(marked, key=lambda span: (span.start, span.end))

    def _is_near(self, grams: tuple[str, ...]) -> bool:
        return any(len(n.grams.intersection(grams)) >= n.least for n in self._nears)


def segments(text: str, spans: Iterable[Span]) -> tuple[Segment, ...]:
    """Return the text cut at these spans, which are in order and do not overlap."""
    pieces: list[Segment] = []
    at = 0
    for span in spans:
        if span.start > at:
            pieces.append(Segment(text[at : span.start], match=False))
        pieces.append(Segment(text[span.start : span.end], match=True))
        at = span.end
    if at < len(text) or not pieces:
        pieces.append(Segment(text[at:], match=False))
    return tuple(pieces)


def _phrase(tokens: Sequence[Token], first: frozenset[str], rest: list[str]) -> set[int]:
    size = 1 + len(rest)
    return {
        at + k
        for at in range(len(tokens) - size + 1)
        if tokens[at].letters in first and [t.letters for t in tokens[at + 1 : at + size]] == rest
        for k in range(size)
    }
