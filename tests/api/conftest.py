"""The seed and three articles made to be filtered, in a real embedded engine."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from indexer.ingestion.pipeline import index
from indexer.ingestion.preparing import prepare
from indexer.ingestion.service import EngineIngest
from indexer.sources.identity import FileIds
from indexer.sources.listing import list_files
from indexer.sources.reading import read_articles
from search.assembly import fingerprint_of
from search.engines import open_engine
from search.engines.protocol import Engine
from search.ranking.searcher import Searcher
from search.settings import Settings
from tests.api.support import ToldIngest, client
from tests.support import SEEDS, HashingEmbedder, article

SEED = "/files/seeds/000_68ec81c8af20b3f5.txt"


@pytest.fixture(scope="session")
def searcher(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Searcher]:
    folder = tmp_path_factory.mktemp("api")
    settings = Settings(data=folder / "index", cache=folder / "cache")
    embedder = HashingEmbedder()
    engine = open_engine(settings, fingerprint_of(embedder, settings))
    made = [
        article("old/news.txt", "خبر قديم عن مدينة بغداد", title="قديم", source="أ", language="ar",
                published=date(2001, 2, 3), tags=("مدن",)),
        article("new", "خبر جديد عن مدينة بغداد", source="ب", language="ar",
                published=date(2024, 5, 6), tags=("مدن", "جديد")),
        article("english", "News about the city of Baghdad", source="ب", language="en"),
    ]  # fmt: skip
    index(
        read_articles(list_files([SEEDS], FileIds(root=str(SEEDS.parent)))),
        engine,
        embedder,
        settings,
    )
    engine.write(prepare(made, embedder, settings))
    yield Searcher(engine, embedder)
    engine.close()


@pytest.fixture
def http(searcher: Searcher) -> Iterator[TestClient]:
    with client(searcher) as connected:
        yield connected


@pytest.fixture
def engine(settings: Settings) -> Iterator[Engine]:
    opened = open_engine(settings, fingerprint_of(HashingEmbedder(), settings))
    yield opened
    opened.close()


@pytest.fixture
def writable(engine: Engine, settings: Settings) -> Iterator[TestClient]:
    """A client of an index of the test's own, which is empty and takes articles."""
    embedder = HashingEmbedder()
    ingest = EngineIngest(engine, embedder, settings)
    with client(Searcher(engine, embedder), settings, ingest) as connected:
        yield connected


@pytest.fixture
def told() -> ToldIngest:
    return ToldIngest()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data=tmp_path)
