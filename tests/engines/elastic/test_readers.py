"""Searches while articles are replaced: each article whole, of one edition, once, at any moment."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from search.domain import NO_FILTER, IndexedArticle
from search.engines.elastic.engine import ElasticEngine
from search.engines.protocol import Engine, RankRequest
from search.query.clauses import Everything, Term
from tests.conformance.corpus import EMBEDDER, facets, found, indexed
from tests.engines.elastic.opening import (
    documents,
    exactly,
    opened,
    refresh,
)
from tests.processes import processes
from tests.servers import asking
from tests.support import until

pytestmark = pytest.mark.slow

PARAGRAPHS = 3
IDS = sorted(f"{key}#{i}" for key in ("a", "b") for i in range(PARAGRAPHS))
VECTOR = EMBEDDER.embed_query("كلمة0")
SECONDS = 6.0
ENOUGH = 15  # replacements, for this to prove something on a slow machine too
ENOUGH_LOOKS = 100


def pair(version: int) -> list[str]:
    return [f"v{version} كلمة{i}. جملة v{version}" for i in range(PARAGRAPHS)]


def by_text(engine: Engine) -> None:
    """Look at a ranking by text, with its texts: of each article those of one edition."""
    rankings = engine.rank(RankRequest(Everything(), limit=len(IDS), texts=True))
    assert sorted(hit.passage_id for hit in rankings.text) == IDS
    assert rankings.text_total is not None
    assert len(IDS) >= rankings.text_total or rankings.total_is_exact
    assert not rankings.total_is_exact or rankings.text_total == len(IDS)
    one_edition_each(rankings.passages_read[hit].passage.text for hit in IDS)


def one_edition_each(texts: Iterator[str]) -> None:
    words = [text.split(" ")[0] for text in texts]
    assert len(set(words[:PARAGRAPHS])) == len(set(words[PARAGRAPHS:])) == 1


def by_meaning(engine: Engine) -> None:
    """Look at a ranking by meaning."""
    hits = engine.rank(RankRequest(vector=VECTOR)).vector
    assert sorted(hit.passage_id for hit in hits) == IDS


def by_id(engine: Engine) -> None:
    """Look at passages by id."""
    texts = [passage.passage.text for passage in engine.fetch(IDS)]
    assert len(texts) == len(IDS)
    one_edition_each(iter(texts))


def whole_article(engine: Engine) -> None:
    """Look at one article."""
    article = engine.article("a")
    assert article is not None
    assert article.article.text.splitlines() == pair(int(article.article.text[1:].split(" ")[0]))
    assert engine.article_ids("", 10) == ["a", "b"]


def by_facet(engine: Engine) -> None:
    """Look at counts."""
    assert facets(engine, None, NO_FILTER, ["source"]) == {"source": [("cnn", len(IDS))]}


def by_version(engine: Engine) -> None:
    """Look for a version's own word: of each article all its passages have it, or none."""
    article = engine.article("b")
    assert article is not None
    hits = found(engine, Term("stem", article.article.text.split(" ")[0]))
    assert hits in (IDS, IDS[:PARAGRAPHS], IDS[PARAGRAPHS:], [])


LOOKS: list[Callable[[Engine], None]] = [
    by_text,
    by_meaning,
    by_id,
    whole_article,
    by_facet,
    by_version,
]


@pytest.mark.parametrize("shards", [1, 2])
def test_a_search_never_sees_half_a_replacement(url: str, alias: str, shards: int) -> None:
    versions, looked = 0, [0, 0, 0]
    stopping = threading.Event()

    def look(engine: ElasticEngine, number: int) -> None:
        while not stopping.is_set():
            try:
                LOOKS[(2 * number + looked[number]) % len(LOOKS)](engine)
            except BaseException:
                stopping.set()
                raise
            looked[number] += 1

    with (
        opened(url, alias, elasticsearch_shards=shards) as writer,
        opened(url, alias) as reader,
        ThreadPoolExecutor(3) as pool,
    ):
        writer.write([indexed(key, *pair(0), source="cnn") for key in ("a", "b")])
        refresh(url, alias)
        readers = [pool.submit(look, reader, number) for number in (0, 1)]
        readers.append(pool.submit(look, writer, 2))  # a search through the writer sees its own
        end = time.monotonic() + SECONDS
        while (
            time.monotonic() < end or versions < ENOUGH or sum(looked) < ENOUGH_LOOKS
        ) and not stopping.is_set():
            versions += 1
            outcomes = writer.write(
                [indexed(key, *pair(versions), source="cnn") for key in ("a", "b")]
            )
            assert all(o.is_stored for o in outcomes)
        stopping.set()
        for running in readers:
            running.result()
        for each in LOOKS:
            each(writer)
        assert writer.fetch(["a#0"])[0].passage.text.startswith(f"v{versions} ")
        assert documents(url, alias) == 2 * 2 + len(IDS)


def test_matches_are_counted_only_where_they_are_asked(url: str, alias: str) -> None:
    with opened(url, alias) as engine:
        engine.write([indexed(str(n), "كلمة") for n in range(5)])
        rankings = engine.rank(RankRequest(Term("letters", "كلمة"), limit=1, texts=True))
        assert (rankings.text_total, rankings.total_is_exact) == (5, True)
        assert "total" in rankings.took_ms
        rankings = engine.rank(RankRequest(Term("letters", "كلمة"), limit=1, exact_total=False))
        assert "total" not in rankings.took_ms


# -- one article that alternates between two contents, by another process

LONG, SHORT = 5, 2  # paragraphs


def alternating(version: int) -> IndexedArticle:
    """Return the article as one of its two contents."""
    word, paragraphs = ("اول", LONG) if version % 2 else ("ثان", SHORT)
    return indexed("x", *(f"{word} كلمة{i}. جملة {word}" for i in range(paragraphs)))


def alternate(url: str, alias: str, first: int, started: str) -> None:
    """Write the article as one content and the other, until killed."""
    with opened(url, alias) as engine:
        version = first
        while True:
            engine.write([alternating(version)])
            Path(started).touch()
            version += 1


@pytest.fixture
def writers(url: str, alias: str, tmp_path: Path) -> Iterator[Callable[[int], None]]:
    """Give what starts processes that write the article; they are killed in the end."""
    started: list[Any] = []

    def start(first: int) -> None:
        mark = tmp_path / str(len(started))
        arguments = (url, alias, first, str(mark))
        child = processes().Process(target=alternate, args=arguments)
        started.append(child)
        child.start()
        deadline = time.monotonic() + 30
        while not mark.exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        assert mark.exists()

    yield start
    for child in started:
        child.kill()
        child.join()


@pytest.mark.parametrize("count", [1, 2], ids=["one writer", "A-B-A by two writers"])
def test_an_alternating_article_is_seen_whole_in_one_edition(
    url: str, alias: str, writers: Callable[[int], None], count: int
) -> None:
    """Never none of it, never both, never a part: whatever is asked, while others write it."""
    with opened(url, alias) as reader:
        reader.write([alternating(0), indexed("other", "كلمة0 اول ثان")])
        refresh(url, alias)
        for first in range(count):
            writers(first)
        looked, seen = 0, set[str]()
        end = time.monotonic() + SECONDS
        while time.monotonic() < end or len(seen) < 2 or looked < ENOUGH_LOOKS:
            request = RankRequest(Term("stem", "كلمة0"), VECTOR, limit=8, texts=True)
            request = (
                RankRequest(Everything(), VECTOR, limit=8, texts=True) if looked % 2 else request
            )
            rankings = reader.rank(request)
            texts = [
                rankings.passages_read[hit.passage_id].passage
                for hit in rankings.text
                if hit.passage_id.startswith("x#")
            ]
            words = {passage.text.split(" ")[0] for passage in texts}
            assert len(words) == 1, words
            (word,) = words
            expected = LONG if word == "اول" else SHORT
            if looked % 2:
                assert sorted(p.position for p in texts) == list(range(expected))
                near = sorted(h.passage_id for h in rankings.vector if h.passage_id[0] == "x")
                assert near == [f"x#{i}" for i in range(expected)]
            else:
                assert [p.position for p in texts] == [0]
            # Counted by a search of its own, so perhaps of the other content.
            totals = (1 + SHORT, 1 + LONG) if looked % 2 else (2,)
            assert not rankings.total_is_exact or rankings.text_total in totals
            seen.add(word)
            looked += 1
            assert end + 60 > time.monotonic(), "the writers write only one of them"


def test_what_alternated_is_left_as_one_edition(
    url: str, alias: str, direct: ElasticEngine, writers: Callable[[int], None], tmp_path: Path
) -> None:
    writers(0)
    writers(1)
    time.sleep(1)
    for _ in range(20):
        direct.write([alternating(0)])
        direct.write([alternating(1)])
    assert (tmp_path / "1").exists()
    stored = direct.article("x")
    assert stored is not None
    assert len(stored.passages) in (LONG, SHORT)
    exactly_when_quiet(direct, url, alias, writers)


def exactly_when_quiet(
    engine: ElasticEngine, url: str, alias: str, writers: Callable[[int], None]
) -> None:
    """Check what is left after the writers were killed."""
    started: list[Any] = next(
        cell.cell_contents
        for cell in writers.__closure__ or ()
        if isinstance(cell.cell_contents, list)
    )
    for child in started:
        child.kill()
        child.join()
    exactly(engine, url, alias)


@pytest.mark.parametrize("looked_at", [True, False], ids=["searched", "idle"])
def test_others_see_a_write_within_the_interval(
    engine: ElasticEngine, url: str, alias: str, looked_at: bool
) -> None:
    """Of an index that nobody searched for a while: with their next search, which waits for it."""
    engine.write([indexed("a", "قديم")])
    version = f"{url}/{alias}-passages-1"
    idle = "1h" if looked_at else "0s"
    asking.ask(f"{version}/_settings", "PUT", {"index": {"search.idle.after": idle}})
    with opened(url, alias) as other:
        assert other.rank(RankRequest(Term("stem", "جديد"))).text == ()
        engine.write([indexed("b", "جديد")])
        until(lambda: other.rank(RankRequest(Term("stem", "جديد"))).text)


@pytest.mark.parametrize(("seconds", "interval"), [(1, None), (30, "30s")])
def test_an_interval_of_a_second_is_left_to_elasticsearch(
    url: str, alias: str, seconds: int, interval: str | None
) -> None:
    """One that is set is kept while nobody searches too."""
    with opened(url, alias, elasticsearch_refresh=seconds) as engine:
        engine.write([indexed("a", "كلمة")])
    (about,) = asking.ask(f"{url}/{alias}/_settings").values()
    assert about["settings"]["index"].get("refresh_interval") == interval
