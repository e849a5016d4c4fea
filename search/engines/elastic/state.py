"""An article's own document, which is its commit: the edition it names is the one that is shown.

Each writing of an article is an edition of its own, with a random name. The document says
besides which editions are being written and which must go; while there is one, `unsettled`
stands in it, which every search asks for: only then can there be passages of an edition that
is not shown. Each change is a compare-and-swap, so of two writers one changes first and the
other one reads again. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from search.domain import IndexedArticle


@dataclass(frozen=True, slots=True)
class Edition:
    """One writing of an article."""

    name: str
    content_hash: str
    passages: int
    sentences: int
    embedded: bool

    @classmethod
    def of(cls, name: str, article: IndexedArticle) -> Edition:
        sentences = sum(len(passage.sentences) for passage in article.passages)
        return cls(
            name,
            article.article.content_hash(),
            len(article.passages),
            sentences,
            article.embedded,
        )


@dataclass(frozen=True, slots=True)
class State:
    """What an article's own document says. Editions that are not shown: name -> passages.

    `pending` are being written, or their writer was killed; `replaced` were shown, so nobody
    writes them any more; `taken` were pending when another was committed: their writer may
    still send passages. `place` is what a swap compares: None where there is no document.
    """

    article_id: str
    shown: Edition | None = None
    pending: Mapping[str, int] = field(default_factory=dict)
    replaced: Mapping[str, int] = field(default_factory=dict)
    taken: Mapping[str, int] = field(default_factory=dict)
    place: tuple[int, int] | None = None  # _seq_no, _primary_term

    @property
    def is_settled(self) -> bool:
        return not (self.pending or self.replaced or self.taken)

    @property
    def is_nothing(self) -> bool:
        """Whether no document is needed to say it."""
        return self.shown is None and self.is_settled

    def begun(self, edition: Edition) -> State:
        """Say that an edition is being written."""
        return replace(self, pending={**self.pending, edition.name: edition.passages})

    def showing(self, edition: Edition | None) -> State:
        """Show an edition, or none. What was pending besides lost: it was begun before this."""
        name = "" if edition is None else edition.name
        old = {} if self.shown is None else {self.shown.name: self.shown.passages}
        lost = {key: n for key, n in self.pending.items() if key != name}
        replaced, taken = {**self.replaced, **old}, {**self.taken, **lost}
        return replace(self, shown=edition, pending={}, replaced=replaced, taken=taken)

    def abandoned(self) -> State:
        """Take what is pending for lost, and show what was shown."""
        return replace(self, pending={}, taken={**self.taken, **self.pending})

    def withdrawn(self, name: str) -> State:
        """Give up an edition that its own writer ended."""
        left = {key: n for key, n in self.pending.items() if key != name}
        return replace(self, pending=left, replaced={**self.replaced, name: self.pending[name]})

    def cleaned(self, before: State) -> State:
        """Say no more of what an earlier state says is not shown: no passage of it is left."""
        replaced = {key: n for key, n in self.replaced.items() if key not in before.replaced}
        taken = {key: n for key, n in self.taken.items() if key not in before.taken}
        return replace(self, replaced=replaced, taken=taken)

    def source(self) -> dict[str, Any]:
        """Return the document."""
        shown = self.shown
        state = {
            name: dict(editions)
            for name in ("pending", "replaced", "taken")
            if (editions := getattr(self, name))
        }
        document: dict[str, Any] = {"kind": "begun", "article_id": self.article_id, "state": state}
        if not self.is_settled:
            document["unsettled"] = True
        if shown is not None:
            state["shown"] = {name: getattr(shown, name) for name in Edition.__slots__}
            document |= {"kind": "article", "edition": shown.name}
            document |= {"passages": shown.passages, "sentences": shown.sentences}
            if not shown.embedded:
                document["unembedded"] = shown.passages
        return document


def hidden_by(state: Mapping[str, Any]) -> list[str]:
    """Return the editions that a document's `state` says are not shown."""
    return [name for each in ("pending", "replaced", "taken") for name in state.get(each, ())]


def read_state(article_id: str, found: Mapping[str, Any]) -> State:
    """Return what a document says, as a get or a search with `seq_no_primary_term` gives it."""
    if "_source" not in found:
        return State(article_id)
    state = found["_source"]["state"]
    shown = state.get("shown")
    return State(
        article_id,
        None if shown is None else Edition(**shown),
        state.get("pending", {}),
        state.get("replaced", {}),
        state.get("taken", {}),
        (found["_seq_no"], found["_primary_term"]),
    )
