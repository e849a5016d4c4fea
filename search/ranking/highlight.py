"""Marks the words of a text that match a query. Pure: segments joined are exactly the text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise, product

from search.analysis.tokens import FOLDED, GRAMS, LETTERS, RUN, STEM, STOP, words_of
from search.analysis.transliteration import NO_FORMS, Forms
from search.domain import Segment, Span
from search.query.expansion import Row, homographs, kin, name_rows, other_seats
from search.query.matching import near
from search.query.misspellings import Meant
from search.query.parse import ParsedQuery
from search.query.phrases import beginnings, rows
from search.ranking.highlight_candidates import Candidates

Stretches = Sequence[tuple[int, int]]
_Word = tuple[int, int, tuple[str, str, str]]  # offsets; letters, folded, stem
_ANY: _Word = (0, 0, ("", "", ""))  # words that no phrase has
_GAP = 4  # code points between candidates that may be a word of a phrase («و» written apart)


class Marker:
    """What a query marks in texts: made once a query, since near matches are dear to tell.

    Only the words that `Candidates` cannot rule out are analysed: two of a passage of sixty.

    Args:
        unknown: what may be meant by the query's words that no passage has.
    """

    def __init__(
        self, query: ParsedQuery, forms: Forms = NO_FORMS, unknown: Sequence[Meant] = ()
    ) -> None:
        loose = query.words(exact=False)
        wanted = [(word.stem, near(word)) for word in loose]
        wanted += [(form.stem, None) for word in loose for form in forms.get(word.stem, ())]
        wanted += [(stem, None) for word in loose for stem in other_seats(word)]
        wanted += [(stem, None) for stem in kin(query)]
        others = homographs(query)
        wanted += [(term.value, None) for term in others if term.layer == "stem"]
        self._folded = frozenset(term.value for term in others if term.layer == "folded")
        phrases = [i for i in query.items if i.exact and i.occur != "excluded"]
        self._stems = frozenset(stem for stem, _ in wanted)
        self._meant = list(unknown)
        self._nears = [n for _, n in wanted if n]
        self._near_grams = frozenset().union(*(n.grams for n in self._nears))
        names = name_rows(query)
        spelt_phrases = [
            (LETTERS if item.typed else FOLDED, rows(item, len(phrases))) for item in phrases
        ]
        # By layer, then by first word.
        self._phrases: dict[int, dict[str, list[Row]]] = {}
        for layer, spelt in [(STEM, names), *spelt_phrases]:
            for row in spelt:
                self._phrases.setdefault(layer, {}).setdefault(row[0], []).append(row)
        wanted += [(stem, None) for row in names for stem in row]
        # Two stems, how many words they are apart at most, and whether in this order.
        self._pairs = [
            (a.stem, b.stem, item.within + 1, item.in_order)
            for item in query.items
            if item.within and item.occur != "excluded"
            for a, b in pairwise(item.tokens)
        ]
        wanted += [(stem, None) for a, b, *_ in self._pairs for stem in (a, b)]
        # Without the article, which may be written لل in a phrase's first word.
        parts = {w.removeprefix("ال") for _, spelt in spelt_phrases for row in spelt for w in row}
        parts |= self._folded
        parts |= {item.tokens[0].folded for item in query.prefixes()}
        self._begins = tuple(b for item in query.prefixes() for b in beginnings(item))
        wanted += [(part, None) for one in self._meant for part in one.parts()]
        self._candidates = Candidates(wanted, sorted(parts - {"و"}))

    def highlight(self, text: str) -> tuple[Segment, ...]:
        """Return the text in segments, the words that match the query marked."""
        return self.highlight_all([text])[0]

    def highlight_all(self, texts: Sequence[str]) -> list[tuple[Segment, ...]]:
        """Return each text in segments, as `highlight` does, all of a page in half of the time."""
        stretches = self._candidates.stretches(texts)
        return [segments(t, self._spans(t, its)) for t, its in zip(texts, stretches, strict=True)]

    def _spans(self, text: str, stretches: Stretches) -> list[Span]:
        """Return the spans of the words that match, by the rules of `search.query.matching`."""
        found, phrases = self._found(text, stretches)
        if not phrases:
            return found
        marked = {*found, *(span for words in phrases for span in words if span.end > span.start)}
        return sorted(marked, key=lambda span: (span.start, span.end))

    def occurrences(self, text: str) -> list[Span]:
        """Return the spans of the words that match, a phrase as one; none overlaps another."""
        found, phrases = self._found(text, *self._candidates.stretches([text]))
        whole = (Span(words[0].start, words[-1].end) for words in phrases)
        kept: list[Span] = []
        for span in sorted({*found, *whole}, key=lambda span: (span.start, -span.end)):
            if not kept or span.start >= kept[-1].end:
                kept.append(span)
        return kept

    def _found(self, text: str, stretches: Stretches) -> tuple[list[Span], list[list[Span]]]:
        """Return the words that match on their own, in order, and the words of each phrase.

        A word that is near another counts as a phrase.
        """
        found: list[Span] = []
        words: list[_Word] = []
        stems, apart, misspelt, at = self._stems, self._near_grams.isdisjoint, self._meant, 0
        in_rows = bool(self._phrases or self._pairs)
        for begin, stop in stretches:
            if in_rows:
                words += _passed_over(text, at, begin, gap=len(text) if self._pairs else _GAP)
            for match in RUN.finditer(text, begin, stop):
                offset = match.start()
                for start, end, layers in words_of(match.group()):
                    if end > start and (  # the later words of ﷺ stand at an empty span of it
                        layers[STEM] in stems
                        or layers[FOLDED] in self._folded
                        or layers[FOLDED].startswith(self._begins)
                        or (misspelt and self._is_meant(layers[FOLDED], layers[STEM]))
                        or not (
                            apart(layers[GRAMS]) or layers[STOP] or not self._is_near(layers[GRAMS])
                        )
                    ):
                        found.append(Span(offset + start, offset + end))
                    if in_rows:
                        words.append((offset + start, offset + end, layers[:3]))
            at = stop
        if not in_rows:
            return found, []
        phrases = [phrase for at in range(len(words)) for phrase in self._phrase(words, at)]
        if self._pairs:
            phrases += [words[at : at + 1] for at in sorted(self._near_places(words))]
        return found, [[Span(start, end) for start, end, _ in phrase] for phrase in phrases]

    def _phrase(self, words: Sequence[_Word], at: int) -> Iterator[Sequence[_Word]]:
        """Yield the words of each phrase that begins at a place."""
        for layer, by_first in self._phrases.items():
            for row in by_first.get(words[at][2][layer], ()):
                end = at + len(row)
                phrase = words[at:end]
                if len(phrase) == len(row) and all(
                    w[2][layer] == r for w, r in zip(phrase, row, strict=True)
                ):
                    yield phrase

    def _near_places(self, words: Sequence[_Word]) -> set[int]:
        """Return the places of the words that are near each other as the query asks."""
        places: dict[str, list[int]] = {}
        for at, (_, _, layers) in enumerate(words):
            places.setdefault(layers[STEM], []).append(at)
        return {
            place
            for a, b, most, in_order in self._pairs
            for i, j in product(places.get(a, ()), places.get(b, ()))
            if 0 < (j - i if in_order else abs(j - i)) <= most
            for place in (i, j)
        }

    def _is_meant(self, folded: str, stem: str) -> bool:
        return any(one.includes(folded, stem) for one in self._meant)

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


def _passed_over(text: str, start: int, end: int, gap: int) -> list[_Word]:
    """Return the words of a stretch that is no candidate, one for all of one longer than a gap."""
    if end - start > gap:
        return [_ANY] if any(words_of(m.group()) for m in RUN.finditer(text, start, end)) else []
    return [
        (match.start() + at, match.start() + stop, layers[:3])
        for match in RUN.finditer(text, start, end)
        for at, stop, layers in words_of(match.group())
    ]
