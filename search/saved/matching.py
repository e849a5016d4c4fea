"""Which passages of a batch a saved search matches by words: clauses as sets of passages.

Only terms that some saved search asks for are looked at, so that a batch costs one
intersection of sets for each passage and layer. A set of passages is an integer with a bit for
each, so that a saved search costs an `&` for each of its words.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from itertools import product
from operator import or_

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
Passages = int  # of a batch: the bit `1 << n` is set for passage n


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

    `needs` are met by every passage that matches by words.
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
        return cls(search, parsed, condition, bool(latin), sure)


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


def terms_of(clause: Clause | None) -> Iterator[Key]:
    """Yield the terms that decide whether a passage matches."""
    match clause:
        case Term(layer=layer, value=value):
            yield layer, value
        case Phrase(layer=layer, values=values):
            for value in values:
                yield layer, value
        case Proximity(layer=layer, first=first, second=second):
            yield from ((layer, first), (layer, second))
        case AnyOf(clauses=parts) | AllOf(clauses=parts):
            for part in parts:
                yield from terms_of(part)
        case Not(clause=a, excluded=b):
            yield from terms_of(a)
            yield from terms_of(b)
        case Prefer(clause=a) | Boost(clause=a):
            yield from terms_of(a)


def terms_by_layer(clauses: Iterable[Clause | None]) -> dict[Layer, frozenset[str]]:
    """Return the terms that decide whether a passage matches any of these clauses."""
    found: dict[Layer, set[str]] = {}
    for clause in clauses:
        for layer, term in terms_of(clause):
            found.setdefault(layer, set()).add(term)
    return {layer: frozenset(terms) for layer, terms in found.items()}


def _needs(clause: Clause) -> Iterator[Need]:
    match clause:
        case AllOf(clauses=parts):
            for part in parts:
                yield from _needs(part)
        case Not(clause=a) | Prefer(clause=a) | Boost(clause=a):
            yield from _needs(a)
        case AnyOf(clauses=parts):
            each = [next(_needs(part), None) for part in parts]
            if each and all(each):
                yield frozenset().union(*filter(None, each))
        case Term() | Phrase():
            yield frozenset(terms_of(clause))


class Batch:
    """The terms of a batch's passages, as far as they are asked for."""

    def __init__(
        self,
        passages: Sequence[IndexedPassage],
        owners: Sequence[ArticleInfo],
        wanted: Mapping[Layer, frozenset[str]],
        needs: Iterable[Need] = (),
    ) -> None:
        """`owners`: of each passage, its article; `needs` of the searches that are asked."""
        self._passages = passages
        self._owners = owners
        self._all = (1 << len(passages)) - 1
        self._postings: dict[Key, Passages] = {}
        self._vocabularies: dict[Layer, list[str]] = {}
        for layer, its in wanted.items():
            found: dict[str, Passages] = {}
            for n, passage in enumerate(passages):
                for term in its.intersection(passage.terms.get(layer, "").split()):
                    found[term] = found.get(term, 0) | 1 << n
            self._postings.update(((layer, term), some) for term, some in found.items())
        terms = self._postings.keys()  # asked for each of a need, not gone through
        self._met = {need for need in needs if not terms.isdisjoint(need)}

    def may_match(self, asked: Asked) -> bool:
        """Tell whether some passage meets all needs of a search by words."""
        if asked.condition.words is None or not asked.needs <= self._met:
            return False
        common = self._all
        for need in asked.needs:
            common &= reduce(or_, (self._postings.get(key, 0) for key in need))
        return common > 0

    def matching(self, clause: Clause) -> Passages:
        """Return the passages that a clause matches, as engines do."""
        match clause:
            case Term(layer=layer, value=value):
                return self._postings.get((layer, value), 0)
            case Phrase(layer=layer, values=values):
                row = f" {' '.join(values)} "
                found = self.matching(AllOf(tuple(Term(layer, value) for value in values)))
                return self._where(found, lambda n: row in f" {self._terms(n, layer)} ")
            case Proximity(layer=layer, first=first, second=second):
                found = self.matching(AllOf((Term(layer, first), Term(layer, second))))
                return self._where(found, lambda n: _is_near(clause, self._terms(n, layer)))
            case Among(filter=inside):
                lets_through = admits(inside)
                return self._where(self._all, lambda n: lets_through(self._owners[n]))
            case AnyOf(clauses=parts, minimum=1):
                return reduce(or_, map(self.matching, parts), 0)
            case AnyOf(clauses=parts, minimum=least):
                each = [self.matching(part) for part in parts]
                return self._where(
                    reduce(or_, each, 0), lambda n: sum(some >> n & 1 for some in each) >= least
                )
            case AllOf(clauses=parts):
                common = self._all if parts else 0
                for part in parts:
                    common = common and common & self.matching(part)
                return common
            case Not(clause=a, excluded=b):
                return found & ~self.matching(b) if (found := self.matching(a)) else 0
            case Prefer(clause=a) | Boost(clause=a):
                return self.matching(a)
            case Everything():
                return self._all
            case Prefix(layer=layer, value=value):
                terms = self.beginning(layer, value)
                return reduce(or_, (self._holding((layer, term)) for term in terms), 0)
            case Fuzzy():  # only of what the index's own words may be meant for
                raise NotImplementedError

    def _terms(self, number: int, layer: Layer) -> str:
        return self._passages[number].terms.get(layer, "")

    def _where(self, some: Passages, holds: Callable[[int], bool]) -> Passages:
        return sum(1 << n for n in numbers_of(some) if holds(n))

    def by_own_text(self, clause: Clause, numbers: Sequence[int]) -> list[int]:
        """Return which of an article's matching passages match without its title.

        The first where none does: one that is about what was asked is told of, and not once for
        each of its paragraphs.
        """
        wanted = terms_by_layer([clause])
        own = [
            replace(p, terms={layer: _without_title(p.terms.get(layer, "")) for layer in wanted})
            for p in (self._passages[n] for n in numbers)
        ]
        alone = Batch(own, [self._owners[n] for n in numbers], wanted)
        return [numbers[n] for n in numbers_of(alone.matching(clause))] or list(numbers[:1])

    def _holding(self, key: Key) -> Passages:
        """Return what has a term that nobody asked for by itself."""
        if key not in self._postings:
            layer, term = key
            self._postings[key] = self._where(
                self._all, lambda n: term in self._terms(n, layer).split()
            )
        return self._postings[key]

    def beginning(self, layer: Layer, prefix: str) -> list[str]:
        """Return the batch's terms of a layer that begin so."""
        if layer not in self._vocabularies:
            terms = (passage.terms.get(layer, "").split() for passage in self._passages)
            self._vocabularies[layer] = sorted(set().union(*terms))
        vocabulary = self._vocabularies[layer]
        first = bisect_left(vocabulary, prefix)
        last = bisect_left(vocabulary, prefix + "\U0010ffff", lo=first)
        return vocabulary[first:last]

    def grounded(self, asked: Asked) -> Condition:
        """Return a saved search's condition, with the batch's words for its Latin spellings."""
        if not asked.is_open:
            return asked.condition

        def sounds(prefix: str) -> list[tuple[str, int]]:
            return [(term, 1) for term in self.beginning("sound", prefix)]

        words = may_have_forms(asked.parsed).items()
        found = {word.stem: forms_of(word, names, sounds) for word, names in words}
        forms = {stem: its for stem, its in found.items() if its}
        if not forms:
            return asked.condition
        every = {**forms, **forms_of_roots(asked.parsed)}
        condition = condition_of(asked.search, asked.parsed, every)
        for key in (*terms_of(condition.words), *terms_of(condition.demands)):
            self._holding(key)
        return condition


def numbers_of(some: Passages) -> Iterator[int]:
    """Yield the numbers of passages, the lowest first."""
    while some:
        lowest = some & -some
        yield lowest.bit_length() - 1
        some ^= lowest


def _without_title(terms: str) -> str:
    title, end, text = terms.partition(f" {TITLE_END} ")
    return text if end else title


def _is_near(clause: Proximity, terms: str) -> bool:
    at = list(enumerate(terms.split(" ")))
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
