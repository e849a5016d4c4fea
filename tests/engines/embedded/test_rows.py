"""Damage in the record: whatever is read is what was written, or RecordCorrupt says what is damaged."""

from __future__ import annotations

import random
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from search.domain import ARTICLE_FACETS, Filter
from search.engines import check as whole
from search.engines.embedded.engine import EmbeddedEngine
from search.engines.embedded.snapshot import SNAPSHOT
from search.engines.embedded.storing import create
from search.engines.protocol import RankRequest
from search.errors import EngineError, FingerprintMismatch, RecordCorrupt, RecordLost
from search.query.clauses import Everything, Term
from search.settings import Settings
from tests.conformance.corpus import (
    EMBEDDER,
    FINGERPRINT,
    facets,
    indexed,
    random_articles,
    without_vectors,
)
from tests.engines.embedded.opening import opened

TOLD = (RecordCorrupt, RecordLost, FingerprintMismatch)
FILTERS = (
    Filter(),
    Filter(sources=("صحيفة",)),
    Filter(tags=("سياسة", "علم")),
    Filter(languages=("ar",)),
    Filter(articles=("a1", "بلا متجه")),
)


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with an index of every kind of row."""
    folder = tmp_path_factory.mktemp("sound") / "index"
    with opened(folder) as engine:
        engine.write(random_articles(5, 25))
        engine.write([indexed(f"a{i}", "نفط وغاز", "漢字 نفط", source="صحيفة", tags=("سياسة",), language="ar", title="عنوان") for i in range(6)])  # fmt: skip
        engine.write([without_vectors(indexed("بلا متجه", "ذهب إلى البيت"))])
        engine.write([indexed("a2", "نص آخر", tags=("علم", "سياسة"))])
        engine.delete(["a3"])
        engine.show()
    with closing(sqlite3.connect(folder / "record.sqlite")) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return folder


class Answers(dict[str, Any]):
    """An index's answers, by what was asked."""

    def __repr__(self) -> str:  # of a failing test's arguments
        return f"<{len(self)} answers>"


def asked(engine: EmbeddedEngine) -> Answers:
    """Return an index's answers through every method that reads."""
    answers = Answers(ids=engine.article_ids("", 1_000))
    ids = answers["ids"]
    answers["unembedded"] = engine.unembedded("", 1_000)
    answers["stored"] = engine.stored(ids)
    articles = [engine.article(key) for key in ids]
    answers["articles"] = articles
    answers["fetched"] = engine.fetch([p.id for a in articles if a for p in a.passages])
    answers["indexed"] = [
        (a.article, [(p.passage, p.sentences) for p in a.passages]) for a in engine.indexed(ids)
    ]
    answers["vectors"] = [
        (None if p.vector is None else p.vector.tobytes(), p.sentence_vectors.tobytes())
        for a in engine.indexed(ids)
        for p in a.passages
    ]
    status = engine.status()
    answers["status"] = (status.articles, status.passages, status.sentences, status.unembedded)
    for number, wanted in enumerate(FILTERS):
        for constraint in (None, Term("stem", "نفط")):
            request = RankRequest(
                Everything(), EMBEDDER.embed_query("نفط وغاز"), wanted, constraint
            )
            ranked = engine.rank(request)
            answers[f"ranked {number} {constraint}"] = (
                ranked.text,
                ranked.text_total,
                ranked.vector,
            )
    answers["facets"] = facets(engine, None, Filter(), ARTICLE_FACETS)
    return answers


def check(folder: Path, truth: Answers) -> int:
    """Check that a damaged index gives the right answers or says that it is damaged.

    What is said by any of them `fihris check` says too. Returns how often it was said.
    """
    told = 0
    found = problems(folder)
    for method in (asked, only_reading):
        try:
            with opened(folder) as engine:
                answers = method(engine)
        except TOLD:
            told += 1
            continue
        for name, answer in answers.items():
            assert answer == truth[name], name
    assert found or not told
    return told


def problems(folder: Path) -> list[str]:
    """Return what `fihris check` says of an index."""
    try:
        return list(whole(Settings(data=folder), lambda *_: None))
    except TOLD as error:
        return [str(error)]


@pytest.mark.usefixtures("truth")  # which has both files of what is derived written
def test_an_index_that_is_whole_is_whole(sound: Path, tmp_path: Path) -> None:
    """Reading changes no file; damage of what is derived is told too."""
    folder = tmp_path / "index"
    shutil.copytree(sound, folder)
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert problems(folder) == []
    after = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    others = {path for path in after if path.name.endswith(("-wal", "-shm"))}
    assert {path: after[path] for path in after.keys() - others} == before
    for path in (folder / SNAPSHOT, *folder.glob("text/*.term")):
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
        (problem,) = problems(folder)
        assert "made anew" in problem
        path.write_bytes(before[path])
    (folder / "saved.sqlite").write_bytes(b"no database" * 100)
    assert "saved.sqlite" in problems(folder)[0]


def only_reading(engine: EmbeddedEngine) -> Answers:
    """Return the answers for which no search has to be possible."""
    ids = engine.article_ids("", 1_000)
    return Answers(ids=ids, articles=[engine.article(key) for key in ids])


@pytest.fixture(scope="module")
def truth(sound: Path) -> Answers:
    with opened(sound) as engine:
        answers = asked(engine)
    assert (sound / SNAPSHOT).exists()
    return answers


def columns() -> list[tuple[str, str]]:
    with closing(sqlite3.connect(":memory:")) as connection:
        create(connection, FINGERPRINT)
        tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]  # fmt: skip
        return [
            (table, row[1])
            for table in tables
            for row in connection.execute(f"PRAGMA table_info({table})")
        ]


def flipped(value: object, bit: int) -> Any:
    """Return a value with one bit changed; of another type where it has none."""
    if isinstance(value, int):
        return value ^ (1 << bit % 62)
    if isinstance(value, bytes) and value:
        content = bytearray(value)
        content[bit // 8 % len(content)] ^= 1 << bit % 8
        return bytes(content)
    if isinstance(value, str) and value:
        at = bit % len(value)
        return value[:at] + chr(ord(value[at]) ^ 1) + value[at + 1 :]
    return b"\x01"


MUTATIONS = st.one_of(
    st.tuples(st.just("flip"), st.integers(0, 4_000)),
    st.tuples(
        st.just("set"),
        st.sampled_from([None, "", "x", b"", b"\x00\xff", 0, -1, 2**62, 1.5, "[", "{}", "٣", "2021-13-01"]),
    ),
    st.tuples(st.just("cut"), st.integers(0, 40)),
)  # fmt: skip


@given(field=st.sampled_from(columns()), mutation=MUTATIONS, seed=st.integers(0, 10_000))
@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_no_damaged_field_gives_a_wrong_answer(
    sound: Path, truth: Answers, tmp_path: Path, field: tuple[str, str], mutation: tuple[str, Any], seed: int
) -> None:  # fmt: skip
    folder = tmp_path / "index"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(sound, folder)
    if seed % 2:
        shutil.rmtree(folder / "text")
    if seed % 3:
        (folder / SNAPSHOT).unlink()
    with closing(sqlite3.connect(folder / "record.sqlite")) as connection, connection:
        damage_field(connection, *field, mutation, seed)
    check(folder, truth)


def damage_field(
    connection: sqlite3.Connection, table: str, column: str, mutation: tuple[str, Any], seed: int
) -> None:
    """Change one field, whatever the table's constraints say of it."""
    connection.execute("PRAGMA writable_schema = ON")
    connection.execute("UPDATE sqlite_master SET sql = replace(sql, ' NOT NULL', '')")
    version = connection.execute("PRAGMA schema_version").fetchone()[0]
    connection.execute(f"PRAGMA schema_version = {version + 1}")
    key = connection.execute(f"PRAGMA table_info({table})").fetchall()[0][1]
    rows = connection.execute(f"SELECT {key}, {column} FROM {table}").fetchall()
    if not rows:
        return
    where, value = rows[seed % len(rows)]
    kind, given = mutation
    if kind == "flip":
        given = flipped(value, given)
    elif kind == "cut":
        given = value[:given] if isinstance(value, str | bytes) else None
    try:
        connection.execute(f"UPDATE {table} SET {column} = ? WHERE {key} = ?", (given, where))
    except (sqlite3.IntegrityError, OverflowError, UnicodeEncodeError):
        return  # two of one key, or a key that is no number: no table holds that


ONE_ROW_LESS = ["articles", "passages", "terms", "vectors", "sentences", "meta", "commits"]


@pytest.mark.parametrize("table", ONE_ROW_LESS)
@pytest.mark.parametrize("seed", range(3))
def test_a_row_that_is_missing_is_noticed(
    sound: Path, truth: Answers, tmp_path: Path, table: str, seed: int
) -> None:
    """By a search at the latest: it reads whatever is in the index."""
    folder = tmp_path / "index"
    shutil.copytree(sound, folder)
    shutil.rmtree(folder / "text")
    with closing(sqlite3.connect(folder / "record.sqlite")) as connection, connection:
        key = connection.execute(f"PRAGMA table_info({table})").fetchall()[0][1]
        keys = [row[0] for row in connection.execute(f"SELECT {key} FROM {table}")]
        # The last of `commits` notes the text index only; the one before was acknowledged.
        victim = keys[-2] if table == "commits" else keys[(seed * 7) % len(keys)]
        connection.execute(f"DELETE FROM {table} WHERE {key} = ?", (victim,))
    with pytest.raises(EngineError), opened(folder) as engine:
        assert asked(engine) == truth


def flips(path: Path, seed: int, count: int) -> Iterator[tuple[int, int]]:
    size = path.stat().st_size
    chosen = random.Random(seed)
    for _ in range(count):
        yield chosen.randrange(100, size), 1 << chosen.randrange(8)


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_no_flipped_bit_of_the_file_gives_a_wrong_answer(
    sound: Path, truth: Answers, tmp_path: Path, seed: int
) -> None:
    """In tables and indexes, pages in use and not, with the text index and without."""
    folder = tmp_path / "index"
    plain = (sound / "record.sqlite").read_bytes()
    told = 0
    for turn, (at, bit) in enumerate(flips(sound / "record.sqlite", seed, 400 if seed else 60)):
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(sound, folder)
        if turn % 2:
            shutil.rmtree(folder / "text")
        if turn % 3:
            (folder / SNAPSHOT).unlink()
        content = bytearray(plain)
        content[at] ^= bit
        (folder / "record.sqlite").write_bytes(content)
        told += check(folder, truth)
    assert told


def test_a_passage_that_went_after_the_index_was_opened_is_noticed(
    sound: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "index"
    shutil.copytree(sound, folder)
    with opened(folder) as engine:
        assert [found.passage.id for found in engine.fetch(["a1#0", "a1#9", "no#0", "a2#0", "a1#0"])] == ["a1#0", "a2#0", "a1#0"]  # fmt: skip
        with closing(sqlite3.connect(folder / "record.sqlite")) as connection, connection:
            connection.execute("DELETE FROM passages")
        with pytest.raises(RecordCorrupt, match="missing"):
            engine.fetch(["a1#0"])


@pytest.mark.parametrize("table", ["vectors", "sentences", "passages", "articles"])
def test_damage_after_the_index_was_opened_is_noticed_by_what_reads_it(
    sound: Path, tmp_path: Path, table: str
) -> None:
    folder = tmp_path / "index"
    shutil.copytree(sound, folder)
    column = {"vectors": "vector", "sentences": "vectors"}.get(table, "text")
    with opened(folder) as engine:
        engine.rank(RankRequest(vector=EMBEDDER.embed_query("نفط")))
        with closing(sqlite3.connect(folder / "record.sqlite")) as connection, connection:
            connection.create_function("damaged", 1, lambda value: flipped(value, 77))
            connection.execute(f"UPDATE {table} SET {column} = damaged({column})")
        ask: dict[str, Callable[[], object]] = {
            "passages": lambda: engine.fetch(["a1#0"]),
            "articles": lambda: engine.article("a1"),
        }
        by_meaning = RankRequest(vector=EMBEDDER.embed_query("نفط"))
        with pytest.raises(RecordCorrupt, match="damaged"):
            ask.get(table, lambda: engine.rank(by_meaning))()
