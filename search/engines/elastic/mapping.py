"""The index's fields, analysis, similarity and settings.

Kinds of document: `passage` is what is ranked; `text` is the rest of an edition; `article` is
the article's own document, the commit (`state`), of kind `begun` while no edition is shown;
`void` is an empty document in place of an abandoned edition's (`write`); `hold` says who blocks
writes (`hold`). Only passages have layers and vectors, so that term statistics count no others.

Terms, vectors and sentence vectors are not in `_source`: they are indexed or kept as doc values,
and no result shows them. docs/SCALING.md has what each field takes on the disk, and why.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from search.domain import LAYERS, PHRASE_LAYERS, Layer
from search.engines.protocol import Fingerprint
from search.errors import FingerprintMismatch
from search.limits import MAX_RESULTS
from search.settings import Settings

FORMAT = 6  # of the fields below; another one means the index is made anew
FORMER = 2  # of the first release, which `former` reads, to make it anew
MAX_WINDOW = 3 * MAX_RESULTS  # hits of one search: a limit's, and those that may be dropped
IDLE_AFTER = "5s"  # without a search; Elasticsearch's 30 s are as long as indexing 20,000 passages

# This layer's terms are looked up by prefix (names in Latin letters) and never scored. So it is a
# `keyword` field with one value a term, in doc values; a `text` field would need fielddata.
VOCABULARY_LAYER: Layer = "sound"

# Fields that an index of this format lacks if 0.2 made it.
LATER = ("collection", "place", "places")

NOT_IN_SOURCE = (*LAYERS, "vector", "packed_vectors")

_KEYWORD = {"type": "keyword"}
_SHOWN = {"type": "keyword", "index": False, "doc_values": False}
_TEXT = {"type": "text", "index": False}
_NUMBER = {"type": "integer", "index": False, "doc_values": False}
_COUNTED = {"type": "integer", "index": False}  # doc values, to sum or sort by
_VALUES = {"type": "keyword", "index": False}  # doc values, for facets; `filters` finds them


# Of a passage, of an article. `Index.taking_places` adds them to an index that 0.2 made.
PLACES = {name: {"type": "object", "enabled": False} for name in ("place", "places")}


def properties(dimensions: int, vectors: str) -> dict[str, Any]:
    """Return the fields' mappings."""
    return {
        "kind": _KEYWORD,
        # One write of an article: in its passages; in the own document the one that is shown.
        "edition": _KEYWORD,
        "article_id": _KEYWORD,
        "passage_id": _KEYWORD,
        "source": _KEYWORD,
        "language": _KEYWORD,
        "tags": _KEYWORD,
        "year": _KEYWORD,
        "filters": _KEYWORD,  # `source=...` and so on, as filters compare them
        "published": {"type": "date", "format": "strict_date"},
        "title": _TEXT,
        "url": _TEXT,
        "text": _TEXT,
        "between": _TEXT,  # of an article: its text but for its passages, which have that
        "author": _VALUES,
        "collection": _VALUES,  # that the id begins with, by which filters find it
        "given_tags": _SHOWN,  # in their order, repeated ones too
        "position": _COUNTED,
        **PLACES,
        "start": _NUMBER,
        "end": _NUMBER,
        "spans": _NUMBER,
        "passages": _COUNTED,  # of an article: how many
        "sentences": _COUNTED,  # how many
        "unembedded": _COUNTED,  # of an article whose passages have no vectors: how many they are
        "sentence_spans": _NUMBER,
        # The passage's vector and its sentences', as `documents` packs them: ranking reads them
        # for the shortlist.
        "packed_vectors": {"type": "binary", "doc_values": True},
        "vector": {
            "type": "dense_vector",
            "dims": dimensions,
            "index": True,
            "similarity": "cosine",
            "index_options": {"type": vectors},
        },
        **{layer: _terms(layer) for layer in LAYERS},
        # Of an article's own document: its content (`state`), and whether there may be passages
        # of other editions than the one that is shown.
        "state": {"type": "object", "enabled": False},
        "unsettled": {"type": "boolean"},
        "since": {"type": "date"},  # of a `void`
    }


def _terms(layer: Layer) -> dict[str, Any]:
    """Return the mapping of a layer: BM25 over its terms, whose positions only phrases need."""
    if layer == VOCABULARY_LAYER:
        return _KEYWORD
    return {
        "type": "text",
        "analyzer": "terms",
        "similarity": "terms",
        "fielddata": True,
        "index_options": "positions" if layer in PHRASE_LAYERS else "freqs",
    }


def index_settings(settings: Settings) -> dict[str, Any]:
    """Return an index's settings: those given, and the terms' analysis and scoring."""
    return {
        "number_of_shards": settings.elasticsearch_shards,
        "number_of_replicas": settings.elasticsearch_replicas,
        **_refreshing(settings.elasticsearch_refresh),
        "max_result_window": MAX_WINDOW,
        # As `search.query.clauses`.
        "similarity": {"terms": {"type": "BM25", "k1": 1.2, "b": 0.75}},
        "analysis": {
            # Not `whitespace`: that one also cuts at other kinds of space, and every 255 letters.
            "tokenizer": {
                "space": {
                    "type": "char_group",
                    "tokenize_on_chars": [" "],
                    "max_token_length": 32_000,
                }
            },
            "analyzer": {"terms": {"type": "custom", "tokenizer": "space"}},
        },
    }


def _refreshing(seconds: int) -> dict[str, Any]:
    """Return when the index is refreshed.

    By default Elasticsearch refreshes it every second, but not while nobody searches it: then the
    next search waits for a refresh. Setting an interval, even one second, ends that exception,
    and takes half of the time of indexing (docs/SCALING.md); so one second is not set.
    """
    idle = {"search.idle.after": IDLE_AFTER}
    return idle if seconds == 1 else {**idle, "refresh_interval": f"{seconds}s"}


def mappings(fingerprint: Fingerprint, settings: Settings) -> dict[str, Any]:
    """Return an index's mappings; `_meta` says what made it."""
    return {
        "dynamic": "strict",
        "_source": {"excludes": list(NOT_IN_SOURCE)},
        "_meta": {"fihris": {"format": FORMAT, "fingerprint": asdict(fingerprint)}},
        "properties": properties(fingerprint.dimensions, settings.elasticsearch_vectors),
    }


def read_fingerprint(index: str, found: Mapping[str, Any]) -> Fingerprint:
    """Return the fingerprint in an index's mappings.

    The fields themselves are not compared: Elasticsearch refuses to change their types.

    Raises:
        FingerprintMismatch: the index was not made by Fihris, has another format, or its
            mapping was changed since.
    """
    meta = found.get("_meta", {}).get("fihris", {})
    if meta.get("format") == FORMER:
        raise FingerprintMismatch(
            f"the index {index} has fields of format {FORMER}, this Fihris uses format {FORMAT}. "
            "`fihris upgrade` or `fihris reindex` makes it anew from what it holds, while searches "
            "go on with the Fihris that made it."
        )
    if meta.get("format", FORMAT) != FORMAT:
        raise FingerprintMismatch(
            f"the index {index} has fields of format {meta['format']}, this Fihris uses format "
            f"{FORMAT}. Update this Fihris, or bring the index up with one between the two."
        )
    try:
        fingerprint = Fingerprint(**meta["fingerprint"])
    except (KeyError, TypeError):
        raise _foreign(
            f"the index {index} does not say that Fihris made it (_meta.fihris is missing)"
        ) from None
    if str(found.get("dynamic")) != "strict":
        raise _foreign(f"somebody has changed the mapping of the index {index} (dynamic)")
    return fingerprint


def _foreign(what: str) -> FingerprintMismatch:
    return FingerprintMismatch(
        f"{what}. Restore it from a snapshot, or choose another alias with "
        "FIHRIS_ELASTICSEARCH_INDEX and index your files into it."
    )
