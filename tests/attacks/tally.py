"""What became of an attack."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, fields

MAX_EXAMPLES = 20


@dataclass(slots=True)
class Tally:
    """How an attack ended, counted. `wrong`, `crashed` and `lost` must be 0.

    wrong: answers that were not true and did not say so. crashed: a process died, hung or raised
    what is no error of ours. lost: acknowledged, and gone or other. `worst` is seconds, of what
    `timed` says.
    """

    attack: str
    timed: str = ""
    tried: int = 0
    wrong: int = 0
    crashed: int = 0
    lost: int = 0
    worst: float = 0.0
    outcomes: Counter[str] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)

    def took(self, seconds: float) -> None:
        self.worst = max(self.worst, seconds)

    def example(self, text: str) -> None:
        """Keep an example of what went wrong."""
        if len(self.examples) < MAX_EXAMPLES:
            self.examples.append(text)

    def as_json(self) -> dict[str, object]:
        # Not `asdict`: before Python 3.12 it makes nonsense of a Counter.
        own = {each.name: getattr(self, each.name) for each in fields(self)}
        return {**own, "outcomes": dict(self.outcomes)}

    @property
    def passed(self) -> bool:
        return not (self.wrong or self.crashed or self.lost)
