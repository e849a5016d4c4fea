"""Adding, changing, finding and removing annotations."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple, Self

from search.analysis.folding import fold_value
from search.analysis.tokens import TITLE_END, terms
from search.annotations import open_store
from search.annotations.anchoring import anchored
from search.annotations.domain import Anchored, checked, labels_of, now
from search.annotations.store import Known
from search.domain import (
    LAYERS,
    Annotation,
    ArticleInfo,
    Filter,
    IndexedPassage,
    Layer,
    Passage,
    Query,
)
from search.engines.protocol import EngineReader, ListRequest
from search.errors import InputError, NotFound
from search.limits import MAX_ANNOTATIONS, MAX_OF_PLACE, MAX_QUERY_LENGTH, MAX_RESULTS, MAX_SIZE
from search.listing import read, written
from search.query.expansion import forms_of_roots
from search.query.parse import parse
from search.query.validation import check_within
from search.saved.domain import SavedSearch, text_hash
from search.saved.matching import Batch, condition_of
from search.settings import Settings

_ORDER = "annotations"  # in cursors


class AnnotationPage(NamedTuple):
    """Annotations, the newest first, how many there are in all, and the next page's cursor.

    `labels`: of all that were found, with how many have each, the most frequent first.
    """

    annotations: tuple[Anchored, ...]
    total: int
    labels: tuple[tuple[str, int], ...]
    cursor: str = ""


class Annotations:
    """The annotations of an index. Safe to use from many threads.

    The engine stays its owner's to close. Every method raises EngineError where the index or
    the annotations cannot be read or written.
    """

    def __init__(self, engine: EngineReader, settings: Settings) -> None:
        self._engine = engine
        self._known = Known(lambda: open_store(settings))

    def add(self, target: str, labels: Sequence[str] = (), note: str = "") -> Anchored:
        """Annotate an article or a passage.

        Args:
            target: the id of the article, or of the passage.
            labels: 16 at most, of 100 characters.
            note: 4,000 characters at most.

        Raises:
            NotFound: there is neither an article nor a passage of this id.
            InputError: there is neither label nor note, or too much; names the field.
        """
        passage = next((found.passage for found in self._engine.fetch([target])), None)
        article = passage.article_id if passage else target
        if passage is None and self._engine.article(target) is None:
            raise NotFound(f"there is no article or passage {target[:100]!r}")
        when, text = now(), passage.text if passage else ""
        made = checked(
            Annotation(
                id=str(uuid.uuid4()),
                article=article,
                position=passage.position if passage else None,
                text=text_hash(text) if passage else "",
                quote=text,
                labels=tuple(labels),
                note=note,
                created=when,
                changed=when,
            )
        )
        known = self._known.all()
        place = (made.article, made.text)
        if sum((each.article, each.text) == place for each in known.values()) >= MAX_OF_PLACE:
            raise InputError(
                f"{MAX_OF_PLACE} annotations stand there, which is the most", field="target"
            )
        check_room(len(known) + 1)
        self._known.store.put([made])
        return anchored(self._engine, [made])[0]

    def change(
        self, id: str, labels: Sequence[str] | None = None, note: str | None = None
    ) -> Anchored:
        """Set the labels or the note of an annotation; None leaves them.

        Raises:
            NotFound: there is none of this id.
            InputError: as `add`.
        """
        old = self._annotation(id)
        made = checked(
            replace(
                old,
                labels=old.labels if labels is None else tuple(labels),
                note=old.note if note is None else note,
                changed=now(),
            )
        )
        self._known.store.put([made])
        return anchored(self._engine, [made])[0]

    def get(self, id: str) -> Anchored:
        """Return an annotation with where it stands. Raises NotFound."""
        return anchored(self._engine, [self._annotation(id)])[0]

    def remove(self, id: str) -> None:
        """Remove an annotation. Raises NotFound."""
        self._known.store.remove([self._annotation(id).id])

    def list(
        self,
        text: str = "",
        *,
        labels: Sequence[str] = (),
        articles: Sequence[str] = (),
        orphaned: bool = False,
        size: int = 20,
        cursor: str = "",
    ) -> AnnotationPage:
        """Return a page of annotations, the newest first.

        Args:
            text: a query, all words of which the labels or the note must have, as saved searches
                ask for them; "" asks for none.
            labels: only those with any of these, in any spelling.
            articles: only those of these articles.
            orphaned: only those whose article is not there.
            size: annotations on the page, 1 to 100.
            cursor: of the page before; "" begins.

        Raises:
            InputError, CursorGone: as `search.listing.list_articles`.
        """
        check_within("size", size, 1, MAX_SIZE)
        behind = read(cursor, _ORDER, lambda *place: place) if cursor else None
        found = list(self._known.all().values())
        if articles:
            found = [each for each in found if each.article in articles]
        if labels:
            wanted = set(map(fold_value, labels))
            found = [each for each in found if not wanted.isdisjoint(map(fold_value, each.labels))]
        if orphaned:
            found = _orphaned(self._engine, found)
        if text.strip():
            found = _matching(found, text)
        found.sort(key=_place, reverse=True)
        rest = found if behind is None else [each for each in found if _place(each) < behind]
        page = rest[:size]
        return AnnotationPage(
            tuple(anchored(self._engine, page)),
            len(found),
            tuple(labels_of(found)[:MAX_SIZE]),
            written(_ORDER, *_place(page[-1])) if len(rest) > size else "",
        )

    def by_article(self) -> Mapping[str, Sequence[Annotation]]:
        """Return all annotations by their article's id, the oldest first."""
        found: dict[str, list[Annotation]] = {}
        for each in sorted(self._known.all().values(), key=_place):
            found.setdefault(each.article, []).append(each)
        return found

    def close(self) -> None:
        self._known.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _annotation(self, id: str) -> Annotation:
        found = self._known.all().get(id)
        if found is None:
            raise NotFound(f"there is no annotation {id[:100]!r}")
        return found


def check_room(count: int) -> None:
    """Raise InputError unless so many annotations may be kept."""
    if count > MAX_ANNOTATIONS:
        raise InputError(
            f"{MAX_ANNOTATIONS:,} annotations are kept, which is the most; remove some",
            field="target",
        )


def _orphaned(engine: EngineReader, annotations: Sequence[Annotation]) -> list[Annotation]:
    ids = tuple(dict.fromkeys(each.article for each in annotations))
    if not ids:
        return []
    request = ListRequest(Filter(articles=ids), limit=MAX_RESULTS)
    there = {info.id for info in engine.list_articles(request).articles}
    return [each for each in annotations if each.article not in there]


def _place(annotation: Annotation) -> tuple[str, ...]:
    return annotation.created, annotation.id


def _matching(annotations: Sequence[Annotation], text: str) -> list[Annotation]:
    """Return those whose labels or note have all words of a query, as a saved search asks."""
    if len(text) > MAX_QUERY_LENGTH:
        raise InputError(f"the query has more than {MAX_QUERY_LENGTH:,} characters", field="q")
    parsed = parse(text)
    if not parsed.words() and not parsed.prefixes():
        raise InputError("the query has no word to look for", field="q")
    search = SavedSearch("", "", Query(text, mode="keyword"))
    condition = condition_of(search, parsed, forms_of_roots(parsed)).words
    batch = Batch(
        [_indexed(each) for each in annotations],
        [ArticleInfo(each.article) for each in annotations],
    )
    return [each for n, each in enumerate(annotations) if batch.meets(n, condition)]


def _indexed(annotation: Annotation) -> IndexedPassage:
    """Return an annotation as a passage, of which the labels are the title."""
    import numpy as np

    title, note = terms(" ".join(annotation.labels)), terms(annotation.note)
    both: dict[Layer, str] = {
        layer: f"{title[layer]} {TITLE_END} {note[layer]}".strip() for layer in LAYERS
    }
    passage = Passage(annotation.article, 0, 0, len(annotation.note), annotation.note)
    return IndexedPassage(passage, both, None, (), np.zeros((0, 0), np.float32))
