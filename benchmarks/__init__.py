"""What is measured, how, and beside what: docs/BENCHMARKS.md has the results."""

from pathlib import Path

_REPOSITORY = Path(__file__).resolve().parent.parent
SEEDS = _REPOSITORY / "seeds" / "judgements"
_XQUAD = _REPOSITORY.parent / "shared" / "eval" / "xquad-ar"

# A judged set in BEIR layout: XQuAD-ar where it stands beside the checkout (its licence
# keeps it out of the repository), else the seed's own.
JUDGED = _XQUAD if _XQUAD.is_dir() else SEEDS
