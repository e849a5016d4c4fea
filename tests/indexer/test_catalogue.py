"""What each file gave: through being killed, damage, a full disk, and at a hundred thousand files."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from indexer import catalogue as module
from indexer.catalogue import Catalogue, Digest, Entry, holder, place_of
from search.errors import EngineUnavailable, InputError
from search.settings import Settings

FOLDER = Path("/srv/أخبار")

Opened = Callable[..., Catalogue]


def path(name: str) -> str:
    return f"{FOLDER}/{name}"


def entry(*ids: str, n: int = 1) -> Entry:
    digest = Digest()
    for each in ids:
        digest.add(each, "hash")
    return Entry(version=(n, n, n), ids=ids, digest=str(digest))


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "data/watch/a.log"


@pytest.fixture
def opened(place: Path) -> Iterator[Opened]:
    catalogues: list[Catalogue] = []

    def again(reading: str = "reading") -> Catalogue:
        if catalogues:
            catalogues[-1].close()
        catalogues.append(Catalogue(place, FOLDER, reading))
        return catalogues[-1]

    yield again
    for catalogue in catalogues:
        catalogue.close()


def test_what_is_recorded_is_known_again(opened: Opened) -> None:
    first = opened()
    assert first.entries == {}
    entries = {
        path("a.txt"): entry("a"),
        path("س/ب.txt"): Entry((1, 2, 3), ("س/ب",), "d", ("k",), ("w",), ("timeout",), 2),
        path("odd\n\u2028name.txt"): entry(),
        path("gone.txt"): entry("gone"),
    }
    first.record(entries)
    first.record({path("a.txt"): entry("a", "b", n=2)})
    first.forget([path("gone.txt"), path("never.txt")])
    again = opened()
    del entries[path("gone.txt")]
    assert again.entries == entries | {path("a.txt"): entry("a", "b", n=2)}
    assert again.lost == ""


def test_what_is_claimed_is_its_files_own_until_the_file_is_recorded(opened: Opened) -> None:
    first = opened()
    first.record({path("old.txt"): entry("o")})
    first.claim({path("new.jsonl"): ["1", "2"], path("old.txt"): ["p"]})
    first.claim({path("new.jsonl"): ["3"]})
    again = opened()
    assert again.ids(path("new.jsonl")) == ["1", "2", "3"]
    assert again.ids(path("old.txt")) == ["o", "p"]
    assert [each.version for each in again.entries.values()] == [(), ()]  # read again
    again.record({path("new.jsonl"): entry("2")})
    again.forget([path("old.txt")])
    last = opened()
    assert last.ids(path("new.jsonl")) == ["2"]
    assert last.ids(path("old.txt")) == []


def test_other_ways_of_reading_have_all_read_again(opened: Opened) -> None:
    opened().record({path("a.txt"): entry("a")})
    assert opened("otherwise").entries == {path("a.txt"): Entry((), ("a",), entry("a").digest)}


@pytest.mark.parametrize("cut", [1, 5, 40])
def test_a_torn_last_line_is_no_damage(opened: Opened, place: Path, cut: int) -> None:
    first = opened()
    first.record({path("a.txt"): entry("a")})
    first.record({path("b.txt"): entry("b")})
    first.close()
    place.write_bytes(place.read_bytes()[:-cut])
    again = opened()
    assert again.lost == ""
    assert set(again.entries) - {path("b.txt")} == {path("a.txt")}
    again.record({path("c.txt"): entry("c")})
    assert {path("a.txt"), path("c.txt")} <= set(opened().entries)


def test_damage_costs_what_the_damaged_lines_said(opened: Opened, place: Path) -> None:
    """Any change of any bytes: what is still said was said."""
    first = opened()
    said = {path(f"{n}.txt"): entry(f"{n}") for n in range(20)}
    first.record(said)
    first.close()
    content = place.read_bytes()
    chance = random.Random(7)
    for _ in range(200):
        harmed = bytearray(content)
        start = chance.randrange(len(content))
        length = chance.randrange(1, 60)
        harmed[start : start + length] = chance.randbytes(chance.choice([0, length]))
        place.write_bytes(harmed)
        again = Catalogue(place, FOLDER, "reading")
        unread = {name: Entry((), e.ids, e.digest) for name, e in said.items()}
        assert all(again.entries[p] in (said[p], unread[p]) for p in again.entries)
        assert len(again.entries) >= 17
        again.close()


def test_damage_is_said_once(opened: Opened, place: Path) -> None:
    first = opened()
    first.record({path("a.txt"): entry("a"), path("b.txt"): entry("b")})
    first.close()
    place.write_bytes(place.read_bytes().replace(b'"a"', b'"z"'))
    again = opened()
    assert again.lost == "1 damaged lines"
    again.record({path("c.txt"): entry("c")})
    assert opened().lost == ""


def test_a_long_log_is_written_anew(
    opened: Opened, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SLACK", 10)
    first = opened()
    for n in range(100):
        first.record({path("a.txt"): entry("a", n=n)})
        first.claim({path("b.txt"): [f"b{n}"]})
        first.tidy()
    assert len(place.read_bytes().splitlines()) < 20
    again = opened()
    assert again.entries[path("a.txt")] == entry("a", n=99)
    assert len(again.ids(path("b.txt"))) == 100


def test_a_log_that_is_removed_while_it_is_open_is_made_again(opened: Opened, place: Path) -> None:
    first = opened()
    first.record({path("a.txt"): entry("a")})
    place.unlink()
    first.tidy()
    first.record({path("b.txt"): entry("b")})
    assert set(opened().entries) == {path("a.txt"), path("b.txt")}


def test_what_could_not_be_written_is_not_known_and_what_follows_is_whole(
    opened: Opened, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = opened()
    first.record({path("a.txt"): entry("a")})

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(EngineUnavailable, match="No space left"):
            first.claim({path("b.txt"): ["b"]})
        with pytest.raises(EngineUnavailable, match="No space left"):
            first.record({path("c.txt"): entry("c")})
    assert set(first.entries) == {path("a.txt")}
    first.record({path("d.txt"): entry("d")})
    assert set(opened().entries) == {path("a.txt"), path("d.txt")}


def test_one_process_has_it_and_only_its_owner_reads_it(opened: Opened, place: Path) -> None:
    opened().record({path("a.txt"): entry("a")})
    with pytest.raises(InputError, match="already being watched"):
        Catalogue(place, FOLDER, "reading")
    assert place.stat().st_mode & 0o777 == 0o600
    assert opened().entries  # given back


def test_every_folder_and_index_has_its_own(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "link").symlink_to("a")
    embedded = Settings(data=tmp_path / "data")
    elastic = Settings(data=tmp_path / "data", engine="elasticsearch")
    other = elastic.model_copy(update={"elasticsearch_index": "other"})
    folder = tmp_path / "a"
    assert place_of(folder, embedded) == place_of(tmp_path / "link", embedded)
    places = {place_of(folder, each) for each in (embedded, elastic, other)}
    assert len(places | {place_of(tmp_path / "b", embedded)}) == 4


def test_a_path_is_in_its_folder_only(place: Path) -> None:
    one = Catalogue(place, Path("/srv/a"), "")
    other = Catalogue(place.with_name("b.log"), Path("/srv/ab"), "")
    assert holder([one, other], "/srv/ab/x.txt") is other
    assert holder([one, other], "/srv/a/x.txt") is one
    assert holder([one, other], "/srv/a") is None
    one.close()
    other.close()


def memory() -> int:
    """Return bytes of this process in memory; 0 where the system does not say."""
    statm = Path("/proc/self/statm")
    return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGESIZE") if statm.exists() else 0


@pytest.mark.slow
def test_a_hundred_thousand_files_take_seconds_and_a_hundred_megabytes(
    opened: Opened, place: Path
) -> None:
    first = opened()
    names = [f"{n % 300}/ملف عن الأخبار {n}" for n in range(100_000)]
    for start in range(0, len(names), 5_000):
        some = names[start : start + 5_000]
        first.claim({path(f"{name}.txt"): [name] for name in some})
        first.record({path(f"{name}.txt"): entry(name) for name in some})
    first.close()
    del first
    held = memory()
    began = time.process_time()
    again = opened()
    took = time.process_time() - began
    assert len(again.entries) == 100_000
    assert memory() - held < 150e6
    assert took < 20, took  # measured: 1.6 s
