"""The text that OCR gives of a page, and how sure it is.

The page is read by tesseract, in a process of its own (`sandbox/page.py`); what it says is taken
apart here, in the process that reads the file.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import BinaryIO

from indexer.extraction.documents import mark
from indexer.extraction.registry import Options
from indexer.sources import Failure

# Percent, of a page. Of a page made coarser and blurred, where tesseract was 92, 85, 80, 71 and 50%
# sure, it had 99, 97, 94, 76 and 55% of the letters; in pictures of nothing it found no words.
MIN_CONFIDENCE = 60
MAX_TOLD = 3  # numbers of pages that failed in one way

_EMPTY = Failure("", "empty", "no text was recognised")
_UNCERTAIN = Failure("", "garbled", "what was recognised is too uncertain")
_WORD = "5"  # a row's level
_DIRECTIONS = re.compile("[\u200e\u200f\u202a-\u202e\u2066-\u2069]")


@dataclass(frozen=True, slots=True)
class RecognisedPage:
    """A page's lines, with an empty one between blocks, and percent: 0 where there is no word."""

    text: str
    confidence: int


def page_of(table: str) -> RecognisedPage:
    """Return the page of tesseract's table (TSV), whose rows are blocks, lines and words."""
    lines: dict[tuple[str, str, str], list[str]] = {}
    sure = letters = 0.0
    for row in table.split("\n"):
        cells = row.split("\t")
        word = _DIRECTIONS.sub("", cells[-1]).strip()
        if len(cells) != 12 or cells[0] != _WORD or not word:
            continue
        _, _, block, paragraph, line, *_, confidence, _ = cells
        lines.setdefault((block, paragraph, line), []).append(word)
        sure += float(confidence) * len(word)
        letters += len(word)
    text = ""
    before: tuple[str, str] | None = None
    for (block, paragraph, _), words in lines.items():
        end = "\n" if before == (block, paragraph) else "\n\n"
        text += (end if text else "") + " ".join(words)
        before = (block, paragraph)
    return RecognisedPage(text, round(sure / letters) if letters else 0)


def recognised(
    document: BinaryIO, kind: str, numbers: Sequence[int], options: Options
) -> tuple[dict[int, RecognisedPage], tuple[str, ...], Failure | None]:
    """Return pages that are pictures, by their numbers; notes; and why the first failed, if one did.

    Args:
        document: what has these pages; it is read from its start.
        kind: "pdf" or "picture".
        numbers: of the pages, from 1.
        options: say what recognises.

    Raises:
        SourceError: nothing does.
    """
    pages: dict[int, RecognisedPage] = {}
    failed: dict[Failure, list[int]] = {}
    for number, found in zip(numbers, options.recognise(document, kind, numbers), strict=True):
        page = page_of(found) if isinstance(found, str) else found
        if isinstance(page, RecognisedPage) and page.confidence < MIN_CONFIDENCE:
            page = _UNCERTAIN if page.text else _EMPTY
        if isinstance(page, RecognisedPage):
            pages[number] = page
        else:
            failed.setdefault(page, []).append(number)
    notes = [f"page {_listed(each)}: {failure.reason}" for failure, each in failed.items()]
    if pages:
        sure = sum(page.confidence for page in pages.values()) // len(pages)
        notes.insert(0, f"{len(pages):,} of its pages by text recognition (OCR), {sure}% sure")
    return pages, tuple(notes), next(iter(failed), None)


def place_of(number: int, page: RecognisedPage) -> str:
    """Return the mark of a recognised page: its number, and how sure its text is."""
    return mark("scan", f"{number} ({page.confidence}%)")


def _listed(numbers: Sequence[int]) -> str:
    more = f" and {len(numbers) - MAX_TOLD:,} more" if len(numbers) > MAX_TOLD else ""
    return ", ".join(f"{number:,}" for number in numbers[:MAX_TOLD]) + more
