"""How many probes pass, by kind, on every engine. A floor rises with the rules that land."""

from __future__ import annotations

import pytest

from search.assembly import fingerprint_of
from search.settings import Settings
from tests.conformance.conftest import Open, open_index
from tests.probes.probing import ask, probes, prose, write
from tests.support import REPOSITORY, HashingEmbedder

__all__ = ["open_index"]  # a fixture

PROSE = REPOSITORY.parent / "shared" / "eval" / "prose-20k.jsonl.gz"
PASSAGES = 800

# Of 758 in all; docs/ANALYSIS.md has what the failing ones are.
FLOORS = {
    "loan_letters": 27,
    "persian_letters": 29,
    "uthmani": 50,
    "allah": 29,
    "number_lists": 30,
    "romanisation": 32,
    "names": 34,
    "foreign_names": 23,
    "filters": 36,
    "phrases": 40,
    "hamza_seats": 60,
    "stems": 148,
    "own_article": 33,
    "emphasis": 30,
    "misspellings": 122,
}


@pytest.mark.timeout(300)
def test_probes(open_index: Open) -> None:
    if not PROSE.is_file():
        pytest.skip(f"{PROSE} is not there: its licence keeps it out of this repository")
    asked = probes()
    with open_index(fingerprint_of(HashingEmbedder(), Settings())) as engine:
        write(engine, asked, prose(PROSE, PASSAGES))
        outcomes = ask(engine, asked)
    told = "; ".join(f"{kind} {outcome}" for kind, outcome in outcomes.items())
    print(told)
    passed = {kind: o.asked - len(o.failed) for kind, o in outcomes.items()}
    assert {kind: n for kind, n in passed.items() if n < FLOORS[kind]} == {}, told
    assert passed.keys() == FLOORS.keys()
