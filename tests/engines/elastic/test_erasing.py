"""What was removed is merged away: no segment of the index is left that holds any of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from search.engines import erase
from search.engines.elastic.connection import Connection
from search.engines.elastic.engine import ElasticEngine
from tests.conformance.corpus import indexed, random_articles
from tests.engines.elastic.opening import settings
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
    gone = [f"gone{number}" for number in range(3)]  # fewer than Elasticsearch merges by itself
    direct.write([indexed(key, f"بغداد {MARK} في الليل", f"نص {MARK}") for key in gone])
    direct.show()
    ask(f"{url}/{alias}/_flush", "POST")
    written = holding(url, alias)
    assert any(name.endswith((".tim", ".cfs")) for name in written), written
    direct.delete(gone)
    assert holding(url, alias)  # which is why there is a command
    assert list(erase(settings(url, alias))) == []
    with closing(Connection(settings(url, alias))) as connection:
        stats = connection.call(lambda client: client.indices.stats(index=alias, metric="docs"))
        about = connection.call(lambda client: client.indices.get_settings(index=alias))
    assert stats["_all"]["total"]["docs"]["deleted"] == 0
    assert stats["_all"]["total"]["docs"]["count"] > 0
    assert "expunge" not in str(about)  # the setting is as it was
    until(lambda: not holding(url, alias), lambda: str(holding(url, alias)))
