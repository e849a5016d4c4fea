"""upgrade: the indexes that 0.1 wrote, brought to today's format; they answer as 0.1 answered.

By words and by meaning; hybrid is a function of these two (`search.ranking.fusion`) and has another scale
since 0.1.
"""

from __future__ import annotations

import hashlib
import io
import json
import lzma
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tarfile
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from indexer.ingestion.reindex import reindex, upgrade
from search.assembly import fingerprint_of
from search.domain import FACET_FIELDS, Filter, Query, Vector
from search.embedding import Embedder, Progress
from search.embedding.bundled.embedder import QUERY_PROMPT, BundledEmbedder
from search.engines import open_engine
from search.engines.protocol import Engine
from search.errors import FingerprintMismatch, InputError, RecordCorrupt
from search.ranking.searcher import Searcher
from search.settings import Settings
from tests.conformance.corpus import facets
from tests.conformance.engines import alias_of, elastic_settings, names, removed
from tests.indexer.killing import killed_at
from tests.processes import processes
from tests.support import HashingEmbedder

KEPT = Path(__file__).parents[1] / "fixtures" / "index-0.1"
ALIAS = "fihris-kept-0-1"
SLACK = 0.0015  # of a score: vectors are of unit length again, as float16


class NoPassages(BundledEmbedder):
    """The bundled model as 0.1 asked it; it must not be asked for passages."""

    def embed_passages(self, texts: Sequence[str], progress: Progress | None = None) -> Vector:
        raise AssertionError(f"{len(texts)} texts were embedded")

    def _query(self, text: str) -> tuple[Sequence[int], float]:
        return self._ids(QUERY_PROMPT, text), 1.0  # whatever its letters


@pytest.fixture(scope="module")
def embedder() -> Embedder:
    return NoPassages(Settings().cache)


def unpacked(name: str, folder: Path) -> None:
    with lzma.open(KEPT / f"{name}.tar.xz") as packed:
        content = packed.read()
    with tarfile.open(fileobj=io.BytesIO(content)) as archive:
        if hasattr(tarfile, "data_filter"):  # Python 3.12 warns without one
            archive.extractall(folder, filter="data")
        else:  # 3.11 before its fourth release
            archive.extractall(folder)


def put_back(name: str, folder: Path) -> Settings:
    """Put 0.1's index where `folder` has it; return its settings."""
    unpacked(name, folder)
    if name == "embedded":
        return Settings(data=folder / "index")
    alias = alias_of(folder)
    settings = elastic_settings(alias, data=folder / "index")
    for line in (folder / "requests.jsonl").read_text("utf-8").splitlines():
        method, target, body, status = json.loads(line)
        ndjson = isinstance(body, list)
        content = "".join(f"{part}\n" for part in body) if ndjson else json.dumps(body)
        request = urllib.request.Request(  # a server of the tests
            settings.elasticsearch_url + target.replace(ALIAS, alias),
            (content if body is not None else "").replace(ALIAS, alias).encode(),
            {"Content-Type": f"application/{'x-ndjson' if ndjson else 'json'}"},
            method=method,
        )
        with urllib.request.urlopen(request) as answer:
            assert answer.status == status
            assert not json.loads(answer.read()).get("errors")
    return settings


@pytest.fixture(params=names())
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Settings]:
    yield put_back(request.param, tmp_path)
    removed(request.param, tmp_path)


def answers_of(settings: Settings) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((settings.data.parent / "answers.json").read_text("utf-8"))
    return found


def opened(settings: Settings, embedder: Embedder) -> closing[Engine]:
    return closing(open_engine(settings, fingerprint_of(embedder, settings)))


def check_answers(settings: Settings, embedder: Embedder, *, scores: bool = True) -> None:
    """Check that the index holds and answers what it did in 0.1."""
    before = answers_of(settings)
    with opened(settings, embedder) as engine:
        searcher = Searcher(engine, embedder)
        centre_as_0_1(searcher)
        assert held(engine) == before["stored"]
        status = engine.status()
        assert [status.articles, status.passages, status.sentences, status.unembedded] == before[
            "status"
        ]
        counted = facets(engine, None, Filter(), FACET_FIELDS)
        counted["tags"] = counted.pop("tag")  # as it was called
        for field, pairs in before["facets"].items():
            assert [list(pair) for pair in counted[field]] == pairs
        for text, mode, given, hits in before["searches"]:
            if "*" in text and mode == "keyword":
                continue  # a star was punctuation for 0.1
            if mode == "hybrid":
                continue
            results = searcher.search(Query(text, mode=mode, filter=filter_of(given)))
            now = [(hit.passage.id, hit.score) for hit in results.hits]
            keys, then = {key for key, _ in now}, {key for key, _ in hits}
            if mode == "keyword":
                # 0.1 had another analyser and no names of sources in passages, and scored every
                # letter group: of a long article's many like passages others come first.
                assert len(keys) >= len(then), (text, mode, given)
                assert len(then - keys) <= 3, (text, mode, given)
            elif scores:
                assert_same(now, hits, (text, mode, given))
            else:
                assert len(keys) == len(then), (text, mode, given)
                assert len(keys - then) <= 1, (text, mode, given)  # at the cut


def centre_as_0_1(searcher: Searcher) -> None:
    """Take the mean of all generic queries off a query, whatever its script."""
    queries = searcher.queries
    assert queries is not None
    mean = np.mean(list(queries._generic.values()), axis=0)
    vars(queries)["_means"] = {True: mean, False: mean}


def held(engine: Engine) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key in engine.article_ids("", 1_000):
        stored, article = engine.stored([key])[key], engine.article(key)
        assert article is not None
        info = asdict(article.article.info)
        published = article.article.info.published
        found[key] = {
            "info": info
            | {"published": published and published.isoformat(), "tags": list(info["tags"])},
            "text_sha256": hashlib.sha256(article.article.text.encode()).hexdigest(),
            "passages": [[passage.start, passage.end] for passage in article.passages],
            "embedded": stored.embedded,
            "content_hash": stored.content_hash,
        }
    return found


def filter_of(given: dict[str, Any]) -> Filter:
    values: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else date.fromisoformat(value)
        for name, value in given.items()
    }
    return Filter(**values)


def assert_same(now: list[tuple[str, float]], before: list[list[Any]], where: object) -> None:
    """Check that hits are the same in the same order, but for those whose scores nearly tie."""
    assert len(now) == len(before), where
    assert [score for _, score in now] == pytest.approx([s for _, s in before], abs=SLACK), where
    then = dict(before)
    last = before[-1][1] if before else 0
    for (key, score), (wanted, _) in zip(now, before, strict=True):
        near_cut = score <= last + SLACK  # another one of the same score may be cut off
        assert key == wanted or near_cut or abs(then[key] - then[wanted]) <= 2 * SLACK, where


def test_an_index_of_0_1_is_refused_naming_the_command(
    settings: Settings, embedder: Embedder
) -> None:
    with (
        pytest.raises(FingerprintMismatch, match="fihris upgrade"),
        opened(settings, embedder) as engine,
    ):
        engine.article_ids("", 1)


def test_everything_is_kept_and_answers_as_before(settings: Settings, embedder: Embedder) -> None:
    copied = upgrade(settings, embedder)
    assert copied is not None
    count = answers_of(settings)["status"][0]
    assert (copied.articles, copied.written, copied.vectors_kept) == (count, count, True)
    # What was replaced in 0.1's index of Elasticsearch weighed in its scores, and is gone now.
    scores = settings.engine == "embedded"
    check_answers(settings, embedder, scores=scores)
    assert upgrade(settings, embedder) is None  # nothing is left to do
    check_answers(settings, embedder, scores=scores)


def test_an_index_of_another_analyser_is_upgraded(
    settings: Settings,
    embedder: Embedder,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    upgrade(settings, embedder)
    monkeypatch.setattr("search.assembly.ANALYSER_VERSION", "of tomorrow")
    with (
        pytest.raises(FingerprintMismatch, match="fihris upgrade"),
        opened(settings, embedder) as engine,
    ):
        engine.article_ids("", 1)
    caplog.clear()
    assert upgrade(settings, embedder) is not None
    assert "was made differently" not in caplog.text
    check_answers(settings, embedder, scores=settings.engine == "embedded")


def test_reindexing_upgrades_too(tmp_path: Path, embedder: Embedder) -> None:
    settings = put_back("embedded", tmp_path)
    reindex(settings, embedder)
    check_answers(settings, embedder)


def test_another_model_is_not_upgraded(tmp_path: Path, embedder: Embedder) -> None:
    settings = put_back("embedded", tmp_path)
    with pytest.raises(InputError, match=r"multilingual-e5-small.*fihris reindex"):
        upgrade(settings, HashingEmbedder())
    other = settings.model_copy(update={"sentence_vectors": False})
    with pytest.raises(InputError, match="FIHRIS_SENTENCE_VECTORS"):
        upgrade(other, embedder)
    upgrade(settings, embedder)
    check_answers(settings, embedder)


def test_there_is_nothing_to_upgrade(tmp_path: Path, embedder: Embedder) -> None:
    with pytest.raises(InputError, match="no index to upgrade"):
        upgrade(Settings(data=tmp_path / "none"), embedder)
    assert not (tmp_path / "none").exists()


DAMAGE = {
    "a text": "UPDATE articles SET text = X'00' WHERE key = 3",
    "a title": "UPDATE articles SET title = 'another' WHERE key = 3",
    "a passage": "UPDATE passages SET text = text || ' ' WHERE number = 2",
    "tags": "UPDATE articles SET tags = '[' WHERE key = 3",
    "tags that are a number": "UPDATE articles SET tags = 5 WHERE key = 3",
    "a date": "UPDATE articles SET published = 'spring' WHERE key = 3",
    "a vector": "UPDATE vectors SET vector = X'0000' WHERE number = 2",
    "a vector that is missing": "DELETE FROM vectors WHERE number = 2",
    "a passage that is missing": "DELETE FROM passages WHERE number = 2",
    "sentences": "UPDATE sentences SET spans = X'00'",
    "what made it": "UPDATE meta SET value = '{' WHERE name = 'fingerprint'",
    "what made it, which is gone": "DELETE FROM meta",
}


@pytest.mark.parametrize("what", DAMAGE)
def test_damage_is_told_and_not_carried_over(tmp_path: Path, embedder: Embedder, what: str) -> None:
    settings = put_back("embedded", tmp_path)
    path = settings.data / "record.sqlite"
    with closing(sqlite3.connect(path)) as connection, connection:
        assert connection.execute(DAMAGE[what]).rowcount
    with pytest.raises(RecordCorrupt, match="damaged"):
        upgrade(settings, embedder)
    assert not (settings.data / "current").exists()


def _upgrade_until(settings: Settings, step: int) -> None:
    """Upgrade four articles at a time; be killed at a step, counted through all that is done."""
    upgrade(settings, NoPassages(settings.cache), on_step=killed_at(step, page=4))
    os._exit(0)


@pytest.mark.slow
def test_killed_at_any_step_it_goes_on(tmp_path: Path, embedder: Embedder) -> None:
    unpacked("embedded", tmp_path / "kept")
    step, ended = 0, False
    while not ended:
        step += 1
        folder = tmp_path / str(step)
        shutil.copytree(tmp_path / "kept", folder)
        settings = Settings(data=folder / "index")
        child = processes().Process(target=_upgrade_until, args=(settings, step))
        child.start()
        child.join()
        ended = child.exitcode == 0
        assert ended or child.exitcode == -signal.SIGKILL
        upgrade(settings, embedder)
        with opened(settings, embedder) as engine:
            assert held(engine) == answers_of(settings)["stored"], step
        shutil.rmtree(folder)
    assert step > 20


def test_the_command_tells_what_it_does(tmp_path: Path) -> None:
    settings = put_back("embedded", tmp_path)

    def run() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "indexer.cli", "upgrade", "--json"],
            env=os.environ | {"FIHRIS_DATA": str(settings.data)},
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=True,
        )

    first = run()
    told = json.loads(first.stdout)
    assert told["upgraded"]
    assert told["copied"]["articles"] == answers_of(settings)["status"][0]
    assert "copying" in first.stderr
    assert "kept its id" in first.stderr
    assert "/files/" in first.stderr
    second = run()
    assert json.loads(second.stdout) == {"upgraded": False, "copied": None}
    assert not second.stderr
