"""Matches passages with saved searches by words, without an engine.

Each search has needs, sets of terms one of which a passage must have. All needs of all searches
are looked up in a batch at once (`Screen`), and clauses are asked only of what meets them.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice, product

import numpy as np
from numpy.typing import NDArray

from search.analysis.folding import fold_value
from search.analysis.tokens import TITLE_END
from search.analysis.transliteration import NO_FORMS, Forms, forms_of, may_have_forms
from search.domain import ArticleInfo, Filter, IndexedPassage, Layer, Level
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
from search.query.expansion import forms_of_roots
from search.query.matching import constraint, text_clause
from search.query.parse import ParsedQuery, parse
from search.query.synonyms import NO_RULES, Rules, with_synonyms
from search.saved.domain import SavedSearch

Key = tuple[Layer, str]
Need = frozenset[Key]  # terms, one of which a passage must have


@dataclass(frozen=True, slots=True)
class Condition:
    """What a saved search asks of a passage's words.

    words      what a match by words must meet; None: it does not ask for any
    demands    what every match must meet, by meaning too
    """

    words: Clause | None
    demands: Clause | None


@dataclass(frozen=True, slots=True)
class Asked:
    """A saved search, read. `is_open`: its condition depends on the words of the batch.

    `needs` are met by every passage that matches by words, and by few others.
    """

    search: SavedSearch
    parsed: ParsedQuery
    condition: Condition
    is_open: bool
    needs: frozenset[Need]

    @classmethod
    def of(cls, search: SavedSearch, rules: Rules = NO_RULES) -> Asked:
        query, parsed = search.query, parse(search.query.text)
        if query.searches("synonym"):
            parsed = with_synonyms(parsed, rules)
        latin = may_have_forms(parsed) if query.searches("latin") else {}
        condition = condition_of(search, parsed, forms_of_roots(parsed))
        unsure = {("stem", word.stem) for word in latin}  # or what the batch has for it
        needs = _needs(condition.words) if condition.words is not None else ()
        sure = frozenset(need for need in needs if unsure.isdisjoint(need))
        # One layer is enough to leave most passages out, and each that is looked at costs as much.
        stems = frozenset(need for need in sure if all(layer == "stem" for layer, _ in need))
        return cls(search, parsed, condition, bool(latin), stems or sure)


def condition_of(search: SavedSearch, parsed: ParsedQuery, forms: Forms = NO_FORMS) -> Condition:
    """Return a saved search's condition, made of the clauses that a search is made of."""
    query = search.query
    level = query.match if query.match != "meaning" else None
    demands = constraint(parsed, forms, level)
    if query.mode == "semantic":
        return Condition(None, demands)
    if search.words == "all":
        # What has every word is in what a search ranks, so that its own clause need not be made.
        return Condition(_all_words(parsed, forms, level), demands)
    parts = [part for part in (demands, text_clause(parsed, forms)) if part is not None]
    return Condition(AllOf(tuple(parts)), demands)


def _all_words(parsed: ParsedQuery, forms: Forms, level: Level | None) -> Clause | None:
    """Return what has each word of a query, or where the level allows it a synonym for it."""
    whole = demanding(parsed)
    if not parsed.synonyms or level not in (None, "near"):
        return constraint(whole, forms, level)
    bare = replace(parsed, synonyms=())
    pairs = list(zip(parsed.items, whole.items, strict=True))
    asked = tuple(item for item, demanded in pairs if item is demanded)
    parts: list[Clause | None] = [constraint(replace(bare, items=asked), forms)]
    for item, demanded in pairs:
        if item is not demanded:
            rows = (
                Phrase("stem", each.stems)
                for each in parsed.synonyms
                if all(token.folded in each.typed for token in item.tokens)
            )
            own = constraint(replace(bare, items=(demanded,)), forms, level)
            parts.append(AnyOf((own, *rows)) if own else None)
    return AllOf(tuple(part for part in parts if part is not None))


def demanding(parsed: ParsedQuery) -> ParsedQuery:
    """Return a query that demands each of its words, but stop words beside others."""
    plain = any(not token.stop for token in parsed.words())
    return replace(
        parsed,
        items=tuple(
            replace(item, occur="required")
            if item.occur == "optional"
            and not item.field
            and not (plain and all(t.stop for t in item.tokens))
            else item
            for item in parsed.items
        ),
    )


def _needs(clause: Clause) -> Iterator[Need]:
    match clause:
        case AllOf(clauses=parts):
            for part in parts:
                yield from _needs(part)
        case Not(clause=a) | Prefer(clause=a) | Boost(clause=a):
            yield from _needs(a)
        case AnyOf(clauses=parts):
            each = [need for part in parts for need in islice(_needs(part), 1)]
            if each and len(each) == len(parts):
                yield frozenset().union(*each)
        case Term(layer=layer, value=value):
            yield frozenset(((layer, value),))
        case Phrase(layer=layer, values=values):
            yield from (frozenset(((layer, value),)) for value in values)


class Screen:
    """Tells which passages meet all needs of which searches: bits, eight passages in a byte.

    Of 20,000 passages and 1,000 searches it leaves 2,000 pairs whose clauses are asked.
    """

    def __init__(self, searches: Sequence[Asked]) -> None:
        by_words = [n for n, asked in enumerate(searches) if asked.condition.words is not None]
        self._numbers = [n for n in by_words if searches[n].needs]
        self._without = [n for n in by_words if not searches[n].needs]
        needs = {
            need: n
            for n, need in enumerate(dict.fromkeys(n for one in searches for n in one.needs))
        }
        keys = {key: n for n, key in enumerate(dict.fromkeys(k for need in needs for k in need))}
        self._rows: dict[Layer, dict[str, int]] = {}
        for (layer, term), row in keys.items():
            self._rows.setdefault(layer, {})[term] = row
        self._count = len(keys)
        self._terms, self._of_needs = _flat([[keys[key] for key in need] for need in needs])
        asked = [[needs[need] for need in searches[number].needs] for number in self._numbers]
        self._needs, self._of_searches = _flat(asked)

    def met(self, passages: Sequence[IndexedPassage]) -> dict[int, list[int]]:
        """Return, by number of a search by words, the passages that meet all of its needs."""
        met = {number: list(range(len(passages))) for number in self._without}
        if not self._numbers:
            return met
        has = np.zeros((self._count, len(passages)), np.bool_)
        for layer, rows in self._rows.items():
            asked = frozenset(rows)
            # Passage by passage: all terms of a batch at once do not fit the processor's cache.
            known = [asked.intersection(p.terms.get(layer, "").split()) for p in passages]
            found = [rows[term] for its in known for term in its]
            has[found, np.repeat(np.arange(len(known)), list(map(len, known)))] = True
        bits = np.packbits(has, axis=1)
        needs = np.bitwise_or.reduceat(bits[self._terms], self._of_needs, axis=0)
        every = np.bitwise_and.reduceat(needs[self._needs], self._of_searches, axis=0)
        for place in np.flatnonzero(np.unpackbits(every, axis=1, count=len(passages))).tolist():
            row, number = divmod(place, len(passages))
            met.setdefault(self._numbers[row], []).append(number)
        return met


def _flat(lists: Sequence[Sequence[int]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return lists behind each other, and where each begins."""
    starts = np.cumsum([0, *map(len, lists)])[:-1]
    return np.array([each for some in lists for each in some], np.int64), starts


class Batch:
    """Passages, and whether each meets a clause, as engines would say."""

    def __init__(self, passages: Sequence[IndexedPassage], owners: Sequence[ArticleInfo]) -> None:
        """`owners`: of each passage, its article."""
        self._passages = passages
        self._owners = owners

    def meets(self, n: int, clause: Clause | None, *, title: bool = True) -> bool:
        """Tell whether passage N meets a clause, with its article's title or without."""
        layers = self._passages[n].terms

        def terms(layer: Layer) -> str:
            found = layers.get(layer, "")
            return f" {found if title else _without_title(found)} "

        return _meets(clause, terms, self._owners[n])

    def grounded(self, asked: Asked) -> Condition:
        """Return a saved search's condition, with the batch's words for its Latin spellings."""
        if not asked.is_open:
            return asked.condition
        words = may_have_forms(asked.parsed).items()
        found = {word.stem: forms_of(word, names, self._sounds) for word, names in words}
        forms = {stem: its for stem, its in found.items() if its}
        if not forms:
            return asked.condition
        return condition_of(asked.search, asked.parsed, {**forms, **forms_of_roots(asked.parsed)})

    def _sounds(self, prefix: str) -> list[tuple[str, int]]:
        """Return the batch's terms of the layer `sound` that begin so."""
        first = bisect_left(self._vocabulary, prefix)
        last = bisect_left(self._vocabulary, prefix + "\U0010ffff", lo=first)
        return [(term, 1) for term in self._vocabulary[first:last]]

    @cached_property
    def _vocabulary(self) -> list[str]:
        terms = (passage.terms.get("sound", "").split() for passage in self._passages)
        return sorted(set().union(*terms))


def _meets(clause: Clause | None, terms: Callable[[Layer], str], owner: ArticleInfo) -> bool:
    """Tell whether a passage of these terms and this article meets a clause."""
    # Not a function inside another, which would be garbage to be collected: half of the time.
    match clause:
        case Term(layer=layer, value=value):
            return f" {value} " in terms(layer)
        case Phrase(layer=layer, values=values):
            return f" {' '.join(values)} " in terms(layer)
        case Proximity(layer=layer):
            return _is_near(clause, terms(layer))
        case Prefix(layer=layer, value=value):
            return f" {value}" in terms(layer)
        case Among(filter=inside):
            return admits(inside)(owner)
        case AnyOf(clauses=parts, minimum=1):
            return any(_meets(part, terms, owner) for part in parts)
        case AnyOf(clauses=parts, minimum=least):
            return sum(_meets(part, terms, owner) for part in parts) >= least
        case AllOf(clauses=parts):
            return bool(parts) and all(_meets(part, terms, owner) for part in parts)
        case Not(clause=a, excluded=b):
            return _meets(a, terms, owner) and not _meets(b, terms, owner)
        case Prefer(clause=a) | Boost(clause=a):
            return _meets(a, terms, owner)
        case Everything() | None:
            return True
        case Fuzzy():  # only of what the index's own words may be meant for
            raise NotImplementedError


def _without_title(terms: str) -> str:
    title, end, text = terms.partition(f" {TITLE_END} ")
    return text if end else title


def _is_near(clause: Proximity, terms: str) -> bool:
    at = list(enumerate(terms.split()))
    places = [[n for n, term in at if term == wanted] for wanted in (clause.first, clause.second)]
    return any(
        0 < (j - i if clause.in_order else abs(j - i)) <= clause.gap + 1
        for i, j in product(*places)
    )


def admits(filter: Filter) -> Callable[[ArticleInfo], bool]:
    """Return what tells whether a filter lets an article through, as engines do."""
    folded = {
        name: frozenset(map(fold_value, getattr(filter, name)))
        for name in ("sources", "authors", "languages", "tags")
        if getattr(filter, name)
    }
    collections = frozenset(filter.collections) - {""}

    def lets_through(info: ArticleInfo) -> bool:
        own = {
            "sources": (info.source,),
            "authors": (info.author,),
            "languages": (info.language,),
            "tags": info.tags,
        }
        first, last = filter.published_from, filter.published_to
        return (
            all(any(v and fold_value(v) in its for v in own[name]) for name, its in folded.items())
            and (not filter.articles or info.id in filter.articles)
            and (not filter.collections or info.collection in collections)
            and (first is None or (info.published is not None and info.published >= first))
            and (last is None or (info.published is not None and info.published <= last))
        )

    return lets_through
