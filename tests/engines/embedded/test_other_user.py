"""An index that another user made: searched by whoever may read it, else the file is named."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from search.domain import Filter
from search.engines import open_engine
from search.engines.protocol import RankRequest
from search.query.clauses import Term
from search.settings import Settings
from tests.conformance.corpus import EMBEDDER, FINGERPRINT, facets, indexed

NOBODY = 65_534

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")


@pytest.fixture
def folder() -> Iterator[Path]:
    """Give a folder that everybody can reach."""
    outer = Path(tempfile.mkdtemp(prefix="fihris-test-"))
    outer.chmod(0o755)
    yield outer / "index"
    shutil.rmtree(outer)


def fill(folder: Path) -> None:
    engine = open_engine(Settings(data=folder), FINGERPRINT)
    engine.write([indexed(f"a{n}", f"نفط وغاز {n}", source="صحيفة") for n in range(20)])
    engine.write([indexed("a3", "ماء")])
    engine.delete(["a4"])
    engine.show()
    ask(folder)  # imports what the other user could not
    engine.close()


def ask(folder: Path) -> object:
    engine = open_engine(Settings(data=folder), FINGERPRINT)
    try:
        wanted = Filter(sources=("صحيفة",))
        ranked = engine.rank(
            RankRequest(Term("stem", "نفط"), EMBEDDER.embed_query("نفط"), wanted, limit=100)
        )
        counted = facets(engine, None, Filter(), ("source",))
        article = engine.article("a3")
        return len(ranked.text), len(ranked.vector), counted, article and article.article.text
    finally:
        engine.close()


def as_nobody(work: Callable[[], object]) -> object:
    """Return what a piece of work returns, or its error's words, when another user does it."""

    def run(pipe: Connection) -> None:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
        try:
            pipe.send(work())
        except Exception as error:
            pipe.send(f"{type(error).__name__}: {error}")

    context = get_context("fork")
    ours, theirs = context.Pipe()
    child = context.Process(target=run, args=(theirs,))
    child.start()
    answer = ours.recv() if ours.poll(60) else "no answer"
    child.join()
    return answer


@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
@pytest.mark.parametrize("umask", [0o022, 0o002])
def test_another_user_searches_an_index_that_it_cannot_change(folder: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        fill(folder)
    finally:
        os.umask(before)
    expected = ask(folder)
    assert as_nobody(lambda: ask(folder)) == expected
    for path in folder.rglob("*"):
        mode = path.stat().st_mode & 0o777
        assert mode & 0o444 == 0o444, (path, oct(mode))
        if path.is_file():
            path.chmod(0o444)
    for path in (*folder.rglob("*"), folder):
        if path.is_dir():
            path.chmod(0o555)
    assert as_nobody(lambda: ask(folder)) == expected


def test_another_user_searches_while_the_first_one_writes(folder: Path) -> None:
    fill(folder)
    engine = open_engine(Settings(data=folder), FINGERPRINT)
    try:
        engine.write([indexed("new", "نفط", source="صحيفة")])
        engine.show()
        assert as_nobody(lambda: ask(folder)) == ask(folder)
    finally:
        engine.close()


def test_a_umask_that_hides_everything_is_obeyed(folder: Path) -> None:
    before = os.umask(0o077)
    try:
        fill(folder)
    finally:
        os.umask(before)
    assert "ermission" in str(as_nobody(lambda: ask(folder)))


@pytest.mark.parametrize("name", ["record.sqlite", "text/*.term", "text/*.idx"])
def test_a_file_that_cannot_be_read_is_named_with_its_permission(folder: Path, name: str) -> None:
    fill(folder)
    (path, *_) = folder.glob(name)
    path.chmod(0o600)
    told = str(as_nobody(lambda: ask(folder)))
    assert str(path) in told
    assert re.search(r"rw-------|[Pp]ermission denied", told)
    assert "delete" not in told.lower()


def test_a_folder_that_cannot_be_entered_is_named(folder: Path) -> None:
    fill(folder)
    folder.chmod(0o700)
    told = str(as_nobody(lambda: ask(folder)))
    assert str(folder) in told
    assert re.search(r"rwx------|[Pp]ermission denied", told)


def test_writing_names_the_folder_that_cannot_be_written(folder: Path) -> None:
    fill(folder)

    def write() -> object:
        engine = open_engine(Settings(data=folder), FINGERPRINT)
        return engine.write([indexed("b", "x")])

    told = str(as_nobody(write))
    assert str(folder) in told
    assert "ermission" in told
