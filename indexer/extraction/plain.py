"""Texts and Markdown, one article a file; chats exported by WhatsApp, an article a day.

They are kept code point for code point, but for front matter and for lines that were broken at
a width (`wrapping`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from indexer.extraction import openiti, whatsapp
from indexer.extraction.book_parts import parts_of
from indexer.extraction.documents import encoding_notes, whole
from indexer.extraction.encodings import decode
from indexer.extraction.encodings.mojibake import readable
from indexer.extraction.field_names import said_at_its_head
from indexer.extraction.front_matter import split
from indexer.extraction.registry import OPENITI, Extracted, Options, suffix_of
from indexer.extraction.wrapping import WRAPPED, unwrapped
from indexer.sources import Failure
from search.errors import SourceError
from search.limits import MAX_LENGTH

_MARKDOWN = (".md", ".markdown")
# Characters; a longer heading is a text that begins with a sign, and stays in the text.
_MAX_TITLE = MAX_LENGTH["title"]


def read(stream: BinaryIO, name: str, options: Options) -> Iterator[Extracted | Failure]:
    """Yield the article of a text, several of a book that is too long; its title is that of its front matter, else a markdown's heading."""
    content = whole(stream)
    decoded, encoding = decode(content, said=options.encoding)
    if suffix_of(name) == ".txt" and whatsapp.is_export(decoded):
        yield from whatsapp.read(decoded, name, len(content))
        return
    text, notes = readable(decoded)
    if text.startswith(openiti.FIRST_LINE):
        fields, told, headings = openiti.read(text, name)
        notes = (*encoding_notes(encoding), *notes, *told)
        yield from parts_of(Extracted(fields, size=len(content), notes=notes), headings)
        return
    if suffix_of(name) in OPENITI:
        raise SourceError(
            f"not OpenITI's mARkdown: its first line is not {openiti.FIRST_LINE}", code="damaged"
        )
    said, text = split(text)
    known, told = said_at_its_head(said) if said else ({}, ())
    if not text.strip():
        raise SourceError("there is no text: nothing to index", code="empty")
    if suffix_of(name) in _MARKDOWN and (title := _heading(text)):
        known.setdefault("title", title)
    if suffix_of(name) != ".log" and (joined := unwrapped(text)) != text:
        text, told = joined, (*told, WRAPPED)
    notes = (*encoding_notes(encoding), *notes, *told)
    yield from parts_of(Extracted({**known, "text": text}, size=len(content), notes=notes))


def _heading(text: str) -> str:
    """Return a markdown text's title: its first line, if that is a heading of level one."""
    first = text.lstrip().partition("\n")[0]
    title = first[2:].strip() if first.startswith("# ") else ""
    return title if len(title) <= _MAX_TITLE else ""
