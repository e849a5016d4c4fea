"""Paths and system errors as people may read them, each error with its code."""

from __future__ import annotations

import os
import re
from pathlib import Path

# What moves the cursor of a terminal, or makes `exe.txt` of `txt.exe`.
_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def shown(path: Path | str) -> str:
    """Return a path on one line, also where its name is not valid UTF-8 or has escapes in it."""
    text = os.fsencode(path).decode("utf-8", "backslashreplace")
    return _UNSEEN.sub(lambda found: ascii(found[0])[1:-1], text)


def one_line(text: str, most: int = 500) -> str:
    """Return what came from outside as one line that a terminal shows as it is."""
    line = " ".join(_UNSEEN.sub(" ", text[: 4 * most]).split())
    line = line.encode("utf-8", "backslashreplace").decode()
    return line if len(line) <= most else line[: most - 1] + "…"


def has_controls(text: str) -> bool:
    """Tell whether a text has control characters or line ends, which no id may have."""
    return _CONTROL.search(text) is not None


def without_controls(text: str) -> str:
    """Return a text with its control characters and line ends as escapes."""
    return _CONTROL.sub(lambda found: ascii(found[0])[1:-1], text)


def problem_of(error: OSError | ValueError) -> tuple[str, str]:
    """Return (code, reason) of what the system said of a path."""
    match error:
        case FileNotFoundError():
            return "not-found", "there is no such file or folder"
        case PermissionError():
            return "no-permission", "no permission to read it"
        case OSError():
            return "unreadable", error.strerror or str(error)
        case _:
            return "unreadable", str(error)
