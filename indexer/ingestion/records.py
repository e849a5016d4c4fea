"""Makes an article of a JSON object: fields are checked and bounded, and each problem is named.

    id (or BEIR's _id)   required; a text or a whole number; one that begins with / is
                         /collection/id
    text                 required
    title, author, source   texts
    language             a code such as `ar`; told from the text where it is not given
    published            a date, in any of the ways that `indexer.extraction.dates` reads
    tags                 a list of texts
    url                  an http or https address
    fihris_places        [[0, "page", "12"], ...]: from which code point of the text on it stands
                         on that page, slide, row, time, or in that message
    fihris_annotations   a reader's own labels and notes, as `fihris export` writes them

null and "" mean unknown; other fields are passed over. In all but `text`, control
characters and line ends become spaces; the text is kept as it is, and refused with a NUL
or half of a surrogate pair in it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import date

from indexer.extraction.dates import parse_published
from indexer.extraction.languages import language_of
from search.addresses import is_web_address
from search.article_ids import is_addressable
from search.article_lines import ANNOTATIONS, PLACES
from search.domain import Annotation, Article, ArticleInfo, Locator, Places
from search.errors import InputError, SourceError
from search.json_objects import DECODER, check_keys
from search.limits import (
    MAX_ANNOTATIONS,
    MAX_LENGTH,
    MAX_PLACE,
    MAX_PLACES,
    MAX_TAG,
    MAX_TAGS,
    MAX_TEXT,
)

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def parse_object(text: str) -> dict[str, object]:
    """Return a JSON object.

    Raises:
        SourceError: it is not JSON, not an object, nested too deeply, or has a key twice.
    """
    try:
        value = DECODER.decode(text)
    except RecursionError as error:
        raise SourceError("not usable JSON: nested too deeply", code="not-json") from error
    except json.JSONDecodeError as error:
        where = (
            f"line {error.lineno} column {error.colno}"
            if error.lineno > 1
            else (f"column {error.colno}")
        )
        raise SourceError(f"not JSON: {error.msg} at {where}", code="not-json") from error
    except ValueError as error:  # a number of too many digits
        raise SourceError(f"not usable JSON: {error}", code="not-json") from error
    if not isinstance(value, dict):
        raise SourceError(f"not a JSON object but {_kind(value)}", code="not-json")
    check_keys(value)
    return value


def article_from(fields: Mapping[str, object], article_id: str = "") -> Article:
    """Return the article these fields describe.

    Args:
        fields: as the module's head lists them.
        article_id: its id, instead of the one in `fields`.

    Raises:
        SourceError: a field is missing, of another type, too long or not a text; names it.
    """
    text = fields.get("text")
    if not isinstance(text, str):
        raise _bad(f'"text" must be a text, not {_kind(text)}')
    if len(text) > MAX_TEXT:
        raise _bad(
            f"the text has {len(text):,} characters, and {MAX_TEXT:,} are the most: split it"
        )
    _check_characters("text", text)
    if "\0" in text:
        raise _bad(f'"text" has a NUL at character {text.index(chr(0)):,}')
    if not text.strip():
        raise SourceError("there is no text: nothing to index", code="empty")
    info = metadata_from(fields, article_id or _addressed(own_id(fields)))
    if not info.language:
        info = replace(info, language=language_of(text))
    places = _places(fields.get(PLACES), len(text))
    return Article(info, text, places, _annotations(fields.get(ANNOTATIONS), info.id))


def _annotations(found: object, article_id: str) -> tuple[Annotation, ...]:
    if found is None:
        return ()
    from search.annotations.domain import given  # numpy behind it would slow the reading of files

    every = found if isinstance(found, list) and len(found) <= MAX_ANNOTATIONS else [None]
    try:
        return tuple(given(each, article_id) for each in every)
    except InputError as error:
        raise _bad(f'"{ANNOTATIONS}": {error}') from error


def _places(given: object, length: int) -> Places:
    if given is None:
        return ()
    places: list[tuple[int, Locator]] = []
    for each in given if isinstance(given, list) and len(given) <= MAX_PLACES else [None]:
        match each:
            case [
                int(start),
                ("page" | "scan" | "slide" | "row" | "time" | "message") as kind,
                str(value),
            ]:
                known = Locator(kind, _one_line(value))
                is_next = start > places[-1][0] if places else start >= 0
                if is_next and start < length and 0 < len(known.value) <= MAX_PLACE:
                    _check_characters(PLACES, value)
                    places.append((int(start), known))
                    continue
        raise _bad(
            f'"{PLACES}" must be at most {MAX_PLACES:,} of [character of the text, kind, value], in '
            f'order, such as [0, "page", "12"], a value of 1 to {MAX_PLACE} characters'
        )
    return tuple(places)


def metadata_from(fields: Mapping[str, object], article_id: str = "") -> ArticleInfo:
    """Return what these fields say of an article but its text. Raises as `article_from`."""
    return ArticleInfo(
        id=article_id,
        title=_line(fields, "title"),
        author=_line(fields, "author"),
        source=_line(fields, "source"),
        language=_line(fields, "language"),
        published=_published(fields.get("published")),
        tags=_tags(fields.get("tags")),
        url=_url(fields),
    )


def own_id(fields: Mapping[str, object]) -> str:
    """Return the id that an article says it has, "" if none. Raises SourceError."""
    given = fields.get("id")
    if given is None:
        given = fields.get("_id")
    if isinstance(given, int) and not isinstance(given, bool):
        given = str(given)
    if isinstance(given, str) and (control := _CONTROL.search(given)):
        raise _bad(f'"id" has the control character U+{ord(control[0]):04X}')
    if isinstance(given, str) and given.startswith("/") and len(given) <= MAX_LENGTH["id"]:
        _check_characters("id", given)
        return given  # spaces may belong to a file's name
    return _line({"id": given}, "id")


def _addressed(article_id: str) -> str:
    """Return an id that stands for itself."""
    if not article_id:
        raise _bad('"id" is missing')
    if not is_addressable(article_id):
        raise _bad(
            f'"id" begins with / and is not /collection/id: {article_id[:100]!r}; a collection is '
            "1 to 64 letters, digits, _, - and ."
        )
    return article_id


def _line(fields: Mapping[str, object], name: str) -> str:
    """Return a field as one line, its control characters and spaces made single spaces."""
    value = fields.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise _bad(f'"{name}" must be a text, not {_kind(value)}')
    value = _one_line(value)
    if len(value) > MAX_LENGTH[name]:
        raise _bad(f'"{name}" has {len(value):,} characters, and {MAX_LENGTH[name]:,} are the most')
    _check_characters(name, value)
    return value


def _url(fields: Mapping[str, object]) -> str:
    """Return an address of the web: a page links it."""
    if isinstance(given := fields.get("url"), str) and given.strip():
        url = given.strip()
        if not is_web_address(url):
            raise _bad(f'"url" must be an http or https address, not {url[:40]!r}')
    return _line(fields, "url")


def _published(value: object) -> date | None:
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise _bad(f'"published" must be a date such as "2024-01-31", not {_kind(value)}')
    return parse_published(value)


def _tags(value: object) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(tag, str) for tag in value):
        raise _bad('"tags" must be a list of texts')
    tags = tuple(dict.fromkeys(filter(None, map(_one_line, value))))
    if len(tags) > MAX_TAGS:
        raise _bad(f'"tags" has {len(tags):,} tags, and {MAX_TAGS} are the most')
    for tag in tags:
        _check_characters("tags", tag)
        if len(tag) > MAX_TAG:
            raise _bad(f'each of "tags" may have {MAX_TAG} characters, not {len(tag):,}')
    return tags


def _one_line(value: str) -> str:
    return " ".join(_CONTROL.sub(" ", value).split())


def _check_characters(name: str, value: str) -> None:
    """Refuse half of a surrogate pair: no encoding can hold it."""
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise _bad(
            f'"{name}" has half of a surrogate pair (U+{ord(value[error.start]):04X}) at '
            f"character {error.start:,}: its escapes are broken"
        ) from error


def _bad(message: str) -> SourceError:
    return SourceError(message, code="bad-field")


def _kind(value: object) -> str:
    kinds = {dict: "an object", list: "a list", str: "a text", bool: "true or false"}
    return "null" if value is None else kinds.get(type(value), "a number")
