"""What every command needs: opening the index, checking arguments, signals, plain logs."""

from __future__ import annotations

import logging
import re
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from types import FrameType
from typing import TYPE_CHECKING, TypeVar

import typer

from search.errors import InputError

if TYPE_CHECKING:  # these would slow `fihris --help`
    from rich.text import Text

    from search.domain import Mode
    from search.embedding import Embedder
    from search.engines.protocol import Engine
    from search.ranking.searcher import Searcher
    from search.settings import Settings


Given = TypeVar("Given", bound=str)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def plain(text: str) -> str:
    """Return a text with its control characters as escapes: none may command a terminal."""
    return _CONTROL.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


@contextmanager
def opened() -> Iterator[tuple[Engine, Embedder, Settings]]:
    """Open the index and the model the settings name, and close the index again."""
    from search.assembly import fingerprint_of
    from search.embedding import open_embedder
    from search.engines import open_engine
    from search.settings import read_settings

    settings = read_settings()
    embedder = open_embedder(settings)
    engine = open_engine(settings, fingerprint_of(embedder, settings))
    try:
        yield engine, embedder, settings
    finally:
        engine.close()


@contextmanager
def searching() -> Iterator[tuple[Searcher, Settings]]:
    """Open the index with all that a search is answered with, and close it again."""
    from search.assembly import open_synonyms, opened_first_hits
    from search.ranking.searcher import Searcher

    with opened() as (engine, embedder, settings), opened_first_hits(settings) as first_hits:
        yield Searcher(engine, embedder, first_hits, open_synonyms(settings)), settings


def modes_of(given: list[str] | None) -> list[Mode]:
    """Return the modes that are asked for, all where none is. Raises InputError."""
    from search.domain import MODES
    from search.query.validation import check_one_of

    for each in given or ():
        check_one_of("--mode", each, MODES)
    return [each for each in MODES if given is None or each in given]


@contextmanager
def stopping(finishing: str) -> Iterator[Callable[[], bool]]:
    """Turn the first Ctrl-C or SIGTERM into a wish, which is given; the second ends at once.

    Args:
        finishing: what is said at the first, such as "finishing the batch in work".
    """
    asked = False

    def ask(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
        nonlocal asked
        if asked:
            raise KeyboardInterrupt
        asked = True
        typer.echo(f"fihris: {finishing}; once more ends at once", err=True)

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def with_engine(settings: Settings, engine: str, option: str) -> Settings:
    """Return the settings with another engine. Raises InputError on an unknown one."""
    from search import registry
    from search.query.validation import check_one_of

    check_one_of(option, engine, [*registry.OWN_ENGINES, *registry.installed(registry.ENGINES)])
    return settings.model_copy(update={"engine": engine})


def print_text(text: Text) -> None:
    """Print a text with its styles where the output is a terminal; never wrapped."""
    from rich.console import Console

    Console(soft_wrap=True, highlight=False, emoji=False, markup=False).print(text)


def log_plainly() -> None:
    """Log warnings to stderr as one line each, without tracebacks."""
    handler = logging.StreamHandler()
    handler.setFormatter(_OneLine())
    logging.basicConfig(handlers=[handler], level=logging.WARNING)
    # A line for each try to reach a cluster, whose error says it all in the end.
    logging.getLogger("elastic_transport").setLevel(logging.ERROR)


class _OneLine(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        reason = f": {record.exc_info[1]}" if record.exc_info else ""
        return f"fihris: {record.getMessage()}{reason}"


def date_from(value: str, field: str) -> date | None:
    """Return an option's date, None for "". Raises InputError."""
    if not value:
        return None
    try:
        return date.fromisoformat(value)
    except ValueError as error:
        raise InputError(
            f"{field} is {value!r}; it must be a date such as 2024-01-31", field=field
        ) from error


def valid(field: str, value: Given) -> Given:
    """Return an argument that is text: a shell may hand over bytes that are none.

    Raises:
        InputError: it is not valid UTF-8.
    """
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise InputError(f"{field} is not valid UTF-8", field=field) from error
    return value
