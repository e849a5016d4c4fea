"""What a web page says of itself: its meta tags, its JSON-LD, its bylines.

trafilatura and htmldate look for the same, but change names (`أ. د.` to `أ د`, no joiners) and
take a copyright line or a related story's day for the date; here nothing is taken that
the page does not give as its own.
"""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Iterable, Iterator
from urllib.parse import urlsplit

from lxml.html import HtmlElement

from indexer.extraction.dates import find_date
from indexer.extraction.documents import Facts

_TITLES = (
    "og:title", "citation_title", "dc.title", "dcterms.title", "headline", "twitter:title",
    "title",
)  # fmt: skip
_AUTHORS = (
    "author", "article:author", "og:article:author", "citation_author", "dc.creator",
    "dcterms.creator", "parsely-author", "sailthru.author",
)  # fmt: skip
_SOURCES = (
    "og:site_name", "application-name", "citation_journal_title", "dc.publisher",
    "dcterms.publisher", "publisher",
)  # fmt: skip
_DATES = (
    "article:published_time", "og:published_time", "datepublished", "citation_publication_date",
    "citation_online_date", "citation_date", "parsely-pub-date", "sailthru.date",
    "dcterms.issued", "dc.date.issued", "dcterms.created", "dc.date.created", "dc.date",
    "dcterms.date", "publish-date", "publish_date", "publication_date", "pubdate", "date",
)  # fmt: skip
_TAGS = ("article:tag", "article:section", "keywords", "news_keywords", "citation_keywords")
_LANGUAGES = ("content-language", "dc.language", "dcterms.language", "og:locale")

_ARTICLES = re.compile(r"(?:Article|Posting|Report|Book|Thesis|CreativeWork|Chapter)$")
_SEPARATOR = re.compile(r"[,،;؛]")
_BYLINE = re.compile(
    r"^(?:بقلم|كتب(?:ها|ه|ت)?|كتابة|إعداد|الكاتبة?|المؤلفة?|تحرير|by|written by|author)"
    r"(?:\s*[:：]\s*|\s+)",
    re.IGNORECASE,
)
_COPYRIGHT = re.compile(r"©|\(c\)|حقوق|copyright", re.IGNORECASE)
_AUTHOR_PLACES = (
    './/*[@itemprop="author"]',
    './/a[@rel="author"]',
    './/*[contains(concat(" ", normalize-space(@class), " "), " author ")]',
    './/*[contains(concat(" ", normalize-space(@class), " "), " author-name ")]',
    './/*[contains(concat(" ", normalize-space(@class), " "), " byline ")]',
)
_DATE_PLACES = (
    './/*[@itemprop="datePublished"]',
    ".//time",
    './/*[contains(@class, "publish") or contains(@class, "byline") or contains(@class, "posted")'
    ' or contains(@class, "post-date") or contains(@class, "entry-date")'
    ' or contains(@class, "article-date") or contains(@class, "-meta")]',
)
# A site's header gives the day on which the page was fetched.
_BESIDE = frozenset({"nav", "aside", "footer", "header"})
_WITHIN = frozenset({"article", "main"})

_MAX_JSON = 1 << 20  # characters of one JSON-LD
_MAX_NODES = 10_000
_MAX_PLACES = 50  # elements looked at for a name or a date
_MAX_BYLINE = 120


def facts_of(tree: HtmlElement) -> Facts:
    """Return what a page says of itself, as it says it."""
    metas = _metas(tree)
    described = _json_ld(tree)
    url = _url(tree, metas)
    source = _first(metas, _SOURCES) or described.get("publisher", "") or _host(url)
    return Facts(
        title=_first(metas, _TITLES) or described.get("headline", "") or _title(tree, source),
        author=_author(tree, metas, described),
        source=source,
        language=_language(tree, metas) or described.get("language", ""),
        published=_published(tree, metas, described),
        tags=_tags(metas, described),
        url=url,
    )


def _metas(tree: HtmlElement) -> dict[str, list[str]]:
    """Return the meta tags, each under its name in lower case."""
    metas: dict[str, list[str]] = {}
    for element in tree.iter("meta"):
        content = _clean(element.get("content", ""))
        for attribute in ("property", "name", "itemprop", "http-equiv"):
            if content and (name := element.get(attribute)):
                metas.setdefault(name.strip().lower().replace("dc:", "dc."), []).append(content)
    return metas


def _json_ld(tree: HtmlElement) -> dict[str, str]:
    """Return what the page's JSON-LD says of its article; tags are joined by commas."""
    for node in _nodes(tree):
        kinds = [kind for kind in _listed(node.get("@type")) if isinstance(kind, str)]
        if not any(_ARTICLES.search(kind) for kind in kinds):
            continue
        keywords = [word for word in _listed(node.get("keywords")) if isinstance(word, str)]
        sections = [word for word in _listed(node.get("articleSection")) if isinstance(word, str)]
        return {
            "headline": _name(node.get("headline")) or _name(node.get("name")),
            "author": "، ".join(
                dict.fromkeys(filter(None, map(_name, _listed(node.get("author")))))
            ),
            "published": _name(node.get("datePublished")) or _name(node.get("dateCreated")),
            "publisher": next(filter(None, map(_name, _listed(node.get("publisher")))), ""),
            "language": next(filter(None, map(_name, _listed(node.get("inLanguage")))), ""),
            "tags": ",".join(keywords + sections),
        }
    return {}


def _nodes(tree: HtmlElement) -> Iterator[dict[str, object]]:
    """Yield the objects of the page's JSON-LD, the outer ones first."""
    waiting: deque[object] = deque()
    for script in tree.iter("script"):
        text = script.text or ""
        if "ld+json" in script.get("type", "") and len(text) <= _MAX_JSON:
            try:
                waiting.append(json.loads(text, strict=False))
            except (ValueError, RecursionError):  # a program's mistake; the page itself is fine
                continue
    for _ in range(_MAX_NODES):
        if not waiting:
            return
        node = waiting.popleft()
        if isinstance(node, dict):
            yield node
            waiting += [value for value in node.values() if isinstance(value, dict | list)]
        elif isinstance(node, list):
            waiting += node


def _name(value: object) -> str:
    """Return a JSON-LD value's text: its own, or its name."""
    if isinstance(value, dict):
        value = value.get("name")
    return _clean(value) if isinstance(value, str) else ""


def _listed(value: object) -> list[object]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _title(tree: HtmlElement, source: str) -> str:
    """Return the only heading of level one, else the title tag without the site's name."""
    headings = [text for h1 in tree.iter("h1") if (text := _clean(h1.text_content()))]
    if len(headings) == 1:
        return headings[0]
    title = _clean(next((element.text_content() for element in tree.iter("title")), ""))
    start, separator, end = title.rpartition(f" {source}" if source else "\0")
    if separator and not end and start[-1:] in "-–—|«»•·:":
        return start[:-1].strip()
    return title


def _author(tree: HtmlElement, metas: dict[str, list[str]], described: dict[str, str]) -> str:
    for name in _AUTHORS:
        names = [value for value in metas.get(name, ()) if not value.startswith(("http", "@"))]
        if names:
            return "، ".join(dict.fromkeys(names))
    if described.get("author"):
        return described["author"]
    for text in _texts(tree, _AUTHOR_PLACES):
        name = _BYLINE.sub("", text).strip()
        if name and not any(character.isdigit() for character in name):
            return name
    return ""


def _published(tree: HtmlElement, metas: dict[str, list[str]], described: dict[str, str]) -> str:
    candidates = [value for name in _DATES for value in metas.get(name, ())]
    candidates.append(described.get("published", ""))
    said = len(candidates)
    for place in _elements(tree, _DATE_PLACES):
        text = _text(place)
        own = place.get("datetime") or place.get("content") or ""
        candidates += [own, text]
    for candidate in candidates:
        if candidate and not _COPYRIGHT.search(candidate) and find_date(candidate):
            return candidate
    return next(filter(None, candidates[:said]), "")  # an odd one, to be told


def _texts(tree: HtmlElement, places: Iterable[str]) -> Iterator[str]:
    for element in _elements(tree, places):
        if text := _text(element):
            yield text


def _text(element: HtmlElement) -> str:
    """Return an element's text, "" where it is longer than a byline is."""
    pieces: list[str] = []
    length = 0
    for piece in element.itertext():
        pieces.append(piece)
        length += len(piece)
        if length > 4 * _MAX_BYLINE:
            return ""
    text = _clean("".join(pieces))
    return text if len(text) <= _MAX_BYLINE else ""


def _elements(tree: HtmlElement, places: Iterable[str]) -> Iterator[HtmlElement]:
    """Yield the first elements of each place that do not stand beside the text."""
    for place in places:
        for element in tree.xpath(place)[:_MAX_PLACES]:
            around = [parent.tag for parent in element.iterancestors()]
            if not _WITHIN.isdisjoint(around):  # an article has a header of its own
                around = [tag for tag in around if tag != "header"]
            if _BESIDE.isdisjoint(around):
                yield element


def _url(tree: HtmlElement, metas: dict[str, list[str]]) -> str:
    links = [
        link.get("href", "").strip()
        for link in tree.iter("link")
        if "canonical" in link.get("rel", "").lower().split()
    ]
    urls = links + metas.get("og:url", []) + metas.get("twitter:url", [])
    return next((url for url in urls if _host(url)), next(iter(urls), ""))


def _host(url: str) -> str:
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return ""
    return parts.hostname.removeprefix("www.")


def _language(tree: HtmlElement, metas: dict[str, list[str]]) -> str:
    root = tree.getroottree().getroot()
    for element in (root, *tree.iter("body")):
        for attribute in ("lang", "xml:lang"):
            if language := (element.get(attribute) or "").strip():
                return language
    return _first(metas, _LANGUAGES)


def _tags(metas: dict[str, list[str]], described: dict[str, str]) -> tuple[str, ...]:
    values = [value for name in _TAGS for value in metas.get(name, ())]
    values.append(described.get("tags", ""))
    tags = (_clean(tag) for value in values for tag in _SEPARATOR.split(value))
    return tuple(dict.fromkeys(filter(None, tags)))


def _first(metas: dict[str, list[str]], names: Iterable[str]) -> str:
    return next((metas[name][0] for name in names if name in metas), "")


def _clean(text: str) -> str:
    return " ".join(text.split())
