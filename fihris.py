"""The command `fihris`: checks that `search`, `indexer` and `api` are Fihris's own, then runs it.

Other projects have packages of these names too. This module has a name of its own, so that it
is found whatever stands in the way of the others, and can say so.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path
from typing import NoReturn

PACKAGES = ("search", "indexer", "api")
ADVICE = (
    "Install Fihris into an environment of its own (python -m venv), and run it where PYTHONPATH"
    " and the current folder lead to no other package named search, indexer or api."
)


def main() -> NoReturn:
    """Run the command line, or say which foreign package is in its way and exit with status 2."""
    if problem := foreign_package(Path(__file__).resolve().parent):
        _refuse(problem)
    try:
        from indexer.cli.app import main as run
    except (ImportError, AttributeError) as error:
        # A module below ours was replaced: another package was installed into the same folder.
        if (getattr(error, "name", None) or "").partition(".")[0] not in PACKAGES:
            raise
        _refuse(f"a module of Fihris is missing or another project's ({error}).")
    run()


def foreign_package(home: Path) -> str:
    """Return what is wrong with the first package that is not Fihris's, "" where all are.

    Args:
        home: the folder that holds the three packages.
    """
    for name in PACKAGES:
        own = home / name / "__init__.py"
        if not own.is_file():
            return (
                f"{own} is gone, as it is when another project's package `{name}` was installed over"
                " Fihris's own and removed again."
            )
        spec = find_spec(name)
        if spec is None or spec.origin is None or Path(spec.origin).resolve() != own:
            found = spec and spec.origin
            return (
                f"Python finds another package named `{name}`, {found}, before Fihris's own in"
                f" {own.parent}."
            )
        if "Fihris" not in own.read_text(encoding="utf-8"):
            return (
                f"another project's package `{name}` was installed over Fihris's own in"
                f" {own.parent}."
            )
    return ""


def _refuse(problem: str) -> NoReturn:
    sys.stderr.write(f"fihris: {problem} {ADVICE}\n")
    sys.exit(2)


if __name__ == "__main__":
    main()
