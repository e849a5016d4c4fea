"""Other people's names for an article's fields, in JSON objects and table heads.

    what a person says (`--field text=body`, `author.name`)   a promise: `indexer.records`
    the article's own name (`text`, `published`)              refuses what does not fit
    a name that is known to mean it (`body`, `التاريخ`)       a guess: what does not fit is
                                                              left out, with a note

A guess is looked at only where the own name is absent or empty. Of several texts (`body`
beside `content`) the longest is taken: the shorter ones are beginnings of it (NewsAPI's
`content` ends after 200 characters). Of any other field, the first name in the table is.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from indexer.formats.documents import iso_date
from indexer.formats.markup import lines_of, parse
from search.errors import SourceError

# In the order they are preferred, as `_key` writes them: one word, no "ال" and no hamza.
_NAMES: Mapping[str, str] = {
    "id": "id guid uuid articleid docid postid slug معرف",
    "title": "title headline name subject عنوان عنوانخبر عنوانمقال",
    "text": (
        "text body articlebody fulltext content articletext contenttext contenthtml article "
        "maintext rawtext story paragraphs نص محتوي نصخبر نصمقال متن مقال خبر "
    ),
    "url": "url link permalink weburl sourceurl href رابط",
    "published": (
        "published publishedat publishedon publicationdate datepublished publishdate pubdate "
        "date postedat posteddate timestamp createdat created تاريخ تاريخنشر "
    ),
    "author": "author authors byline creator dccreator writer كاتب مولف",
    "tags": (
        "tags keywords categories category section topics labels وسوم كلماتمفتاحيه تصنيف "
        "تصنيفات قسم "
    ),
    "source": "source publisher site sitename newspaper outlet مصدر صحيفه جريده",
    "language": "language lang inlanguage لغه",
}
NAMES: Mapping[str, tuple[str, ...]] = {
    field: tuple(names.split()) for field, names in _NAMES.items()
}
# Characters that `indexer.records` takes at most; a guess that has more is left out.
_MOST = {"id": 512, "title": 1_000, "author": 200, "source": 200, "language": 35, "url": 2_048}
_MOST_TAGS, _MOST_TAG = 64, 100

_MAX_PLANS = 1_000  # sets of names that are kept; a file has one or two

_SEPARATORS = re.compile(r"[\s_\-:]+")
_UNREAD = dict.fromkeys([*range(0x064B, 0x0660), 0x0670, 0x0640])
_LETTERS = str.maketrans("أإآٱىةؤ", "اااايهو")
_MARKUP = re.compile(
    r"\s*<(?:!doctype|html|body|head|p|div|span|h[1-6]|ul|ol|table|br|a|strong|em|b|i|u|img|font|"
    r"figure|section|article|main|blockquote|center|header|time|meta)\b[^<]*>",
    re.IGNORECASE,
)
_COMMAS = re.compile(r"\s*[,،;؛|]\s*")
_SECONDS, _MILLISECONDS = 1e8, 1e11  # from which a number is seconds or more since 1970

# Where a value stands, whether it is a promise, and its name for people.
_Place = tuple[tuple[str, ...], bool, str]
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
        known: dict[str, object] = {}
        notes: list[str] = []
        for field, places in self._plan(tuple(found)).items():
            if not places:
                continue
            if field == "text":
                known["text"] = _longest(found, places)
                continue
            for path, promised, shown in places:
                value = _at(found, path)
                if value in _EMPTY or (isinstance(value, str) and value.isspace()):
                    continue
                value = _READERS[field](value)
                if promised or _fits(field, value):
                    known[field] = value
                    break
                notes.append(f"{shown} is not what {field} may be: left out")
        if known.get("text") is None:
            raise SourceError(_no_text(found), code="bad-field")
        text = known["text"]
        if isinstance(text, str) and _MARKUP.match(text):
            known["text"] = "\n".join(line.text for line in lines_of(parse(text)[0]))
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
            keys.setdefault(_key(name), name)
        plan: dict[str, list[_Place]] = {}
        for field, known in NAMES.items():
            if given := self._given.get(field):
                path = (given,) if given in names else tuple(given.split("."))
                plan[field] = [(path, True, given)] if path[0] in names else []
                continue
            places: list[_Place] = [((field,), True, field)] if field in names else []
            if field == "id" and "_id" in names:
                places.append((("_id",), True, "_id"))
            places += [
                ((keys[key],), False, keys[key])
                for key in known
                if key in keys and keys[key] not in (field, "_id")
            ]
            plan[field] = places
        return plan


def _key(name: str) -> str:
    """Return a name without what differs between spellings of it."""
    words = _SEPARATORS.split(name.translate(_UNREAD).translate(_LETTERS).casefold().strip())
    return "".join(word.removeprefix("ال") for word in words)


def _at(found: object, path: tuple[str, ...]) -> object:
    for name in path:
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


def _longest(found: Mapping[str, object], places: list[_Place]) -> object:
    """Return the text at the first promised place that has one, else the longest guess."""
    longest: object = None
    for path, promised, _ in places:
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
    """Return a title or the like; what WordPress renders has entities and tags."""
    if isinstance(value, Mapping) and isinstance(rendered := value.get("rendered"), str):
        return html.unescape(re.sub(r"<[^<>]*>", "", rendered))
    return _named(value)


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
    """Return a day as an ISO date where it is one in any other way of writing."""
    if isinstance(value, Mapping):
        value = value.get("$date", value)
    if isinstance(value, str):
        try:
            datetime.fromisoformat(value.strip())
        except ValueError:
            return iso_date(value) or value
    return value


def _fits(field: str, value: object) -> bool:
    """Tell whether a guess is what `indexer.records` takes."""
    if field == "published":
        return isinstance(value, str) and bool(iso_date(value))
    if field == "tags":
        return isinstance(value, list) and len(value) <= _MOST_TAGS and _are_tags(value)
    if field == "id" and isinstance(value, int) and not isinstance(value, bool):
        return True
    return isinstance(value, str) and len(value) <= _MOST[field]


def _are_tags(values: list[object]) -> bool:
    return all(isinstance(value, str) and len(value) <= _MOST_TAG for value in values)


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
