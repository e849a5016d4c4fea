"""`fihris erase`: no file of the index holds a removed article, also after a killed run."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from search.engines import erase
from search.engines.elastic.connection import Connection
from search.engines.elastic.engine import ElasticEngine
from tests.conformance.corpus import indexed, random_articles
from tests.engines.elastic.opening import exactly, settings, stored, write
from tests.processes import processes
from tests.servers.asking import ask
from tests.support import until

MARK = "زقنبوط"  # in all that is to be erased and nowhere else


def files_of(url: str, alias: str) -> Iterator[Path]:
    """Yield the files that the server keeps of an index: segments, log, state."""
    nodes = ask(f"{url}/_nodes/settings?flat_settings")["nodes"].values()
    about = ask(f"{url}/{alias}/_settings?flat_settings").values()
    for folder in {Path(node["settings"]["path.data"]) for node in nodes}:
        for each in about:
            index = folder / "indices" / each["settings"]["index.uuid"]
            if not index.is_dir():
                pytest.skip("the server's data folder is not this machine's, or not readable")
            yield from (path for path in index.rglob("*") if path.is_file())


def holding(url: str, alias: str) -> set[str]:
    """Return which files hold the mark, or a part of it as groups of letters have it.

    Lucene packs texts by LZ4 and terms by what they share with the term before: both leave what
    stands for the first time as it is, so that a first mark is in the file as bytes.
    """
    marks = [mark.encode() for mark in (MARK, MARK[1:], MARK[:4], MARK[2:])]
    found = set()
    for path in files_of(url, alias):
        try:
            content = path.read_bytes()
        except FileNotFoundError:  # merged away meanwhile
            continue
        if any(mark in content for mark in marks):
            found.add(path.name)
    return found


@pytest.mark.slow  # Elasticsearch lets go of history 30 s after a write
def test_no_file_of_the_server_holds_what_was_removed(
    direct: ElasticEngine, alias: str, url: str
) -> None:
    direct.write(random_articles(1, 30))
    remove_marked(direct, url, alias)
    assert_erased(url, alias)


@pytest.mark.slow
def test_an_erase_that_is_killed_harms_nothing_and_is_completed_by_the_next(
    direct: ElasticEngine, alias: str, url: str
) -> None:
    state = {f"a{number}": "v1" for number in range(5)}
    write(direct, state)
    remove_marked(direct, url, alias)
    for request in KILLED_AFTER.values():
        child = processes().Process(target=erase_until, args=(url, alias, request))
        child.start()
        child.join()
        assert child.exitcode == -signal.SIGKILL
        assert stored(direct) == state
    write(direct, {"a0": "v22", "b": "v22"})
    assert_erased(url, alias)
    assert stored(direct) == state | {"a0": "v22", "b": "v22"}
    exactly(direct, url, alias)


# By number among the requests: those before ask which indices there are.
KILLED_AFTER = {"settings": 4, "flush": 5, "merge begun": 6, "statistics": 7, "second flush": 8}


def erase_until(url: str, alias: str, request: int) -> None:
    """Erase, and be killed when so many requests were answered."""
    plain, answered = Connection.call, []

    def call(*arguments: Any, **more: Any) -> Any:
        answer = plain(*arguments, **more)
        answered.append(1)
        if len(answered) == request:
            os.kill(os.getpid(), signal.SIGKILL)
        return answer

    Connection.call = call  # type: ignore[method-assign]
    list(erase(settings(url, alias)))


def remove_marked(engine: ElasticEngine, url: str, alias: str) -> None:
    """Write articles with the mark to the disk, and remove them."""
    gone = [f"gone{number}" for number in range(3)]  # fewer than Elasticsearch merges by itself
    engine.write([indexed(key, f"بغداد {MARK} في الليل", f"نص {MARK}") for key in gone])
    engine.show()
    ask(f"{url}/{alias}/_flush", "POST")
    written = holding(url, alias)
    assert any(name.endswith((".tim", ".cfs")) for name in written), written
    engine.delete(gone)
    assert holding(url, alias)  # which is why there is a command


def assert_erased(url: str, alias: str) -> None:
    """Erase, and check that no file holds the mark and the index's settings are as before."""
    assert list(erase(settings(url, alias))) == []
    with closing(Connection(settings(url, alias))) as connection:
        stats = connection.call(lambda client: client.indices.stats(index=alias, metric="docs"))
        about = connection.call(lambda client: client.indices.get_settings(index=alias))
    assert stats["_all"]["total"]["docs"]["deleted"] == 0
    assert stats["_all"]["total"]["docs"]["count"] > 0
    assert "expunge" not in str(about)
    until(lambda: not holding(url, alias), lambda: str(holding(url, alias)))
