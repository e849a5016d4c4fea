"""Archives: .zip, .7z, .rar, .tar and compressed ones, read member by member; nothing is written to a disk.

A member is read as a file of its kind: its id is its name after the archive's, and
NAME.meta.json beside it says what is known of it. `news.jsonl.gz` is `news.jsonl`. Zips are read in the order
of their names, others in their own. Of bzip2 and xz only the content tells, whatever the name.

    bytes    counted as they are unpacked, never taken from a header, and bounded for the
             whole archive with all archives in it
    members  bounded in number and size; a list of texts (.jsonl, .csv) is streamed
    names    that lead outside, and what is no file (links, devices), are refused one by one
    nesting  archives in archives are held in memory, and opened to a depth of three

Kinds that are not read, pictures and hidden files are passed over; an archive of nothing else fails.
"""

from __future__ import annotations

import hashlib
import io
import os
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, suppress
from copy import copy
from dataclasses import replace
from typing import BinaryIO
from unicodedata import normalize

from indexer.extraction.archive_members import Member, members_of
from indexer.extraction.archive_names import shown
from indexer.extraction.documents import whole
from indexer.extraction.encodings import decode
from indexer.extraction.registry import (
    KINDS,
    MANY,
    MAX_METADATA,
    MEBIBYTE,
    METADATA_SUFFIX,
    Extracted,
    Options,
    kind_of,
    left_out_as,
    others,
    reader_of,
    suffix_of,
    unknown_fields,
)
from indexer.extraction.unpacking import Budget
from indexer.ingestion.records import parse_object
from indexer.sources import Failure
from search.errors import SourceError

MAX_MEMBER = 64 * MEBIBYTE  # bytes of a member that is not streamed
MAX_METADATA_ALL = 16 * MEBIBYTE  # bytes of all NAME.meta.json
MOST_KINDS = 5  # of members left out that are named
MAX_DEPTH = 3  # archives in archives

# Found while this is loaded, before children are forked: once, and where every folder is open.
others()


def read(stream: BinaryIO, name: str, options: Options) -> Iterator[Extracted | Failure]:
    """Yield the articles of an archive's members."""
    budget = Budget(stream.seek(0, os.SEEK_END))
    read = 0
    for item in _Archive(options, budget).items(stream, name, depth=1):
        if isinstance(item, Failure) and not item.place:
            raise SourceError(item.reason, code=item.code)
        size = max(0, stream.tell() - read)
        read += size
        yield replace(item, size=size)


class _Archive:
    """One archive with all archives in it: what it may still unpack."""

    def __init__(self, options: Options, budget: Budget) -> None:
        self._options = options
        self._budget = budget

    def items(self, stream: BinaryIO, name: str, depth: int) -> Iterator[Extracted | Failure]:
        """Yield what is in an archive, which is at this depth (1 for the file itself)."""
        metadata, broken, notes = self._looked_through(stream, name)
        seen: set[str] = set()
        taken: set[str] = set()  # what members put into ids
        passed = read = 0
        for member in members_of(stream, name, self._budget):
            if member.is_hidden or member.is_metadata:
                continue
            if member.problem is not None:
                read += 1
                yield Failure(member.shown, *member.problem)
            elif not _is_read(member.name):
                passed += 1
            elif member.name in seen:
                yield Failure(member.shown, "duplicate-id", "its archive has this name twice")
            elif kind_of(member.name) == "archives" and depth >= MAX_DEPTH:
                read += 1
                yield Failure(member.shown, "nested", "archives in archives in archives: unpack it")
            else:
                seen.add(member.name)
                read += 1
                beside = _beside(member.name)
                if beside in broken:
                    yield Failure(member.shown, *broken[beside])
                    continue
                key = _key(member.name, taken)
                for item in self._of_member(member, member.name, depth):
                    found = item
                    if member.shown:
                        found = _placed(item, member, key, metadata.get(beside))
                    if isinstance(found, Extracted):  # with the first article
                        found, notes = replace(found, notes=(*found.notes, *notes)), ()
                    yield found
        if not read:
            reason = ": ".join(("nothing in it is of a kind that is read", *notes))
            raise SourceError(reason, code="unsupported" if passed else "empty")

    def _of_member(self, member: Member, name: str, depth: int) -> Iterator[Extracted | Failure]:
        """Yield what is in a member; a Failure without a part where that is not to be known."""
        try:
            with closing(member.open()) as stream:
                if (kind := KINDS.get(kind_of(name))) and kind.streamed:
                    yield from reader_of(name)(stream, name, self._options)
                    return
                content = whole(stream, MAX_MEMBER)
            if kind_of(name) == "archives":
                yield from self.items(io.BytesIO(content), name, depth + 1)
            else:
                yield from reader_of(name)(io.BytesIO(content), name, self._options)
        except SourceError as error:
            if self._budget.is_spent:  # more of it would be more of the same
                raise
            yield Failure("", error.code, str(error))

    def _looked_through(
        self, stream: BinaryIO, name: str
    ) -> tuple[dict[str, dict[str, object]], dict[str, tuple[str, str]], tuple[str, ...]]:
        """Return each NAME.meta.json as an object, and why those that are none cannot be read.

        And a note on the members that are left out, where there are any.
        """
        known: dict[str, dict[str, object]] = {}
        broken: dict[str, tuple[str, str]] = {}
        left_out: Counter[str] = Counter()
        left = MAX_METADATA_ALL
        budget = copy(self._budget)  # all that is read now is read again
        with suppress(SourceError):  # of the archive itself: met again where it matters
            for member in members_of(stream, name, budget):
                if member.is_hidden:
                    left_out["hidden"] += 1
                elif not (_is_read(member.name) or member.problem):
                    left_out[left_out_as(member.name)] += 1
                if not member.is_metadata or member.is_hidden or member.problem:
                    continue
                short = member.name.rpartition("/")[2]
                try:
                    with closing(member.open()) as opened:
                        content = whole(opened, min(left, MAX_METADATA))
                    left -= len(content)
                    found = parse_object(decode(content)[0])
                    if "text" in found:
                        raise SourceError('"text" belongs in the file beside it', code="bad-field")
                    known[member.name] = found
                except SourceError as error:
                    if budget.is_spent:
                        raise
                    broken[member.name] = (error.code, f"{short}: {error}")
        return known, broken, _note_on(left_out)


def _is_read(name: str) -> bool:
    """Tell whether a member is read: pictures are not, of which a chat has thousands of photos."""
    return kind_of(name) != "pictures" and suffix_of(name) != ""


def _note_on(left_out: Counter[str]) -> tuple[str, ...]:
    """Return a note on how many members of which kinds are left out."""
    kinds = [f"{number:,} {shown(kind)}" for kind, number in left_out.most_common(MOST_KINDS)]
    if others := left_out.total() - sum(dict(left_out.most_common(MOST_KINDS)).values()):
        kinds.append(f"{others:,} others")
    return (f"left out of its archive: {', '.join(kinds)}",) if kinds else ()


def _placed(
    item: Extracted | Failure, member: Member, key: str, known: dict[str, object] | None
) -> Extracted | Failure:
    """Return an item with its place in the archive, and with what is said of it beside it."""
    between = "/" if kind_of(member.name) == "archives" and not item.place.isdigit() else ":"
    place = f"{member.shown}{between}{item.place}" if item.place else member.shown
    if isinstance(item, Failure):
        return replace(item, place=place)
    fields, notes = item.fields, item.notes
    if known and not item.place and kind_of(member.name) not in MANY:
        fields = {**fields, **{k: value for k, value in known.items() if value not in (None, "")}}
        notes = (*unknown_fields(known, _beside(member.shown)), *notes)
    return replace(item, place=place, inside=f"/{key}{item.inside}", fields=fields, notes=notes)


def _key(name: str, taken: set[str]) -> str:
    """Return what a member's name is in ids: in NFC, as those of files are (`identity`)."""
    key = normalize("NFC", name)
    if key in taken:
        key = f"{key}//{hashlib.sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()[:16]}"
    taken.add(key)
    return key


def _beside(name: str) -> str:
    """Return where metadata of a member would be: `a.meta.json` beside `a.txt`."""
    folder, slash, last = name.rpartition("/")
    end = suffix_of(last)
    stem = last[: -len(end)] if end and last.lower().endswith(end) else last
    return f"{folder}{slash}{stem}{METADATA_SUFFIX}"
