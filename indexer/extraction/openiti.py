"""OpenITI's mARkdown (openiti.org): books of the Arabic tradition, told by their first line.

    ######OpenITI#                      read as
    #META# 020.BookTITLE	:: الحيوان     title; also author, subjects, publisher, address
    #META#Header#End#
    ### | باب الكلب                     a heading, at which a book that is too long is split
    # قال الجاحظ PageV01P001            a paragraph without milestones (ms001); its page ends there
    ~~ إن الكلب أوفى                    goes on with the line before
    # قفا نبك %~% بسقط اللوى            a verse on one line, a star between its halves

The year of the author's death (AH) is the only date of most: no day, so it is a tag, `ت 255 هـ`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from indexer.extraction.documents import mark, placed
from indexer.extraction.field_names import said_at_its_head
from search.article_lines import PLACES

FIRST_LINE = "######OpenITI#"
_END = "#META#Header#End#"
_META = re.compile(r"#META#\s*(?:\d+\.)?(\w[\w ]{0,40}?)\s*::?\s*(.*)")
_FIELDS = {
    "title": "BookTITLE title bk الكتاب",
    "author": "AuthorNAME author auth المؤلف AuthorAKA",
    "tags": "BookSUBJ cat subject",
    "source": "EdPUBLISHER publisher الناشر",
    "url": "LibURL link url",
    "died": "AuthorDIED died",
    "uri": "BookURI",
}
_NOTHING = frozenset({"", "nodata", "notgiven", "nocode", "notavailable", "none"})
_BETWEEN = re.compile(r"\s*(?:::|¶|@|[,،;؛])\s*")  # subjects
_URI = re.compile(r"(\d{4})([A-Z]\w+)\.([A-Z]\w+)")
_CONTINUED = re.compile(r"\r?\n~~[ \t]*")
_SIGNS = re.compile(r"#+[ \t]*(?:[|$@]+(?:[A-Z_]+[|$@]+)?[ \t]*)?")
_PAGE = re.compile(r"(?<!\w)PageV(\d{1,4})P(\d{1,6})(?!\w)")
# To where the text begins behind an end of page at a line's end: after the next line's signs.
_BEGINS = re.compile(r"\s*\n\s*(?:#+[ \t|$@]*)?")
_MARKS = re.compile(
    r"(?<!\w)(?:Page(?:V\d{1,4}P\d{1,6}|Beg|End)\w{0,9}|Milestone\d{1,6}|ms[A-Z]?\d{1,6})(?!\w)"
    r"|@[A-Z]{2,}[A-Z\d_]*@?"
)


def read(text: str, name: str) -> tuple[dict[str, object], tuple[str, ...], list[tuple[int, str]]]:
    """Return a book's fields, notes on them, and where in its text which heading begins.

    Args:
        text: of the whole file.
        name: the file's, of which author and title are told where its head says none.
    """
    head, end, body = text.partition(_END)
    if not end:
        head, body = "", text.partition("\n")[2]
    known, notes = said_at_its_head(_said(head.splitlines(), name.rpartition("/")[2]))
    lines: list[str] = []
    headings: list[tuple[int, str]] = []
    place = 0
    for line in _paged(_CONTINUED.sub(" ", body)).split("\n"):
        plain = _MARKS.sub(" ", _SIGNS.sub("", line, count=1) if line.startswith("#") else line)
        plain = " ".join(plain.replace("%~%", " * ").split())
        bare, _ = placed(plain)
        if not plain or line.startswith("#META#"):
            continue
        if line.startswith("### "):
            headings.append((place, bare))
        lines.append(plain)
        place += len(bare) + 1 if bare else 0
    known["text"], places = placed("\n".join(lines))
    return {**known, **({PLACES: places} if places else {})}, notes, headings


def _paged(body: str) -> str:
    """Return a book's text with a mark where each page begins: its own stand at their ends."""
    pieces, last = list[str](), 0
    for found in _PAGE.finditer(body):
        volume, page = int(found[1]), int(found[2])
        shown = f"{volume}/{page}" if volume else page
        begin = line.end() if (line := _BEGINS.match(body, last)) else last
        pieces += (body[last:begin], mark("page", shown), body[begin : found.start()])
        last = found.end()
    return "".join((*pieces, body[last:]))


def _said(head: Sequence[str], name: str) -> dict[str, object]:
    """Return what a book's head says, and else its name: `0255Jahiz.Hayawan.JK000127-ara1`."""
    found: dict[str, str] = {}
    for line in head:
        match = _META.match(line)
        if match and match[2].strip().casefold() not in _NOTHING:
            found.setdefault(match[1].casefold(), match[2].split("¶")[0].strip())
    said: dict[str, str] = {}
    for field, names in _FIELDS.items():
        keys = (key.casefold() for key in names.split())
        said[field] = next((found[key] for key in keys if key in found), "")
    died = said.pop("died")
    if uri := _URI.match(said.pop("uri")) or _URI.match(name):
        died = died or uri[1]
        said["author"] = said["author"] or uri[2]
        said["title"] = said["title"] or uri[3]
    tags = [tag for tag in _BETWEEN.split(said["tags"]) if tag]
    if (year := re.match(r"\d{1,4}", died)) and int(year[0]):
        tags.append(f"ت {int(year[0])} هـ")
    return {**said, "tags": tags}
