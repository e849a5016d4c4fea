"""Which passages of a batch a saved search matches by words: clauses as sets of passages.

Only terms that some saved search asks for are looked at, so that a batch costs one
intersection of sets for each passage and layer, and a saved search a few look-ups.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product

from search.analysis.folding import fold_value
from search.analysis.tokens import TITLE_END
from search.analysis.transliteration import NO_FORMS, Forms, forms_of, may_have_forms
from search.domain import ArticleInfo, Filter, IndexedPassage, Layer
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
from search.saved.domain import SavedSearch

Key = tuple[Layer, str]
Numbers = frozenset[int]  # of passages in a batch
_NONE: Numbers = frozenset()


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

    needs   terms of each of which a batch must have one, if any of it is to match by words
    """

    search: SavedSearch
    parsed: ParsedQuery
    condition: Condition
    is_open: bool
    needs: tuple[frozenset[Key], ...]

    @classmethod
    def of(cls, search: SavedSearch) -> Asked:
        parsed = parse(search.query.text)
        latin = search.query.variants and bool(may_have_forms(parsed))
        is_open = latin or any(item.prefix for item in parsed.items)
        condition = condition_of(search, parsed, forms_of_roots(parsed))
        needs = () if is_open or condition.words is None else tuple(_needs(condition.words))
        return cls(search, parsed, condition, is_open, needs)


def condition_of(search: SavedSearch, parsed: ParsedQuery, forms: Forms = NO_FORMS) -> Condition:
    """Return a saved search's condition, made of the clauses that a search is made of."""
    query = search.query
    level = query.match if query.match != "meaning" else None
    demands = constraint(parsed, forms, level)
    if query.mode == "semantic":
        return Condition(None, demands)
    if search.words == "all":
        # What has every word is in what a search ranks, so that its own clause need not be made.
        return Condition(constraint(demanding(parsed), forms, level), demands)
    parts = [part for part in (demands, text_clause(parsed, forms)) if part is not None]
    return Condition(AllOf(tuple(parts)), demands)


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


def _needs(clause: Clause) -> Iterator[frozenset[Key]]:
    match clause:
        case AllOf(clauses=parts):
            for part in parts:
                yield from _needs(part)
        case Not(clause=a) | Prefer(clause=a) | Boost(clause=a):
            yield from _needs(a)
        case AnyOf(clauses=parts) if all(isinstance(part, Term | Phrase) for part in parts):
            yield frozenset(terms_of(clause))
        case Term() | Phrase():
            yield frozenset(terms_of(clause))


class Batch:
    """The terms of a batch's passages, as far as they are asked for."""

    def __init__(
        self,
        passages: Sequence[IndexedPassage],
        owners: Sequence[ArticleInfo],
        wanted: Mapping[Layer, frozenset[str]],
    ) -> None:
        """`owners`: of each passage, its article."""
        self._passages = passages
        self._owners = owners
        self._all = frozenset(range(len(passages)))
        self._postings: dict[Key, set[int]] = {}
        self._vocabularies: dict[Layer, list[str]] = {}
        for layer, its in wanted.items():
            for n, passage in enumerate(passages):
                for term in its.intersection(passage.terms.get(layer, "").split(" ")):
                    self._postings.setdefault((layer, term), set()).add(n)

    def may_match(self, asked: Asked) -> bool:
        """Tell whether the batch has all that a saved search needs: a tenth of asking its clauses."""
        terms = self._postings.keys()  # asked for each of a need, not gone through
        return not any(terms.isdisjoint(need) for need in asked.needs)

    def matching(self, clause: Clause) -> Numbers | set[int]:
        """Return the numbers of the passages that a clause matches, as engines do."""
        match clause:
            case Term(layer=layer, value=value):
                return self._postings.get((layer, value), _NONE)
            case Phrase(layer=layer, values=values):
                found = self.matching(AllOf(tuple(Term(layer, value) for value in values)))
                row = f" {' '.join(values)} "
                return {n for n in found if row in f" {self._passages[n].terms.get(layer, '')} "}
            case Proximity(layer=layer, first=first, second=second):
                found = self.matching(AllOf((Term(layer, first), Term(layer, second))))
                return {n for n in found if _is_near(clause, self._passages[n].terms[layer])}
            case Among(filter=inside):
                lets_through = admits(inside)
                return {n for n, owner in enumerate(self._owners) if lets_through(owner)}
            case AnyOf(clauses=parts, minimum=1):
                return set().union(*map(self.matching, parts))
            case AnyOf(clauses=parts, minimum=least):
                each = [self.matching(part) for part in parts]
                return {n for n in set().union(*each) if sum(n in one for one in each) >= least}
            case AllOf(clauses=parts):
                common: Numbers | set[int] = self._all if parts else _NONE
                for part in parts:
                    if not common:
                        break
                    common = common & self.matching(part)
                return common
            case Not(clause=a, excluded=b):
                return found - self.matching(b) if (found := self.matching(a)) else found
            case Prefer(clause=a) | Boost(clause=a):
                return self.matching(a)
            case Everything():
                return self._all
            case Prefix(layer=layer, value=value):
                terms = (Term(layer, term) for term in self.beginning(layer, value))
                return set().union(*(self._holding(term) for term in terms))
            case Fuzzy():  # only of what the index's own words may be meant for
                raise NotImplementedError

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
        owners = [self._owners[n] for n in numbers]
        alone = Batch(own, owners, wanted)
        return [numbers[n] for n in sorted(alone.matching(clause))] or list(numbers[:1])

    def _holding(self, term: Term) -> set[int]:
        """Return what has a term that nobody asked for by itself."""
        key = (term.layer, term.value)
        if key not in self._postings:
            self._postings[key] = {
                n
                for n, passage in enumerate(self._passages)
                if term.value in passage.terms.get(term.layer, "").split(" ")
            }
        return self._postings[key]

    def beginning(self, layer: Layer, prefix: str) -> list[str]:
        """Return the batch's terms of a layer that begin so."""
        if layer not in self._vocabularies:
            terms = (passage.terms.get(layer, "").split(" ") for passage in self._passages)
            self._vocabularies[layer] = sorted(set().union(*terms))
        vocabulary = self._vocabularies[layer]
        first = bisect_left(vocabulary, prefix)
        last = bisect_left(vocabulary, prefix + "\U0010ffff", lo=first)
        return vocabulary[first:last]

    def forms(self, parsed: ParsedQuery) -> Forms:
        """Return the batch's Arabic words that the query's Latin ones may stand for."""

        def sounds(prefix: str) -> list[tuple[str, int]]:
            return [(term, 1) for term in self.beginning("sound", prefix)]

        found = {w.stem: forms_of(w, names, sounds) for w, names in may_have_forms(parsed).items()}
        return {stem: forms for stem, forms in found.items() if forms}

    def grounded(self, asked: Asked) -> Condition:
        """Return a saved search's condition for this batch."""
        if not asked.is_open:
            return asked.condition
        forms = self.forms(asked.parsed) if asked.search.query.variants else NO_FORMS
        every = {**forms, **forms_of_roots(asked.parsed)}
        condition = condition_of(asked.search, asked.parsed, every) if forms else asked.condition
        if forms:
            for key in (*terms_of(condition.words), *terms_of(condition.demands)):
                self._holding(Term(*key))
        return condition


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
