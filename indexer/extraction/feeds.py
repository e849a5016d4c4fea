"""RSS (0.9 to 2.0), Atom and WordPress's export (WXR): an article an item, with its own id.

Of an export what is published under a text of its own is read: posts, pages and types that
plugins add. Left out, and counted in a note: drafts, private and locked ones, attachments,
revisions, menus and other parts of a site's working; comments too, which are not counted.
"""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Mapping

from indexer.extraction.field_names import Fields
from indexer.extraction.markup import one_line_of, without_markup
from indexer.extraction.registry import Extracted, inside_of
from indexer.extraction.zipped import local
from indexer.sources import Failure
from search.errors import SourceError

_READ_NAMES = (
    "guid id title link pubDate date published updated creator author category description "
    "summary content encoded excerpt post_type status post_date post_password"
)
_READ = frozenset(_READ_NAMES.split())
_TEXTS = ("encoded", "content", "description", "summary", "excerpt", "title")  # the best first
_DATES = ("post_date", "published", "pubDate", "date", "updated")
# Of the namespaces of what stands in items these are read; others have `title` and `content` too.
_NAMESPACES = re.compile(
    r"|http://purl\.org/rss/1\.0/(?:modules/content/)?|http://purl\.org/dc/elements/1\.1/"
    r"|http://www\.w3\.org/2005/Atom|http://purl\.org/atom/ns#"
    r"|http://wordpress\.org/export/1\.\d/(?:excerpt/)?|http://my\.netscape\.com/.{0,99}"
)
_NO_TEXTS = re.compile(
    r"attachment|revision|nav_menu_item|custom(?:_css|ize_changeset)|oembed_cache|user_request"
    r"|wp_.*|acf-.*|elementor_.*"
)
_TAXONOMIES = (None, "category", "post_tag")  # of what WordPress calls a category
_SHORTCODE = re.compile(
    r"\[/?(?:caption|gallery|audio|video|playlist|embed|(?:vc|et_pb|fusion)_\w+)\b[^\[\]]{0,2000}\]"
    r"|\[[a-z][\w-]{1,40}\s+[\w-]+=[^\[\]]{0,2000}\]|\[/[a-z][\w-]{1,40}\]"
)
_NAMED = re.compile(r"[^\s@()]+@[^\s@()]+\s+\(([^()]+)\)")  # RSS's way: an address, and a name
_MAX_AUTHORS = 10_000

_Values = dict[str, list[tuple[str, Mapping[str, str]]]]


class Feed:
    """Takes a feed's elements, and has its articles (`xml_kinds.Kind`)."""

    def __init__(self) -> None:
        self.done: list[Extracted | Failure] = []
        self._path: list[str] = []
        self._pieces: list[str] = []
        self._attrib: Mapping[str, str] = {}
        self._item: _Values | None = None
        self._inside = 0  # how deep the item's own elements stand
        self._source = self._language = ""
        self._login = ""
        self._names: dict[str, str] = {}  # of WordPress's authors, by their logins
        self._number = 0
        self._left_out: Counter[str] = Counter()
        self._fields = Fields({})

    def start(self, tag: str, attrib: dict[str, str]) -> None:
        self._path.append(_key(tag))
        if len(self._path) == 1:
            self._language = _language_of(attrib)
        if self._item is None:
            self._pieces = []
            if self._path[-1] in ("item", "entry"):
                self._item = {}
                self._inside = len(self._path)
        elif len(self._path) == self._inside + 1:
            self._pieces, self._attrib = [], dict(attrib)
        elif self._attrib.get("type") == "xhtml":
            self._pieces.append(f"<{local(tag)}>")

    def end(self, tag: str) -> None:
        depth = len(self._path)
        key = self._path.pop()
        if self._item is None:
            self._of_channel(key, " ".join("".join(self._pieces).split()))
            self._pieces = []
        elif depth == self._inside:
            self._end_item(self._item)
            self._item = None
        elif depth == self._inside + 1 and key in _READ:
            self._item.setdefault(key, []).append(("".join(self._pieces), self._attrib))
        elif self._attrib.get("type") == "xhtml":
            self._pieces.append(f"</{local(tag)}>")

    def data(self, data: str) -> None:
        if self._item is not None:
            own = self._path[self._inside : self._inside + 1]
            deeper = len(self._path) > self._inside + 1
            if own[:1] == ["author"] and deeper and self._path[-1] != "name":
                return
            if not own or own[0] not in _READ:
                return
            data = html.escape(data, quote=False) if self._attrib.get("type") == "xhtml" else data
        self._pieces.append(data)

    def note(self) -> str:
        """Return what was left out, and how often."""
        kinds = (f"{number:,} {kind}" for kind, number in self._left_out.most_common(8))
        return f"left out of it: {', '.join(kinds)}" if self._left_out else ""

    def _of_channel(self, key: str, text: str) -> None:
        """Take what stands outside of items: the channel's own, and WordPress's authors."""
        if key == "title" and len(self._path) < 3:
            self._source = self._source or one_line_of(text)
        elif key == "language":
            self._language = self._language or text
        elif key == "author_login":
            self._login = text
        elif key == "author_display_name" and len(self._names) < _MAX_AUTHORS:
            self._names[self._login] = text

    def _end_item(self, item: _Values) -> None:
        self._number += 1
        if left_out := _left_out(item):
            self._left_out[left_out] += 1
            return
        try:
            known, notes = self._fields.article(self._found(item))
        except SourceError as error:
            self.done.append(Failure(str(self._number), error.code, str(error)))
        else:
            self.done.append(Extracted(known, str(self._number), 0, notes, inside_of(known)))

    def _found(self, item: _Values) -> dict[str, object]:
        """Return an item under names that `Fields` knows."""
        text = next(filter(str.strip, (_first(item, key) for key in _TEXTS)), "")
        if "post_type" in item:
            text = _SHORTCODE.sub("", text)
        author = _first(item, "creator") or _first(item, "author")
        if named := _NAMED.fullmatch(author):
            author = named[1]
        tags = (
            one_line_of(value or attrib.get("label", "") or attrib.get("term", ""))
            for value, attrib in item.get("category", ())
            if attrib.get("domain") in _TAXONOMIES or "post_type" not in item
        )
        return {
            "text": without_markup(text, certain=True),
            "guid": _first(item, "guid") or _first(item, "id"),
            "title": " ".join(_first(item, "title").split()),
            "url": _link(item),
            "pubdate": next(filter(_is_date, (_first(item, key) for key in _DATES)), ""),
            "author": self._names.get(author, author),
            "tags": list(filter(None, tags)),
            "source": self._source,
            "language": self._language,
        }


def _key(tag: str) -> str:
    """Return an element's name, "" of a namespace that is not read."""
    namespace = tag[1:].partition("}")[0] if tag.startswith("{") else ""
    if not _NAMESPACES.fullmatch(namespace):
        return ""
    return "excerpt" if namespace.endswith("/excerpt/") else local(tag)


def _first(item: _Values, key: str) -> str:
    return item[key][0][0].strip() if key in item else ""


def _link(item: _Values) -> str:
    links = [
        value.strip() or attrib.get("href", "")
        for value, attrib in item.get("link", ())
        if attrib.get("rel", "alternate") == "alternate"
    ]
    guids = [
        value.strip()
        for value, attrib in item.get("guid", ())
        if attrib.get("isPermaLink", "true") == "true" and value.strip().startswith("http")
    ]
    return next(filter(None, [*links, *guids]), "")


def _is_date(value: str) -> bool:
    return bool(value) and not value.startswith("0000-00-00")  # WordPress's, of what has none


def _left_out(item: _Values) -> str:
    """Return what a part of WordPress's export is left out as, "" where it is read."""
    if _NO_TEXTS.fullmatch(kind := _first(item, "post_type")):
        return kind
    if kind and (status := _first(item, "status") or "publish") != "publish":
        return status
    return "locked" if _first(item, "post_password") else ""


def _language_of(attrib: Mapping[str, str]) -> str:
    return attrib.get("{http://www.w3.org/XML/1998/namespace}lang", "")
