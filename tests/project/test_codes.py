"""Every reason a file is set aside is one of the table, and every one of the table is used."""

from __future__ import annotations

import ast

from indexer.failure_codes import CODES
from tests.support import REPOSITORY

# Said by position rather than by name, or chosen at run time.
CALLS = {"SourceError": None, "Failure": 1, "Failed": 0, "WriteOutcome": 3}


def used() -> set[str]:
    found: set[str] = set()
    for path in sorted((REPOSITORY / "indexer").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            match node:
                case ast.Call(func=ast.Name(id=name), args=args, keywords=keywords):
                    at = CALLS.get(name, -1)
                    if at is not None and 0 <= at < len(args):
                        found |= _texts(args[at])
                    for keyword in keywords:
                        if keyword.arg == "code" and name in CALLS:
                            found |= _texts(keyword.value)
                case ast.keyword(arg="code", value=value):
                    found |= _texts(value)
    return found


def _texts(node: ast.expr) -> set[str]:
    return {
        each.value
        for each in ast.walk(node)
        if isinstance(each, ast.Constant) and isinstance(each.value, str) and " " not in each.value
    }


def test_every_code_is_in_the_table() -> None:
    assert {code for code in used() if code} <= set(CODES)
