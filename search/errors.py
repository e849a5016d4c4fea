"""Every error Fihris raises on purpose. No HTTP status here: `api.problems` has that table.

FihrisError
├── InputError              something given from outside is not acceptable; names the field
│   ├── PageTooDeep         a page past the window of 10,000 hits
│   └── CursorGone          a cursor of another order or version: the list is to be begun again
├── NotFound                no article or passage of that id
├── SettingsError           an environment variable has a value that cannot be used
├── SourceError             a file cannot be read as articles
├── EmbedderError           a model cannot be loaded, or failed on a text
├── RerankerError           a reranker cannot be loaded, failed, or took too long
└── EngineError             the engine cannot do what was asked
    ├── EngineUnavailable   it cannot be reached or opened now; trying later may help
    │   ├── RecordLost      the record is not all that was acknowledged: older, foreign or gone
    │   └── Stopping        this process is being ended
    ├── EngineBusy          somebody else is writing; names the holder
    ├── FingerprintMismatch the index was made by another analyser, model or schema
    └── RecordCorrupt       the record itself is damaged; only a backup or the sources help

Messages are for people: what was wrong, then what to do.
"""

from __future__ import annotations


class FihrisError(Exception):
    """Base of all errors raised on purpose."""


class InputError(FihrisError):
    """Something given from outside is not acceptable.

    Args:
        message: what was wrong and what to do.
        field: the name of the argument or field that was wrong.
    """

    def __init__(self, message: str, *, field: str) -> None:
        super().__init__(message)
        self.field = field


class PageTooDeep(InputError):
    """A page past the window of 10,000 hits."""


class CursorGone(InputError):
    """A cursor of another order or version: the list is to be begun again."""


class NotFound(FihrisError):
    """No article or passage of that id."""


class SettingsError(FihrisError):
    """An environment variable has a value that cannot be used."""


class SourceError(FihrisError):
    """A file cannot be read as articles.

    Args:
        message: what was wrong and what to do.
        code: the reason in one stable word (`indexer.failure_codes` lists them).
    """

    def __init__(self, message: str, *, code: str = "unreadable") -> None:
        super().__init__(message)
        self.code = code


class EmbedderError(FihrisError):
    """A model cannot be loaded, or failed on a text."""


class RerankerError(FihrisError):
    """A reranker cannot be loaded, failed, or took too long."""


class EngineError(FihrisError):
    """The engine cannot do what was asked."""


class EngineUnavailable(EngineError):
    """The engine cannot be reached or opened now; trying later may help."""


class Stopping(EngineUnavailable):
    """This process is being ended: what was not acknowledged is to be given again."""

    def __init__(self, message: str = "the server is being stopped; try again in a moment") -> None:
        super().__init__(message)


class RecordLost(EngineUnavailable):
    """The record does not hold what was acknowledged: it is an older copy, another one, or gone."""


class EngineBusy(EngineError):
    """Somebody else is writing; the message names the holder."""


class FingerprintMismatch(EngineError):
    """The index was made by another analyser, model or schema."""


class RecordCorrupt(EngineError):
    """The record itself is damaged; only a backup or the sources help."""
