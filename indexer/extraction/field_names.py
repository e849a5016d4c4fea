"""Other people's names for an article's fields, in JSON objects and table heads.

    what a person says (`--field text=body`, `author.name`)   asked: `indexer.ingestion.records`
                                                              refuses what does not fit
    the article's own name (`text`, `published`)              own: refused where it is nothing
                                                              of the kind (a title that is a
                                                              number, a date that is none)
    a name that is known to mean it (`body`, `التاريخ`)       a guess

What does not fit otherwise is cut or left out, with a note (`indexer.extraction.document_metadata`).

A guess is looked at only where the own name is absent or empty. Of several texts (`body`
beside `content`) the longest is taken: the shorter ones are beginnings of it (NewsAPI's
`content` ends after 200 characters). Of any other field, the first name in the table is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from typing import Literal

from indexer.extraction.document_metadata import Offer, offered
from indexer.extraction.encodings.mojibake import check_as_meant, mended, readable
from indexer.extraction.markup import one_line_of, without_markup
from search.addresses import is_web_address
from search.article_lines import ANNOTATIONS, PLACES, is_exported
from search.errors import SourceError
from search.limits import MAX_LENGTH

# In the order they are preferred, as `key_of` writes them: one word, no "ال" and no hamza.
_NAMES: Mapping[str, str] = {
    "id": "id guid uuid articleid docid postid slug معرف",
    "title": "title headline name subject عنوان عنوانخبر عنوانمقال موضوع",
    "text": (
        "text body articlebody fulltext content articletext contenttext contenthtml article "
        "maintext rawtext story paragraphs نص محتوي نصخبر نصمقال متن مقال خبر تفاصيل"
    ),
    "url": "url link permalink weburl sourceurl href رابط",
    "published": (
        "published publishedat publishedon publicationdate datepublished publishdate pubdate "
        "date postedat posteddate timestamp timestampms createdat created createdutc createdtime تاريخ "
        "تاريخنشر تاريخخبر تاريخمقال"
    ),
    "author": "author authors byline creator dccreator writer sendername كاتب مولف "
    "اسمكاتب اسممولف محرر مراسل صحفي",
    "tags": (
        "tags keywords categories category section topics labels وسوم كلماتمفتاحيه تصنيف "
        "تصنيفات قسم اقسام باب موضوعات مواضيع كلماتدلاليه"
    ),
    "source": "source publisher site sitename newspaper outlet مصدر صحيفه جريده موقع وكاله",
    "language": "language lang inlanguage لغه",
}
NAMES: Mapping[str, tuple[str, ...]] = {
    field: tuple(names.split()) for field, names in _NAMES.items()
}
_MAX_PLANS = 1_000  # sets of names that are kept; a file has one or two

_SEPARATORS = re.compile(r"[\s_\-:]+")
_UNREAD = dict.fromkeys([*range(0x064B, 0x0660), 0x0670, 0x0640])
_LETTERS = str.maketrans("أإآٱىةؤ", "اااايهو")
_COMMAS = re.compile(r"\s*[,،;؛|]\s*")
_MAX_DEPTH = 3  # of lists and objects in which a title or tags stand

_Standing = Literal["asked", "own", "guess"]
# Where a value stands, how its name is known, and that name for people.
_Place = tuple[tuple[str, ...], _Standing, str]
_LINES = frozenset({"title", "author", "source"})
_EMPTY: tuple[object, ...] = (None, "", [], {})


class Fields:
    """Finds an article's fields in objects of one file.

    Args:
        given: article field -> its name in the objects, dots for objects in objects.

    Raises:
        SourceError: `given` has a field that articles do not have.
    """

    def __init__(self, given: Mapping[str, str]) -> None:
        for unknown in sorted(set(given) - set(NAMES)):
            known = ", ".join(NAMES)
            raise SourceError(f'no field "{unknown}" ({known})', code="bad-field")
        self._given = given
        self._plans: dict[tuple[str, ...], dict[str, list[_Place]]] = {}

    def recognised(self, names: Iterable[str]) -> set[str]:
        """Return the article's fields that objects of these names have."""
        return {field for field, places in self._plan(tuple(names)).items() if places}

    def article(self, found: Mapping[str, object]) -> tuple[dict[str, object], tuple[str, ...]]:
        """Return an article's fields, an id among them where it has one, and notes on them.

        Raises:
            SourceError: there is no text in it.
        """
        if is_exported(found) and not self._given:
            return {
                name: found[name] for name in (*NAMES, PLACES, ANNOTATIONS) if name in found
            }, ()
        known: dict[str, object] = {}
        notes: list[str] = []
        for field, places in self._plan(tuple(found)).items():
            if not places:
                continue
            if field == "text":
                known["text"] = _longest(found, places)
                continue
            for path, standing, shown in places:
                changes: dict[str, None] = {}
                value = _mended(_at(found, path), changes)
                if value in _EMPTY or (isinstance(value, str) and value.isspace()):
                    continue
                notes += [f"{shown} {change}" for change in changes]
                value = _READERS[field](value)
                offer = _id_offered(value, shown) if field == "id" else offered(field, value, shown)
                if standing == "asked" and field in _LINES and isinstance(value, str):
                    check_as_meant(field, value)
                if standing == "asked" or (standing == "own" and not offer.of_kind):
                    known[field] = offer.value if field == "published" and offer.value else value
                    break
                notes += offer.notes
                if offer.value is not None:
                    known[field] = offer.value
                    break
        if known.get("text") is None:
            raise SourceError(_no_text(found), code="bad-field")
        text = known["text"]
        if isinstance(text, str):
            text, repairs = readable(text)
            known["text"] = text
            notes += repairs
        if isinstance(text, str) and (plain := without_markup(text)) != text:
            known["text"] = plain
            notes.append("markup taken out of its text")
        return known, tuple(notes)

    def _plan(self, names: tuple[str, ...]) -> dict[str, list[_Place]]:
        plan = self._plans.get(names)
        if plan is None:
            if len(self._plans) >= _MAX_PLANS:
                self._plans.clear()
            plan = self._plans[names] = self._planned(names)
        return plan

    def _planned(self, names: tuple[str, ...]) -> dict[str, list[_Place]]:
        """Return where each field may stand in objects of these names, best first."""
        keys: dict[str, str] = {}
        for name in names:
            keys.setdefault(key_of(name), name)
        plan: dict[str, list[_Place]] = {}
        for field, known in NAMES.items():
            if given := self._given.get(field):
                path = (given,) if given in names else tuple(given.split("."))
                plan[field] = [(path, "asked", given)] if path[0] in names else []
                continue
            places: list[_Place] = [((field,), "own", field)] if field in names else []
            if field == "id" and "_id" in names:
                places.append((("_id",), "own", "_id"))
            places += [
                ((keys[key],), "guess", keys[key])
                for key in known
                if key in keys and keys[key] not in (field, "_id")
            ]
            plan[field] = places
        return plan


def said_at_its_head(found: Mapping[str, object]) -> tuple[dict[str, object], tuple[str, ...]]:
    """Return the fields that a text says at its head (front matter), and notes on them.

    All are guesses: what does not fit is cut or left out. A source that is an address is the url.
    """
    keys: dict[str, object] = {}
    for name, value in found.items():
        keys.setdefault(key_of(name), value.isoformat() if isinstance(value, date) else value)
    if isinstance(where := keys.get("source"), str) and is_web_address(where):
        keys["url"] = keys.pop("source")
    known: dict[str, object] = {}
    notes: list[str] = []
    for field, names in NAMES.items():
        for key in names if field not in ("id", "text") else ():
            value = keys.get(key)
            if value in _EMPTY or isinstance(value, bool) or value in ("true", "false"):
                continue
            offer = offered(field, _READERS[field](value), key)
            notes += offer.notes
            if offer.value is not None:
                known[field] = offer.value
                break
    return known, tuple(notes)


def key_of(name: str) -> str:
    """Return a name without what differs between spellings of it."""
    words = _SEPARATORS.split(
        mended(name).text.translate(_UNREAD).translate(_LETTERS).casefold().strip()
    )
    return "".join(word.removeprefix("ال") for word in words)


def _at(found: object, path: tuple[str, ...]) -> object:
    for name in path:
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


def _longest(found: Mapping[str, object], places: list[_Place]) -> object:
    """Return the text at the first promised place that has one, else the longest guess."""
    longest: object = None
    for path, standing, _ in places:
        promised = standing != "guess"
        value = _text(_at(found, path))
        blank = value in _EMPTY or (isinstance(value, str) and value.isspace())
        if promised and not blank:
            return value
        if isinstance(value, str):
            if not isinstance(longest, str) or len(value) > len(longest):
                longest = value
        elif promised:
            longest = value
    return longest


def _text(value: object) -> object:
    """Return a text, also of WordPress's `{"rendered": ...}` and of a list of paragraphs."""
    if isinstance(value, Mapping):
        value = value.get("rendered", value)
    if isinstance(value, list) and all(isinstance(part, str) for part in value):
        return "\n".join(map(str, value))
    return value


def _line(value: object) -> object:
    """Return a title without entities and tags, also of WordPress's `{"rendered": ...}`."""
    value = value.get("rendered", value) if isinstance(value, Mapping) else value
    return one_line_of(value) if isinstance(value, str) else _named(value)


def _named(value: object) -> object:
    """Return the name of `{"name": ...}`, the names of a list as one text."""
    if isinstance(value, Mapping):
        return next((value[key] for key in ("name", "title", "term") if key in value), value)
    if isinstance(value, list):
        names = list(_names(value))
        return ", ".join(names) if len(names) == len(value) else value
    return value


def _names(values: list[object]) -> Iterator[str]:
    for value in values:
        name = _named(value) if isinstance(value, Mapping) else value
        if isinstance(name, str):
            yield name


def _tags(value: object) -> object:
    if isinstance(value, str):
        return [tag for tag in _COMMAS.split(value.strip()) if tag]
    if isinstance(value, list):
        names = list(_names(value))
        return names if len(names) == len(value) else value
    return value


def _id(value: object) -> object:
    """Return an id, also of MongoDB's `{"$oid": ...}`."""
    return value.get("$oid", value) if isinstance(value, Mapping) else value


def _date(value: object) -> object:
    """Return a date, also of MongoDB's `{"$date": {"$numberLong": ...}}`."""
    for name in ("$date", "$numberLong"):
        value = value.get(name, value) if isinstance(value, Mapping) else value
    return value


def _id_offered(value: object, shown: str) -> Offer:
    if isinstance(value, int) and not isinstance(value, bool):
        return Offer(value)
    if isinstance(value, str) and len(value) <= MAX_LENGTH["id"]:
        return Offer(value)
    return Offer(None, (f"{shown} is not what id may be: left out",), of_kind=False)


def _mended(value: object, repairs: dict[str, None], depth: int = _MAX_DEPTH) -> object:
    """Return a value with its texts mended, before white space is taken off their ends.

    Args:
        value: of any kind.
        repairs: takes what was mended, each once.
        depth: of lists and objects that are looked into.
    """
    if isinstance(value, str):
        found = mended(value)
        repairs.update(dict.fromkeys(found.notes))
        return found.text
    if isinstance(value, list) and depth:
        return [_mended(each, repairs, depth - 1) for each in value]
    if isinstance(value, Mapping) and depth:
        return {name: _mended(each, repairs, depth - 1) for name, each in value.items()}
    return value


def _no_text(found: Mapping[str, object]) -> str:
    names = ", ".join(name[:40] for name in list(found)[:20]) or "nothing"
    return (
        f'"text" must be a text, not null: none is known among {names}; '
        "`--field text=NAME` says which it is"
    )


_READERS = {
    "id": _id,
    "title": _line,
    "url": _named,
    "published": _date,
    "author": _named,
    "tags": _tags,
    "source": _named,
    "language": _named,
}
