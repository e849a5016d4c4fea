"""Checks articles and requests before an engine sees them.

One set of bounds for every engine, so that what one takes the other takes too. Tantivy
ends the process on some inputs (a limit of 1e12 aborts, a phrase of one word panics),
Elasticsearch refuses a whole request for one part of it, so every bound is checked here,
in Python, first.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from search.analysis.tokens import MAX_TERM
from search.domain import (
    ARTICLE_FACETS,
    LAYERS,
    NO_FILTER,
    PHRASE_LAYERS,
    SEARCH_SORTS,
    SORTS,
    Filter,
    IndexedArticle,
    IndexedPassage,
    Layer,
    Vector,
    WriteOutcome,
)
from search.engines.protocol import CountRequest, Fingerprint, ListRequest, RankRequest
from search.errors import FingerprintMismatch, InputError
from search.limits import MAX_ID, MAX_LENGTH, MAX_RESULTS
from search.query.clauses import (
    MAX_CLAUSES,
    MAX_GAP,
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

MAX_VALUE = 1_000  # of a source, an author, a language, a tag
MAX_FIELD = 20_000  # of a title, a url
MAX_TAGS = 1_000
MAX_PASSAGES = 1_000_000  # of one article
MAX_TERM_BYTES = 32_000  # Lucene refuses more than 32,766, Tantivy drops more than 65,530
MAX_DEPTH = 64  # of a clause: no parser of ours nests deeper than 5
MAX_FACTOR = 1_000.0
MAX_PRODUCT = 1e12  # of nested factors: scores are float32 inside Tantivy
MAX_FILTER_VALUES = 10_000

_BREAKS = "\t\n\x0b\x0c\r\x00"  # Tantivy's tokenizer cuts at ASCII white space
_AT_ONCE = 64  # passages whose terms are looked at together: a quarter of the time
_LAYERS = frozenset(LAYERS)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


class Unfit(ValueError):
    """An article cannot be stored; the message says why and what to do."""


def not_stored(article_id: str, reason: str) -> WriteOutcome:
    """Return the outcome of an article that an engine refused."""
    error = f"article {article_id!r} was not stored: {reason}"
    return WriteOutcome(article_id, "failed", error, "refused")


def check_article(article: IndexedArticle, dimensions: int) -> None:
    """Raise Unfit if an article cannot be stored whole and as it is."""
    info = article.article.info
    _check_id(info.id)
    texts = [(name, getattr(info, name)) for name in MAX_LENGTH if name != "id"]
    for name, value in (*texts, *(("tag", tag) for tag in info.tags)):
        most = MAX_FIELD if name in ("title", "url") else MAX_VALUE
        _check_unicode(value, name)
        if len(value) > most:
            raise Unfit(f"its {name} has {len(value):,} characters, at most {most:,} can be kept")
        if most == MAX_VALUE and "\x00" in value:
            raise Unfit(f"its {name} holds a NUL character; take it out")
    if len(info.tags) > MAX_TAGS:
        raise Unfit(f"it has {len(info.tags):,} tags, at most {MAX_TAGS:,} can be kept")
    _check_unicode(article.article.text, "text")
    for _, place in article.article.places:
        _check_unicode(place.value, "place")
    if len(article.passages) > MAX_PASSAGES:
        raise Unfit(f"it has more than {MAX_PASSAGES:,} passages; split it")
    bare = [n for n, passage in enumerate(article.passages) if passage.vector is None]
    if 0 < len(bare) < len(article.passages):
        raise Unfit(f"its passage {bare[0]} has no vector and others have; embed all or none")
    for expected, passage in enumerate(article.passages):
        if passage.passage.position != expected or passage.passage.article_id != info.id:
            raise Unfit(f"its passage {expected} is numbered {passage.passage.id!r}")
        try:
            _check_passage(passage, article.article.text, dimensions)
        except Unfit as error:
            raise Unfit(f"passage {expected}: {error}") from None
    for start in range(0, len(article.passages), _AT_ONCE):
        some = article.passages[start : start + _AT_ONCE]
        if not _are_plain(some):
            for expected, passage in enumerate(some, start):
                _check_terms(passage.terms, expected)


def _check_id(id: str) -> None:
    if not id:
        raise Unfit("its id is empty; give it one")
    _check_unicode(id, "id")
    if len(id) > MAX_ID:
        raise Unfit(f"its id has {len(id):,} characters, at most {MAX_ID} can be kept")
    if _CONTROL.search(id):
        raise Unfit("its id holds control characters; take them out")


def _check_unicode(value: str, name: str) -> None:
    if not is_unicode(value):
        raise Unfit(_not_unicode(name))


def _not_unicode(name: str) -> str:
    return (
        f"its {name} holds half of a surrogate pair, which no encoding can carry; "
        "decode the source again or replace it with U+FFFD"
    )


def _check_passage(indexed: IndexedPassage, text: str, dimensions: int) -> None:
    passage = indexed.passage
    if text[passage.start : passage.end] != passage.text or not (
        0 <= passage.start <= passage.end <= len(text)
    ):
        raise Unfit(f"its text is not the article's between {passage.start} and {passage.end}")
    if indexed.vector is None:
        if indexed.sentences or indexed.sentence_vectors.size:
            raise Unfit("it has sentences and no vector of its own")
        return
    _check_vectors(indexed.vector, (dimensions,), "vector")
    _check_vectors(
        indexed.sentence_vectors, (len(indexed.sentences), dimensions), "sentence vectors"
    )
    for span in indexed.sentences:
        if not 0 <= span.start <= span.end <= len(passage.text):
            raise Unfit(f"its sentence {span.start}-{span.end} is not inside its text")


def _are_plain(passages: Sequence[IndexedPassage]) -> bool:
    """Tell whether the terms of passages are surely fit, looking at them all at once."""
    joined = " ".join([terms for passage in passages for terms in passage.terms.values()])
    return (
        all(_LAYERS.issuperset(passage.terms) for passage in passages)
        and not any(sign in joined for sign in _BREAKS)
        and is_unicode(joined)
        # 4 bytes a character at most: only a text this long can hold a term that is too long.
        and all(
            len(terms) * 4 <= MAX_TERM_BYTES
            for passage in passages
            for terms in passage.terms.values()
        )
    )


def _check_terms(terms: Mapping[Layer, str], number: int) -> None:
    for layer, joined in terms.items():
        if layer not in LAYERS:
            raise Unfit(f"passage {number}: there is no layer {layer!r}")
        name = f"layer {layer}"
        if not is_unicode(joined):
            raise Unfit(f"passage {number}: {_not_unicode(name)}")
        if any(sign in joined for sign in _BREAKS):
            raise Unfit(f"passage {number}: terms of its {name} are not separated by single spaces")
        if any(len(term.encode()) > MAX_TERM_BYTES for term in joined.split(" ")):
            raise Unfit(
                f"passage {number}: a term of its {name} is longer than {MAX_TERM_BYTES:,} bytes"
            )


def _check_vectors(vectors: Vector, shape: tuple[int, ...], name: str) -> None:
    # No sentences: (0,) and (0, anything) say the same as (0, dimensions).
    if shape[0] == 0 and vectors.size == 0:
        return
    if vectors.shape != shape:
        raise Unfit(f"its {name} have shape {vectors.shape}, not {shape}")
    if not np.isfinite(vectors).all():
        raise Unfit(f"its {name} hold values that are not finite numbers")
    if not (np.einsum("...i,...i->...", vectors, vectors, dtype=np.float64) > 0).all():
        raise Unfit(f"its {name} are all zeros, which has no direction")


def is_unicode(value: str) -> bool:
    """Tell whether UTF-8 can carry a text: lone surrogates raise inside Tantivy and SQLite."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def check_request(request: RankRequest, dimensions: int) -> None:
    """Raise InputError unless a request is within every bound."""
    check_limit(request.limit)
    for clause in (request.clause, request.constraint):
        if clause is not None:
            check_clause(clause)
    check_filter(request.filter)
    if request.sort not in SEARCH_SORTS:
        raise InputError(f"there is no order {request.sort!r}", field="sort")
    if len(request.frequencies) > MAX_CLAUSES:
        raise InputError(f"more than {MAX_CLAUSES} frequencies were asked", field="frequencies")
    for term in request.frequencies:
        check_layer(term.layer)
    check_vector(request.vector, dimensions)


def check_vector(vector: Vector | None, dimensions: int) -> None:
    """Raise InputError unless a query's vector has a direction in this index."""
    if vector is None:
        return
    if vector.shape != (dimensions,):
        raise InputError(
            f"the query's vector has shape {vector.shape}, this index needs ({dimensions},)",
            field="vector",
        )
    if not np.isfinite(vector).all() or not vector.any():
        raise InputError("the query's vector must be finite and not all zeros", field="vector")


def check_limit(limit: int) -> None:
    if not 0 <= limit <= MAX_RESULTS:
        raise InputError(f"limit is {limit}, it must be 0 to {MAX_RESULTS:,}", field="limit")


def check_count(request: CountRequest) -> None:
    """Raise InputError unless an engine can count what is asked; names the field."""
    check_limit(request.limit)
    check_filter(request.filter)
    if request.clause is not None:
        check_clause(request.clause)
    for facet in request.facets:
        if facet not in ARTICLE_FACETS:
            raise InputError(f"there is no facet {facet!r}", field="facets")
    if len(request.articles) > MAX_FILTER_VALUES:
        raise InputError(
            f"passages of at most {MAX_FILTER_VALUES:,} articles are counted", field="articles"
        )


def check_list(request: ListRequest) -> None:
    """Raise InputError unless an engine can list what is asked; names the field."""
    check_limit(request.limit)
    check_filter(request.filter)
    if request.sort not in SORTS:
        raise InputError(f"there is no order {request.sort!r}", field="sort")
    if request.after is not None and not is_unicode(request.after.id):
        raise InputError("`after` holds half of a surrogate pair", field="after")


def check_filter(filter: Filter) -> None:
    if filter is NO_FILTER:
        return
    if filter.labels:  # `search.annotations.labelled` makes articles of them
        raise InputError("an engine has no labels", field="filter.labels")
    for name in ("collections", "sources", "authors", "languages", "articles", "tags"):
        if len(getattr(filter, name)) > MAX_FILTER_VALUES:
            raise InputError(
                f"a filter takes at most {MAX_FILTER_VALUES:,} {name}", field=f"filter.{name}"
            )


def check_clause(clause: Clause) -> None:
    """Raise InputError on a clause too big, too deep or with a number out of bounds."""
    size = 0
    level: list[tuple[Clause, float]] = [(clause, 1.0)]
    for _ in range(MAX_DEPTH + 1):
        if not level:
            return
        below: list[tuple[Clause, float]] = []
        for part, product in level:
            size += len(part.values) if isinstance(part, Phrase) else 1
            below += _below(part, product)
        if size > MAX_CLAUSES or size + len(below) > 2 * MAX_CLAUSES:
            raise InputError(f"the query has more than {MAX_CLAUSES} clauses", field="clause")
        level = below
    if level:
        raise InputError(f"the query is nested more than {MAX_DEPTH} deep", field="clause")


def _below(clause: Clause, product: float) -> list[tuple[Clause, float]]:
    match clause:
        case Term() | Phrase() | Prefix() | Fuzzy():
            if clause.layer not in LAYERS:
                raise InputError(f"there is no layer {clause.layer!r}", field="clause")
            several = isinstance(clause, Phrase) and len(clause.values) > 1
            if several and clause.layer not in PHRASE_LAYERS:
                raise InputError(
                    f"phrases are asked of {', '.join(PHRASE_LAYERS)} only, not of {clause.layer}",
                    field="clause",
                )
            return []
        case Proximity(layer=layer, gap=gap):
            if layer not in PHRASE_LAYERS:
                raise InputError(
                    f"what is near is asked of {', '.join(PHRASE_LAYERS)} only, not of {layer}",
                    field="clause",
                )
            if not 0 <= gap <= MAX_GAP:
                raise InputError(f"gap is {gap}, it must be 0 to {MAX_GAP:,}", field="clause")
            return []
        case Among(filter=filter):
            check_filter(filter)
            return []
        case Everything():
            return []
        case AnyOf(clauses=parts, minimum=minimum):
            if minimum < 1:
                raise InputError(f"minimum is {minimum}, it must be 1 or more", field="clause")
            return [(part, product) for part in parts]
        case AllOf(clauses=parts):
            return [(part, product) for part in parts]
        case Not(clause=a, excluded=b) | Prefer(clause=a, bonus=b):
            return [(a, product), (b, product)]
        case Boost(clause=a, factor=factor):
            if not (math.isfinite(factor) and 0 <= factor <= MAX_FACTOR):
                raise InputError(
                    f"a factor is {factor}, it must be 0 to {MAX_FACTOR:g}", field="clause"
                )
            if product * factor > MAX_PRODUCT:
                raise InputError(f"factors multiply to over {MAX_PRODUCT:g}", field="clause")
            return [(a, product * factor)]


def as_set(parts: Sequence[Clause]) -> tuple[Layer, tuple[str, ...]] | None:
    """Return layer and values of clauses that all are terms of one, which an engine asks as a set."""
    terms = [part for part in parts if isinstance(part, Term)]
    if len(terms) < len(parts) or len({term.layer for term in terms}) != 1:
        return None
    return terms[0].layer, tuple(term.value for term in terms)


def may_be_fuzzy(value: str) -> bool:
    """Tell whether a `Fuzzy` of this value may match anything."""
    return is_unicode(value) and 0 < len(value) <= MAX_TERM


def check_layer(layer: str) -> None:
    if layer not in LAYERS:
        raise InputError(f"there is no layer {layer!r}", field="layer")


def passage_key(passage_id: str) -> tuple[str, int] | None:
    """Return the article id and position in a passage id, None if it cannot be one."""
    article_id, mark, digits = passage_id.rpartition("#")
    if not mark or not (digits.isascii() and digits.isdigit()) or len(digits) > 9:
        return None
    if not is_unicode(article_id) or str(int(digits)) != digits:
        return None
    return article_id, int(digits)


def check_fingerprint(stored: Fingerprint, wanted: Fingerprint, where: str) -> None:
    """Raise FingerprintMismatch, naming what differs, unless both are the same."""
    differing = "; ".join(
        f"{name}: the index has {getattr(stored, name)!r}, this Fihris {getattr(wanted, name)!r}"
        for name in Fingerprint.__dataclass_fields__
        if getattr(stored, name) != getattr(wanted, name)
    )
    if differing:
        older = replace(stored, analyser=wanted.analyser, schema=wanted.schema) == wanted
        command = "fihris upgrade" if older else "fihris reindex"
        raise FingerprintMismatch(
            f"the {where} was made differently ({differing}). `{command}` makes it anew from "
            "what it holds, while searches go on with a Fihris that fits it."
        )
