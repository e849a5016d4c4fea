"""A `watch` in a thread for tests, what it said, and what its index should hold."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from indexer.extraction.registry import Options
from indexer.sources import Failure
from indexer.sources.identity import FileIds
from indexer.sources.listing import list_files
from indexer.sources.reading import read_articles
from indexer.sync.watch import watch
from indexer.sync.watch_options import Intervals, WatchOptions
from search.article_ids import FILES
from search.engines.protocol import Engine
from search.settings import Settings
from tests.support import CountingEmbedder, until

QUICK = Intervals(settle=0.15, rescan=600.0, retry=0.3)


class Watcher:
    """A `watch` in a thread, and what it said."""

    def __init__(self, folders: Sequence[Path], engine: Engine, settings: Settings) -> None:
        self.folders = folders
        self.engine = engine
        self.settings = settings
        self.embedder = CountingEmbedder()
        self.told: list[str] = []
        self.failures: list[Failure] = []
        self.options = Options()
        self.embed = True
        self.collection = FILES
        self.intervals = QUICK
        self.stop = threading.Event()

    @contextmanager
    def running(self, *, allow_empty: bool = False) -> Iterator[None]:
        self.stop.clear()
        with ThreadPoolExecutor(1) as pool:
            ended = pool.submit(self.run, allow_empty)
            try:
                yield
            finally:
                self.stop.set()
                ended.result(20)

    def id(self, name: str) -> str:
        """Return the id of a file in the first folder."""
        return FileIds().of(self.folders[0] / name)

    def held(self) -> dict[str, str]:
        """Return the content hash of every article of the index, ids as in the first folder."""
        prefix = self.id("x")[:-1]
        return {key.removeprefix(prefix): value for key, value in held(self.engine).items()}

    def text(self, name: str) -> str:
        """Return the text of an article, "" if there is none."""
        there = self.engine.article(self.id(name))
        return there.article.text if there is not None else ""

    def run(self, allow_empty: bool = False) -> None:
        how = WatchOptions(
            settings=self.settings,
            options=self.options,
            collection=self.collection,
            embed=self.embed,
            stopping=self.stop.is_set,
            tell=self.told.append,
            on_failure=self.failures.append,
            allow_empty=allow_empty,
            intervals=self.intervals,
        )
        watch(self.folders, self.engine, self.embedder, how)

    def catch_up(self) -> None:
        """Watch until the index is as the folders are."""
        with self.running():
            self.until_right()

    def until_right(self) -> None:
        right = fresh(self.folders)
        until(
            lambda: held(self.engine) == right,
            lambda: (held(self.engine), right, self.told, self.failures),
        )


def held(engine: Engine) -> dict[str, str]:
    """Return the content hash of every article of an index."""
    ids = engine.article_ids("", 10_000)
    return {key: stored.content_hash for key, stored in engine.stored(ids).items()}


def fresh(folders: Sequence[Path]) -> dict[str, str]:
    """Return what `held` is of an index made of the folders now; of texts and lines only."""
    articles: dict[str, str] = {}
    for item in read_articles(list_files(folders)):
        if not isinstance(item, Failure) and hasattr(item, "article"):
            articles.setdefault(item.article.id, item.article.content_hash())
    return articles


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    return path


def lines(path: Path, **texts: str) -> Path:
    return write(path, "".join(json.dumps({"id": k, "text": v}) + "\n" for k, v in texts.items()))


class Wrapped:
    """An engine with some of its methods replaced."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def __getattr__(self, name: str) -> object:
        return getattr(self.engine, name)
