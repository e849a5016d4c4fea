"""Hybrid search shows every short name that has the word that was typed on its first page."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from indexer.evaluation.beir import read_judged_set
from indexer.ingestion.preparing import prepare
from search.assembly import fingerprint_of
from search.domain import Query
from search.embedding import open_embedder
from search.engines import open_engine, temporary_index
from search.ranking.searcher import Searcher
from search.settings import read_settings

FOLDER = Path(__file__).parent / "short_titles"
LEAST = 0.97  # of the queries; measured: .987 (docs/EVALUATION.md)


@pytest.mark.slow
def test_exact_hits_stay_on_the_first_page() -> None:
    judged = read_judged_set(FOLDER)
    settings = read_settings()
    embedder = open_embedder(settings)
    with (
        temporary_index(settings) as own,
        closing(open_engine(own, fingerprint_of(embedder, own))) as engine,
    ):
        engine.write(prepare(judged.articles, embedder, own, by_line=False))
        searcher = Searcher(engine, embedder)
        lost = {
            text: missing
            for key, text in judged.queries.items()
            if (missing := judged.relevance[key].keys() - first_page(searcher, text))
        }
    assert len(judged.queries) == 150
    assert len(lost) <= (1 - LEAST) * len(judged.queries), lost


def first_page(searcher: Searcher, text: str) -> set[str]:
    """Return the articles of the first ten hits."""
    results = searcher.search(Query(text, mode="hybrid", size=10))
    assert not results.degraded
    return {hit.article.id for hit in results.hits}
