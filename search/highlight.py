"""Which pieces of a text answer the query. Pure: segments joined are exactly the text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from search.analysis import GRAMS, LETTERS, RUN, STEM, STOP, words_of
from search.candidates import Candidates
from search.domain import Segment, Span
from search.matching import near, with_clitics
from search.parse import ParsedQuery
from search.variants import NO_FORMS, Forms

_Word = tuple[int, int, str]  # offsets, letters
_ANY: _Word = (0, 0, "")  # words that no phrase has


class Marker:
    """What a query marks in texts: made once a query, since near matches are dear to tell.

    Only the words that `Candidates` cannot rule out are analysed: two of a passage of sixty.
    """

    def __init__(self, query: ParsedQuery, forms: Forms = NO_FORMS) -> None:
        loose = query.words(exact=False)
        wanted = [(word.stem, near(word)) for word in loose]
        wanted += [(form.stem, None) for word in loose for form in forms.get(word.stem, ())]
        phrases = [i.tokens for i in query.items if i.exact and i.occur != "excluded"]
        self._stems = frozenset(stem for stem, _ in wanted)
        self._nears = [n for _, n in wanted if n]
        self._near_grams = frozenset().union(*(n.grams for n in self._nears))
        self._phrases = [
            (frozenset(with_clitics(first.letters)), [t.letters for t in rest])
            for first, *rest in phrases
        ]
        # Without the article, which may be written لل in a phrase's first word.
        parts = [t.letters.removeprefix("ال") for tokens in phrases for t in tokens]
        self._candidates = Candidates(wanted, parts)

    def highlight(self, text: str) -> tuple[Segment, ...]:
        """Return the text in segments, the words that match the query marked."""
        return segments(text, self.spans(text))

    def spans(self, text: str) -> list[Span]:
        """Return the spans of the words that match, by the rules of `search.matching`."""
        found: list[Span] = []
        words: list[_Word] = []
        stems, apart, at = self._stems, self._near_grams.isdisjoint, 0
        for begin, stop in self._candidates.stretches(text):
            if self._phrases and _has_word(text, at, begin):
                words.append(_ANY)
            for match in RUN.finditer(text, begin, stop):
                offset = match.start()
                for start, end, layers in words_of(match.group()):
                    if end > start and (  # the later words of ﷺ stand at an empty span of it
                        layers[STEM] in stems
                        or not (
                            apart(layers[GRAMS]) or layers[STOP] or not self._is_near(layers[GRAMS])
                        )
                    ):
                        found.append(Span(offset + start, offset + end))
                    if self._phrases:
                        words.append((offset + start, offset + end, layers[LETTERS]))
            at = stop
        if not self._phrases:
            return found
        in_phrases = {n for phrase in self._phrases for n in _phrase(words, *phrase)}
        spans = (Span(start, end) for start, end, _ in (words[n] for n in in_phrases))
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


def _has_word(text: str, start: int, end: int) -> bool:
    return any(words_of(match.group()) for match in RUN.finditer(text, start, end))


def _phrase(words: Sequence[_Word], first: frozenset[str], rest: list[str]) -> set[int]:
    size = 1 + len(rest)
    return {
        at + k
        for at in range(len(words) - size + 1)
        if words[at][2] in first and [w[2] for w in words[at + 1 : at + size]] == rest
        for k in range(size)
    }
