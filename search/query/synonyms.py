"""A person's own synonyms and variants of names, from a file that may change while it is used.

The format is Solr's and Elasticsearch's: `a, b, c` are one thing, `a => b, c` has whoever asks for
`a` find `b` and `c` too; `#` begins a comment. An entry is a word or several (`حزب الله`); any form
of it counts. What was typed is always searched as well, and ranks first.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from search.analysis.tokens import analyse
from search.errors import SettingsError
from search.limits import MAX_SYNONYM_LINES, MAX_SYNONYM_WORDS, MAX_SYNONYMS, MAX_SYNONYMS_FILE
from search.query.parse import ParsedQuery, Synonym

MOST = 24  # of one query
_LOOKED_AT = 1.0  # seconds for which the file is taken to be as it was

logger = logging.getLogger(__name__)

Row = tuple[str, ...]  # stems of an entry
Rules = Mapping[
    Row, tuple[tuple[str, Row], ...]
]  # what is asked besides: as written, and its stems
NO_RULES: Rules = {}


def read_rules(text: str, name: str = "synonyms") -> Rules:
    """Return the rules of a file's text.

    Raises:
        SettingsError: a line is none, or out of bounds; names the file, the line and the reason.
    """
    rules: dict[Row, dict[str, Row]] = {}
    lines = text.splitlines()
    if len(lines) > MAX_SYNONYM_LINES:
        raise SettingsError(f"{name}: more than {MAX_SYNONYM_LINES:,} lines")
    for number, raw in enumerate(lines, start=1):
        line = raw.partition("#")[0].strip()
        if not line:
            continue
        try:
            left, arrow, right = line.partition("=>")
            asked = _entries(left)
            found = _entries(right) if arrow else asked
            if not asked or not found or (not arrow and len(asked) < 2):
                raise ValueError("it has no two entries: write `a, b` or `a => b`")
        except ValueError as error:
            raise SettingsError(f"{name}, line {number}: {error}") from None
        for row in asked.values():
            others = {written: other for written, other in found.items() if other != row}
            rules.setdefault(row, {}).update(others)
    return {row: tuple(others.items()) for row, others in rules.items()}


def with_synonyms(query: ParsedQuery, rules: Rules) -> ParsedQuery:
    """Return a query with what its words, outside of quotes and without `+` and `-`, are synonyms of."""
    if not rules:
        return query
    items = [item for item in query.items if item.occur == "optional" and not item.exact]
    words = [token for item in items if not item.prefix for token in item.tokens]
    stems = [word.stem for word in words]
    found: dict[str, Synonym] = {}
    for start in range(len(words)):
        for end in range(start + 1, min(start + MAX_SYNONYM_WORDS, len(words)) + 1):
            typed = tuple(word.folded for word in words[start:end])
            for written, row in rules.get(tuple(stems[start:end]), ()):
                shown = " ".join(word.letters for word in words[start:end])
                found.setdefault(written, Synonym(typed, shown, written, row))
    return replace(query, synonyms=tuple(found.values())[:MOST]) if found else query


class SynonymFile:
    """The rules of a file, read anew when it changes; what cannot be read leaves them as they were.

    Safe to use from many threads.
    """

    def __init__(self, path: Path) -> None:
        """Read the file. Raises SettingsError where it cannot be read, or a line of it is no rule."""
        self._path = path
        self._lock = threading.Lock()
        self._look_at = time.monotonic() + _LOOKED_AT
        self._version, self._rules = self._read()
        self._is_behind = False  # the file has changed, and cannot be used as it is

    def is_behind(self) -> bool:
        """Tell whether the rules are of an older file, because the file cannot be used now."""
        self.rules()
        return self._is_behind

    def rules(self) -> Rules:
        """Return the rules as the file has them now, or had a second ago."""
        now = time.monotonic()
        with self._lock:
            if now >= self._look_at:
                self._look_at = now + _LOOKED_AT
                if _version(self._path) != self._version:
                    try:
                        self._version, self._rules = self._read()
                        self._is_behind = False
                    except SettingsError as error:
                        self._version = _version(self._path)  # told once
                        self._is_behind = True
                        logger.error("synonyms stay as they were: %s", error)
            return self._rules

    def _read(self) -> tuple[tuple[int, ...], Rules]:
        try:
            version = _version(self._path)
            with self._path.open("rb") as stream:
                content = stream.read(MAX_SYNONYMS_FILE + 1)
            if len(content) > MAX_SYNONYMS_FILE:
                raise SettingsError(f"{self._path}: more than {MAX_SYNONYMS_FILE:,} bytes")
            return version, read_rules(content.decode("utf-8-sig"), str(self._path))
        except OSError as error:
            raise SettingsError(f"FIHRIS_SYNONYMS: {self._path}: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise SettingsError(f"{self._path}: not UTF-8 at byte {error.start:,}") from error


def _entries(text: str) -> dict[str, Row]:
    """Return the entries of one side of a rule with their stems. Raises ValueError."""
    found = {}
    for entry in text.replace("،", ",").split(","):
        written = " ".join(entry.split())
        if not written:
            continue
        row = tuple(token.stem for token in analyse(written))
        if not 0 < len(row) <= MAX_SYNONYM_WORDS:
            raise ValueError(f"{written[:40]!r} has {len(row)} words; 1 to {MAX_SYNONYM_WORDS}")
        found[written] = row
    if len(found) > MAX_SYNONYMS:
        raise ValueError(f"it has {len(found)} entries; at most {MAX_SYNONYMS}")
    return found


def _version(path: Path) -> tuple[int, ...]:
    try:
        status = os.stat(path)  # noqa: PTH116
    except OSError:
        return ()
    return status.st_mtime_ns, status.st_size, status.st_ino
