"""The data folder goes away, or another comes in its place, under a running server."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from .serving import Answer, Server, served
from .tally import Tally

BACK_WITHIN = 30.0  # seconds
RECORD = "record.sqlite"

Way = Callable[[Path, Path], None]  # (the data folder, where it may be put aside)


def moved(data: Path, aside: Path) -> None:
    data.rename(aside)


def replaced_by_nothing(data: Path, aside: Path) -> None:
    """As an unmounted disk leaves its mount point."""
    data.rename(aside)
    data.mkdir()


def replaced_by_a_file(data: Path, aside: Path) -> None:
    data.rename(aside)
    data.write_text("")


def without_its_record(data: Path, aside: Path) -> None:
    _aside(data, aside)
    for path in data.rglob(f"{RECORD}*"):
        path.unlink()


def with_an_empty_record(data: Path, aside: Path) -> None:
    without_its_record(data, aside)
    record = next(aside.rglob(RECORD)).relative_to(aside)
    (data / record).touch()


def removed(data: Path, aside: Path) -> None:
    _aside(data, aside)
    shutil.rmtree(data)


WAYS: tuple[Way, ...] = (
    moved,
    replaced_by_nothing,
    replaced_by_a_file,
    without_its_record,
    with_an_empty_record,
    removed,
)


def vanished_folder(folder: Path, count: int, seed: int) -> Tally:
    """Take the folder away so many times, in every way in turn.

    Wrong is an answer as if it were whole, or a new index in its place. Lost is what does not
    come back with the folder.
    """
    tally = Tally("vanished data folder", "answering again after it came back")
    for number in range(count):
        way = WAYS[number % len(WAYS)]
        place = folder / f"{number}"
        place.mkdir()
        with served(place) as server:
            server.put("kept", "كلمة باقية")
            before = _contents(place / "data")
            way(place / "data", place / "aside")
            left = _contents(place / "data")
            told = _told(server)
            if _contents(place / "data") - left - before:
                told.append(f"made {sorted(_contents(place / 'data') - left - before)[:3]}")
            tally.tried += 1
            tally.wrong += bool(told)
            tally.outcomes["silently wrong" if told else "detected"] += 1
            if told:
                tally.example(f"{way.__name__}: {'; '.join(told)}")
            _put_back(place / "data", place / "aside")
            _await(server, way.__name__, tally)
            tally.crashed += server.process.poll() is not None
    return tally


def _told(server: Server) -> list[str]:
    """Return what is answered as if all were there; or is no problem that says what is amiss."""
    found: list[str] = []
    asked: dict[str, Callable[[], Answer]] = {
        "/ready": lambda: server.ask("GET", "/ready"),
        "search": lambda: server.search("باقية"),
        "article": lambda: server.ask("GET", "/v1/articles/kept"),
        "status": lambda: server.ask("GET", "/v1/status"),
        "PUT": lambda: server.put("new", "كلمة جديدة"),
        "DELETE": lambda: server.ask("DELETE", "/v1/articles/kept"),
        "/ready again": lambda: server.ask("GET", "/ready"),
        "search again": lambda: server.search("باقية"),
    }
    for name, ask in asked.items():
        answer = ask()
        if answer.status != 503 or not answer.problem:
            found.append(f"{name}: {answer.status} {answer.body[:60].decode('utf-8', 'replace')}")
    return found


def _await(server: Server, name: str, tally: Tally) -> None:
    begun = time.monotonic()
    while time.monotonic() < begun + BACK_WITHIN:
        whole = server.hits("باقية") == ["kept"] and server.ask("GET", "/ready").status == 200
        if whole and server.put("again", "كلمة أخرى").status in (200, 201):
            tally.took(time.monotonic() - begun)
            return
        time.sleep(0.2)
    tally.lost += 1
    tally.example(f"{name}: not answered {BACK_WITHIN:g} s after the folder was put back")


def _aside(data: Path, aside: Path) -> None:
    shutil.copytree(data, aside)


def _put_back(data: Path, aside: Path) -> None:
    if data.is_dir():
        shutil.rmtree(data)
    else:
        with suppress(FileNotFoundError):
            data.unlink()
    aside.rename(data)


def _contents(folder: Path) -> set[str]:
    return {str(path.relative_to(folder.parent)) for path in (folder, *folder.rglob("*"))
            if path.exists() and path.suffix != ".lock"}  # fmt: skip
