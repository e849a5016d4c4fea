"""Objects: .jsonl and .ndjson, an article a line and streamed; .json, read whole.

A .json is an article, a list of them, or an object that holds such a list under a name of
`HOLDERS`. What is wrong with one line or object fails alone. `fields` has the names.

The standard library parses: 4 us of the 18 us that a line of 3 KB takes. (orjson takes 3 us,
and refuses or changes what is taken: NaN, half of a surrogate pair, whole numbers past 64
bits. To look for those numbers costs 16 us.)
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import BinaryIO

from indexer.encodings import Line, decode, opened_lines
from indexer.formats import MEBIBYTE, Broken, Extracted, Options, inside_of, suffix_of
from indexer.formats.documents import encoding_notes, whole
from indexer.formats.fields import Fields
from indexer.records import parse_object
from search.errors import SourceError

MAX_LINE = 16 * MEBIBYTE  # bytes
MAX_WHOLE = 64 * MEBIBYTE  # bytes of a .json
HOLDERS = ("articles", "items", "data", "results", "docs", "documents", "posts", "entries", "news")


def read(stream: BinaryIO, name: str, options: Options) -> Iterator[Extracted | Broken]:
    """Yield the articles of a file of objects."""
    if suffix_of(name) == ".json":
        return _whole(stream, options)
    return _lines(stream, options)


def _lines(stream: BinaryIO, options: Options) -> Iterator[Extracted | Broken]:
    fields = Fields(options.fields)
    blank = True
    passed = 0  # bytes of blank lines, said with the next article
    encoding, found = opened_lines(stream, MAX_LINE, options.encoding)
    once = encoding_notes(encoding)  # with the first article
    for line in found:
        if not line.problem and not line.text.strip():
            passed += line.size
            continue
        blank = False
        size, passed = line.size + passed, 0
        part = str(line.number)
        if line.problem:
            yield Broken(part, code_of(line), line.problem, size)
            continue
        try:
            known, notes = fields.article(parse_object(line.text))
        except SourceError as error:
            yield Broken(part, error.code, str(error), size)
        else:
            yield Extracted(known, part, size, (*once, *notes), inside_of(known))
            once = ()
    if blank:
        raise SourceError("there is no text: nothing to index", code="empty")


def code_of(line: Line) -> str:
    """Return the code of why a line has no text."""
    if line.size > MAX_LINE:
        return "too-large"
    return "not-text" if "NUL" in line.problem else "encoding"


def _whole(stream: BinaryIO, options: Options) -> Iterator[Extracted | Broken]:
    found, size, notes = _parsed(stream, options.encoding)
    fields = Fields(options.fields)
    articles = _articles(found, fields)
    if articles is None:
        known, said = fields.article(found)
        yield Extracted(known, "", size, (*notes, *said))
        return
    if not articles:
        raise SourceError("there is no article in it: nothing to index", code="empty")
    share = size // len(articles)
    for number, article in enumerate(articles, start=1):
        part = str(number)
        if number == len(articles):
            share = size - share * (len(articles) - 1)
        if not isinstance(article, dict):
            yield Broken(part, "not-json", "not an object, and each of a list must be one", share)
            continue
        try:
            known, said = fields.article(article)
        except SourceError as error:
            yield Broken(part, error.code, str(error), share)
        else:
            yield Extracted(known, part, share, (*notes, *said), inside_of(known))


def _parsed(stream: BinaryIO, encoding: str) -> tuple[dict[str, object], int, tuple[str, ...]]:
    """Return what a .json holds, a list as the only value of an object, and its size."""
    content = whole(stream, MAX_WHOLE)
    size = len(content)
    text, found = decode(content, said=encoding)
    del content  # 64 MiB are 200 in memory before they are all objects
    if not text.strip():
        raise SourceError("there is no text: nothing to index", code="empty")
    notes = encoding_notes(found)
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if isinstance(value, list):
        return {HOLDERS[0]: value}, size, notes
    return value if isinstance(value, dict) else parse_object(text), size, notes


def _articles(found: dict[str, object], fields: Fields) -> Sequence[object] | None:
    """Return the articles of a file, None where the whole is one."""
    if "text" in fields.recognised(found):
        return None
    for holder in HOLDERS:
        held = found.get(holder)
        if isinstance(held, list) and (len(found) == 1 or any(isinstance(x, dict) for x in held)):
            return held
    return None
