"""A record that is older than what was acknowledged, another's, or gone: told, never searched.

Whatever files are copied, put back, exchanged, cut or flipped: an index either answers with all
that was acknowledged or says that it cannot.
"""

from __future__ import annotations

import functools
import itertools
import random
import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest
from typer.testing import CliRunner

from indexer.cli.app import app
from search.engines import accept, open_engine
from search.engines.embedded import chain, storing
from search.engines.embedded.connections import connect
from search.engines.embedded.engine import EmbeddedEngine
from search.engines.embedded.state import read_state
from search.engines.protocol import RankRequest
from search.errors import EngineError, EngineUnavailable, RecordLost
from search.query.clauses import Everything, Term
from search.settings import Settings
from tests.conformance.corpus import EMBEDDER, FINGERPRINT, facets, found, indexed
from tests.engines.embedded.opening import opened
from tests.processes import processes
from tests.support import until

FILES = ["record.sqlite", "record.sqlite-wal", "record.sqlite-shm", "head.json", "text", "passages.npz"]  # fmt: skip
DONE = "acknowledged"


def copied(source: Path, target: Path, names: list[str] | None = None) -> None:
    """Put `source`'s files in the place of `target`'s: those it lacks go too."""
    target.mkdir(exist_ok=True)
    for name in names or FILES:
        old, new = target / name, source / name
        if old.is_dir():
            shutil.rmtree(old)
        old.unlink(missing_ok=True)
        if new.is_dir():
            shutil.copytree(new, old)
        elif new.exists():
            shutil.copy(new, old)


def _written_and_killed(folder: Path, first: int, articles: int, size: int) -> None:
    """Write without ever closing: what was written stands in the log, as after a kill."""
    engine = EmbeddedEngine(folder, FINGERPRINT)
    for i in range(first, first + articles):
        engine.write([indexed(f"a{i % 7}", *(f"v{i} word{i % 7} " * size for _ in range(2)))])


def killed_writer(folder: Path, first: int, articles: int = 1, size: int = 1) -> None:
    context = processes()
    child = context.Process(target=_held_and_killed, args=(folder, first, articles, size))
    child.start()
    child.join()


def _held_and_killed(folder: Path, first: int, articles: int, size: int) -> None:
    import os
    import signal

    _written_and_killed(folder, first, articles, size)
    os.kill(os.getpid(), signal.SIGKILL)


def closed_writer(folder: Path, first: int, articles: int = 1, size: int = 1) -> None:
    with opened(folder) as engine:
        for i in range(first, first + articles):
            engine.write([indexed(f"a{i % 7}", *(f"v{i} word{i % 7} " * size for _ in range(2)))])


def versions(count: int) -> dict[str, str]:
    """Return which version each article has after so many writes."""
    return {f"a{i % 7}": f"v{i}" for i in range(count)}


def state_of(folder: Path) -> dict[str, str] | None:
    """Return each article's version, None if the index says that it cannot answer.

    Texts, words and meaning must agree.
    """
    try:
        with opened(folder) as engine:
            state = {}
            for key in engine.article_ids("", 100):
                article = engine.article(key)
                assert article is not None
                state[key] = article.article.text.split(" ", 1)[0]
            for key, version in state.items():
                assert set(found(engine, Term("stem", version))) == {f"{key}#0", f"{key}#1"}
            passages = {f"{key}#{n}" for key in state for n in (0, 1)}
            request = RankRequest(Everything(), EMBEDDER.embed_query("word1"), limit=100)
            rankings = engine.rank(request)
            assert {hit.passage_id for hit in rankings.text} == passages
            assert {hit.passage_id for hit in rankings.vector} == passages
            return state
    except EngineError:
        return None


Writers = tuple[Callable[..., None], Callable[..., None]]
Written = Callable[[Writers, int], tuple[Path, Path]]
WRITERS = [closed_writer, killed_writer]
PARTS = [FILES[:n] for n in (1, 2, 3)] + [[FILES[1], FILES[2]], [FILES[0], FILES[3]], FILES[1:2], FILES[1:4], FILES[3:4], FILES[4:], FILES[:4], [FILES[0], FILES[4]], FILES[:5], FILES[5:], FILES]  # fmt: skip


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Written:
    """Return what gives an index after four writes and after ten: made once, to be copied."""

    @functools.cache
    def make(writers: Writers, large: int) -> tuple[Path, Path]:
        folder = tmp_path_factory.mktemp("written")
        before, after = folder / "before", folder / "after"
        writers[0](after, 0, 4, large)
        copied(after, before)
        writers[1](after, 4, 6, large)
        return before, after

    return make


@pytest.mark.slow
@pytest.mark.parametrize("large", [1, 4_000], ids=["little", "past checkpoints"])
@pytest.mark.parametrize(
    "parts", PARTS, ids=lambda parts: "+".join(p.rpartition("-")[2] for p in parts)
)
@pytest.mark.parametrize("writers", list(itertools.product(WRITERS, WRITERS)), ids=lambda w: "-".join(f.__name__[:6] for f in w))  # fmt: skip
def test_files_put_back_are_all_there_or_told(
    tmp_path: Path, written: Written, writers: Writers, parts: list[str], large: int
) -> None:
    """Copy, write, put some of the files back; and write once more where that is possible."""
    before, after = written(writers, large)
    folder = tmp_path / "index"
    shutil.copytree(after, folder)
    copied(before, folder, parts)
    # A copy of everything is that moment's index, whole.
    allowed = [None, versions(10)] + ([versions(4)] if len(parts) > 4 else [])
    state = state_of(folder)
    assert state in allowed
    try:
        closed_writer(folder, 10)
    except EngineError:
        assert state is None
        return
    assert state_of(folder) == {**state, "a3": "v10"} if state else None


def test_an_older_record_is_told_by_everything_until_it_is_accepted(tmp_path: Path) -> None:
    folder, copy = tmp_path / "index", tmp_path / "copy"
    closed_writer(folder, 0, 3)
    copied(folder, copy)
    closed_writer(folder, 3, 4)
    copied(copy, folder, FILES[:3])
    for _ in range(2):
        with pytest.raises(RecordLost, match=r"3 articles, 6 passages.*7 articles, 14 passages"):
            EmbeddedEngine(folder, FINGERPRINT)
    settings = Settings(data=folder)
    assert accept(settings) is not None
    assert state_of(folder) == versions(3)
    with opened(folder) as engine:
        engine.write([indexed("new", "v9")])
        assert found(engine, Term("stem", "v9")) == ["new#0"]
        assert found(engine, Term("stem", "v5")) == []
    with opened(folder):  # and it is the newer one now that is another's
        copied(copy, folder, FILES[:3])
    with pytest.raises(RecordLost):
        EmbeddedEngine(folder, FINGERPRINT)


def test_there_may_be_nothing_to_accept(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path / "index")
    assert accept(settings) is None
    assert not (tmp_path / "index").exists()
    closed_writer(tmp_path / "index", 0, 3)
    assert accept(settings) is not None
    assert state_of(tmp_path / "index") == versions(3)


def test_a_copy_of_the_whole_folder_is_an_index(tmp_path: Path) -> None:
    killed_writer(tmp_path / "index", 0, 5)
    shutil.copytree(tmp_path / "index", tmp_path / "copy")
    assert state_of(tmp_path / "copy") == versions(5)


def test_a_whole_folder_put_back_is_told_by_who_had_it_open(tmp_path: Path) -> None:
    """Who begins then cannot tell it from a backup that was put back: docs/RELIABILITY.md."""
    folder, copy = tmp_path / "index", tmp_path / "copy"
    closed_writer(folder, 0, 4)
    copied(folder, copy)
    with opened(folder) as engine:
        engine.write([indexed("a4", "v4 word4", "v4")])
        engine.rest()
        copied(copy, folder)
        with pytest.raises(RecordLost):
            engine.article_ids("", 10)
    assert state_of(folder) == versions(4)


@pytest.mark.parametrize("head", ["missing", "empty", "flipped", "cut"])
def test_a_head_that_cannot_be_read_harms_nobody_and_is_written_again(
    tmp_path: Path, head: str
) -> None:
    closed_writer(tmp_path, 0, 3)
    path = tmp_path / "head.json"
    content = bytearray(path.read_bytes())
    if head == "missing":
        path.unlink()
    else:
        content[20] ^= 1
        path.write_bytes(
            {"empty": b"", "flipped": bytes(content), "cut": bytes(content[:40])}[head]
        )
    assert state_of(tmp_path) == versions(3)
    closed_writer(tmp_path, 3)
    assert path.read_bytes() != content
    assert state_of(tmp_path) == versions(4)


def test_an_older_record_without_its_head_is_told_by_the_text_index(tmp_path: Path) -> None:
    folder, copy = tmp_path / "index", tmp_path / "copy"
    closed_writer(folder, 0, 3)
    copied(folder, copy)
    closed_writer(folder, 3, 4)
    copied(copy, folder, FILES[:3])
    (folder / "head.json").unlink()
    assert state_of(folder) is None


def test_a_record_of_another_index_is_told(tmp_path: Path) -> None:
    closed_writer(tmp_path / "one", 0, 3)
    closed_writer(tmp_path / "two", 0, 3)
    copied(tmp_path / "one", tmp_path / "two", FILES[:3])
    with pytest.raises(RecordLost, match="another index's"):
        EmbeddedEngine(tmp_path / "two", FINGERPRINT)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_flipped_bits_in_the_log_lose_nothing_unnoticed(tmp_path: Path, seed: int) -> None:
    folder, copy = tmp_path / "index", tmp_path / "copy"
    closed_writer(folder, 0, seed % 2 * 4)
    killed_writer(folder, seed % 2 * 4, 9)
    content = (folder / "record.sqlite-wal").read_bytes()
    random_, told = random.Random(seed), 0
    places = [*range(32), *(random_.randrange(len(content)) for _ in range(40))]
    for at in places:
        copied(folder, copy)
        flipped = bytearray(content)
        flipped[at] ^= 1 << random_.randrange(8)
        (copy / "record.sqlite-wal").write_bytes(flipped)
        state = state_of(copy)
        assert state in (None, versions(seed % 2 * 4 + 9)), at
        told += state is None
    assert told > 30


@pytest.mark.parametrize("content", [None, b""], ids=["missing", "empty"])
@pytest.mark.parametrize("left", [["head.json", "text"], ["head.json"], ["text"]], ids="+".join)
def test_a_missing_record_beside_what_followed_it_is_told(
    tmp_path: Path, left: list[str], content: bytes | None
) -> None:
    folder = tmp_path / "index"
    closed_writer(folder, 0, 3)
    for name in FILES[3:5]:
        if name not in left:
            shutil.rmtree(folder / name) if name == "text" else (folder / name).unlink()
    (folder / "record.sqlite").unlink()
    if content is not None:
        (folder / "record.sqlite").write_bytes(content)
    before = sorted(folder.rglob("*"))
    for _ in range(2):
        with pytest.raises(RecordLost, match="missing or empty"):
            EmbeddedEngine(folder, FINGERPRINT)
    assert sorted(folder.rglob("*")) == before


def test_a_record_without_tables_beside_a_head_is_told(tmp_path: Path) -> None:
    closed_writer(tmp_path, 0, 3)
    (tmp_path / "record.sqlite").unlink()
    with closing(sqlite3.connect(tmp_path / "record.sqlite")) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
    with pytest.raises(RecordLost, match="missing or empty"):
        EmbeddedEngine(tmp_path, FINGERPRINT)


def test_a_writer_that_died_between_its_commit_and_its_head_harms_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "index"
    with opened(folder) as engine:
        engine.write([indexed("a0", "v0 word0", "v0")])
        with monkeypatch.context() as patch:
            patch.setattr("search.engines.embedded.chain.write_head", _no_space)
            with pytest.raises(EngineUnavailable, match="send it again"):
                engine.write([indexed("a1", "v1 word1", "v1")])
        copied(folder, tmp_path / "copy")
    assert state_of(tmp_path / "copy") == versions(2)
    closed_writer(tmp_path / "copy", 2)
    assert state_of(tmp_path / "copy") == versions(3)


def _no_space(*_: object, **__: object) -> None:
    raise OSError(28, "No space left on device")


def test_a_head_too_far_behind_to_be_told_from_another_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _keep_commits(monkeypatch, 5)
    closed_writer(tmp_path, 0, 3)
    head = (tmp_path / "head.json").read_bytes()
    closed_writer(tmp_path, 3, 9)
    (tmp_path / "head.json").write_bytes(head)
    assert state_of(tmp_path) is None


def test_a_log_of_more_commits_than_are_kept_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reader that stays kept a checkpoint back: the file's own commit is forgotten by then."""
    _keep_commits(monkeypatch, 5)
    folder = tmp_path / "index"
    closed_writer(folder, 0, 3)
    older = (folder / "record.sqlite").read_bytes()
    with opened(folder) as writer:
        for i in range(3, 15):
            writer.write([indexed(f"a{i % 7}", f"v{i} word{i % 7}", f"v{i}")])
        copied(folder, tmp_path / "killed")
        assert (tmp_path / "killed" / "record.sqlite").read_bytes() == older  # no checkpoint
        assert state_of(tmp_path / "killed") == versions(15)


def test_an_older_file_under_a_log_is_told_though_its_commit_is_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _keep_commits(monkeypatch, 5)
    folder = tmp_path / "index"
    closed_writer(folder, 0, 3)
    older = (folder / "record.sqlite").read_bytes()
    closed_writer(folder, 3, 9)
    with opened(folder) as writer:
        writer.write([indexed("a5", "v12 word5", "v12")])
        copied(folder, tmp_path / "bad")
        (tmp_path / "bad" / "record.sqlite").write_bytes(older)
        assert state_of(tmp_path / "bad") is None


def _keep_commits(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    for module in (chain, storing):
        monkeypatch.setattr(module, "KEPT_COMMITS", count)


# -- under a process that has it open


@pytest.mark.parametrize("commits", [3, 30])
def test_who_was_idle_while_others_wrote_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, commits: int
) -> None:
    """What it saw last may be forgotten by then."""
    _keep_commits(monkeypatch, 5)
    closed_writer(tmp_path, 0, 3)
    with serving(tmp_path) as ask:
        closed_writer(tmp_path, 3, commits)
        assert ask() == min(7, commits + 3)


@contextmanager
def serving(folder: Path) -> Iterator[Callable[[], object]]:
    """Give a way to ask an engine that has the index open: articles found, or the error."""
    with closing(open_engine(Settings(data=folder), FINGERPRINT)) as engine:

        def ask() -> object:
            try:
                assert engine.status().articles == len(engine.article_ids("", 100))
                return len(engine.rank(RankRequest(Everything())).text) // 2
            except RecordLost as error:
                return type(error)

        assert ask() == 3
        yield ask


@pytest.mark.parametrize("what", ["moved", "removed", "emptied", "record only"])
@pytest.mark.parametrize("wrote", [True, False], ids=["writer", "reader"])
def test_what_was_open_is_never_made_anew(tmp_path: Path, what: str, wrote: bool) -> None:
    folder, away = tmp_path / "index", tmp_path / "away"
    closed_writer(folder, 0, 3)
    with closing(open_engine(Settings(data=folder), FINGERPRINT)) as engine:
        assert engine.rank(RankRequest(Everything())).text
        if wrote:
            engine.write([indexed("a2", "v2 word2 again", "v2")])
        if what == "record only":
            away.mkdir()
            for name in FILES[:3]:
                if (folder / name).exists():
                    (folder / name).rename(away / name)
        else:
            folder.rename(away)
        if what == "emptied":
            folder.mkdir()
        before = sorted(folder.rglob("*"))
        calls: list[Callable[[], object]] = [
            lambda: engine.rank(RankRequest(Everything())),
            lambda: engine.write([indexed("new", "x")]),
            lambda: engine.delete(["a1"]),
            lambda: engine.article("a1"),
            lambda: engine.article_ids("", 10),
            lambda: facets(engine, None, RankRequest().filter, ["source"]),
            lambda: engine.terms_with_prefixes("stem", ["w"], 3),
            engine.status,
            engine.show,
        ]
        for call in calls:
            with pytest.raises(RecordLost, match="gone"):
                call()
        assert {*folder.rglob("*")} <= {*before}
        if what == "removed":
            shutil.rmtree(away)
            return
        if what == "record only":
            for path in away.iterdir():
                path.rename(folder / path.name)
        else:
            if folder.exists():
                folder.rmdir()
            away.rename(folder)
        # A writer that had found its folder gone publishes what it wrote some seconds later.
        until(lambda: len(engine.rank(RankRequest(Everything())).text) == 6)
        engine.write([indexed("a9", "back")])
        until(lambda: found(engine, Term("stem", "back")) == ["a9#0"])
    with opened(folder) as engine:
        assert found(engine, Term("stem", "back")) == ["a9#0"]


def test_another_index_in_the_place_is_told_and_its_own_return_is_noticed(tmp_path: Path) -> None:
    folder, away = tmp_path / "index", tmp_path / "away"
    closed_writer(folder, 0, 3)
    with serving(folder) as ask:
        folder.rename(away)
        closed_writer(folder, 0, 2)
        assert ask() is RecordLost
        shutil.rmtree(folder)
        assert ask() is RecordLost
        shutil.copytree(away, folder)
        assert ask() == 3


def test_an_older_copy_of_everything_is_told_to_who_saw_the_newer_one(tmp_path: Path) -> None:
    folder, copy = tmp_path / "index", tmp_path / "copy"
    closed_writer(folder, 0, 2)
    shutil.copytree(folder, copy)
    closed_writer(folder, 2)
    with serving(folder) as ask:
        shutil.rmtree(folder)
        shutil.copytree(copy, folder)
        assert ask() is RecordLost
        closed_writer(folder, 5, 3)
        assert ask() is RecordLost
        accept(Settings(data=folder))
        assert ask() == 4
        closed_writer(folder, 8)
        assert ask() == 4
        shutil.rmtree(folder)
        shutil.copytree(copy, folder)  # the same copy again: it is of before `accept`
        assert ask() is RecordLost
        accept(Settings(data=folder))
        assert ask() == 2


def test_a_new_index_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    closed_writer(tmp_path / "index", 0, 2)
    assert caplog.text.count("making a new index in") == 1
    closed_writer(tmp_path / "index", 2, 2)
    assert caplog.text.count("making a new index in") == 1


def test_a_log_and_a_file_of_different_times_are_told_apart(tmp_path: Path) -> None:
    """After a checkpoint the log begins anew: an older file under it lacks what lay between."""
    folder = tmp_path / "index"
    closed_writer(folder, 0, 3)
    older = (folder / "record.sqlite").read_bytes()
    closed_writer(folder, 3, 3)
    killed_writer(folder, 6, 3)
    assert chain.log_of(folder / "record.sqlite")
    assert state_of_copy(folder, tmp_path / "good") == versions(9)
    (folder / "record.sqlite").write_bytes(older)
    assert state_of_copy(folder, tmp_path / "bad") is None


def test_a_checkpoint_that_was_cut_off_loses_nothing(tmp_path: Path) -> None:
    """Half of each page was copied, say: the log still has them all."""
    folder = tmp_path / "index"
    closed_writer(folder, 0, 3)
    killed_writer(folder, 3, 6)
    record, log = folder / "record.sqlite", (folder / "record.sqlite-wal").read_bytes()
    size = int.from_bytes(log[8:12])
    numbers = {int.from_bytes(log[at : at + 4]) for at in range(32, len(log), 24 + size)}
    pages = bytearray(record.read_bytes())
    damaged = [n for n in numbers if 1 < n <= len(pages) // size]
    for number in damaged:
        pages[(number - 1) * size : number * size - size // 2] = b"\xff" * (size // 2)
    record.write_bytes(pages)
    assert damaged
    with closing(connect(record, "ro&immutable=1")) as alone, pytest.raises(Exception, match=r"."):
        read_state(alone)
    assert state_of_copy(folder, tmp_path / "good") == versions(9)


def state_of_copy(folder: Path, copy: Path) -> dict[str, str] | None:
    copied(folder, copy)
    return state_of(copy)


def test_the_command_accepts_an_older_record_or_says_that_there_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FIHRIS_DATA", str(tmp_path / "index"))
    run = CliRunner().invoke(app, ["accept"])
    assert "no record to accept" in str(run.exception)
    closed_writer(tmp_path / "index", 0, 2)
    copied(tmp_path / "index", tmp_path / "copy")
    closed_writer(tmp_path / "index", 2, 2)
    copied(tmp_path / "copy", tmp_path / "index", FILES[:3])
    run = CliRunner().invoke(app, ["accept"])
    assert run.stdout == "2 articles, 4 passages are the index now\n"
    assert state_of(tmp_path / "index") == versions(2)


@pytest.mark.parametrize("first", [True, False])
def test_a_commit_while_the_record_is_read_is_no_loss(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: bool
) -> None:
    with opened(tmp_path / "index") as engine:
        if not first:
            engine.write([indexed("a", "word")])
        check, waiting = chain.Chain.check, [None]

        def check_after_a_commit(*arguments: object) -> None:
            if waiting:  # the record was read a moment ago
                waiting.pop()
                writer = threading.Thread(target=engine.write, args=([indexed("b", "word")],))
                writer.start()
                writer.join()
            check(*arguments)  # type: ignore[arg-type]

        monkeypatch.setattr(chain.Chain, "check", check_after_a_commit)
        assert engine.stored(["c"]) == {}
        assert engine.article("b") is not None


def test_an_index_is_opened_while_a_checkpoint_waits_for_a_reader(tmp_path: Path) -> None:
    """Its file cannot be read without its log then; it is whole all the same."""
    path, unreadable = tmp_path / "record.sqlite", 0
    with opened(tmp_path) as writer, ExitStack() as readers:
        for turn in range(120):
            writer.write([indexed(f"a{n}", f"turn{turn} word{n} " * 40) for n in range(8)])
            if turn == 60:  # several logs have been emptied by then
                readers.enter_context(writer._record.snapshot())
            if chain._alone(path) is None:
                unreadable += 1
                with opened(tmp_path) as another:
                    assert another.status().articles == 8
    assert unreadable
