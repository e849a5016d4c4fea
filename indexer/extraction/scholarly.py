"""TEI (editions, corpora) and JATS (papers in journals): the text, its notes, and what its head says.

kept      paragraphs, headings, verse (a line is a line), lists, tables (a row is a line),
          figures' captions, an abstract before the text, notes after it
left out  page, column and line numbers, running heads, what an editor corrected, regularised or
          spelt out (the correction is read), variants of the apparatus, deleted text, facsimiles;
          of JATS references, formulas in TeX, other articles inside of one
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from indexer.extraction.documents import Facts, Lines, articles
from indexer.extraction.registry import Extracted, inside_of
from indexer.extraction.zipped import local
from indexer.sources import Failure
from search.addresses import is_web_address
from search.errors import SourceError

_XML = "{http://www.w3.org/XML/1998/namespace}"
_JOINED = "\ufdd0"  # a break inside of a word: no letter, and in no text
_JOIN = re.compile(rf"\s*{_JOINED}\s*")
# Of an element in the head what says it better than its text, if it is there.
_ATTRIBUTES = {"date": ("when", "when-iso"), "language": ("ident",), "ptr": ("target",)}


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What the elements of a kind of text are, by their names.

    facts     where in the head each is: names from the article's root on, to its field
    choices   left out where what stands beside it is read: inside of `choice`
    """

    roots: frozenset[str]
    texts: frozenset[str]
    blocks: frozenset[str]
    rows: frozenset[str]
    cells: frozenset[str]
    notes: frozenset[str]
    skipped: frozenset[str]
    choices: frozenset[str]
    spaces: frozenset[str]
    facts: Mapping[tuple[str, ...], str]


def _names(names: str) -> frozenset[str]:
    return frozenset(names.split())


def _paths(paths: str) -> dict[tuple[str, ...], str]:
    """Return `facts` of lines: a path with slashes, and its field."""
    pairs = (line.split() for line in paths.strip().splitlines())
    return {tuple(path.split("/")): field for path, field in pairs}


TEI = Vocabulary(
    roots=_names("TEI TEI.2"),
    texts=_names("text"),
    blocks=_names(
        "p head l lg ab item label speaker stage sp div div1 div2 div3 div4 div5 div6 div7 list table "
        "closer opener salute signed dateline trailer argument epigraph castItem "
        "titlePart docTitle byline docAuthor docImprint figure figDesc u entry sense floatingText"
    ),
    rows=_names("row"),
    cells=_names("cell"),
    notes=_names("note"),
    skipped=_names("fw del surplus rdg facsimile sourceDoc standOff graphic formula"),
    choices=_names("sic orig abbr"),
    spaces=_names("lb caesura space gap"),
    facts=_paths("""
        teiHeader/fileDesc/titleStmt/title                  title
        teiHeader/fileDesc/titleStmt/author                 author
        teiHeader/profileDesc/creation/date                 published
        teiHeader/fileDesc/publicationStmt/date             published
        teiHeader/fileDesc/publicationStmt/publisher        source
        teiHeader/fileDesc/publicationStmt/idno             url
        teiHeader/fileDesc/publicationStmt/ptr              url
        teiHeader/profileDesc/langUsage/language            language
        teiHeader/profileDesc/textClass/keywords/term       tags
        teiHeader/profileDesc/textClass/keywords/list/item  tags
    """),
)
JATS = Vocabulary(
    roots=_names("article"),
    texts=_names("abstract trans-abstract body back"),
    blocks=_names(
        "p title sec list list-item disp-quote caption verse-group verse-line attrib def term "
        "boxed-text table-wrap table fig ack app speech speaker statement supplementary-material"
    ),
    rows=_names("tr"),
    cells=_names("td th"),
    notes=_names("fn"),
    skipped=_names("ref-list tex-math sub-article response graphic media object-id label"),
    choices=frozenset(),
    spaces=_names("break"),
    facts=_paths("""
        front/article-meta/title-group/article-title       title
        front/article-meta/contrib-group/contrib/name/surname      surname
        front/article-meta/contrib-group/contrib/name/given-names  given
        front/article-meta/contrib-group/contrib/name      author
        front/article-meta/contrib-group/contrib/string-name       author
        front/article-meta/contrib-group/contrib/collab    author
        front/article-meta/pub-date/year                   year
        front/article-meta/pub-date/month                  month
        front/article-meta/pub-date/day                    day
        front/article-meta/pub-date                        published
        front/article-meta/kwd-group/kwd                   tags
        front/journal-meta/journal-title-group/journal-title       source
        front/journal-meta/journal-title                   source
        front/article-meta/article-id                      url
    """),
)


class Scholarly:
    """Takes the elements of texts of a kind, and has their articles (`xml_kinds.Kind`)."""

    def __init__(self, vocabulary: Vocabulary, *, many: bool = False) -> None:
        self.done: list[Extracted | Failure] = []
        self._words = vocabulary
        self._many = many
        self._path: list[str] = []  # from the article's root on
        self._number = 0
        self._begin({})

    def _begin(self, attrib: Mapping[str, str]) -> None:
        self._lines: Lines[None] = Lines()
        self._noted: Lines[None] = Lines()
        self._facts: dict[str, list[str]] = {}
        self._head: list[tuple[int, Mapping[str, str]]] = []  # of each open element: its pieces
        self._pieces: list[str] = []
        self._in_text = self._skipped = self._in_notes = 0  # elements in each other
        self._language = attrib.get(f"{_XML}lang", "")
        self._id = attrib.get(f"{_XML}id", "") if self._many else ""

    def start(self, tag: str, attrib: dict[str, str]) -> None:
        name = local(tag)
        if not self._path:
            if name in self._words.roots:  # else around the articles, or a corpus's own head
                self._path.append(name)
                self._begin(attrib)
            return
        self._path.append(name)
        if self._skipped or self._is_skipped(name, attrib):
            self._skipped += 1
        elif self._in_text or name in self._words.texts:
            self._language = self._language or attrib.get(f"{_XML}lang", "")
            self._in_text += 1
            self._start_text(name, attrib)
        else:
            self._head.append((len(self._pieces), dict(attrib)))

    def end(self, tag: str) -> None:  # noqa: ARG002
        if not self._path:
            return
        path = tuple(self._path[1:])
        name = self._path.pop()
        if self._skipped:
            self._skipped -= 1
        elif self._in_text:
            self._end_text(name)
            self._in_text -= 1
        elif self._path:
            start, attrib = self._head.pop()
            if field := self._words.facts.get(path):
                text = " ".join("".join(self._pieces[start:]).split())
                self._take(field, name, text, attrib)
            if not self._head:
                self._pieces.clear()
        else:
            self._end_article()

    def data(self, data: str) -> None:
        if self._in_text and not self._skipped:
            self._current().add(data)
        elif self._head and not self._skipped:
            self._pieces.append(data)

    def note(self) -> str:
        return ""

    def _current(self) -> Lines[None]:
        return self._noted if self._in_notes else self._lines

    def _is_skipped(self, name: str, attrib: Mapping[str, str]) -> bool:
        words, parent = self._words, self._path[-2]
        mark = name == "xref" and (attrib.get("ref-type") == "fn" or parent == "sup")
        return name in words.skipped or (name in words.choices and parent == "choice") or mark

    def _start_text(self, name: str, attrib: Mapping[str, str]) -> None:
        words = self._words
        if name in words.notes:
            self._in_notes += 1
            self._noted.end()
        elif attrib.get("break") == "no":
            self._current().add(_JOINED)
        elif name in words.spaces:
            self._current().add(" ")
        elif name in words.rows:
            self._current().row()
        elif name in words.cells:
            self._current().cell()
        elif name in words.blocks or name in words.texts:
            self._current().end()

    def _end_text(self, name: str) -> None:
        words = self._words
        if name in words.rows:
            self._current().end_row()
        elif name in words.blocks or name in words.cells or name in words.texts:
            self._current().end(heading=name in ("head", "title"))
        elif name in words.notes:
            self._noted.end()
            self._in_notes -= 1

    def _take(self, field: str, name: str, text: str, attrib: Mapping[str, str]) -> None:
        """Take what stands at a place of the head that is a field's."""
        facts = self._facts
        if name == "name":  # of JATS, in whatever order it has the parts
            text = " ".join((*facts.pop("given", ()), *facts.pop("surname", ()))) or text
        elif name == "pub-date":
            parts = [facts.pop(part, [""])[0] for part in ("year", "month", "day")]
            text = attrib.get("iso-8601-date") or "-".join(p.zfill(2) for p in parts if p)
        elif name == "article-id":
            text = f"https://doi.org/{text}" if attrib.get("pub-id-type") == "doi" else ""
        elif name in _ATTRIBUTES:
            text = next(filter(None, map(attrib.get, _ATTRIBUTES[name])), text)
        written_by = self._head[-1][1].get("contrib-type", "author") if self._head else "author"
        if text and (field != "author" or written_by == "author"):
            facts.setdefault(field, []).append(text)

    def _end_article(self) -> None:
        self._number += 1
        facts = self._facts
        addresses = filter(is_web_address, facts.get("url", ()))
        said = Facts(
            title=next(iter(facts.get("title", ())), ""),
            author="، ".join(dict.fromkeys(facts.get("author", ()))),
            source=next(iter(facts.get("source", ())), ""),
            language=self._language or next(iter(facts.get("language", ())), ""),
            published=max(facts.get("published", [""]), key=len),  # the one that names a day
            tags=tuple(facts.get("tags", ())),
            url=next(addresses, ""),
        )
        lines = (line.text for line in (*self._lines.done, *self._noted.done))
        place = str(self._number) if self._many else ""
        try:
            plain = (_JOIN.sub("", line) for line in lines)
            for found in articles(plain, said, size=0, headings=self._lines.headings):
                if self._many:
                    own = {"id": self._id} if self._id and not found.inside else {}
                    known = {**own, **found.fields}
                    found = replace(found, fields=known, place=place, inside=inside_of(known))
                self.done.append(found)
        except SourceError as error:
            self.done.append(Failure(place, error.code, str(error)))
        self._begin({})
