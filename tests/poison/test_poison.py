"""The whole collection beside good files: every file ends as it must, and nothing stops the rest."""

from __future__ import annotations

import shutil
import time
import unicodedata
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from indexer.extraction.registry import SUFFIXES
from indexer.extraction.sandbox.parser import Usage
from indexer.extraction.sandbox.recogniser import Recogniser
from indexer.failure_codes import CODES
from indexer.sources import Failure, Found, Item, Skipped
from indexer.sources.listing import list_files
from indexer.sources.reading import read_articles
from search.settings import Settings
from tests.formats.packing import IS_THERE, MISSING
from tests.poison import packed, scans
from tests.poison.kinds import ARABIC, MEBIBYTE, Poison
from tests.poison.making import POISON, make

GOOD = 30  # files with nothing wrong, spread among the others
MAX_SECONDS = 15.0
MAX_MEMORY = 512 * MEBIBYTE

pytestmark = pytest.mark.slow


@dataclass(slots=True)
class Run:
    """What reading the folder gave: by file, and what each took."""

    folder: Path
    items: dict[str, list[Item]] = field(default_factory=lambda: defaultdict(list))
    used: list[Usage] = field(default_factory=list)
    seconds: float = 0.0


@pytest.fixture(scope="module")
def run() -> Iterator[Run]:
    with TemporaryDirectory() as name, TemporaryDirectory() as cache:
        run = Run(Path(name))
        make(run.folder)
        for number in range(GOOD):
            # From the first letter of the alphabet to the last, between hostile ones.
            path = run.folder / f"{chr(ord('a') + number % 26)}-good-{number}.txt"
            path.write_text(f"{ARABIC} {number}")
        begun = time.monotonic()
        listed = list_files([run.folder])
        known = Settings(cache=Path(cache), ocr_seconds=10, ocr_pages=20)
        items = read_articles(
            listed, workers=2, on_usage=run.used.append, recogniser=Recogniser(known)
        )
        for item in items:
            run.items[_name(item)].append(item)
        run.seconds = time.monotonic() - begun
        yield run


def _name(item: Item) -> str:
    if not isinstance(item, Skipped) and item.file is not None:
        return item.file.path.name
    return item.place.rpartition("/")[2]


def _ends(items: list[Item]) -> str:
    ends = {"read" for item in items if isinstance(item, Found)}
    return "+".join(sorted(ends | {item.code for item in items if isinstance(item, Failure)}))


@pytest.mark.parametrize("poison", POISON, ids=lambda poison: ascii(poison.name[:40])[1:-1])
def test_a_hostile_file_ends_as_it_must(run: Run, poison: Poison) -> None:
    if poison in scans.POISON and shutil.which("tesseract") is None:
        pytest.skip("no tesseract (Debian: apt-get install tesseract-ocr tesseract-ocr-ara)")
    if poison in packed.POISON and not IS_THERE:
        pytest.skip(MISSING)
    items = run.items.get(poison.name, [])
    said = [item.reason for item in items[:3] if isinstance(item, Failure)]
    assert (_ends(items), said) == (poison.ends, said)


def test_every_good_file_is_found(run: Run) -> None:
    good = [items for name, items in run.items.items() if "-good-" in name]
    assert len(good) == GOOD
    assert {_ends(items) for items in good} == {"read"}


def test_none_takes_more_than_it_may(run: Run) -> None:
    of_pages = {poison.name for poison in scans.POISON}  # each page has a bound of its own
    slow = {
        use.file.name: use.seconds
        for use in run.used
        if use.seconds > MAX_SECONDS and use.file.name not in of_pages
    }
    large = {use.file.name: use.peak for use in run.used if use.peak > MAX_MEMORY}
    assert (slow, large) == ({}, {})
    assert run.seconds < 240  # 40 on an idle machine


def test_no_secret_comes_out(run: Run) -> None:
    secrets = Path("/etc/passwd").read_text(encoding="utf-8").splitlines()
    texts = [i.article.text for items in run.items.values() for i in items if isinstance(i, Found)]
    told = [i.reason for items in run.items.values() for i in items if isinstance(i, Failure)]
    assert [line for line in secrets for text in (*texts, *told) if line in text] == []


def test_what_people_are_told_is_one_line_without_a_traceback(run: Run) -> None:
    for items in run.items.values():
        for item in items:
            told = f"{item.place}: {getattr(item, 'reason', '')}"
            assert [c for c in told if unicodedata.category(c) in ("Cc", "Zl", "Zp")] == []
            assert "Traceback" not in told
            assert len(told) < 2_000


def test_the_collection_has_every_kind_and_is_small(run: Run) -> None:
    assert len(POISON) >= 150
    assert len({poison.name for poison in POISON}) == len(POISON)
    suffixes = {Path(poison.name).suffix.lower() for poison in POISON}
    assert set(SUFFIXES) - suffixes == set()
    assert {code for poison in POISON for code in poison.ends.split("+")} <= {*CODES, "read", ""}
    room = sum(path.lstat().st_blocks * 512 for path in run.folder.iterdir())
    assert room < 160 * MEBIBYTE
