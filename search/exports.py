"""Exports results: a table as CSV, citations as BibTeX and RIS. Pure."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlencode

from search.addresses import web_address
from search.domain import ArticleInfo, Hit, Results

if TYPE_CHECKING:
    from search.annotations.domain import Anchored

Format = Literal["csv", "bibtex", "ris"]
FORMATS: tuple[Format, ...] = ("csv", "bibtex", "ris")
COLUMNS = (
    "rank", "match", "score", "article", "title", "source", "author", "published", "passage", "place",
    "text",
)  # fmt: skip
ANNOTATION_COLUMNS = (
    "id", "anchor", "article", "title", "source", "author", "published", "passage", "labels", "note",
    "quote", "text", "created", "changed",
)  # fmt: skip
BYTE_ORDER_MARK = "\ufeff"  # without it spreadsheets take UTF-8 for another encoding
# What a spreadsheet takes for a formula, or drops before one.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_KEY = 12  # hexadecimal digits of an article's key in BibTeX
_ESCAPED = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        **{char: f"\\{char}" for char in "{}%&$#_"},
    }
)
_IN_URL = str.maketrans({"{": "%7B", "}": "%7D", "\\": "%5C", "%": r"\%"})


def exported(
    results: Results, format: Format, cited: Mapping[str, str] = MappingProxyType({})
) -> str:
    """Return an answer's page: a row of CSV for each hit, or an entry for each article.

    Args:
        cited: the address that names an article's edition (`citation`), by the article's id.
    """
    if format == "csv":
        return as_csv(results)
    articles = {hit.article.id: hit.article for hit in all_hits(results)}
    pages: dict[str, dict[str, None]] = {key: {} for key in articles}
    for hit in all_hits(results):
        if hit.passage.place and hit.passage.place.kind in ("page", "scan"):
            pages[hit.article.id][hit.passage.place.value.partition(" (")[0]] = None
    entry = bibtex if format == "bibtex" else ris
    return "".join(
        entry(its, ", ".join(pages[key]), cited.get(key, "")) for key, its in articles.items()
    )


def citation(server: str, article_id: str, edition: str) -> str:
    """Return the address of an article's page that says when there is a newer edition.

    Args:
        server: its page's address, with a slash at the end.
    """
    return f"{server}?{urlencode({'article': article_id, 'edition': edition}, errors='replace')}"


def all_hits(results: Results) -> tuple[Hit, ...]:
    """Return the hits of an answer in order, those of groups too."""
    if results.groups is None:
        return results.hits
    return tuple(hit for group in results.groups for hit in group.hits)


def as_csv(results: Results) -> str:
    """Return a table of the hits with the columns' names above (RFC 4180)."""
    hits = enumerate(all_hits(results), start=results.query.start + 1)
    return table(COLUMNS, ({"rank": rank, **cells_of(hit)} for rank, hit in hits))


def table(columns: Sequence[str], rows: Iterable[Mapping[str, object]]) -> str:
    """Return rows as CSV under their columns' names, no cell of which a spreadsheet runs."""
    stream = io.StringIO()
    lines = csv.writer(stream)
    lines.writerow(columns)
    lines.writerows([harmless(row[name]) for name in columns] for row in rows)
    return BYTE_ORDER_MARK + stream.getvalue()


def harmless(cell: object) -> object:
    """Return a cell that no spreadsheet runs: a text like a formula has an apostrophe before it."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell


def cells_of(hit: Hit) -> Mapping[str, object]:
    """Return a hit's cells by column, but for `rank`."""
    return {
        "match": hit.match.level,
        "score": round(hit.score, 4),
        **cells_about(hit.article),
        "passage": hit.passage.id,
        "place": str(hit.passage.place or ""),
        "text": hit.passage.text,
    }


def annotations_csv(found: Iterable[Anchored]) -> str:
    """Return a table of annotations; `quote` is the passage as it was, `text` as it is."""
    return table(ANNOTATION_COLUMNS, map(_annotation_cells, found))


def _annotation_cells(found: Anchored) -> Mapping[str, object]:
    own = found.annotation
    return {
        **cells_about(found.article or ArticleInfo(own.article)),
        "id": own.id,
        "anchor": found.anchor,
        "passage": found.passage.id if found.passage else "",
        "labels": ", ".join(own.labels),
        "note": own.note,
        "quote": own.quote,
        "text": found.passage.text if found.passage else "",
        "created": own.created,
        "changed": own.changed,
    }


def cells_about(article: ArticleInfo) -> Mapping[str, object]:
    """Return an article's cells by column."""
    return {
        "article": article.id,
        "title": article.title,
        "source": article.source,
        "author": article.author,
        "published": article.published.isoformat() if article.published else "",
    }


def bibtex(article: ArticleInfo, pages: str = "", cited: str = "") -> str:
    """Return an article as an entry of BibTeX; the same article has the same key always.

    `pages` are those of its passages that were found, `cited` is the address of its edition.
    """
    key = hashlib.sha256(article.id.encode("utf-8", "surrogatepass")).hexdigest()[:_KEY]
    fields = {
        "title": _escaped(article.title),
        "author": f"{{{_escaped(article.author)}}}" if article.author else "",
        "journal": _escaped(article.source),
        "year": f"{article.published.year:04}" if article.published else "",
        "date": article.published.isoformat() if article.published else "",
        "pages": _escaped(pages),
        "keywords": ", ".join(map(_escaped, article.tags)),
        "language": _escaped(article.language),
        "url": web_address(article.url).translate(_IN_URL),
        "note": _escaped(cited),
    }
    lines = [f"  {name} = {{{value}}},\n" for name, value in fields.items() if value]
    kind = "article" if article.source else "misc"
    return f"@{kind}{{fihris-{key},\n{''.join(lines)}}}\n"


def ris(article: ArticleInfo, pages: str = "", cited: str = "") -> str:
    """Return an article as a record of RIS, its lines ended as the format asks."""
    fields = _ris_fields(article, pages, cited)
    return "".join(f"{tag}  - {_in_a_line(value)}\r\n" for tag, value in fields)


def _ris_fields(article: ArticleInfo, pages: str, cited: str) -> Iterator[tuple[str, str]]:
    yield "TY", "NEWS" if article.source else "GEN"
    yield "ID", article.id
    known = [("TI", article.title), ("AU", article.author), ("T2", article.source)]
    if article.published:
        known += [("PY", f"{article.published.year:04}")]
        known += [("DA", article.published.isoformat().replace("-", "/"))]
    known += [("SP", pages), ("LA", article.language), *(("KW", tag) for tag in article.tags)]
    known += [("UR", web_address(article.url)), ("N1", cited)]
    yield from ((tag, value) for tag, value in known if value)
    yield "ER", ""


def _escaped(text: str) -> str:
    return _in_a_line(text).translate(_ESCAPED)


def _in_a_line(text: str) -> str:
    return " ".join(text.split())
