"""Every file of an index damaged in every way, and what the engine then says.

It has to detect it (an error of ours), to be unharmed, or to build anew what can be; anything else
is silently wrong.
"""

from __future__ import annotations

import logging
import os
import random
import shutil
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

from search.domain import IndexedArticle
from search.errors import FihrisError

from .tally import Tally
from .truth import Truth, lies, opened, processes, version_of

ARTICLES = 120
PATIENCE = 120.0  # seconds until a process that looks at a damaged index counts as hung
PAGE = 4096  # bytes of SQLite's
RECORD = "record.sqlite"

Damage = Callable[[Path, random.Random], str]  # does it to a file; returns what was done


# -- the indexes that are damaged


@dataclass(frozen=True, slots=True)
class Images:
    """An index in three states. `truth` is what the last two hold.

    `older` is an earlier state of the others; `closed` was closed; the writer of `killed` was
    killed after its last acknowledgement, so that SQLite's log has what the record lacks.
    """

    older: Path
    closed: Path
    killed: Path
    truth: Truth


def make_images(folder: Path) -> Images:
    """Write the index that is damaged, in a folder of its own."""
    images = Images(folder / "older", folder / "closed", folder / "killed", _truth())
    _in_a_process(images.older, 0, False)
    for image, kill in ((images.closed, False), (images.killed, True)):
        shutil.copytree(images.older, image)
        _in_a_process(image, 1, kill)
    return images


def _truth() -> Truth:
    written = [each for stage in (0, 1) for batch in _batches(stage) for each in batch]
    truth = {each.article.info.id: each for each in written}
    return {key: each for key, each in truth.items() if key not in _removed()}


def _batches(stage: int) -> list[list[IndexedArticle]]:
    """Return what is written at a stage: at the second, a part of it replaces the first's."""
    numbers = range(ARTICLES) if stage == 0 else range(ARTICLES // 2, ARTICLES * 3 // 2)
    articles = [version_of(f"a{number:03}", f"v{stage}n{number}") for number in numbers]
    return [articles[start : start + 20] for start in range(0, len(articles), 20)]


def _removed() -> list[str]:
    return [f"a{number:03}" for number in range(0, ARTICLES, 7)]


def _in_a_process(folder: Path, stage: int, kill: bool) -> None:
    child = processes().Process(target=_write, args=(folder, stage, kill))
    child.start()
    child.join()
    if child.exitcode != (-signal.SIGKILL if kill else 0):
        raise RuntimeError(f"the index that is to be damaged was not written: {child.exitcode}")


def _write(folder: Path, stage: int, kill: bool) -> None:
    engine = opened(folder)
    for batch in _batches(stage):
        engine.write(batch)
        engine.show()
    if stage == 1:
        engine.delete(_removed())
    if kill:
        os.kill(os.getpid(), signal.SIGKILL)
    engine.close()


# -- damage


def one_bit(path: Path, chosen: random.Random) -> str:
    content = bytearray(path.read_bytes())
    at = chosen.randrange(len(content))
    content[at] ^= 1 << chosen.randrange(8)
    path.write_bytes(content)
    return f"one bit of byte {at}"


def some_bits(path: Path, chosen: random.Random) -> str:
    for _ in range(16):
        one_bit(path, chosen)
    return "sixteen bits"


def truncated(path: Path, chosen: random.Random) -> str:
    size = chosen.randrange(path.stat().st_size)
    os.truncate(path, size)
    return f"cut to {size} bytes"


def cut_by_pages(path: Path, chosen: random.Random) -> str:
    size = path.stat().st_size // PAGE
    os.truncate(path, (size - chosen.randint(1, max(1, size // 2))) * PAGE if size > 1 else 0)
    return "cut by pages"


def emptied(path: Path, chosen: random.Random) -> str:
    os.truncate(path, 0)
    return "emptied"


def zeroed(path: Path, chosen: random.Random) -> str:
    return _overwritten(path, chosen, bytes(PAGE), "zeroed")


def noise(path: Path, chosen: random.Random) -> str:
    return _overwritten(path, chosen, chosen.randbytes(64), "overwritten with noise")


def _overwritten(path: Path, chosen: random.Random, with_: bytes, what: str) -> str:
    content = bytearray(path.read_bytes())
    at = chosen.randrange(-(-len(content) // len(with_))) * len(with_)
    content[at : at + len(with_)] = with_[: len(content) - at]
    path.write_bytes(content)
    return f"{what} at {at}"


def deleted(path: Path, chosen: random.Random) -> str:
    path.unlink()
    return "deleted"


def lengthened(path: Path, chosen: random.Random) -> str:
    with path.open("ab") as file:
        file.write(chosen.randbytes(chosen.choice((1, 100, PAGE, 3 * PAGE))))
    return "lengthened"


def pages_exchanged(path: Path, chosen: random.Random) -> str:
    content = path.read_bytes()
    pages = [content[start : start + PAGE] for start in range(0, len(content), PAGE)]
    one, other = chosen.randrange(len(pages)), chosen.randrange(len(pages))
    pages[one], pages[other] = pages[other], pages[one]
    path.write_bytes(b"".join(pages))
    return f"pages {one} and {other} exchanged"


DAMAGE: tuple[Damage, ...] = (
    one_bit,
    one_bit,
    some_bits,
    truncated,
    cut_by_pages,
    emptied,
    zeroed,
    noise,
    deleted,
    lengthened,
    pages_exchanged,
)


def older_file(folder: Path, older: Path, chosen: random.Random) -> str:
    """Put an older copy of one file in its place; of a segment, any older file of its kind."""
    ours = [each for each in files_of(folder) if each.stat().st_size]
    pairs = []
    for path in ours:
        same = older / path.relative_to(folder)
        others = [same] if same.is_file() else files_of(older)
        pairs += [(path, each) for each in others if each.suffix == path.suffix]
    path, other = chosen.choice(pairs)
    shutil.copyfile(other, path)
    return f"{path.relative_to(folder)} as it was before"


def older_record(folder: Path, older: Path, chosen: random.Random) -> str:
    """Put the older record, with its log, in the record's place."""
    without_record(folder, older, chosen)
    for path in older.rglob(f"{RECORD}*"):
        shutil.copyfile(path, folder / path.relative_to(older))
    return "the record as it was before"


def older_all_but_record(folder: Path, older: Path, chosen: random.Random) -> str:
    for path in files_of(folder):
        if not path.name.startswith(RECORD):
            path.unlink()
    for path in files_of(older):
        if not path.name.startswith(RECORD):
            (folder / path.relative_to(older)).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, folder / path.relative_to(older))
    return "all but the record as it was before"


def without_log(folder: Path, older: Path, chosen: random.Random) -> str:
    for path in folder.rglob(f"{RECORD}-*"):
        path.unlink()
    return "the record's log deleted"


def without_record(folder: Path, older: Path, chosen: random.Random) -> str:
    for path in folder.rglob(f"{RECORD}*"):
        path.unlink()
    return "the record deleted"


def only_record(folder: Path, older: Path, chosen: random.Random) -> str:
    for path in files_of(folder):
        if not path.name.startswith(RECORD):
            path.unlink()
    return "all but the record deleted"


WHOLE = (older_record, older_all_but_record, without_log, without_record, only_record)


def files_of(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def damage(folder: Path, older: Path, number: int, chosen: random.Random) -> str:
    """Damage an index: each file in turn, in a way that is chosen, or several files together."""
    if number % 12 == 0:
        return chosen.choice(WHOLE)(folder, older, chosen)
    if number % 6 == 0:
        return older_file(folder, older, chosen)
    files = [each for each in files_of(folder) if each.stat().st_size]
    kinds = sorted({each.name if each.parent == folder else each.suffix for each in files})
    kind = kinds[number % len(kinds)]
    path = chosen.choice([each for each in files if kind in (each.name, each.suffix)])
    return f"{path.relative_to(folder)}: {chosen.choice(DAMAGE)(path, chosen)}"


# -- what is said then


def corruptions(folder: Path, count: int, seed: int) -> Tally:
    """Damage an index so many times, a fresh copy each time."""
    tally = Tally("damaged files of an index", "opened, everything asked, written, asked again")
    images = make_images(folder / "images")
    for number in range(count):
        chosen = random.Random(f"{seed} {number}")
        image = (images.closed, images.killed)[number % 2]
        copy = folder / "damaged"
        shutil.copytree(image, copy)
        done = damage(copy, images.older, number // 2, chosen)
        begun = time.monotonic()
        outcome, said = look(copy, images.truth)
        tally.took(time.monotonic() - begun)
        tally.tried += 1
        tally.outcomes[outcome] += 1
        tally.wrong += outcome == "silently wrong"
        tally.crashed += outcome == "crashed"
        if outcome in ("silently wrong", "crashed"):
            tally.example(f"{number} ({image.name}), {done}: {said}")
        shutil.rmtree(copy, ignore_errors=True)
    return tally


def look(folder: Path, truth: Truth) -> tuple[str, str]:
    """Ask an index everything in a process of its own; return the outcome, and what was said."""
    context = processes()
    ours, theirs = context.Pipe(duplex=False)
    child = context.Process(target=_look, args=(folder, truth, theirs))
    child.start()
    theirs.close()
    try:
        found: tuple[str, str] = ours.recv() if ours.poll(PATIENCE) else ("crashed", "hung")
    except EOFError:
        child.join()
        found = "crashed", f"the process ended with {child.exitcode}"
    child.kill()
    child.join()
    return found


def _look(folder: Path, truth: Truth, pipe: Connection) -> None:
    log = _Log()
    logging.getLogger("search").addHandler(log)
    try:
        pipe.send(_outcome(folder, truth, log))
    except BaseException as error:
        place = error.__traceback__
        while place and place.tb_next:
            place = place.tb_next
        where = f"{place.tb_frame.f_code.co_filename}:{place.tb_lineno}" if place else ""
        pipe.send(("crashed", f"{type(error).__name__}: {error} at {where}"))


def _outcome(folder: Path, truth: Truth, log: _Log) -> tuple[str, str]:
    try:
        engine = opened(folder)
    except FihrisError as error:
        return "detected", str(error)
    told, raised = lies(engine, truth)
    if told:
        return "silently wrong", "; ".join(told[:3])
    try:
        written = version_of("new", "جديد")
        outcome = engine.write([written])[0]
        gone = min(truth)
        engine.delete([gone])
    except FihrisError as error:
        raised.append(error)
    else:
        if outcome.is_stored:
            truth = {**truth, "new": written}
        truth = {key: each for key, each in truth.items() if key != gone}
        told, again = lies(engine, truth)
        raised += again
        if told:
            return "silently wrong", "after a write: " + "; ".join(told[:3])
    try:
        engine.close()
    except FihrisError as error:
        raised.append(error)
    if raised:
        return "detected", str(raised[0])
    return ("rebuilt", log.said) if log.said else ("harmless", "")


class _Log(logging.Handler):
    """Keeps the first warning."""

    said = ""

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno >= logging.WARNING:
            self.said = self.said or record.getMessage()
