"""Text recognition (OCR) by tesseract: whether it is installed, and a cache of the pages it has read.

A page takes seconds and a book minutes, so what was recognised is kept in a file of the cache folder,
by the document's content: a run that was stopped goes on where it was, and a later run, which reads
every file again, recognises none anew.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
import subprocess
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from functools import cached_property
from pathlib import Path
from tempfile import SpooledTemporaryFile

from indexer.extraction.registry import MEBIBYTE, NO_OCR
from indexer.extraction.sandbox.wire import Piece, Scan
from indexer.sources import Failure
from search.limits import MAX_FILE
from search.settings import Settings
from search.sqlite_file import make_private

MAX_TABLE = 8 * MEBIBYTE  # bytes that tesseract may say of a page: 60 a word
MAX_FAILED = 20  # pages of a file, after which no more of it are tried
MAX_KEPT = 1_000_000  # pages: some 4 GB
_KEPT = "ocr.sqlite"  # in the cache folder
_VERSION = "1"  # of how pages are drawn and tesseract is called

_INSTALL = "install tesseract (Debian: apt-get install tesseract-ocr tesseract-ocr-ara)"
_ENOUGH = Failure("", "damaged", f"not tried: {MAX_FAILED} pages failed before")


def kept_in(settings: Settings) -> list[Path]:
    """Return the files that hold what was recognised; without them it is recognised anew."""
    return sorted(settings.cache.glob(f"{_KEPT}*"))


class Recogniser:
    """What recognises the pages of files, as settings say.

    Args:
        settings: those of OCR, and the cache folder.
        stopping: asked before and in each page; True ends the file, of which what was read is kept.
    """

    def __init__(self, settings: Settings, stopping: Callable[[], bool] = lambda: False) -> None:
        self.stopping = stopping
        self.most = settings.ocr_pages
        self.languages = settings.ocr_languages
        self.seconds = settings.ocr_seconds
        self.memory = settings.ocr_memory * MEBIBYTE
        self._is_on = settings.ocr
        self._kept_in = settings.cache / _KEPT

    @cached_property
    def missing(self) -> str:
        """Return why nothing is recognised and what to do, "" where it is."""
        if not self._is_on:
            return "pictures of pages, and text recognition is off (FIHRIS_OCR)"
        if not (program := shutil.which("tesseract")):
            return f"pictures of pages: for text recognition (OCR) {_INSTALL}"
        try:
            listed = subprocess.run(  # noqa: S603 - what is installed
                [program, "--list-langs"], capture_output=True, timeout=60, check=True
            ).stdout.decode("utf-8", "replace")
        except (OSError, subprocess.SubprocessError) as error:
            return f"pictures of pages, and tesseract does not run: {error}"
        lacking = sorted({*self.languages.split("+")} - {*listed.split()})
        packages = " ".join(f"tesseract-ocr-{each.replace('_', '-')}" for each in lacking)
        return packages and f"pictures of pages: tesseract lacks languages, install {packages}"

    @property
    def program(self) -> list[str]:
        """Return what is run for a page; its picture comes on the standard input."""
        said = ("-l", self.languages, "-c", "tessedit_create_tsv=1")
        return [shutil.which("tesseract") or "", "stdin", "stdout", *said]

    def kept(self, key: bytes) -> str | None:
        """Return what a page had, None where it is not known."""
        with suppress(OSError, sqlite3.Error, zlib.error), self._opened() as pages:
            for (table,) in pages.execute("SELECT text FROM pages WHERE key = ?", (key,)):
                return zlib.decompress(table).decode("utf-8", "replace")
        return None

    def keep(self, key: bytes, table: str) -> None:
        """Keep what a page has, if there is room: it can always be recognised again."""
        with suppress(OSError, sqlite3.Error), self._opened() as pages, pages:
            row = (key, zlib.compress(table.encode()))
            number = pages.execute("INSERT OR REPLACE INTO pages VALUES (?, ?)", row).lastrowid
            pages.execute("DELETE FROM pages WHERE rowid <= ?", ((number or 0) - MAX_KEPT,))

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        self._kept_in.parent.mkdir(parents=True, exist_ok=True)
        make_private(self._kept_in)
        with closing(sqlite3.connect(self._kept_in)) as pages:
            pages.execute("CREATE TABLE IF NOT EXISTS pages (key BLOB PRIMARY KEY, text BLOB)")
            yield pages


class Pages:
    """The pages of one file that are to be recognised. It must be closed.

    Args:
        file: its descriptor.
        by: what recognises, None where nothing does.
        read: has a page of a document's descriptor read by its program.
    """

    def __init__(
        self,
        file: int,
        by: Recogniser | None,
        read: Callable[[int, Scan, Recogniser], str | Failure],
    ) -> None:
        self._file, self._by, self._read = file, by, read
        # A document in the file, closed by `close`: no file of its own for each of 5,000 texts.
        self._inner = SpooledTemporaryFile(MEBIBYTE)  # noqa: SIM115
        self._digest = b""
        self._asked = self._failed = 0

    def close(self) -> None:
        """Forget the document."""
        self._inner.close()

    def take(self, piece: Piece) -> None:
        """Take what comes next of a document; one that is too long is cut off."""
        self._digest = b""
        if not piece.content:
            self._inner.seek(0)
            self._inner.truncate()
        elif self._inner.tell() < MAX_FILE:
            self._inner.write(piece.content)

    def of(self, scan: Scan) -> str | Failure:
        """Return the table of a page of the document, or why there is none."""
        by = self._by
        if by is None:
            return Failure("", "no-text-layer", NO_OCR)
        self._asked += 1
        if self._asked > by.most:
            reason = f"not tried: {by.most:,} pages of a file are (FIHRIS_OCR_PAGES)"
            return Failure("", "too-large", reason)
        if self._failed >= MAX_FAILED:
            return _ENOUGH
        document = self._inner.fileno() if self._inner.tell() else self._file
        self._inner.flush()
        self._digest = self._digest or _digest(document)
        said = f"{_VERSION} {by.languages} {scan.kind} {scan.page}"
        key = hashlib.sha256(self._digest + said.encode()).digest()
        if (table := by.kept(key)) is not None:
            return table
        found = self._read(document, scan, by)
        if isinstance(found, str):
            by.keep(key, found)
        else:
            self._failed += 1
        return found


def _digest(document: int) -> bytes:
    """Return the hash of a file, whose place for reading stays where it is."""
    found, place = hashlib.sha256(), 0
    while piece := os.pread(document, MEBIBYTE, place):
        found.update(piece)
        place += len(piece)
    return found.digest()
