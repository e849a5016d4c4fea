"""Probes: what a search has to find, or must not, in a collection of real passages.

A probe's passage is a sentence with the words that it names, one article among all other probes'
and some hundreds of passages of real prose. It counts as found when it is in the first hundred
hits of a search by keyword.
"""

from __future__ import annotations

import gzip
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from indexer.ingestion.preparing import prepare
from search.domain import NO_FILTER, Article, ArticleInfo, Query
from search.engines.protocol import Engine
from search.limits import MAX_SIZE
from search.ranking.searcher import Searcher
from search.settings import Settings
from tests.support import HashingEmbedder

FOLDER = Path(__file__).parent
FILTERS: Mapping[str, str] = {
    "source": "sources",
    "tag": "tags",
    "language": "languages",
    "author": "authors",
}
# Probes that are asked of a collection where the spelling typed is common too.
COMMON = frozenset(
    {("hamza_seats", True), ("names", True), ("misspellings", False), ("phrases", False)}
)
_SENTENCES = (
    "ذكر هذا المؤرخ {} في الفصل الثالث من روايته.",
    "ثم انتقل الحديث إلى {} بعد العشاء بقليل.",
    "كانت الرسالة تدور حول {} وما جرى يومئذ.",
    "قرأنا عن {} صباح الخميس في تلك الصحيفة.",
)


@dataclass(frozen=True)
class Probe:
    """`name` is the article's id; `field` says where the words stand, "" for the text."""

    name: str
    kind: str
    found: bool
    query: str
    words: str

    def article(self) -> Article:
        name, value = _field(self.words)
        words = "تلك المسألة" if name else value
        text = _SENTENCES[sum(map(ord, self.name)) % len(_SENTENCES)].format(words)
        info = ArticleInfo(self.name)
        if name:
            about: dict[str, Any] = {"tags": (value,)} if name == "tag" else {name: value}
            info = replace(info, **about)
        return Article(info, text)

    def others(self) -> Iterator[Article]:
        """Yield other articles that have the spelling typed."""
        if (self.kind, self.found) in COMMON:
            typed = self.query.strip('="')
            for number, sentence in enumerate(_SENTENCES[:3]):
                yield Article(ArticleInfo(f"{self.name}-{number}"), sentence.format(typed))

    def asked(self) -> Query:
        name, value = _field(self.query)
        if not name:
            return Query(self.query, mode="keyword", size=MAX_SIZE)
        wanted: dict[str, Any] = {FILTERS[name]: (value,)}
        chosen = replace(NO_FILTER, **wanted)
        return Query("المسألة", mode="keyword", size=MAX_SIZE, filter=chosen)


@dataclass
class Outcome:
    """How many probes of a kind there are, and those that fail."""

    asked: int = 0
    failed: list[Probe] = field(default_factory=list)

    def __str__(self) -> str:
        return f"{self.asked - len(self.failed)} of {self.asked}"


def probes() -> list[Probe]:
    """Return the committed probes."""
    found: list[Probe] = []
    for name in ("written.tsv", "drawn.tsv"):
        for line in (FOLDER / name).read_text(encoding="utf-8").splitlines():
            if not line.startswith("#"):
                kind, sign, query, words = line.split("\t")
                text = words.replace("\\n", "\n").replace("\\r", "\r").replace("\\u2028", "\u2028")
                found.append(Probe(f"p{len(found)}", kind, sign == "+", query, text))
    return found


def prose(path: Path, passages: int) -> list[Article]:
    """Return the first paragraphs of a file of articles, each as an article of one passage."""
    texts: list[str] = []
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        while len(texts) < passages:
            texts += [text for text in json.loads(next(lines))["text"].split("\n") if text.strip()]
    return [Article(ArticleInfo(f"d{n}"), text) for n, text in enumerate(texts[:passages])]


def write(engine: Engine, asked: Sequence[Probe], distractors: Sequence[Article]) -> None:
    """Write the probes' passages and the others."""
    articles = [*distractors, *(article for probe in asked for article in probe.others())]
    articles += [probe.article() for probe in asked]
    for start in range(0, len(articles), 500):
        some = articles[start : start + 500]
        ready = prepare(some, HashingEmbedder(), Settings(), by_line=False, embed=False)
        outcomes = engine.write(ready)
        assert [o for o in outcomes if o.status == "failed"] == []
    engine.show()


def ask(engine: Engine, asked: Sequence[Probe]) -> dict[str, Outcome]:
    """Return the outcome of each kind."""
    searcher = Searcher(engine, None)
    outcomes: dict[str, Outcome] = defaultdict(Outcome)
    for probe in asked:
        outcome = outcomes[probe.kind]
        outcome.asked += 1
        try:
            hits = searcher.search(probe.asked()).hits
            passed = (probe.name in {hit.article.id for hit in hits}) == probe.found
        except TypeError:  # there is no such filter
            passed = False
        if not passed:
            outcome.failed.append(probe)
    return outcomes


def _field(text: str) -> tuple[str, str]:
    name, mark, value = text.partition(":")
    return (name, value) if mark and name in FILTERS else ("", text)
