"""Watching with an index in Elasticsearch: files are followed, also past a server that is away."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from search.assembly import fingerprint_of
from search.engines import open_engine
from search.engines.protocol import Engine
from search.settings import Settings
from tests.engines.elastic.opening import patience
from tests.environments import environment_of, settings_of
from tests.indexer.watcher import Watcher, lines, write
from tests.servers.proxy import Proxy
from tests.support import HashingEmbedder, until

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("one_parser")]


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Settings]:
    with environment_of("elasticsearch", tmp_path) as variables:
        yield settings_of(variables)


@pytest.fixture
def proxy(settings: Settings) -> Iterator[Proxy]:
    with Proxy(settings.elasticsearch_url) as proxy:
        yield proxy


@pytest.fixture
def engine(proxy: Proxy, settings: Settings) -> Iterator[Engine]:
    through = settings.model_copy(update={"elasticsearch_url": proxy.url})
    with closing(open_engine(through, fingerprint_of(HashingEmbedder(), settings))) as engine:
        yield engine


def test_new_changed_moved_and_removed_files_are_followed(watcher: Watcher, folder: Path) -> None:
    write(folder / "a.txt", "قبل أن يبدأ")
    lines(folder / "news.jsonl", x="واحد", y="اثنان")
    with watcher.running():
        until(lambda: set(watcher.held()) == {"a.txt", "news.jsonl/x", "news.jsonl/y"})
        write(folder / "new/b.txt", "جديد")
        until(lambda: "new/b.txt" in watcher.held())
        write(folder / "new/b.txt", "تغير")
        until(lambda: watcher.text("new/b.txt") == "تغير")
        (folder / "new").rename(folder / "old")
        lines(folder / "news.jsonl", y="اثنان", z="ثلاثة")
        until(lambda: set(watcher.held()) == {"a.txt", "old/b.txt", "news.jsonl/y", "news.jsonl/z"})
        (folder / "a.txt").unlink()
        watcher.until_right()
    assert watcher.embedder.texts.count("تغير") == 1  # the vector went with the file
    assert watcher.failures == []


def test_what_happened_while_nobody_watched_is_caught_up_with(
    watcher: Watcher, folder: Path
) -> None:
    for n in range(5):
        write(folder / f"{n}.txt", f"نص {n}")
    watcher.catch_up()
    (folder / "0.txt").unlink()
    (folder / "1.txt").rename(folder / "11.txt")
    write(folder / "2.txt", "تغير")
    write(folder / "5.txt", "جديد")
    watcher.catch_up()
    assert set(watcher.held()) == {f"{n}.txt" for n in (11, 2, 3, 4, 5)}
    assert len(watcher.embedder.texts) == 7
    assert watcher.failures == []


def test_a_server_that_is_away_is_waited_for(
    watcher: Watcher, folder: Path, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    patience(monkeypatch, write=3.0)
    write(folder / "a.txt", "قبل")
    with watcher.running():
        until(lambda: watcher.held())
        proxy.refuse()
        write(folder / "b.txt", "أثناء ذلك")
        (folder / "a.txt").unlink()
        until(lambda: any(line.startswith("waiting: ") for line in watcher.told))
        proxy.accept()
        until(lambda: "going on" in watcher.told, lambda: watcher.told)
        watcher.until_right()
    assert set(watcher.held()) == {"b.txt"}
    assert watcher.failures == []
