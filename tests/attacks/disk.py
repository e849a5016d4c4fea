"""A disk that fills up: nothing acknowledged is lost or wrong, removing works, and it goes on."""

from __future__ import annotations

import logging
import os
import resource
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from pathlib import Path

from search.engines.protocol import Engine
from search.errors import FihrisError

from .tally import Tally
from .truth import Truth, lies, opened, processes, version_of

SMALLEST = 150_000  # bytes of a file, where only its size can be limited
DISK = 40 << 20  # bytes of a file system: most of it is filled by another file
LEFT = 300_000  # bytes that this leaves at first
REMOVED = 20  # articles, one by one: a disk that is full has kept room for that
STEP = 1.5
SIZES = 6
PATIENCE = 300.0
MOST_WRITES = 3_000
AT_ONCE = 5  # articles


def full_disk(folder: Path, count: int, seed: int) -> Tally:
    """Fill a disk so many times, a larger one each time: really, where a tmpfs can be mounted.

    Where it cannot, no file may grow beyond a size.
    """
    tally = Tally("full disk", "filled, asked, emptied, asked again")
    for number in range(count):
        size = int(SMALLEST * STEP ** (number % SIZES))
        place = folder / f"disk-{number}"
        place.mkdir()
        begun = time.monotonic()
        with mounted(place, DISK) as real:
            context = processes()
            ours, theirs = context.Pipe(duplex=False)
            child = context.Process(
                target=_fill, args=(place / "data", 0 if real else size, seed + number, theirs)
            )
            child.start()
            theirs.close()
            try:
                outcome, said = ours.recv() if ours.poll(PATIENCE) else ("crashed", "hung")
            except EOFError:
                outcome, said = "crashed", "the process died"
            child.kill()
            child.join()
        tally.took(time.monotonic() - begun)
        tally.tried += 1
        tally.outcomes[f"{outcome}, {'a real file system' if real else 'by a limit of size'}"] += 1
        tally.wrong += outcome == "silently wrong"
        tally.crashed += outcome == "crashed"
        tally.lost += outcome == "lost"
        if said:
            tally.example(f"{size}: {outcome}: {said}")
    return tally


@contextmanager
def mounted(place: Path, size: int) -> Iterator[bool]:
    """Mount a small file system, if that may be done; give whether it was."""
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "fihris-attack", str(place)]
    try:
        done = os.geteuid() == 0 and subprocess.run(command, capture_output=True).returncode == 0
    except OSError:
        done = False
    try:
        yield done
    finally:
        if done:
            subprocess.run(["umount", "-l", str(place)], check=True)


def _fill(data: Path, largest: int, seed: int, pipe: Connection) -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # writes then fail with EFBIG
    logging.getLogger("search").addHandler(logging.NullHandler())
    logging.getLogger("search").propagate = False
    try:
        pipe.send(_filled(data, largest, seed))
    except BaseException as error:
        pipe.send(("crashed", f"{type(error).__name__}: {error}"))


def _filled(data: Path, largest: int, seed: int) -> tuple[str, str]:
    engine = opened(data)
    filler = data.parent / "filler"
    unlimited = resource.RLIM_INFINITY
    if largest:
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest, unlimited))
    truth: Truth = {}
    if not largest:
        _write(engine, truth, 50 + seed % 7 * 20, seed + 2)
        with filler.open("wb", buffering=0) as file, suppress(OSError):
            file.write(bytes(shutil.disk_usage(data).free - LEFT))
    if not _write(engine, truth, MOST_WRITES, seed):
        return "crashed", "the disk never filled"
    if not largest:
        with filler.open("ab", buffering=0) as file, suppress(OSError):
            while file.write(bytes(4096)):  # what is left of it too
                pass
    told, behind = lies(engine, truth)
    if told:
        return "silently wrong", f"while full: {told[:3]}"
    for key in sorted(truth)[:REMOVED] if not largest else ():
        try:
            engine.delete([key])
            del truth[key]
        except FihrisError as error:
            return "lost", f"nothing can be removed from a full disk: {error}"
    told, _ = lies(engine, truth)
    if told:
        return "silently wrong", f"after removing: {told[:3]}"
    filler.unlink(missing_ok=True)
    resource.setrlimit(resource.RLIMIT_FSIZE, (unlimited, unlimited))
    time.sleep(1)
    _write(engine, truth, 3, seed + 1)
    engine.show()
    told, raised = lies(engine, truth)
    engine.close()
    if told or raised:
        return "silently wrong" if told else "lost", f"with room again: {[*told, *raised][:3]}"
    engine = opened(data)
    told, raised = lies(engine, truth)
    engine.close()
    if told or raised:
        return "silently wrong" if told else "lost", f"opened again: {[*told, *raised][:3]}"
    return ("said to be behind" if behind else "whole"), ""


def _write(engine: Engine, truth: Truth, most: int, seed: int) -> bool:
    """Write until it fails or `most` are written; tell whether it failed, with an error of ours."""
    for start in range(0, most, AT_ONCE):
        names = [f"{seed}-{start + number:04}" for number in range(AT_ONCE)]
        articles = [version_of(f"a{name}", f"v{name}") for name in names]
        try:
            outcomes = engine.write(articles)
        except FihrisError:
            return True
        for article, outcome in zip(articles, outcomes, strict=True):
            if not outcome.is_stored:
                return True
            truth[article.article.info.id] = article
    return False
