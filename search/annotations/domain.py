"""Annotations: checks, their stored form, and where they stand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any, Literal

from search.domain import Annotation, ArticleInfo, Passage
from search.engines.checks import is_unicode
from search.errors import InputError
from search.limits import MAX_LABEL, MAX_LABELS, MAX_NOTE, MAX_PASSAGE_LENGTH
from search.saved.domain import text_hash

# On an article; on a passage as it was; on what an article has instead of it, nearly the same;
# on an article that has nothing like it any more; and of an article that is not there.
Anchor = Literal["article", "passage", "changed", "lost", "orphaned"]


@dataclass(frozen=True, slots=True)
class Anchored:
    """An annotation and where it stands: its article and its passage, as far as they are there."""

    annotation: Annotation
    anchor: Anchor
    article: ArticleInfo | None = None
    passage: Passage | None = None


def checked(annotation: Annotation) -> Annotation:
    """Return an annotation with its labels and note as they are kept.

    Labels are one line each, a note loses white space at its ends.

    Raises:
        InputError: it has neither, or more than may be; names the field.
    """
    labels = tuple(
        dict.fromkeys(filter(None, (" ".join(each.split()) for each in annotation.labels)))
    )
    note = annotation.note.strip()
    if not labels and not note:
        raise InputError("give a label or a note", field="note")
    if len(labels) > MAX_LABELS:
        raise InputError(f"{len(labels):,} labels, and {MAX_LABELS} are the most", field="labels")
    for label in labels:
        if len(label) > MAX_LABEL or not is_unicode(label) or not label.isprintable():
            raise InputError(
                f"a label has at most {MAX_LABEL} characters, none of them a control character",
                field="labels",
            )
    if len(note) > MAX_NOTE or not is_unicode(note) or "\0" in note:
        raise InputError(
            f"a note has at most {MAX_NOTE:,} characters; this has {len(note):,}"
            if len(note) > MAX_NOTE
            else "the note has a NUL or half of a surrogate pair in it",
            field="note",
        )
    return replace(annotation, labels=labels, note=note)


def now() -> str:
    """Return the time in UTC (RFC 3339)."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


def as_fields(annotation: Annotation) -> dict[str, Any]:
    """Return an annotation as JSON has it."""
    return {**asdict(annotation), "labels": list(annotation.labels)}


def from_fields(fields: Mapping[str, Any]) -> Annotation:
    """Return the annotation that `as_fields` wrote."""
    return Annotation(**{**fields, "labels": tuple(fields["labels"])})


def given(fields: object, article_id: str) -> Annotation:
    """Return the annotation that an exported line of an article has.

    Raises InputError where it is none.
    """
    match fields:
        case {
            "id": str(key),
            "position": (int() | None) as position,
            "text": str(text),
            "quote": str(quote),
            "labels": list(labels),
            "note": str(note),
            "created": str(created),
            "changed": str(changed),
        } if (
            all(isinstance(each, str) for each in labels)
            and 0 < len(key) <= 64
            and is_unicode(key + text + quote)
            and (position is None or 0 <= position < 1 << 31)
            and len(text) <= 64
            and len(quote) <= MAX_PASSAGE_LENGTH
            and _is_time(created)
            and _is_time(changed)
        ):
            text = text_hash(quote) if quote else text
            return checked(
                Annotation(
                    key, article_id, position, text, quote, tuple(labels), note, created, changed
                )
            )
    raise InputError("an annotation is not as `fihris export` writes it", field="annotations")


def _is_time(value: str) -> bool:
    try:
        return datetime.fromisoformat(value).tzinfo is not None and value.isascii()
    except ValueError:
        return False


def labels_of(annotations: Sequence[Annotation]) -> list[tuple[str, int]]:
    """Return the labels of annotations with how many have each, the most frequent first."""
    counted: dict[str, int] = {}
    for each in annotations:
        for label in each.labels:
            counted[label] = counted.get(label, 0) + 1
    return sorted(counted.items(), key=lambda pair: (-pair[1], pair[0]))
