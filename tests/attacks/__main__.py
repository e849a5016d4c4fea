"""Attack Fihris and print what became of it: `python -m tests.attacks --help`."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from .codepoints import code_points
from .connections import few_descriptors, silent_connections
from .corruptions import corruptions
from .disk import full_disk
from .drains import drains
from .embeddings import long_embeddings
from .kills import kills
from .tally import Tally
from .vanished import WAYS, vanished_folder

Attack = Callable[[Path, int, int], Tally]  # (an empty folder, how often, seed)


@dataclass(frozen=True, slots=True)
class Plan:
    """How often an attack is made, by default and when it is to be quick."""

    attack: Attack
    count: int
    quick: int


PLANS = {
    "kills": Plan(kills, 200, 20),
    "corruptions": Plan(corruptions, 400, 60),
    "codepoints": Plan(code_points, 300_000, 10_000),
    "connections": Plan(silent_connections, 2_000, 600),
    "descriptors": Plan(few_descriptors, 600, 300),
    "embeddings": Plan(long_embeddings, 3, 2),
    "drains": Plan(drains, 100, 5),
    "disk": Plan(full_disk, 12, 3),
    "vanished": Plan(vanished_folder, len(WAYS), len(WAYS)),
}


def main(given: Sequence[str] | None = None) -> int:
    asked = _arguments().parse_args(given)
    tallies = []
    for name in asked.attack or PLANS:
        plan = PLANS[name]
        count = asked.count or (plan.quick if asked.quick else plan.count)
        begun = time.monotonic()
        print(f"{name}: {count} ...", file=sys.stderr, flush=True)
        with tempfile.TemporaryDirectory(prefix="fihris-attack-") as folder:
            tallies.append(plan.attack(Path(folder), count, asked.seed))
        print(f"{name}: {time.monotonic() - begun:.0f} s", file=sys.stderr, flush=True)
    if asked.json:
        print(json.dumps([each.as_json() for each in tallies], ensure_ascii=False, indent=1))
    else:
        print(table(tallies))
    return 0 if all(each.passed for each in tallies) else 1


def table(tallies: Sequence[Tally]) -> str:
    """Return what became of the attacks, as a table, with what was found below."""
    lines = ["attack | tried | silently wrong | crashed | lost | worst time", "--- | " * 5 + "---"]
    for each in tallies:
        worst = f"{each.worst:.2f} s ({each.timed})" if each.timed else ""
        lines.append(
            f"{each.attack} | {each.tried} | {each.wrong} | {each.crashed} | {each.lost} | {worst}"
        )
    for each in tallies:
        if each.outcomes:
            counts = ", ".join(f"{what} {count}" for what, count in each.outcomes.most_common())
            lines.append(f"\n{each.attack}: {counts}")
        lines += [f"  {example}" for example in each.examples]
    return "\n".join(lines)


def _arguments() -> argparse.ArgumentParser:
    found = argparse.ArgumentParser(prog="python -m tests.attacks", description=__doc__)
    found.add_argument("attack", nargs="*", help=f"one or more of {', '.join(PLANS)}; else all")
    found.add_argument("--count", type=int, help="how often each is made")
    found.add_argument("--quick", action="store_true", help="a tenth of it: about two minutes")
    found.add_argument("--seed", type=int, default=20261126)
    found.add_argument("--json", action="store_true", help="print JSON instead of a table")
    return found


if __name__ == "__main__":
    sys.exit(main())
