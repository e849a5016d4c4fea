"""An article's own document, which is its commit: searches show the edition that it names.

Each write of an article is an edition, with a random name. The document also lists the editions
that are being written or are to be removed. While it lists any, it has the field `unsettled`,
which every search looks for: only then can there be passages of an edition that is not shown.
Each change is a compare-and-swap: of two writers the second one reads the document again. Pure.
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
    """The content of an article's own document.

    Attributes:
        shown: the edition that searches show; None: the article is not there.
        pending: editions being written, or whose writer was killed; each with how many passages
            it has, as in the next two.
        replaced: editions that were shown: nobody writes them any more.
        taken: editions abandoned while they were pending: their writer may still send passages.
        revision: what a compare-and-swap compares; None where there is no document.
    """

    article_id: str
    shown: Edition | None = None
    pending: Mapping[str, int] = field(default_factory=dict)
    replaced: Mapping[str, int] = field(default_factory=dict)
    taken: Mapping[str, int] = field(default_factory=dict)
    revision: tuple[int, int] | None = None  # _seq_no, _primary_term

    @property
    def is_settled(self) -> bool:
        return not (self.pending or self.replaced or self.taken)

    @property
    def is_nothing(self) -> bool:
        """Whether the article needs no document."""
        return self.shown is None and self.is_settled

    def begun(self, edition: Edition) -> State:
        """Return the state while an edition is being written."""
        return replace(self, pending={**self.pending, edition.name: edition.passages})

    def showing(self, edition: Edition | None) -> State:
        """Return the state that shows an edition, or none; all others that are pending are taken."""
        name = "" if edition is None else edition.name
        old = {} if self.shown is None else {self.shown.name: self.shown.passages}
        others = {key: n for key, n in self.pending.items() if key != name}
        replaced, taken = {**self.replaced, **old}, {**self.taken, **others}
        return replace(self, shown=edition, pending={}, replaced=replaced, taken=taken)

    def abandoned(self) -> State:
        """Return the state with all pending editions taken."""
        return replace(self, pending={}, taken={**self.taken, **self.pending})

    def withdrawn(self, name: str) -> State:
        """Return the state after the writer of a pending edition has given it up."""
        left = {key: n for key, n in self.pending.items() if key != name}
        return replace(self, pending=left, replaced={**self.replaced, name: self.pending[name]})

    def cleaned(self, before: State) -> State:
        """Return the state without editions of an earlier state whose passages were removed."""
        replaced = {key: n for key, n in self.replaced.items() if key not in before.replaced}
        taken = {key: n for key, n in self.taken.items() if key not in before.taken}
        return replace(self, replaced=replaced, taken=taken)

    def source(self) -> dict[str, Any]:
        """Return the document's source."""
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
    """Return the editions in a document's `state` that are not shown."""
    return [name for each in ("pending", "replaced", "taken") for name in state.get(each, ())]


def read_state(article_id: str, found: Mapping[str, Any]) -> State:
    """Return the state in a document, as a get or a search with `seq_no_primary_term` gives it."""
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
