"""The passages in memory as a file, so that an index is opened without reading every row.

It holds what a search needs of all articles, and the passages' rounded vectors, at one of the
record's commits; what came since is read from the record. It is derived: one that is missing,
damaged (each column has the CRC-32 of its zip member) or of a commit that the record does not
know is ignored, and written anew. Rows of the record are checked when they are read.
"""

from __future__ import annotations

import json
import logging
import sqlite3
from dataclasses import asdict, fields, replace
from pathlib import Path

import numpy as np

from search.engines.embedded.articles import Articles, Values
from search.engines.embedded.state import Head, State, knows
from search.engines.embedded.storing import KEPT_COMMITS
from search.engines.embedded.vectors import Codes, PassageTable, Rows, table_of

log = logging.getLogger(__name__)

SNAPSHOT = "passages.npz"
_FORMAT = 3
_NEW = 0.25  # share of articles that are newer than the file from which it is written anew
_BEHIND = KEPT_COMMITS // 2  # commits since then from which it is, before its own is forgotten
_ARTICLES = [column.name for column in fields(Articles)][1:]


def is_outdated(table: PassageTable, state: State) -> bool:
    """Tell whether so much was added since the file was written that it is worth another one."""
    key, sequence = table.saved
    return state.key - key > _NEW * state.articles or state.sequence - sequence > _BEHIND


def write_snapshot(folder: Path, table: PassageTable, head: Head) -> PassageTable:
    """Write a table of the commit that `head` names; return it. Needs the writer's lock.

    Failing at that harms nobody, and is tried again when as much was added once more.
    """
    about = {
        "format": _FORMAT,
        "head": asdict(head),
        "ids": list(table.ids.values()),
        "values": table.articles.values.names(),
    }
    columns = {
        "about": np.frombuffer(json.dumps(about).encode(), np.uint8),
        **table.rows._asdict(),
        **{f"vectors_{name}": column for name, column in table.vectors._asdict().items()},
        **{f"articles_{name}": getattr(table.articles, name) for name in _ARTICLES},
    }
    fresh = folder / f"{SNAPSHOT}.new"
    try:
        with fresh.open("wb") as file:
            np.savez(file, allow_pickle=False, **columns)
        fresh.replace(folder / SNAPSHOT)
    except OSError as error:
        fresh.unlink(missing_ok=True)
        log.warning("%s cannot be written, and saves no time: %s", folder / SNAPSHOT, error)
    return _saved(table)


def read_snapshot(folder: Path, connection: sqlite3.Connection, record: str) -> PassageTable | None:
    """Return the table in a folder, None where there is none that can be used."""
    path = folder / SNAPSHOT
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as columns:
            about = json.loads(columns["about"].tobytes())
            head = Head(**about["head"])
            if about["format"] != _FORMAT or head.record != record or not knows(connection, head):
                return None
            rows = Rows(*(columns[name] for name in Rows._fields))
            vectors = Codes(*(columns[f"vectors_{name}"] for name in Codes._fields))
            values = Values(about["values"])
            articles = Articles(values, *(columns[f"articles_{name}"] for name in _ARTICLES))
    except FileNotFoundError:
        return None
    except Exception as error:  # whatever damage makes numpy and zipfile say
        log.warning("reading all articles: %s cannot be used: %s", path, error)
        return None
    ids = dict(zip(articles.keys.tolist(), about["ids"], strict=True))
    return _saved(table_of(record, head.sequence, rows, vectors, ids, articles))


def _saved(table: PassageTable) -> PassageTable:
    return replace(table, saved=(max(table.ids, default=0), table.sequence))
