"""Runs a search: parse, embed, rank, fuse, fetch, highlight. No other module calls all of these."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Self

from search.analysis.tokens import Token
from search.analysis.transliteration import (
    NO_FORMS,
    Forms,
    forms_of,
    may_have_forms,
    meaning_in_arabic,
    prefixes_of,
)
from search.article_ids import article_of_passage
from search.domain import (
    NO_FILTER,
    DidYouMean,
    Filter,
    GroupBy,
    Mode,
    Query,
    Relaxation,
    Results,
    Segment,
    StoredPassage,
    Vector,
)
from search.embedding import Embedder
from search.embedding.centring import CentredQueries
from search.engines.protocol import Engine, Rankings, RankRequest
from search.errors import EmbedderError, PageTooDeep
from search.limits import MAX_RESULTS, MAX_SIZE
from search.query.clauses import Term
from search.query.expansion import forms_of_roots
from search.query.matching import constraint, near_clause, stem_terms, text_clause
from search.query.misspellings import Meant, counted, may_be_misspelt, misspelt
from search.query.parse import ParsedQuery, parse
from search.query.synonyms import SynonymFile, with_synonyms
from search.query.validation import check_query
from search.ranking.counting import (
    MOST_HITS,
    by_article,
    count_search,
    with_counts,
)
from search.ranking.first_hits import FirstHits, in_order
from search.ranking.fusion import basis, coverage, in_one
from search.ranking.highlight import Marker
from search.ranking.hits import hits_of, searched_also, total_of, understood
from search.ranking.levels import Levels

if TYPE_CHECKING:
    from search.suggesting import Suggester, Suggestions

logger = logging.getLogger(__name__)


# How many passages are ranked. A page is cut from the shortest ranking that holds it, so that
# pages of one length neither repeat nor lose a hit.
DEPTHS = (100, 1_000, MAX_RESULTS)

# Of the words that sound alike only the most frequent are compared with a Latin spelling.
MAX_TERMS_OF_A_SOUND = 600

# With the spread in `centring`, by cross-validation over five sets (docs/EVALUATION.md). Hybrid
# nDCG@10 with .5 and 1.4, with .33 and 2.25: tydi-ar .9495 -> .9546, with titles .9696 -> .9730
# (p < .002), the seed .9188 -> .9209, xquad-ar .9771 -> .9763, xquad-en-ar .9173 -> .9171 (chance).
KEYWORD_WEIGHT = 0.33


class _Clock:
    """Milliseconds by stage."""

    def __init__(self) -> None:
        self._begun = time.perf_counter()
        self._stages: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        begun = time.perf_counter()
        yield
        self._stages[name] = (time.perf_counter() - begun) * 1000

    def took_ms(self, engine: Mapping[str, float]) -> dict[str, float]:
        whole = (time.perf_counter() - self._begun) * 1000
        return {k: round(v, 3) for k, v in {**self._stages, **engine, "total": whole}.items()}


@dataclass(frozen=True, slots=True)
class Found:
    """A page of passage ids with their scores, and everything it was made from.

    `weight` is that of the text ranking in a hybrid search, `vector` the query's.
    """

    page: list[tuple[str, float]]
    rankings: Rankings
    request: RankRequest  # that ranked by words
    misspelt: tuple[Meant, ...]
    stored: Mapping[str, StoredPassage]  # what was read already
    reranked: Mapping[str, float]
    parsed: ParsedQuery
    forms: Forms
    asked: Query  # what is answered: by words where the model failed
    degraded: tuple[str, ...]
    relaxed: bool
    vector: Vector | None
    weight: float
    spread: float
    copies: Mapping[str, tuple[StoredPassage, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FirstPassages:
    """The first passages of a search with their texts, and what marks the query's words in them.

    `answer` has no hits; `request` is what found the passages by words.
    """

    passages: tuple[StoredPassage, ...]
    marker: Marker
    levels: Levels
    request: RankRequest
    answer: Results


class Searcher:
    """Answers queries over one engine. Safe to use from many threads.

    Without an embedder every search is by keyword, and its answer says `degraded: semantic`. It
    says `degraded: behind` if the engine cannot search the newest articles by words yet. With
    `first_hits` a reranker orders the first hits; if it fails or is late, their order stays as it
    was, and the answer says `degraded: rerank`.
    """

    def __init__(
        self,
        engine: Engine,
        embedder: Embedder | None,
        first_hits: FirstHits | None = None,
        synonyms: SynonymFile | None = None,
    ) -> None:
        self.engine = engine
        self.embedder = embedder
        self._first_hits = first_hits
        self.synonyms = synonyms
        self._preparing: threading.Thread | None = None  # of the model
        # Counting goes on while hits are fetched and marked.
        self._beside = ThreadPoolExecutor(thread_name_prefix="fihris-count")
        self.queries = CentredQueries(embedder) if embedder is not None else None

    def search(self, query: Query) -> Results:
        """Return the hits, or articles, `start .. start + size` of a query, best first.

        Raises:
            InputError: the text, mode, size or start is out of bounds; names the field.
            PageTooDeep: the page ends past hit 10,000.
            EngineError: the engine cannot answer.
        """
        check_query(query)
        clock = _Clock()
        is_plain = not (query.group_by or query.collapse)
        found = self._find(query, clock) if is_plain else self._find_together(query, clock)
        rankings, page, stored = found.rankings, found.page, dict(found.stored)
        counting = None
        if query.counts:
            ids = (
                tuple(dict.fromkeys(article_of_passage(key) for key, _ in page))
                if query.group_by
                else ()
            )
            counting = self._beside.submit(
                count_search, self.engine, found.asked, found.request, ids
            )
        with clock.stage("fetch"):
            self._fetch(page, stored)
        with clock.stage("highlight"):
            marker = Marker(found.parsed, found.forms, found.misspelt)
            levels = Levels(found.parsed, found.forms, found.misspelt)
            ranks = rankings if query.sort == "relevance" else replace(rankings, text=())
            hits = hits_of(page, stored, ranks, marker, levels, found.reranked)
        if query.explain:
            from search.ranking.explaining import explained

            with clock.stage("explain"):
                hits = explained(hits, found, self.engine, self.embedder, marker, levels)
        counts = self._counts(found, is_empty=not hits)
        meant: DidYouMean | None = None
        less: tuple[Relaxation, ...] = ()
        if query.variants and not query.start and (found.misspelt or not rankings.text):
            from search.ranking.corrections import did_you_mean, relaxations

            with clock.stage("corrections"):
                asked = (self.engine, found.asked, found.parsed)
                meant = did_you_mean(
                    *asked,
                    found.misspelt,
                    counts,
                    hits,
                    is_full=bool(rankings.text) and len(hits) >= query.size,
                )
                less = relaxations(*asked, counts) if not hits else ()
        under = sum(map(len, found.copies.values()))
        if under:
            hits = tuple(replace(h, copies=found.copies.get(h.passage.id, ())) for h in hits)
        results = Results(
            query=query,
            hits=hits,
            collapsed=under,
            total=total_of(found.asked, rankings, seen=query.start + len(hits) + under),
            took_ms=clock.took_ms(rankings.took_ms),
            degraded=found.degraded,
            searched_also=searched_also(found.parsed, found.forms),
            understood=understood(found.parsed, counts),
            relaxed=found.relaxed,
            did_you_mean=meant,
            relaxations=less,
        )
        if counting is not None:
            with clock.stage("count"):
                results = with_counts(results, counting.result())
            results = replace(results, took_ms=clock.took_ms(rankings.took_ms))
        return results

    def marked(self, query: Query, texts: Sequence[str]) -> list[tuple[Segment, ...]]:
        """Return texts in segments, marked as a search by words marks its hits.

        Raises InputError where the query is too long, EngineError.
        """
        parsed = self._parsed(query)
        forms = {**self._latin(query, parsed), **forms_of_roots(parsed)}
        known = self.engine.rank(RankRequest(frequencies=_counted(parsed, "keyword")))
        unknown = misspelt(parsed, known.frequencies, known.passages, forms)
        marker = Marker(parsed, forms, unknown)
        return marker.highlight_all(texts)

    def first(self, query: Query, count: int) -> FirstPassages:
        """Return the first passages of a search, COUNT at most. Raises as `search`."""
        check_query(query)
        clock = _Clock()
        found = self._find(replace(query, start=0, size=count), clock)
        stored = dict(found.stored)
        with clock.stage("fetch"):
            self._fetch(found.page, stored)
        answer = Results(
            query=query,
            hits=(),
            total=total_of(found.asked, found.rankings, seen=len(found.page)),
            took_ms=clock.took_ms(found.rankings.took_ms),
            degraded=found.degraded,
            searched_also=searched_also(found.parsed, found.forms),
            relaxed=found.relaxed,
        )
        return FirstPassages(
            tuple(stored[key] for key, _ in found.page if key in stored),
            Marker(found.parsed, found.forms, found.misspelt),
            Levels(found.parsed, found.forms, found.misspelt),
            found.request,
            answer,
        )

    def similar(
        self,
        id: str,
        *,
        mode: Mode = "hybrid",
        size: int = 10,
        filter: Filter = NO_FILTER,
        group_by: GroupBy = "",
    ) -> Results:
        """Return the passages most like a passage, or the articles most like an article.

        Never its own article's. The query of the answer has the words that were looked for.

        Args:
            id: of a passage; with `group_by` "article" of an article.

        Raises:
            NotFound: there is none of this id.
            InputError: mode or size is out of bounds; names the field.
            EngineError: the engine cannot answer.
        """
        from search.ranking.similar import find_similar

        query = Query("", mode, size, filter=filter, group_by=group_by)
        check_query(query)
        clock = _Clock()
        spread = 0.0 if mode == "keyword" or self.queries is None else self.queries.spread
        results = find_similar(self.engine, id, query, KEYWORD_WEIGHT, spread)
        return replace(results, took_ms=clock.took_ms({}))

    def suggest(self, text: str, size: int = 8) -> Suggestions:
        """Return queries that go on as a text does: words, names and titles of the collection.

        Args:
            text: what was typed so far; its last word is completed, its clitics kept.
            size: how many, 1 to 20.

        Raises:
            InputError: the text is too long, or the size out of bounds; names the field.
            EngineError: the engine cannot answer.
        """
        return self._suggester.suggest(text, size)

    @cached_property
    def _suggester(self) -> Suggester:
        from search.suggesting import Suggester

        return Suggester(self.engine, self._beside)

    def _counts(self, found: Found, *, is_empty: bool) -> Mapping[Term, int]:
        """Return the passages that have a form of each word; where nothing is found, of all."""
        terms = stem_terms(found.parsed) if is_empty else ()
        if found.rankings.frequencies.keys() >= set(terms):
            return found.rankings.frequencies
        return self.engine.rank(RankRequest(frequencies=terms)).frequencies

    def ranked(self, query: Query) -> tuple[list[str], tuple[str, ...]]:
        """Return the passage ids of what `search` finds, and what it is `degraded` by.

        Their texts are not read, but for a reranker: a hundred hits take a fraction of the
        time. Raises as `search`.
        """
        check_query(query)
        found = self._find(query, _Clock())
        return [key for key, _ in found.page], found.degraded

    def _find_together(self, query: Query, clock: _Clock) -> Found:
        """Find the hits of a page, or its articles' best passages, near copies under others.

        The page is cut from the shallowest ranking that holds it.
        """
        end = query.start + query.size
        for depth in DEPTHS:
            if depth < end:
                continue
            found = self._find(replace(query, start=0, size=depth), clock)
            units = by_article(found.page) if query.group_by else [[hit] for hit in found.page]
            if query.collapse:
                with clock.stage("collapse"):
                    units, found = self._collapsed(units, found)
            if len(units) >= end or len(found.page) < depth:
                break
        else:
            if query.group_by and len(units) <= query.start:
                raise PageTooDeep(
                    f"the page begins at article {query.start:,}; the first {MAX_RESULTS:,} passages"
                    f" are of {len(units):,} articles: narrow the query or add a filter",
                    field="start",
                )
        shown = units[query.start : end]
        return replace(found, page=[hit for hits in shown for hit in hits[:MOST_HITS]])

    def _collapsed(
        self, units: list[list[tuple[str, float]]], found: Found
    ) -> tuple[list[list[tuple[str, float]]], Found]:
        from search.ranking.duplicates import WINDOW, collapsed

        stored = dict(found.stored)
        window = found.page[:WINDOW]
        self._fetch(window, stored)
        read = {key: stored[key] for key, _ in window if key in stored}
        units, copies = collapsed(units, read)
        return units, replace(found, stored=stored, copies=copies)

    def _find(self, query: Query, clock: _Clock) -> Found:
        if query.sort != "relevance":  # by meaning every passage is a hit, so only words can match
            query = replace(query, mode="keyword")
        with clock.stage("parse"):
            parsed = self._parsed(query)
        with clock.stage("vocabulary"):
            forms = self._latin(query, parsed)
        meaning = _meaning(parsed, forms)
        forms = {**forms, **forms_of_roots(parsed)}
        with clock.stage("embed"):
            vector, degraded = self._embed(meaning, query.mode)
        if degraded:  # without the model, the query is answered by words alone
            match = None if query.match == "meaning" else query.match
            query = replace(query, mode="keyword", match=match)
        with clock.stage("rank"):
            rankings, unknown, request = self._rank(query, parsed, vector, forms)
            if relaxed := not (rankings.text or rankings.vector) and parsed.relaxed() != parsed:
                parsed = parsed.relaxed()
                rankings, unknown, request = self._rank(query, parsed, vector, forms)
        with clock.stage("fuse"):
            known = coverage(rankings.frequencies, rankings.passages, forms)
            if (parsed.prefixes() or parsed.synonyms) and rankings.text:
                known = known or 1.0  # its prefix or synonym was found
            weight = KEYWORD_WEIGHT * known
            spread = 0.0 if vector is None or self.queries is None else self.queries.spread
            based = basis(query.mode, rankings, spread, weight)
            ranked = in_one(rankings, based, weight, spread)
        stored = dict(rankings.passages_read)
        reranked: Mapping[str, float] | None = {}
        reranker = self._first_hits if query.sort == "relevance" else None
        if reranker is not None and meaning and query.start < reranker.most:
            with clock.stage("rerank"):
                first = ranked[: reranker.most]
                self._fetch(first, stored)
                reranked = reranker.scores(meaning, first, stored)
                ranked = in_order(ranked, reranked or {})
        return Found(
            page=ranked[query.start : query.start + query.size],
            rankings=rankings,
            request=request,
            misspelt=unknown,
            stored=stored,
            reranked=reranked or {},
            parsed=parsed,
            forms=forms,
            asked=query,
            degraded=(
                *degraded,
                *(("rerank",) if reranked is None else ()),
                *(("behind",) if rankings.behind else ()),
            ),
            relaxed=relaxed,
            vector=vector,
            weight=weight,
            spread=spread,
        )

    def _fetch(self, hits: Sequence[tuple[str, float]], stored: dict[str, StoredPassage]) -> None:
        """Read the passages of hits that are not in `stored` into it."""
        if lacking := [key for key, _ in hits if key not in stored]:
            stored |= {s.passage.id: s for s in self.engine.fetch(lacking)}

    def meaning(self, query: Query) -> str:
        """Return the text whose meaning a query asks, "" where it asks none. Raises InputError."""
        parsed = self._parsed(query)
        forms = self._latin(query, parsed)
        return _meaning(parsed, forms)

    def prepare(self) -> None:
        """Load now what the first search by words would wait for: word lists, the engine's files.

        The model, which takes a second, is loaded in another thread, as are suggestions (gathered
        when they were first asked for, they delayed that search from 111 ms to 412). Raises
        EngineError.
        """
        if self.engine.status().articles:
            self._suggester.prepare()
        self.search(Query("فهرس baghdad", mode="keyword", size=1))
        arguments = ("فهرس", "semantic")
        self._preparing = threading.Thread(target=self._embed, args=arguments, name="fihris-model")
        self._preparing.start()

    def close(self) -> None:
        """Close the engine."""
        if self._preparing is not None:
            self._preparing.join()
        if self._first_hits is not None:
            self._first_hits.close()
        self.engine.close()
        self._beside.shutdown()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _rank(
        self, query: Query, parsed: ParsedQuery, vector: Vector | None, forms: Forms
    ) -> tuple[Rankings, tuple[Meant, ...], RankRequest]:
        """Rank by words and by meaning, and by near matches of words that no passage has.

        Returns the rankings, what the query's unknown words may have been meant to be, and the
        request of the text ranking.
        """
        least = self._first_hits.most if self._first_hits is not None else 0
        request = _request(query, parsed, vector, forms, least)
        rankings = self.engine.rank(request)
        unknown = misspelt(parsed, rankings.frequencies, rankings.passages, forms)
        if request.clause is None or (rankings.text and not unknown):
            return rankings, unknown, request
        if not _reaches_near(query):
            return rankings, (), request
        known = coverage(rankings.frequencies, rankings.passages, forms)
        if query.level == "meaning" and not known:
            return rankings, unknown, request  # beside the meaning, near matches weigh nothing
        words: Sequence[Token] = [one.word for one in unknown if not one.stem_is_known]
        if not rankings.text:
            words = parsed.words(exact=False)
        near = near_clause(parsed, forms, words, unknown)
        if near is None:
            return rankings, unknown, request
        # Its own clause says how far a match may go.
        demands = constraint(parsed, forms)
        request = replace(request, clause=near, constraint=demands, vector=None, frequencies=())
        again = self.engine.rank(request)
        nearly = replace(
            rankings,
            text=again.text,
            text_total=again.text_total,
            total_is_exact=again.total_is_exact,
            passages_read=again.passages_read,
            behind=rankings.behind or again.behind,
        )
        return nearly, unknown, request

    def _parsed(self, query: Query) -> ParsedQuery:
        parsed = parse(query.text)
        if self.synonyms is None or not query.searches("synonym"):
            return parsed
        return with_synonyms(parsed, self.synonyms.rules())

    def _latin(self, query: Query, parsed: ParsedQuery) -> Forms:
        """Return Arabic words for Latin ones, where there are any that may have some."""
        may_be_latin = any(token.folded.isascii() for item in parsed.items for token in item.tokens)
        asked = may_be_latin and query.searches("latin") and _reaches_near(query)
        return self._forms(parsed) if asked else NO_FORMS

    def _forms(self, parsed: ParsedQuery) -> Forms:
        """Return the Arabic words of the index that the query's Latin ones may stand for."""
        words = may_have_forms(parsed)
        if not words:
            return NO_FORMS
        stems = tuple(dict.fromkeys(Term("stem", word.stem) for word in words))
        known = self.engine.rank(RankRequest(frequencies=stems)).frequencies
        unknown = {w: names for w, names in words.items() if not known.get(Term("stem", w.stem))}
        if not unknown:
            return NO_FORMS
        prefixes = dict.fromkeys(p for w, names in unknown.items() for p in prefixes_of(w, names))
        terms = self.engine.terms_with_prefixes("sound", tuple(prefixes), MAX_TERMS_OF_A_SOUND)
        found = {w.stem: forms_of(w, names, terms.__getitem__) for w, names in unknown.items()}
        return {stem: forms for stem, forms in found.items() if forms}

    def _embed(self, meaning: str, mode: Mode) -> tuple[Vector | None, tuple[str, ...]]:
        if mode == "keyword" or not meaning:
            return None, ()
        if self.queries is None:
            return None, ("semantic",)
        try:
            return self.queries.embed(meaning), ()
        except EmbedderError:
            logger.exception("the model failed on a query; answering by keyword")
            return None, ("semantic",)


def _meaning(parsed: ParsedQuery, forms: Forms) -> str:
    """Return the text whose meaning a query asks: as it was typed, if no word has Arabic forms."""
    return meaning_in_arabic(parsed, forms) if forms else parsed.meaning


def _reaches_near(query: Query) -> bool:
    return query.level in ("near", "meaning")


def _request(
    query: Query,
    parsed: ParsedQuery,
    vector: Vector | None,
    forms: Forms,
    least: int,
) -> RankRequest:
    end = max(query.start + query.size, least)
    # By words alone a page needs no more than its own hits: no score depends on the others.
    depth = end if query.mode == "keyword" else next(depth for depth in DEPTHS if end <= depth)
    # By words alone the clause itself reaches no further than that.
    level = query.match if (query.mode, query.match) != ("keyword", "near") else None
    return RankRequest(
        clause=text_clause(parsed, forms) if query.mode != "semantic" else None,
        vector=vector,
        filter=query.filter,
        constraint=constraint(parsed, forms, None if level == "meaning" else level),
        limit=depth,
        frequencies=_counted(parsed, query.mode),
        # Facets and groups are counted with the total.
        exact_total=query.level != "meaning" and not query.counts,
        texts=query.mode == "keyword" and end <= MAX_SIZE and not query.group_by,
        sort=query.sort,
    )


def _counted(parsed: ParsedQuery, mode: Mode) -> tuple[Term, ...]:
    """Return the terms whose frequency is asked: for their weight, or to see which are misspelt."""
    if mode == "semantic":
        return ()
    if mode == "keyword" and not may_be_misspelt(parsed):
        return ()
    return (*stem_terms(parsed), *counted(parsed))
