"""What is measured, how, and beside what: docs/BENCHMARKS.md has the results."""

import gzip
import json
from pathlib import Path

_REPOSITORY = Path(__file__).resolve().parent.parent
SEEDS = _REPOSITORY / "seeds" / "judgements"
_SHARED = _REPOSITORY.parent / "shared" / "eval"
_XQUAD = _SHARED / "xquad-ar"
# Articles of real prose, `text` in paragraphs of a line each: every fifth run of characters is one
# that was not there before, as in any collection and in no generated text.
PROSE = _SHARED / "prose-20k.jsonl.gz"

# A judged set in BEIR layout: XQuAD-ar where it stands beside the checkout (its licence
# keeps it out of the repository), else the seed's own.
JUDGED = _XQUAD if _XQUAD.is_dir() else SEEDS


def articles_of(path: Path) -> list[dict[str, str]]:
    """Return the objects of JSON Lines, gzipped or not."""
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]
