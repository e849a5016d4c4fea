"""Ids of articles: a collection and an id of its own in it, written as one string.

    a17                     `a17` in the default collection, "": what is given over HTTP
    /files/srv/news/a.txt   `srv/news/a.txt` in the collection `files`
    /laws/17                `17` in the collection `laws`

Engines take the string as it is, but that a filter and a facet are of its collection.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata

from search.errors import InputError
from search.limits import MAX_ID

MAX_FILE_ID = 448  # of them a file's own, which then stands whole at the head of its articles' ids
FILES = "files"  # of files that are indexed without a name for their collection
_NAME = r"\w[\w.-]{0,63}"
_ID = re.compile(rf"/({_NAME})/(.+)", re.DOTALL)


def joined(collection: str, own: str) -> str:
    """Return the id of an article in a collection, shortened where it is too long."""
    return bounded(f"/{collection}/{own}") if collection else own


def within(collection: str, given: str) -> str:
    """Return the id of what is given for a collection: one that begins with it stays as it is."""
    return given if parsed(given)[0] == collection else joined(collection, given)


def parsed(article_id: str) -> tuple[str, str]:
    """Return (collection, own id); the collection is "" for all that is not `/collection/id`."""
    match = _ID.fullmatch(article_id)
    return (match[1], match[2]) if match else ("", article_id)


def is_addressable(article_id: str) -> bool:
    """Tell whether an id that somebody gives means one article: `/collection/id`, or no slash first."""
    return not article_id.startswith("/") or _ID.fullmatch(article_id) is not None


def id_in_file(file_id: str, inside: str, own: str) -> str:
    """Return the id of an article of a file.

    In `files` an own id stands after the file's, because two files may count from 1; in any
    other collection it stands for itself.

    Args:
        file_id: the file's own.
        inside: what follows it, such as `/page.html` of an archive's member; "" for the whole.
        own: what the article says its id is, "" if nothing.
    """
    collection, _ = parsed(file_id)
    if own and collection != FILES:
        return within(collection, own)
    return bounded(f"{file_id}{inside}/{own}" if own else f"{file_id}{inside}")


def bounded(article_id: str, most: int = MAX_ID) -> str:
    """Return an id of at most so many code points; a longer one ends in its digest instead.

    Only shortened ids have exactly so many, so that none is another's.
    """
    if len(article_id) < most:
        return article_id
    digest = hashlib.sha256(article_id.encode("utf-8", "surrogatepass")).hexdigest()[:32]
    return f"{article_id[: most - 33]}~{digest}"


def is_collection(name: str) -> bool:
    """Tell whether a collection may have this name."""
    return re.fullmatch(_NAME, name) is not None


def checked_collection(name: str, field: str = "--collection") -> str:
    """Return the name in NFC of a collection to write to.

    Raises:
        InputError: it cannot be one; names the field.
    """
    name = unicodedata.normalize("NFC", name)
    if name == FILES:
        raise InputError(
            f"{field} {FILES} is what files without a name for it are in: take another", field=field
        )
    if not is_collection(name):
        raise InputError(
            f"{field} is {name[:100]!r}; it must be 1 to 64 letters, digits, _, - and ., "
            "the first of them a letter, a digit or _",
            field=field,
        )
    return name


def article_of_passage(passage_id: str) -> str:
    """Return the id of the article of a passage (`search.domain.Passage.id`)."""
    return passage_id.rpartition("#")[0]
