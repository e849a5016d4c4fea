"""The query algebra: what a text ranking is asked, in no product's dialect.

A clause matches a passage or not, and gives a matching passage a score. Term
and Phrase score by BM25 over their layer (k1 = 1.2, b = 0.75, Robertson and
Zaragoza 2009); the rest combine scores by addition. Clauses are built by
`search.query.parse` and `search.ranking.searcher` only, never from text by an engine, so
their size is bounded (`MAX_CLAUSES`).
"""

from __future__ import annotations

from dataclasses import dataclass

from search.domain import Filter, Layer

MAX_CLAUSES = 4096
MAX_GAP = 1_000_000  # terms between two of a `Proximity`


@dataclass(frozen=True, slots=True)
class Term:
    """Passages with this term in this layer. What one of `sound` scores is not promised."""

    layer: Layer
    value: str


@dataclass(frozen=True, slots=True)
class Phrase:
    """Passages with these terms next to each other, in order, in a layer of `PHRASE_LAYERS`.

    A single value is as a Term, of any layer.
    """

    layer: Layer
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Prefix:
    """Passages with a term of this layer that starts so; every match scores 1."""

    layer: Layer
    value: str


@dataclass(frozen=True, slots=True)
class Fuzzy:
    """Passages with a term of this layer at most one edit away; every match scores 1.

    An edit is a letter more, less or other, or two neighbours transposed (Damerau 1964); the
    term itself is among them. Empty, or longer than any term (`MAX_TERM`), it matches nothing.
    """

    layer: Layer
    value: str


@dataclass(frozen=True, slots=True)
class Proximity:
    """Passages where `second` stands behind `first` in a layer of `PHRASE_LAYERS`, `gap` terms
    between them at most; or before it too unless `in_order`. Every match scores 1.
    """

    layer: Layer
    first: str
    second: str
    gap: int
    in_order: bool


@dataclass(frozen=True, slots=True)
class Among:
    """Passages of the articles that a filter lets through, each with score 0."""

    filter: Filter


@dataclass(frozen=True, slots=True)
class AnyOf:
    """Passages that match at least `minimum` of the clauses; scores add up.

    An empty `clauses` matches nothing.
    """

    clauses: tuple[Clause, ...]
    minimum: int = 1


@dataclass(frozen=True, slots=True)
class AllOf:
    """Passages that match every clause; scores add up. Empty matches nothing."""

    clauses: tuple[Clause, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """Passages that match `clause` but not `excluded`; the score is `clause`'s."""

    clause: Clause
    excluded: Clause


@dataclass(frozen=True, slots=True)
class Prefer:
    """Passages that match `clause`; where `bonus` matches too, its score is added."""

    clause: Clause
    bonus: Clause


@dataclass(frozen=True, slots=True)
class Boost:
    """`clause` with its score multiplied by `factor` (0 <= factor <= 1000)."""

    clause: Clause
    factor: float


@dataclass(frozen=True, slots=True)
class Everything:
    """Every passage, each with score 0: what a query of exclusions only starts from."""


Clause = (
    Term
    | Phrase
    | Prefix
    | Fuzzy
    | Proximity
    | Among
    | AnyOf
    | AllOf
    | Not
    | Prefer
    | Boost
    | Everything
)
