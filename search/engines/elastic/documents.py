"""Articles and passages to documents and back.

All documents of an article are routed to one shard. The id of its own document (`state`) is its
key; the id of an edition's text is the edition's name, and a passage's adds its position, so
that a document that is sent twice is stored once.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date
from itertools import pairwise
from typing import Any

import numpy as np

from search.domain import (
    LAYERS,
    Article,
    ArticleInfo,
    IndexedArticle,
    IndexedPassage,
    Locator,
    Passage,
    Span,
    StoredArticle,
    StoredPassage,
    Vector,
    place_at,
)
from search.engines.elastic.mapping import VOCABULARY_LAYER
from search.engines.elastic.queries import filter_term

# Unit vectors are packed as 16-bit integers, this being 1, most significant byte first (which a
# script of Elasticsearch reads fastest). A cosine changes by less than 0.00002.
PACKED_ONE = 32_767


def key_of(article_id: str) -> str:
    """Return the id of an article's own document, which routes all its documents."""
    return hashlib.blake2b(article_id.encode(), digest_size=16).hexdigest()


def new_edition() -> str:
    """Return a name that no other edition has: 96 random bits."""
    return secrets.token_urlsafe(12)


def documents(
    article: IndexedArticle, edition: str, lacks: Collection[str] = ()
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the id and source of each document of an edition, its text's last.

    `lacks`: fields that the index's mapping does not have.
    """
    about = _about(article.article.info, edition)
    about = {name: value for name, value in about.items() if name not in lacks}
    for indexed in article.passages:
        yield f"{edition}.{indexed.passage.position}", {**about, **_passage(indexed)}
    spans = [n for p in article.passages for n in (p.passage.start, p.passage.end)]
    rest = _rest(article.article.text, spans)
    given = article.article.places
    if given:
        rest["places"] = [[start, place.kind, place.value] for start, place in given]
    yield edition, {**about, "kind": "text", **rest, "spans": spans}


def _rest(text: str, spans: Sequence[int]) -> dict[str, Any]:
    """Return the text fields of an edition's `text` document: what is in no passage.

    The passages have the rest, nearly all of it, so that it is not stored twice (docs/SCALING.md).
    Where passages overlap or are out of order it is the whole text.
    """
    if any(earlier > later for earlier, later in pairwise(spans)):
        return {"text": text}
    outside = zip([0, *spans[1::2]], [*spans[::2], len(text)], strict=True)
    return {"between": "".join(text[start:end] for start, end in outside)}


def _whole(between: str, spans: Sequence[int], texts: Sequence[str]) -> str:
    """Return an article's text from what is between its passages, and their texts."""
    pieces, at, last = list[str](), 0, 0
    for start, end, text in zip(spans[::2], spans[1::2], texts, strict=True):
        pieces += (between[at : at + start - last], text)
        at, last = at + start - last, end
    return "".join((*pieces, between[at:]))


def document_ids(edition: str, passages: int) -> list[str]:
    """Return the ids of all documents of an edition."""
    return [edition, *(f"{edition}.{position}" for position in range(passages))]


def filter_terms(info: ArticleInfo) -> list[str]:
    """Return the values that `queries.conditions` compares, with spelling variants folded."""
    pairs = [("source", info.source), ("author", info.author), ("language", info.language)]
    pairs += [("tag", tag) for tag in info.tags]
    return list(dict.fromkeys(filter_term(name, value) for name, value in pairs if value))


def _about(info: ArticleInfo, edition: str) -> dict[str, Any]:
    tags = [tag for tag in dict.fromkeys(info.tags) if tag]
    day = info.published
    fields: dict[str, Any] = {
        "edition": edition,
        "article_id": info.id,
        "title": info.title,
        "url": info.url,
        "source": info.source,
        "author": info.author,
        "collection": info.collection,
        "language": info.language,
        "tags": tags,
        "given_tags": list(info.tags),
        "published": day.isoformat() if day else None,
        "year": f"{day.year:04}" if day else None,
        "filters": filter_terms(info),
    }
    # A field that is absent is not a value: no filter or facet finds it.
    return {name: value for name, value in fields.items() if value}


def _passage(indexed: IndexedPassage) -> dict[str, Any]:
    passage = indexed.passage
    document: dict[str, Any] = {
        "kind": "passage",
        "passage_id": passage.id,
        "position": passage.position,
        "start": passage.start,
        "end": passage.end,
        "text": passage.text,
        **({"place": [passage.place.kind, passage.place.value]} if passage.place else {}),
        "sentences": len(indexed.sentences),
        **{layer: indexed.terms[layer] for layer in LAYERS if indexed.terms.get(layer)},
    }
    if VOCABULARY_LAYER in document:
        document[VOCABULARY_LAYER] = list(dict.fromkeys(document[VOCABULARY_LAYER].split(" ")))
    if indexed.vector is None:  # kNN does not find it
        return document
    if indexed.sentences:
        document["sentence_spans"] = [n for s in indexed.sentences for n in (s.start, s.end)]
    given = [indexed.vector], indexed.sentence_vectors.reshape(-1, len(indexed.vector))
    every = np.concatenate(given).astype(np.float64)
    every /= np.linalg.norm(every, axis=-1, keepdims=True)
    document["vector"] = _base64(every[0].astype(">f4"))
    document["packed_vectors"] = _base64(np.rint(every * PACKED_ONE).astype(">i2"))
    return document


def _base64(array: np.ndarray[Any, Any]) -> str:
    return base64.b64encode(array.tobytes()).decode("ascii")


def read_spans(source: Mapping[str, Any]) -> tuple[Span, ...]:
    """Return the spans of a passage's sentences."""
    bounds = source.get("sentence_spans", ())
    return tuple(map(Span, bounds[::2], bounds[1::2]))


def read_vectors(hit: Mapping[str, Any], dimensions: int) -> tuple[Vector | None, Vector]:
    """Return a passage's own vector, None if it has none, and its sentences'."""
    (packed,) = hit.get("fields", {}).get("packed_vectors", [""])
    integers = np.frombuffer(base64.b64decode(packed), ">i2").reshape(-1, dimensions)
    every = integers.astype(np.float32) / np.float32(PACKED_ONE)
    return (every[0] if packed else None), every[1:]


def read_info(source: Mapping[str, Any]) -> ArticleInfo:
    published = source.get("published")
    return ArticleInfo(
        id=source["article_id"],
        title=source.get("title", ""),
        source=source.get("source", ""),
        author=source.get("author", ""),
        language=source.get("language", ""),
        published=date.fromisoformat(published) if published else None,
        tags=tuple(source.get("given_tags", ())),
        url=source.get("url", ""),
    )


def read_passage(source: Mapping[str, Any]) -> StoredPassage:
    info = read_info(source)
    place = Locator(*source["place"]) if "place" in source else None
    passage = Passage(
        info.id, source["position"], source["start"], source["end"], source["text"], place
    )
    return StoredPassage(passage, info, read_spans(source))


def read_article(source: Mapping[str, Any], texts: Sequence[str]) -> StoredArticle:
    """Return an article from an edition's `text` document and its passages' texts, in order."""
    info, spans = read_info(source), source.get("spans", ())
    text = source["text"] if "text" in source else _whole(source.get("between", ""), spans, texts)
    places = tuple((start, Locator(*place)) for start, *place in source.get("places", ()))
    passages = tuple(
        Passage(info.id, position, start, end, text[start:end], place_at(places, start))
        for position, (start, end) in enumerate(zip(spans[::2], spans[1::2], strict=True))
    )
    return StoredArticle(Article(info, text, places), passages)


def read_indexed(
    source: Mapping[str, Any], passages: Mapping[int, Mapping[str, Any]], dimensions: int
) -> IndexedArticle:
    """Return an article as it was written, without its terms.

    Args:
        source: of an edition's `text` document.
        passages: the hits of its passages, with packed vectors, by position.
    """
    texts = [passages[n]["_source"].get("text", "") for n in range(len(passages))]
    stored = read_article(source, texts)
    indexed = []
    for passage in stored.passages:
        hit = passages[passage.position]
        own, others = read_vectors(hit, dimensions)
        indexed.append(
            IndexedPassage(
                passage=passage,
                terms={},
                vector=own,
                sentences=read_spans(hit["_source"]),
                sentence_vectors=others,
            )
        )
    return IndexedArticle(stored.article, tuple(indexed))
