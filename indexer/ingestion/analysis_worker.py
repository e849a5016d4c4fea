"""The terms of passages, made here or in child processes (`python -m indexer.ingestion.analysis_worker`).

Analysis is pure Python, and so is half of reading and storing, so in one process only one of
them runs at a time.
"""

from __future__ import annotations

import gc
import logging
import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from queue import SimpleQueue
from typing import BinaryIO, cast

from search.analysis.tokens import TITLE_END, terms
from search.domain import LAYERS, PHRASE_LAYERS, ArticleInfo, Layer

Titled = tuple[str, Sequence[str]]  # an article's title, and its passages' texts
Terms = Mapping[Layer, str]
Analyse = Callable[[Sequence[Titled]], list[list[Terms]]]

_log = logging.getLogger(__name__)


def analysed(articles: Sequence[Titled]) -> list[list[Terms]]:
    """Return each layer's terms of each passage, its article's title before them."""
    return [_of_article(title, texts) for title, texts in articles]


def _of_article(title: str, texts: Sequence[str]) -> list[Terms]:
    if not title:
        return [terms(text) for text in texts]
    before = {layer: f"{words} {TITLE_END} " for layer, words in terms(title).items() if words}
    return [
        {layer: (before.get(layer, "") + words).rstrip() for layer, words in terms(text).items()}
        for text in texts
    ]


def with_byline(info: ArticleInfo, words: Terms) -> Terms:
    """Return a passage's terms with those of its article's source and author behind them.

    Only an article's first passage has them, so that a search for a name finds each of its
    articles once, and a newspaper's name is not a word of every passage. They follow the text,
    because only the title stands before the mark. They are in some layers only, and without a
    mark, because longer passages score less: with their grams the seed's first paragraph came
    second to "ضربات جوية في العراق".
    """
    for about in filter(None, (info.source, info.author)):
        behind = terms(about)
        longer = {layer: f"{words[layer]} {behind[layer]}".strip() for layer in PHRASE_LAYERS}
        words = {**words, **longer}
    return words


class Analysts:
    """Child processes that analyse, each one batch at a time, for as many threads at once.

    They end when this process ends, in whatever way, because their input is closed then. If one
    dies, the thread that uses it analyses in this process instead.
    """

    def __init__(self, count: int) -> None:
        self._all = [_Analyst() for _ in range(count)]
        self._idle: SimpleQueue[_Analyst] = SimpleQueue()
        for analyst in self._all:
            self._idle.put(analyst)

    def analysed(self, articles: Sequence[Titled]) -> list[list[Terms]]:
        """Return what `analysed` does."""
        analyst = self._idle.get()
        try:
            return analyst.analysed(articles)
        finally:
            self._idle.put(analyst)

    def close(self) -> None:
        """End the processes; a thread that waits for one analyses in this process."""
        for analyst in self._all:
            analyst.close()


class _Analyst:
    def __init__(self) -> None:
        self._asking = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = subprocess.Popen(
            # -P: without it, a folder `indexer` where the user stands would be run
            [sys.executable, "-P", "-m", "indexer.ingestion.analysis_worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is for the parent, which ends its batch
        )

    def analysed(self, articles: Sequence[Titled]) -> list[list[Terms]]:
        with self._asking:
            answer = self._asked(articles)
        if answer is None:
            return analysed(articles)
        return [
            [dict(zip(LAYERS, words, strict=True)) for words in passages] for passages in answer
        ]

    def _asked(self, articles: Sequence[Titled]) -> list[list[tuple[str, ...]]] | None:
        if self._process is None:
            return None
        try:
            pickle.dump(articles, cast("BinaryIO", self._process.stdin), protocol=5)
            cast("BinaryIO", self._process.stdin).flush()
            answer = pickle.load(cast("BinaryIO", self._process.stdout))  # noqa: S301 - our own
        except (OSError, EOFError, pickle.UnpicklingError) as error:
            _log.warning("the process that analyses ended (%s); going on without it", error)
            self._ended()
            return None
        return cast("list[list[tuple[str, ...]]]", answer)

    def close(self) -> None:
        with self._asking:
            self._ended()

    def _ended(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None


def _answer_until_the_end() -> None:
    gc.disable()  # what is remembered has no cycles: to look for some took a twentieth of the time
    asked, answers = sys.stdin.buffer, sys.stdout.buffer
    sys.stdout = open(os.devnull, "w")  # noqa: SIM115, PTH123 - nothing else may stand in the answers
    while True:
        try:
            articles: Sequence[Titled] = pickle.load(asked)  # noqa: S301 - our parent's
        except EOFError:
            return
        found = [
            [tuple(words[layer] for layer in LAYERS) for words in passages]
            for passages in analysed(articles)
        ]
        pickle.dump(found, answers, protocol=5)
        answers.flush()


if __name__ == "__main__":
    _answer_until_the_end()
