"""The command line run in this process, with a model that needs no weights."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import pytest

from indexer.cli import app
from indexer.extraction.sandbox.parser import Parser
from search.assembly import fingerprint_of
from search.engines import open_engine
from search.engines.protocol import Engine
from search.settings import Settings
from tests.indexer.watcher import Watcher
from tests.support import HashingEmbedder


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data=tmp_path / "data")


@pytest.fixture
def engine(settings: Settings) -> Iterator[Engine]:
    opened = open_engine(settings, fingerprint_of(HashingEmbedder(), settings))
    yield opened
    opened.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "watched").mkdir()
    return tmp_path / "watched"


@pytest.fixture
def watcher(folder: Path, engine: Engine, settings: Settings) -> Watcher:
    return Watcher([folder], engine, settings)


@pytest.fixture(scope="module")
def one_parser() -> Iterator[None]:
    """Start two zygotes for a module's tests: an interpreter with every reader takes a second."""
    turn = threading.Lock()

    @contextmanager
    def taken(*_: object, **__: object) -> Iterator[Parser]:
        with turn:
            yield parser

    with Parser() as parser, Parser() as watching, pytest.MonkeyPatch.context() as patch:
        patch.setattr("indexer.sources.reading.Parser", taken)
        patch.setattr("indexer.sync.watch.Parser", lambda **_: nullcontext(watching))
        yield


@dataclass(frozen=True, slots=True)
class Ran:
    status: object
    out: str
    err: str


Fihris = Callable[..., Ran]


@pytest.fixture
def fihris(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Fihris:
    """Run a command; the index is in `tmp_path/data`."""
    monkeypatch.setenv("FIHRIS_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("COLUMNS", "200")

    def hashing(settings: Settings) -> HashingEmbedder:
        return HashingEmbedder()

    monkeypatch.setattr("search.embedding.open_embedder", hashing)
    handlers = logging.getLogger().handlers[:]

    def run(*arguments: object) -> Ran:
        monkeypatch.setattr(sys, "argv", ["fihris", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            app.main()
        logging.getLogger().handlers[:] = handlers
        out, err = capsys.readouterr()
        return Ran(ended.value.code, out, err)

    return run
