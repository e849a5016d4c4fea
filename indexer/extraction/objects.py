"""Objects, whatever the suffix: an article a line, streamed; or JSON, read whole.

JSON is an article, a list of them, an object that holds such a list under a name of `HOLDERS`,
or several of those one after the other. Which of both a file is, its first lines tell: an
object that is complete on its line is one of many, unless a .json has nothing after it; chats
exported by Telegram are told by theirs too. What is wrong with one line or object fails alone. `fields` has the names.

The standard library parses: 4 us of the 18 us that a line of 3 KB takes. (orjson takes 3 us,
and refuses or changes what is taken: NaN, half of a surrogate pair, whole numbers past 64
bits. To look for those numbers costs 16 us.)
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import BinaryIO, cast

from indexer.extraction import telegram
from indexer.extraction.documents import encoding_notes, whole
from indexer.extraction.encodings import FileLine, decode, opened_lines
from indexer.extraction.field_names import Fields
from indexer.extraction.registry import MEBIBYTE, Extracted, Options, inside_of, suffix_of
from indexer.ingestion.records import parse_object
from indexer.sources import Failure
from search.errors import SourceError
from search.json_objects import DECODER, check_keys
from search.limits import MAX_FILE, MAX_LINE

HOLDERS = (
    "articles", "items", "data", "results", "docs", "documents", "posts", "entries", "news",
    "messages",
)  # fmt: skip


def read(stream: BinaryIO, name: str, options: Options) -> Iterator[Extracted | Failure]:
    """Yield the articles of a file of objects."""
    peeked = io.BufferedReader(cast(io.RawIOBase, stream), MEBIBYTE)
    head = peeked.peek(MEBIBYTE)
    if telegram.is_export(head) and not options.fields:
        return telegram.read(peeked)
    if _is_lines(head, options.encoding, whole_first=suffix_of(name) == ".json"):
        return _lines(peeked, options)
    return _whole(peeked, options)


def _is_lines(head: bytes, encoding: str, *, whole_first: bool) -> bool:
    """Tell whether a file is lines of objects, by its first two that are not blank.

    Args:
        head: its first MiB.
        encoding: what a person says.
        whole_first: whether its suffix says that it is JSON.

    Raises:
        SourceError: it is lines with commas between.
    """
    _, found = opened_lines(io.BytesIO(head), MAX_LINE, encoding)
    texts = [line.text.strip() for line in islice(filter(_is_said, found), 2)]
    first, second = [*texts, "", ""][:2]
    if first.endswith(",") and second and _is_object(first[:-1].rstrip()):
        raise SourceError(
            "not JSON and not JSON lines: an object a line with commas between; take the commas "
            "away, or put [ before the first and ] after the last",
            code="not-json",
        )
    if whole_first:
        return bool(second) and _is_object(first)
    # A first line that is broken is told from one that goes on by what comes next.
    if _is_object(second) and first != "[":
        return True
    return not (first.startswith("[") or (_goes_on(first) and second))


def _is_said(line: FileLine) -> bool:
    return bool(line.problem or line.text.strip())


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False


def _goes_on(text: str) -> bool:
    """Tell whether a text is the beginning of an object, cut between its parts."""
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        return text.startswith("{") and error.pos >= len(text)
    except (ValueError, RecursionError):
        return False
    return False


def _lines(stream: BinaryIO, options: Options) -> Iterator[Extracted | Failure]:
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
            yield Failure(part, code_of(line), line.problem, size)
            continue
        try:
            known, notes = fields.article(parse_object(line.text))
        except SourceError as error:
            yield Failure(part, error.code, str(error), size)
        else:
            yield Extracted(known, part, size, (*once, *notes), inside_of(known))
            once = ()
    if blank:
        raise SourceError("there is no text: nothing to index", code="empty")


def code_of(line: FileLine) -> str:
    """Return the code of why a line has no text."""
    if line.size > MAX_LINE:
        return "too-large"
    return "not-text" if "NUL" in line.problem else "encoding"


def _whole(stream: BinaryIO, options: Options) -> Iterator[Extracted | Failure]:
    found, size, notes = _parsed(stream, options.encoding)
    check_keys(found)
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
            yield Failure(part, "not-json", "not an object, and each of a list must be one", share)
            continue
        try:
            check_keys(article)
            known, said = fields.article(article)
        except SourceError as error:
            yield Failure(part, error.code, str(error), share)
        else:
            yield Extracted(known, part, share, (*notes, *said), inside_of(known))


def _parsed(stream: BinaryIO, encoding: str) -> tuple[dict[str, object], int, tuple[str, ...]]:
    """Return what a .json holds, a list as the only value of an object, and its size."""
    content = whole(stream, MAX_FILE)
    size = len(content)
    text, found = decode(content, said=encoding)
    del content  # 64 MiB are 200 in memory before they are all objects
    if not text.strip():
        raise SourceError("there is no text: nothing to index", code="empty")
    notes = encoding_notes(found)
    try:
        value = DECODER.decode(text)
    except (ValueError, RecursionError):
        value = _several(text)
    if isinstance(value, list):
        return {HOLDERS[0]: value}, size, notes
    return value if isinstance(value, dict) else parse_object(text), size, notes


def _several(text: str) -> list[object] | None:
    """Return the objects that stand one after the other, None if it is not that."""
    values: list[object] = []
    place = len(text) - len(text.lstrip())
    try:
        while place < len(text):
            value, place = DECODER.raw_decode(text, place)
            values.append(value)
            while place < len(text) and text[place] in " \t\r\n":
                place += 1
    except (ValueError, RecursionError):
        return None
    return values if all(isinstance(value, dict) for value in values) else None


def _articles(found: dict[str, object], fields: Fields) -> Sequence[object] | None:
    """Return the articles of a file, None where the whole is one."""
    if "text" in fields.recognised(found):
        return None
    for holder in HOLDERS:
        held = found.get(holder)
        if isinstance(held, list) and (len(found) == 1 or any(isinstance(x, dict) for x in held)):
            return held
    return None
