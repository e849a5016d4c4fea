"""The text index: Tantivy over pre-analysed terms. Everything given to it was bounded before.

Only this module imports tantivy. Nothing a person typed is ever parsed by it:
queries are built from clauses, because its parser crashes on some texts
(12,000 parentheses: SIGSEGV).
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from search.article_ids import parsed
from search.domain import LAYERS, PHRASE_LAYERS, Layer
from search.engines.checks import is_unicode
from search.engines.embedded.queries import Spell, Translator, is_constant
from search.engines.embedded.reading import Terms
from search.engines.embedded.rows import ArticleRow
from search.engines.protocol import RankRequest
from search.errors import EngineUnavailable
from search.query.clauses import Boost, Clause, Everything, Term

if TYPE_CHECKING:
    import tantivy

    _Hits = list[tuple[Any, tantivy.DocAddress]]

SEGMENTS = "meta.json"  # Tantivy's own list of them, in their folder
FORMAT = 4  # of the fields below; another one means the index is built anew
# Bytes a thread gathers before it writes a segment, used as they are needed. With 15 MB, Tantivy's
# least, 256 passages of four sentences became three segments and took half as much time again;
# 2,048 took three times as long.
_HEAP = 128_000_000
_BULK = 2_000  # passages from which several threads add them, which leave a segment each
_SLACK = 28  # hits asked beyond the limit, so that a tie at the cut is usually seen whole
# Of passages and of what is known of their articles, each a term as it is.
_RAW = (
    "passage_id", "article_id", "collection", "source", "author", "language", "tags", "year",
)  # fmt: skip
_KEPT_BITS = np.uint32(0xFFFFFE00)  # 14 bits of a score's mantissa: steps of 0.006 %


class TextIndexError(EngineUnavailable):
    """The text index's files are not what was written, or Tantivy failed on them."""


@contextmanager
def native() -> Iterator[None]:
    """Tell Tantivy's errors as TextIndexError: ValueError, OSError, or a panic of Rust."""
    try:
        yield
    except BaseException as error:
        # A panic derives from BaseException and its class cannot be imported.
        panic = type(error).__name__ == "PanicException"
        if panic or isinstance(error, (ValueError, OSError, RuntimeError)):
            why = str(error).split("\n", 1)[0]
            raise TextIndexError(
                f"Tantivy failed on the text index: {why}. If it happens again, delete the folder "
                "`text`: it is built anew from the record"
            ) from error
        raise


def _schema() -> tantivy.Schema:
    import tantivy

    builder = tantivy.SchemaBuilder()
    for layer in LAYERS:
        option = "position" if layer in PHRASE_LAYERS else "freq"
        builder.add_text_field(layer, tokenizer_name="terms", index_option=option)
    for name in _RAW:
        builder.add_text_field(name, tokenizer_name="raw", index_option="basic", fast=True)
    builder.add_unsigned_field("article", indexed=True)
    builder.add_unsigned_field("number", fast=True)
    builder.add_unsigned_field("published", indexed=True, fast=True)
    return builder.build()


def _open(folder: Path, *, create: bool = False) -> tantivy.Index:
    import tantivy

    index = (
        tantivy.Index(_schema(), path=str(folder)) if create else tantivy.Index.open(str(folder))
    )
    words = tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.whitespace()).build()
    index.register_tokenizer("terms", words)
    # The other readers have a thread that polls the folder. Opening starts one; it ends with this,
    # but may, later, load the segments once and so put `.tantivy-meta.lock` into the folder.
    index.config_reader("manual")
    return index


def change(
    folder: Path,
    removed: Sequence[int],
    added: Iterator[Terms],
    *,
    passages: int,
) -> None:
    """Apply changes to the index in `folder`, made if it is empty.

    Returns when every merge is done and no thread of Tantivy touches the segments.

    Args:
        folder: nobody else writes there.
        removed: keys of articles that went.
        added: passages to add.
        passages: about how many they are.
    """
    with native():
        anew = not (folder / SEGMENTS).exists()
        index = _open(folder, create=anew)
        threads = min(4, os.cpu_count() or 1) if passages > _BULK else 1
        writer = index.writer(_HEAP, threads)
        _remove(index, writer, removed)
        for about, number, terms in added:
            _add(writer, about, number, terms)
        writer.commit()
        writer.wait_merging_threads()


def counted(segments: str) -> tuple[int, int]:
    """Return how many passages a list of segments has, and how many more are gone but not merged away.

    BM25 counts both. Raises TextIndexError.
    """
    try:
        each_one = json.loads(segments)["segments"]
        written = sum(each["max_doc"] for each in each_one)
        gone = sum(each["deletes"]["num_deleted_docs"] for each in each_one if each["deletes"])
    except (ValueError, KeyError, TypeError) as error:
        raise TextIndexError("its list of segments cannot be read") from error
    return written - gone, gone


def listed(folder: Path) -> list[str]:
    """Return the names of the files in a folder that are of the segments listed there."""
    each_one = json.loads((folder / SEGMENTS).read_text("utf-8"))["segments"]
    # <segment>.<kind>, and which of its passages are gone: <segment>.<operation>.del
    gone = {each["segment_id"].replace("-", ""): each["deletes"] for each in each_one}
    removals = {f"{segment}.{its['opstamp']}.del" for segment, its in gone.items() if its}
    names = (name for name in os.listdir(folder) if name.split(".", 1)[0] in gone)  # noqa: PTH208
    return sorted(name for name in names if not name.endswith(".del") or name in removals)


def _remove(index: tantivy.Index, writer: tantivy.IndexWriter, articles: Sequence[int]) -> None:
    import tantivy

    if articles:
        # By query: delete_documents_by_term takes a number for a signed one and finds nothing.
        gone = tantivy.Query.term_set_query(index.schema, "article", list(articles))
        writer.delete_documents_by_query(gone)


def _add(
    writer: tantivy.IndexWriter, about: ArticleRow, first: int, terms: Sequence[Sequence[str]]
) -> None:
    import tantivy

    published, day = about.published_on(), about.published
    of_article = [
        ("article_id", about.id),
        ("collection", parsed(about.id)[0]),
        ("source", about.source),
        ("author", about.author),
        ("language", about.language),
        *(("tags", tag) for tag in dict.fromkeys(about.tag_values())),
        ("year", day[:4]),
    ]
    for number, layers in enumerate(terms, first):
        document = tantivy.Document()
        own = ("passage_id", f"{about.id}#{number - about.first}")
        for name, value in (*zip(LAYERS, layers, strict=True), own, *of_article):
            if value:
                document.add_text(name, value)  # the same by keywords takes 1.3 times as long
        document.add_unsigned("number", number)
        document.add_unsigned("article", about.key)
        if published is not None:
            document.add_unsigned("published", published.toordinal())
        writer.add_document(document)


class TextIndex:
    """An opened text index of one moment. May be searched from many threads.

    Attributes:
        record, sequence, last: of which record and commit it is; the greatest passage number
            that it knows of.
    """

    def __init__(self, folder: Path, record: str, sequence: int, last: int) -> None:
        self.record = record
        self.sequence = sequence
        self.last = last
        with native():
            self._index = _open(folder)
            self._searcher = self._index.searcher()
            _, self._removed = counted((folder / SEGMENTS).read_text("utf-8"))
        self._schema = self._index.schema

    @property
    def passages(self) -> int:
        return self._searcher.num_docs

    @property
    def segments(self) -> int:
        return self._searcher.num_segments

    def rank(
        self, request: RankRequest, spell: Spell, hidden: Sequence[int] = ()
    ) -> tuple[NDArray[np.int64], NDArray[np.float32], int]:
        """Return numbers and scores of at least the best `request.limit`, and how many match.

        All passages that tie with the last of the best are among them; the
        caller cuts by id. Scores are rounded to 14 bits: Tantivy adds a
        passage's scores in an order that depends on its neighbours, so that
        equal passages would differ in the last bits otherwise.
        """
        clause = Everything() if request.clause is None else request.clause
        translate = Translator(self._schema, spell)
        query = translate.query(clause, request.filter, hidden, request.constraint)
        with native():
            if is_constant(clause):
                hits, scores, total = self._first_ids(query, max(1, request.limit))
            else:
                hits, scores, total = self._best(query, request.limit)
            numbers = self._searcher.fast_field_values("number", [at for _, at in hits])
        return np.array(numbers, np.int64), scores, total

    def _best(self, query: tantivy.Query, limit: int) -> tuple[_Hits, NDArray[np.float32], int]:
        ask = limit + _SLACK
        while True:
            result = self._searcher.search(query, ask, count=True)
            hits, total = result.hits, _count(result)
            scores = _rounded([score for score, _ in hits])
            cut = min(limit, len(scores))
            if len(scores) >= total or not cut or scores[-1] < scores[cut - 1]:
                return hits, scores, total
            ask = min(ask * 16, total)

    def _first_ids(
        self, query: tantivy.Query, limit: int
    ) -> tuple[_Hits, NDArray[np.float32], int]:
        """Rank a query whose matches all tie: by id, without looking at every one of them."""
        import tantivy

        scored = self._searcher.search(query, 1, count=True)
        score = _rounded([score for score, _ in scored.hits])
        ordered = self._searcher.search(
            query, limit, count=False, order_by_field="passage_id", order=tantivy.Order.Asc
        )
        return ordered.hits, np.repeat(score, len(ordered.hits)), _count(scored)

    def matching(self, clause: Clause, spell: Spell) -> NDArray[np.int64]:
        """Return the numbers of all passages a clause matches, in order."""
        import tantivy

        query = Translator(self._schema, spell).query(Boost(clause, 0.0))
        # In that order a hit brings its number; by score they are looked up, 3.7 for 2.2 ms.
        most, order = max(1, self.passages), tantivy.Order.Asc
        with native():
            hits = self._searcher.search(
                query, most, count=False, order_by_field="number", order=order
            ).hits
        return np.array([number for number, _ in hits], np.int64)

    def common(self, clauses: Iterable[Clause], least: int) -> set[Term]:
        """Return the terms among clauses that so many passages have, or had of late."""
        terms = [c for c in clauses if isinstance(c, Term) and is_unicode(c.value)]
        with native():
            return {t for t in terms if self._searcher.doc_freq(t.layer, t.value) >= least}

    def frequency(self, term: Term) -> int:
        """Return how many passages have a term."""
        if not is_unicode(term.value):
            return 0
        with native():
            most = int(self._searcher.doc_freq(term.layer, term.value))
            if not self._removed or not most:
                return most
            # doc_freq still counts what was removed and not yet merged away.
            query = Translator(self._schema).query(term)
            return _count(self._searcher.search(query, 1, count=True))

    def terms_with_prefix(self, layer: Layer, prefix: str, limit: int) -> list[tuple[str, int]]:
        if not is_unicode(prefix):
            return []
        import tantivy

        with native():
            found = self._searcher.terms_with_prefix(
                layer, prefix, filter_query=tantivy.Query.all_query()
            )
        return sorted(found, key=lambda pair: (-pair[1], pair[0]))[:limit]


def _count(result: tantivy.SearchResult) -> int:
    return int(result.count)  # type: ignore[attr-defined]  # missing in its stubs


def _rounded(scores: Sequence[float]) -> NDArray[np.float32]:
    bits = np.array(scores, np.float32).view(np.uint32)
    return ((bits + np.uint32(0x100)) & _KEPT_BITS).view(np.float32)
