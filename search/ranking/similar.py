"""Passages or articles similar to one: by its most telling words and by meaning.

Words weigh by tf-idf (Salton and Buckley 1988); the vectors are those that the index has, so that
nothing is embedded. Imported where it is asked for.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from search.analysis.tokens import Token, analyse
from search.article_ids import article_of_passage
from search.domain import IndexedPassage, Query, Results, Vector
from search.engines.protocol import Engine, Ranked, RankRequest
from search.errors import NotFound
from search.limits import MAX_RESULTS
from search.query.clauses import AnyOf, Term
from search.query.parse import parse
from search.ranking.counting import MOST_HITS, by_article, grouped
from search.ranking.fusion import basis, idf, in_one
from search.ranking.highlight import Marker
from search.ranking.hits import hits_of
from search.ranking.levels import Levels

DEPTH = 100  # passages of other articles that are ranked
MOST_COUNTED = 256  # words whose frequency is asked, the most frequent in the text
# That are searched. For 400 halves of articles of prose-20k the other half is the first of 1,599
# articles, hybrid: 16 words .50, 32 .54, and .63 with each article by its three best passages, the
# second for half and the third for a quarter (`_by_article`).
MOST_WORDS = 32
MOST_PASSAGES = 8  # of an article, whose mean vector is asked


def find_similar(engine: Engine, id: str, query: Query, weight: float, spread: float) -> Results:
    """Return the passages, or articles where the query groups, that are most like one.

    Args:
        engine: that has it.
        id: of a passage, or of an article where the query groups.
        query: its mode, size and filter count.
        weight: of words beside meaning.
        spread: of the model's cosines, 0 without a model.

    Raises:
        NotFound: there is no such passage or article.
    """
    article_id = id if query.group_by else article_of_passage(id)
    found = engine.indexed([article_id])
    passages = found[0].passages if found else ()
    if not query.group_by:
        passages = tuple(p for p in passages if p.passage.id == id)
    if not passages:
        kind = "article" if query.group_by else "passage"
        raise NotFound(f"there is no {kind} {id[:100]!r}")
    info = found[0].article.info
    words = _telling(engine, info.title, passages) if query.mode != "semantic" else []
    vector = _mean(passages, words) if query.mode != "keyword" and spread else None
    own = len(found[0].passages)
    rankings = engine.rank(
        RankRequest(
            clause=AnyOf(tuple(Term("stem", word.stem) for word in words)) if words else None,
            vector=vector,
            filter=query.filter,
            limit=min(MAX_RESULTS, DEPTH + own),
            exact_total=False,
        )
    )
    rankings = replace(
        rankings,
        text=_of_others(rankings.text, article_id),
        vector=_of_others(rankings.vector, article_id),
    )
    mode = query.mode if vector is not None else "keyword"
    page = in_one(rankings, basis(mode, rankings, spread, weight), weight, spread)
    if query.group_by:
        page = [hit for hits in _by_article(page)[: query.size] for hit in hits]
    else:
        page = page[: query.size]
    parsed = parse(" ".join(word.letters for word in words))
    stored = {each.passage.id: each for each in engine.fetch([key for key, _ in page])}
    hits = hits_of(page, stored, rankings, Marker(parsed), Levels(parsed), {})
    return Results(
        query=replace(query, text=" ".join(word.letters for word in words)),
        hits=() if query.group_by else hits,
        total=None,
        groups=grouped(hits) if query.group_by else None,
        degraded=("semantic",) if vector is None and query.mode != "keyword" else (),
    )


def _by_article(page: list[tuple[str, float]]) -> list[list[tuple[str, float]]]:
    """Return the best passages of each article, the article first whose are best together.

    What the last passage has too counts for nothing, or articles of one passage would be behind.
    """
    groups = [hits[:MOST_HITS] for hits in by_article(page)]
    last = min((score for _, score in page), default=0.0)
    return sorted(groups, key=lambda hits: -sum((s - last) / 2**n for n, (_, s) in enumerate(hits)))


def _of_others(hits: tuple[Ranked, ...], article_id: str) -> tuple[Ranked, ...]:
    return tuple(hit for hit in hits if article_of_passage(hit.passage_id) != article_id)


def _telling(engine: Engine, title: str, passages: Sequence[IndexedPassage]) -> list[Token]:
    """Return the words that tell a text from others, one of each stem, the most telling first.

    A word that no other passage has tells nothing of these.
    """
    tokens = [[t for t in analyse(p.passage.text) if _may_tell(t)] for p in passages]
    each = {t.stem: t for some in [*tokens, filter(_may_tell, analyse(title))] for t in some}
    times = Counter(t.stem for some in tokens for t in some)
    own = Counter(stem for some in tokens for stem in {t.stem for t in some})
    counted = [stem for stem, _ in times.most_common(MOST_COUNTED)]
    counted += [stem for stem in each if stem not in times][:MOST_COUNTED]  # of the title
    known = engine.rank(RankRequest(frequencies=tuple(Term("stem", stem) for stem in counted)))
    weights = {}
    for stem in counted:
        frequency = known.frequencies[Term("stem", stem)]
        if frequency > own[stem]:
            weights[stem] = (1 + math.log(max(times[stem], 1))) * idf(frequency, known.passages)
    best = sorted(weights, key=lambda stem: (-weights[stem], stem))
    return [each[stem] for stem in best[:MOST_WORDS]]


def _may_tell(token: Token) -> bool:
    return not token.stop and len(token.stem) > 1


def _mean(passages: Sequence[IndexedPassage], words: Sequence[Token]) -> Vector | None:
    """Return the mean vector of the passages with most of these words, None without vectors."""
    wanted = {word.stem for word in words}
    vectors = [
        (len(wanted.intersection(t.stem for t in analyse(p.passage.text))), -n, p.vector)
        for n, p in enumerate(passages)
        if p.vector is not None
    ]
    if not vectors:
        return None
    best = sorted(vectors, key=lambda each: each[:2], reverse=True)[:MOST_PASSAGES]
    mean = np.mean([vector for _, _, vector in best], axis=0)
    return np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-12), np.float32)
