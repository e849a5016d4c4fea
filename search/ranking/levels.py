"""Match levels: how a passage meets each word of a query, told from the words that are marked.

The same rules as clauses, which choose the passages, stand in `search.query.matching`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from search.analysis.tokens import Token, analyse
from search.analysis.transliteration import NO_FORMS, Forms
from search.domain import LEVELS, Level, Match, MatchedWord
from search.query.expansion import (
    homographs_of,
    kin,
    kin_of_word,
    name_variants,
    other_seats,
    other_spellings,
)
from search.query.matching import Near, near
from search.query.misspellings import Meant
from search.query.parse import ParsedQuery
from search.query.phrases import beginnings

_LEVELS: tuple[Level | None, ...] = (*LEVELS, None)  # tightest first
_PLACES = {level: at for at, level in enumerate(_LEVELS)}


@dataclass(frozen=True, slots=True)
class _Word:
    """A word of the query with what other words have that meet it."""

    word: Token
    spellings: frozenset[str]  # folded
    forms: frozenset[str]  # folded
    stems: frozenset[str]
    near_stems: frozenset[str]
    near: Near | None
    meant: Meant | None

    def level(self, other: Token) -> Level | None:
        """Return how a word of a text meets this one, None if it does not."""
        word, near = self.word, self.near
        if other.letters == word.letters and word.vowelled in ("", other.vowelled):
            return "exact"
        if other.folded in self.spellings:
            return "spelling"
        if other.stem in self.stems or other.folded in self.forms:
            return "form"
        if (
            other.stem in self.near_stems
            or (self.meant is not None and self.meant.includes(other.folded, other.stem))
            or (near is not None and len(near.grams.intersection(other.grams)) >= near.least)
        ):
            return "near"
        return None


@dataclass(frozen=True, slots=True)
class _Prefix:
    """What a word of the query begins with, and the ways it may begin in a text."""

    word: Token
    begins: tuple[str, ...]  # folded

    def level(self, other: Token) -> Level | None:
        """Return how a word of a text meets this beginning, None if it does not."""
        if other.letters.startswith(self.word.letters):
            return "exact"
        if other.folded.startswith(self.word.folded):
            return "spelling"
        return "form" if other.folded.startswith(self.begins) else None


class Levels:
    """Tells how the marked words of a passage meet a query's.

    Args:
        unknown: what may be meant by the query's words that no passage has.
    """

    def __init__(
        self, query: ParsedQuery, forms: Forms = NO_FORMS, unknown: Sequence[Meant] = ()
    ) -> None:
        names: dict[str, set[str]] = {}
        for typed, row in name_variants(query):
            for part in typed:
                names.setdefault(part, set()).update(row)
        family = frozenset(kin(query))
        meant = {one.word.letters: one for one in unknown}
        self._words: list[_Word | _Prefix] = []
        self._known: dict[str, list[int]] = {}
        for word in query.words():
            others = homographs_of(word)
            stems = {word.stem, *other_seats(word), *family.intersection(kin_of_word(word))}
            stems.update(term.value for term in others if term.layer == "stem")
            near_stems = {form.stem for form in forms.get(word.stem, ())}
            self._words.append(
                _Word(
                    word=word,
                    spellings=frozenset((word.folded, *other_spellings(word))),
                    forms=frozenset(term.value for term in others if term.layer == "folded"),
                    stems=frozenset(stems),
                    near_stems=frozenset(near_stems | names.get(word.folded, set())),
                    near=near(word),
                    meant=meant.get(word.letters),
                )
            )

        for item in query.prefixes():
            self._words.append(_Prefix(item.tokens[0], beginnings(item)))
        self._unmet = (_PLACES[None],) * len(self._words)

    def of(self, marked: Iterable[str]) -> Match:
        """Return how each word of the query is met.

        Args:
            marked: the pieces of a passage and its title that are marked.
        """
        found = (self._levels_of(piece) for piece in dict.fromkeys(marked))
        met = tuple(map(min, zip(self._unmet, *found, strict=True)))
        words = tuple(
            MatchedWord(word.word.letters, _LEVELS[at])
            for word, at in zip(self._words, met, strict=True)
        )
        if met == self._unmet:
            return Match("meaning", words)
        return Match(LEVELS[max(range(len(LEVELS)), key=met.count)], words)

    def _levels_of(self, piece: str) -> list[int]:
        """Return, as places in `_LEVELS`, how each word is met in a piece.

        A page marks the same ones again and again.
        """
        if piece not in self._known:
            tokens = analyse(piece)
            self._known[piece] = [
                min((_PLACES[word.level(token)] for token in tokens), default=_PLACES[None])
                for word in self._words
            ]
        return self._known[piece]

    def met(self, marked: Iterable[str]) -> list[list[tuple[str, Level]]]:
        """Return, for each word of the query, the marked words that meet it, and how."""
        found = [(piece[t.start : t.end], t) for piece in marked for t in analyse(piece)]
        return [
            [(text, level) for text, token in found if (level := word.level(token)) is not None]
            for word in self._words
        ]
