"""Clauses and filters to Tantivy queries."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from search.domain import NO_FILTER, Filter
from search.engines.checks import as_set, is_unicode, may_be_fuzzy
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

if TYPE_CHECKING:
    import tantivy

Spell = Callable[[Filter], Filter]  # gives a filter the known spellings of its values

_MAX_PREFIX = 200  # characters of a prefix: it becomes a regular expression of Tantivy's


def is_constant(clause: Clause) -> bool:
    """Tell whether every passage a clause matches scores the same."""
    match clause:
        case Everything() | Prefix() | Fuzzy() | Proximity() | Among() | Boost(factor=0):
            return True
        case Boost(clause=part) | Not(clause=part) | AnyOf(clauses=(part,)):
            return is_constant(part)
        case AllOf(clauses=parts):
            return all(map(is_constant, parts))
        case _:
            return False


class Translator:
    """Makes Tantivy queries for one schema; `spell` is for the filters that clauses hold."""

    def __init__(self, schema: tantivy.Schema, spell: Spell = lambda its: its) -> None:
        import tantivy

        self._spell = spell
        self._schema = schema
        self._query = tantivy.Query
        self._occur = tantivy.Occur
        self._unsigned = tantivy.FieldType.Unsigned

    def query(
        self,
        clause: Clause | None,
        filter: Filter = NO_FILTER,
        hidden: Sequence[int] = (),
        constraint: Clause | None = None,
    ) -> tantivy.Query:
        """Return the query of a clause (None: every passage) inside a filter and a constraint.

        Passages of the `hidden` articles never match.
        """
        occur = self._occur
        parts = [(occur.Must, self._clause(Everything() if clause is None else clause))]
        parts += [(occur.Must, self._silent(part)) for part in self._conditions(filter)]
        if constraint is not None:
            parts.append((occur.Must, self._silent(self._clause(constraint, scored=False))))
        if len(parts) == 1 and not hidden:
            return parts[0][1]
        if hidden:
            gone = self._query.term_set_query(self._schema, "article", list(hidden))
            parts.append((occur.MustNot, gone))
        return self._query.boolean_query(parts)

    def _clause(self, clause: Clause, *, scored: bool = True) -> tantivy.Query:
        """Return a clause's query; where only matching counts, `scored` False reads less."""
        occur = self._occur
        match clause:
            case Term(layer=layer, value=value):
                return self._term(layer, value, scored)
            case Phrase(layer=layer, values=values):
                if not values or not all(map(is_unicode, values)):
                    return self._query.empty_query()
                if len(values) == 1:  # Tantivy panics on a phrase of one
                    return self._term(layer, values[0], scored)
                return self._query.phrase_query(self._schema, layer, list(values))
            case Prefix(layer=layer, value=value):
                if not is_unicode(value) or len(value) > _MAX_PREFIX:
                    return self._query.empty_query()
                # Tantivy's own prefix query stops at 50 terms; this one has them all.
                pattern = re.escape(value) + ".*"
                matched = self._query.regex_query(self._schema, layer, pattern)
                return self._query.const_score_query(matched, 1.0)
            case Fuzzy(layer=layer, value=value):
                if not may_be_fuzzy(value):
                    return self._query.empty_query()
                return self._query.fuzzy_term_query(self._schema, layer, value)
            case Proximity():
                return self._query.const_score_query(self._near(clause), 1.0)
            case Among(filter=filter):
                conditions = self._conditions(self._spell(filter))
                return self._silent(self._must(conditions or [self._query.all_query()]))
            case AnyOf(clauses=parts, minimum=minimum):
                if len(parts) < minimum:
                    return self._query.empty_query()
                if not scored and minimum == 1 and (shared := as_set(parts)):
                    layer, values = shared
                    given = [value for value in values if is_unicode(value)]
                    return self._query.term_set_query(self._schema, layer, given)
                should = [(occur.Should, self._clause(part, scored=scored)) for part in parts]
                return self._query.boolean_query(should, minimum)
            case AllOf(clauses=parts):
                return self._must([self._clause(part, scored=scored) for part in parts])
            case Not(clause=wanted, excluded=excluded):
                return self._query.boolean_query(
                    [
                        (occur.Must, self._clause(wanted, scored=scored)),
                        (occur.MustNot, self._clause(excluded, scored=False)),
                    ]
                )
            case Prefer(clause=wanted) if not scored:
                return self._clause(wanted, scored=False)
            case Prefer(clause=wanted, bonus=bonus):
                return self._query.boolean_query(
                    [(occur.Must, self._clause(wanted)), (occur.Should, self._clause(bonus))]
                )
            case Boost(clause=part, factor=factor) if factor == 0 or not scored:
                # A fifth faster than multiplying every score by zero.
                return self._silent(self._clause(part, scored=False))
            case Boost(clause=part, factor=factor):
                return self._query.boost_query(self._clause(part), factor)
            case Everything():
                return self._silent(self._query.all_query())

    def _term(self, layer: str, value: str, scored: bool) -> tantivy.Query:
        if not is_unicode(value):
            return self._query.empty_query()
        detail = "freq" if scored else "basic"
        return self._query.term_query(self._schema, layer, value, index_option=detail)

    def _near(self, clause: Proximity) -> tantivy.Query:
        """Return what has two terms near each other.

        Of two terms Tantivy's slop is how far apart they may be from where their offsets put
        them, on either side; what it makes of three is not exact.
        """
        first, second, gap = clause.first, clause.second, clause.gap
        if not (is_unicode(first) and is_unicode(second)):
            return self._query.empty_query()

        def behind(distance: int, slop: int) -> tantivy.Query:
            words: list[str | tuple[int, str]] = [(0, first), (distance, second)]
            return self._query.phrase_query(self._schema, clause.layer, words, slop)

        if not clause.in_order and first != second:
            return behind(0, gap + 1)
        if gap % 2 == 0:
            return behind(gap // 2 + 1, gap // 2)
        should = [behind(gap // 2 + 1, gap // 2), behind(gap + 1, 0)]
        return self._query.boolean_query([(self._occur.Should, each) for each in should], 1)

    def _silent(self, query: tantivy.Query) -> tantivy.Query:
        return self._query.const_score_query(query, 0.0)

    def _must(self, queries: Sequence[tantivy.Query]) -> tantivy.Query:
        if not queries:
            return self._query.empty_query()
        return self._query.boolean_query([(self._occur.Must, query) for query in queries])

    def _conditions(self, filter: Filter) -> list[tantivy.Query]:
        conditions = [
            self._any_value(field, values)
            for field, values in (
                ("collection", filter.collections),
                ("source", filter.sources),
                ("author", filter.authors),
                ("language", filter.languages),
                ("article_id", filter.articles),
                ("tags", filter.tags),
            )
            if values
        ]
        first, last = filter.published_from, filter.published_to
        if first is not None or last is not None:
            conditions.append(
                self._query.range_query(
                    self._schema,
                    "published",
                    self._unsigned,
                    first.toordinal() if first else 1,
                    last.toordinal() if last else 9_999_999,
                )
            )
        return conditions

    def _any_value(self, field: str, values: Sequence[str]) -> tantivy.Query:
        known = [value for value in dict.fromkeys(values) if value and is_unicode(value)]
        if not known:
            return self._query.empty_query()
        return self._query.term_set_query(self._schema, field, known)
