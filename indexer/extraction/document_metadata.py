"""Fits a document's own metadata to an article's fields: cut, or left out with a note.

A document's own facts (a title of two pages, a hundred keywords, a date of another calendar)
come from programs more often than from people. None of them fails the text that it stands
beside: what does not fit is cut or left out, with a note that says which and why. What a
person asked for by name goes to `indexer.ingestion.records`, which refuses.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from indexer.extraction.dates import read_date
from indexer.extraction.encodings.mojibake import readable_line
from search.addresses import is_web_address
from search.article_lines import written
from search.limits import MAX_LENGTH, MAX_TAG, MAX_TAGS

# What no XML may hold, and no article has to.
UNPRINTABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
_HALF_PAIR = re.compile("[\ud800-\udfff]")
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{1,8}){0,4}")
_NO_LANGUAGE = frozenset({"und", "mul", "zxx", "mis"})
_SHOWN = 40  # characters of a value in a note


@dataclass(frozen=True, slots=True)
class Offer:
    """A value for a field; None where it is left out or says nothing.

    notes    say what was left out or cut, and why
    of_kind  False where it is nothing of the field's kind: a title that is a number, a date
             that is none in any calendar
    """

    value: object = None
    notes: tuple[str, ...] = ()
    of_kind: bool = True


_NOTHING = Offer()


def offered(field: str, value: object, shown: str = "") -> Offer:
    """Return what is taken of a field's value.

    Args:
        field: one of `search.limits.FIELDS`, not `id` nor `text`.
        value: of any kind.
        shown: its name for people, where that is another.
    """
    name = shown or field
    if value in (None, "", [], ()):
        return _NOTHING
    if field == "published":
        return _day(name, value)
    if field == "tags":
        return _tags(name, value)
    if not isinstance(value, str) or _HALF_PAIR.search(value):
        return Offer(None, (f"{name} is not what {field} may be: left out",), of_kind=False)
    found = readable_line(value)
    line = one_line(found.text)
    notes = tuple(f"{name} {note}" for note in found.notes)
    if not line:
        return Offer(None, tuple(f"{name} left out: {note}" for note in found.notes))
    if field == "url" and not (is_web_address(line) and len(line) <= MAX_LENGTH["url"]):
        return Offer(None, (f"{name} left out: no http or https address: {_brief(line)}",))
    if field == "language":
        return _language(name, line)
    cut = _cut(line, MAX_LENGTH[field])
    if cut != line:
        said = "cut" if cut else "left out"
        most = f"{len(line):,} characters, and {MAX_LENGTH[field]:,} are the most"
        notes = (*notes, f"{name} {said}: {most}")
    return Offer(cut or None, notes)


def one_line(value: str) -> str:
    """Return a text with its white space and line ends as single spaces."""
    return " ".join(UNPRINTABLE.sub("", value).split())


def _day(name: str, value: object) -> Offer:
    found = read_date(value)
    if found.day is None:
        why = found.note or f"no date: {_brief(str(value))}"
        return Offer(None, (f"{name} left out: {why}",), of_kind=bool(found.note))
    return Offer(written(found.day), (f"{name} {found.note}",) if found.note else ())


def _tags(name: str, value: object) -> Offer:
    if not isinstance(value, list | tuple) or not all(
        isinstance(tag, str) and not _HALF_PAIR.search(tag) for tag in value
    ):
        return Offer(None, (f"{name} is not what tags may be: left out",), of_kind=False)
    found = [readable_line(tag) for tag in value]
    tags = list(dict.fromkeys(filter(None, (one_line(each.text) for each in found))))
    fitting = [tag for tag in tags if len(tag) <= MAX_TAG]
    notes = list(dict.fromkeys(f"{name} {note}" for each in found for note in each.notes))
    if long := len(tags) - len(fitting):
        notes.append(f"{name}: {long:,} left out, longer than {MAX_TAG} characters")
    if (more := len(fitting) - MAX_TAGS) > 0:
        notes.append(f"{name}: {more:,} left out, {MAX_TAGS} are the most")
    return Offer(fitting[:MAX_TAGS] or None, tuple(notes))


def _language(name: str, value: str) -> Offer:
    if value[:3].lower() in _NO_LANGUAGE:
        return _NOTHING
    if len(value) > MAX_LENGTH["language"] or not _LANGUAGE.fullmatch(value):
        return Offer(None, (f"{name} left out: no code of a language: {_brief(value)}",))
    return Offer(value.replace("_", "-"))


def _cut(line: str, limit: int) -> str:
    """Return a line of at most `limit` characters, cut between words; "" if it is one word."""
    if len(line) <= limit:
        return line
    kept = line[: limit - 1].rpartition(" ")[0].rstrip(" ,،;؛")
    return f"{kept}…" if kept else ""


def _brief(value: str) -> str:
    return one_line(value)[:_SHOWN]
