"""Makes the text index from the record, and brings it up to date; `viewing` decides when."""

from __future__ import annotations

import functools
import logging
import sqlite3
from dataclasses import replace
from importlib.metadata import version

from search.domain import LAYERS
from search.engines.embedded.chain import HEAD
from search.engines.embedded.reading import read_removals, read_terms
from search.engines.embedded.record import Record
from search.engines.embedded.segments import Manifest, Segments, read_manifest
from search.engines.embedded.state import State
from search.engines.embedded.text import FORMAT, TextIndex, TextIndexError, change, counted
from search.errors import EngineUnavailable

log = logging.getLogger(__name__)

_SMALL = 500  # passages up to which any removal means building anew (20 ms)
_MOST_REMOVED = 0.1  # share of removed passages from which BM25's statistics drift too far
_MANY = 20_000  # passages of which the log tells before they are added


def published(connection: sqlite3.Connection, state: State) -> Manifest:
    """Return what a record says of its text index; of none if it says nothing that is of use."""
    manifest = read_manifest(connection)
    if manifest is None or (manifest.record, manifest.format) != (state.record, _format()):
        return Manifest(state.record, _format(), 0, 0)
    return manifest


def publish(record: Record, segments: Segments, *, anew: bool = False) -> TextIndex | None:
    """Bring the published text index to the record's state. Needs the writer's lock.

    Returns what was published, opened; None where nothing had to be. `anew`: it is built from
    nothing in any case, so that no word of what was removed is in it.

    Raises:
        EngineUnavailable: Tantivy or the disk failed; the record is whole.
    """
    try:
        with record.snapshot() as moment:
            if moment is None:
                return None
            connection, state = moment
            base, removed = (
                (_nothing(published(connection, state)), [])
                if anew
                else _base(connection, state, segments)
            )
            if base.sequence >= state.sequence:
                return None
            count = state.last - base.last
            if count >= _MANY:
                log.info("adding about %d passages to the text index", count)
            added = read_terms(connection, base.last, state.last)
            new = Manifest(state.record, _format(), state.sequence, state.last)
            made = segments.changed(
                base, new, lambda folder: change(folder, removed, added, passages=count)
            )
            return segments.keep(record.publish(made))
    except (TextIndexError, OSError) as error:
        raise EngineUnavailable(
            f"cannot write the text index in {segments.folder}: {error}. What was "
            "acknowledged is safe in the record; free some space or fix the folder's "
            "permissions, and it is built at the next search."
        ) from error


def _base(
    connection: sqlite3.Connection, state: State, segments: Segments
) -> tuple[Manifest, list[int]]:
    """Return the text index to go on from, and the keys of articles that went since.

    It is an empty one, beside the files of the one before, where that cannot be gone on with.
    """
    base = published(connection, state)
    try:
        segments.verify(base)
        removals = read_removals(connection, base.sequence)
        removed = sum(passages for _, first, passages in removals if first <= base.last)
        if base.sequence >= state.horizon and not _drifts(base, removed):
            return base, [key for key, _, _ in removals]
    except TextIndexError as error:
        if {path.name for path in segments.folder.glob("*")} - {HEAD}:
            log.warning("building the text index anew: %s", error)
    return _nothing(base), []


def _nothing(base: Manifest) -> Manifest:
    """Return an empty index beside the files of another."""
    return replace(base, sequence=0, last=0, segments="")


def _drifts(base: Manifest, removed: int) -> bool:
    """Tell whether too much of what BM25 counts is gone when so many passages more are removed."""
    kept, gone = counted(base.segments)
    return removed > 0 and (kept <= _SMALL or gone + removed > _MOST_REMOVED * kept)


@functools.cache
def _format() -> str:
    """Return what the files are made by: of another one they are built anew."""
    tantivy = version("tantivy").rsplit(".", 1)[0]  # its format moves with that
    return f"{FORMAT} {' '.join(LAYERS)}, tantivy {tantivy}"
