"""How long does marking the words of a page of ten passages take, each seen for the first time?

    python -m benchmarks.marking PROSE.jsonl[.gz] QUERIES.jsonl... [--most 1000] [--json]

PROSE has an article of real text a line (`title`, `text`; a paragraph a line of it), QUERIES a
`text` a line. A query's page is the ten paragraphs with the most of its stems that no page
had before; their titles are marked as well. In milliseconds of processor time a page: what
is marked as a search does it, and by analysing every word. Words are remembered as in a
server, passages are not: `new words` are those a page was the first to bring, after 100
pages, and `a new word` is what analysing one takes, in microseconds.
"""

from __future__ import annotations

import argparse
import itertools
import json
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks import articles_of
from benchmarks.analysis import forget
from search.analysis import tokens
from search.analysis.tokens import analyse
from search.query.parse import ParsedQuery, parse
from search.ranking.highlight import Marker

PAGE = 10
WARM = 100  # pages before the measured ones
WORDS = 20_000  # analysed for the price of one

Page = tuple[ParsedQuery, list[str]]


def pages_of(prose: Path, queries: list[Path], most: int) -> list[Page]:
    """Return a query and ten paragraphs that answer it, with their titles, for each page."""
    paragraphs = [
        (paragraph, article.get("title", ""))
        for article in articles_of(prose)
        for paragraph in filter(None, article["text"].split("\n"))
    ]
    holding: dict[str, list[int]] = defaultdict(list)
    for number, (text, _) in enumerate(paragraphs):
        for stem in set(tokens.terms(text)["stem"].split()):
            holding[stem].append(number)
    asked = [[line["text"] for line in articles_of(path)] for path in queries]
    shown: set[int] = set()
    pages: list[Page] = []
    for text in filter(None, itertools.chain(*itertools.zip_longest(*asked))):
        query = parse(text)
        found = Counter(n for word in query.words() for n in holding.get(word.stem, ()))
        best = [n for n, _ in found.most_common(len(shown) + PAGE) if n not in shown][:PAGE]
        if len(best) == PAGE and len(pages) < most:
            shown.update(best)
            pages.append((query, [piece for n in best for piece in paragraphs[n]]))
    return pages


def as_searched(query: ParsedQuery, texts: list[str]) -> None:
    Marker(query).highlight_all(texts)


def every_word(_: ParsedQuery, texts: list[str]) -> None:
    for text in texts:
        analyse(text)


def took(work: Callable[[ParsedQuery, list[str]], None], pages: list[Page]) -> dict[str, float]:
    """Return milliseconds a page at p50 and p95, and how many words each brought."""
    forget()
    milliseconds, brought = [], []
    for number, (query, texts) in enumerate(pages):
        before = len(tokens._WORDS)
        started = time.process_time()
        work(query, texts)
        if number >= WARM:
            milliseconds.append((time.process_time() - started) * 1000)
            brought.append(max(0, len(tokens._WORDS) - before))
    p50, p95 = np.percentile(milliseconds, (50, 95))
    return {
        "p50 ms": round(float(p50), 2),
        "p95 ms": round(float(p95), 2),
        "new words": round(float(np.median(brought)), 1),
    }


def new_word(pages: list[Page]) -> float:
    """Return microseconds that analysing a word takes that was not seen before."""
    texts = (text for _, texts in pages for text in texts)
    runs = dict.fromkeys(run for text in texts for run in tokens.RUN.findall(text))
    words = list(runs)[:WORDS]
    forget()
    started = time.process_time()
    for word in words:
        tokens.words_of(word)
    return round((time.process_time() - started) * 1e6 / len(words), 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("prose", type=Path)
    parser.add_argument("queries", nargs="+", type=Path)
    parser.add_argument("--most", type=int, default=1000, help="pages")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    pages = pages_of(options.prose, options.queries, options.most)
    results = {work.__name__: took(work, pages) for work in (as_searched, every_word)}
    word = new_word(pages)
    if options.json:
        print(json.dumps({"pages": len(pages) - WARM, **results, "a new word, us": word}))
        return
    print(f"{len(pages) - WARM:,} pages; a new word takes {word} us\n")
    print("| | p50 ms | p95 ms | new words |\n|---|--:|--:|--:|")
    for name, row in results.items():
        print(f"| {name} | {' | '.join(map(str, row.values()))} |")


if __name__ == "__main__":
    main()
