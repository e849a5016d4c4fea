"""Front matter: what stands before a Markdown text between two lines of `---` or `+++`.

    ---                          +++
    title: عنوان                 title = "عنوان"
    tags: [سياسة, "عراق"]        date = 2024-01-31
    author:                      +++
      - فاطمة الزهراء
    ---

TOML is read by the standard library. Of YAML a part is read, without a library of its own:
keys that begin a line, texts with or without quotes, folded and literal texts (`>`, `|`), and
lists of texts, in brackets or a line each; of `name: X` inside of a key or list X. What else
YAML has (anchors, tags, documents) is text like any other, so nothing can grow or be run.
Where one line is none of these, all of it is part of the text: three hyphens are a rule too.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence

_MAX_LENGTH = 16_384  # code points between the two lines
_BLOCK = re.compile(
    r"\s*(---|\+\+\+)[ \t]*\r?\n(.*?)^(?:\1|\.\.\.)[ \t]*(?:\r?\n|\Z)", re.MULTILINE | re.DOTALL
)
_KEY = re.compile(r"""["']?([^\s"'#:\[{>|&*!%@`-][^"':]{0,60}?)["']?\s*:(?:\s+(.*))?""")
_NAME = re.compile(r"name\s*:\s+(.*)")
_COMMENT = re.compile(r"\s#.*")
_ITEMS = re.compile(r"""\s*("(?:[^"\\]|\\.)*"|'(?:[^']|'')*'|[^,،"'][^,،]*)\s*(?:[,،]|\Z)""")


def split(text: str) -> tuple[dict[str, object], str]:
    """Return what the front matter of a text says by its own names, and the text behind it."""
    match = _BLOCK.match(text[: _MAX_LENGTH + 100])
    if not match:
        return {}, text
    try:
        found = tomllib.loads(match[2]) if match[1] == "+++" else _yaml(match[2].splitlines())
    except (ValueError, RecursionError):
        return {}, text
    return (found, text[match.end() :]) if found else ({}, text)


def _yaml(lines: Sequence[str]) -> dict[str, object]:
    """Return the keys of a block; raises ValueError where it is none."""
    held: dict[str, tuple[str, list[str]]] = {}
    under: list[str] = []
    for line in lines:
        if not line.strip() or line.startswith("#"):
            continue
        if line[0] in " \t" or line.startswith("- "):
            if not held:
                raise ValueError(line)
            under.append(line.strip())
        elif match := _KEY.fullmatch(line.rstrip()):
            under = []
            held.setdefault(match[1], ((match[2] or "").strip(), under))
        else:
            raise ValueError(line)
    return {key: _value(*value) for key, value in held.items()}


def _value(first: str, under: Sequence[str]) -> object:
    if first.startswith("[") and (joined := " ".join((first, *under))).endswith("]"):
        return [_scalar(item) for item in _ITEMS.findall(joined[1:-1])]
    if under and under[0].startswith("- ") and not first:
        items = [line[2:].strip() for line in under if line.startswith("- ")]
        return [_scalar(_NAME.sub(r"\1", item, count=1)) for item in items]
    if not first and (names := [match[1] for line in under if (match := _NAME.fullmatch(line))]):
        return _scalar(names[0])
    if first[:1] in (">", "|"):
        return " ".join(under)
    return _scalar(" ".join((first, *under)))


def _scalar(value: str) -> str:
    """Return a text without its quotes, or without the comment behind it."""
    value = value.strip()
    for quote in "\"'":
        if len(value) > 1 and value[0] == quote and (end := value.rfind(quote)) > 0:
            inner = value[1:end]
            return inner.replace("''", "'") if quote == "'" else inner.replace('\\"', '"')
    return _COMMENT.sub("", value, count=1).strip()
