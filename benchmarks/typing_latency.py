"""How soon after the last key does the page show the first result?

    python -m benchmarks.typing_latency [--pause 120] [--queries 15] [--data DIR]

The articles of `PROSE` with drawn vectors are served from this machine; with --data they stay
there and are not indexed again. Queries are runs of words of nine to eleven letters, drawn by
seed, typed in a real Chromium, a letter every so many milliseconds, first by words, then hybrid.
In milliseconds: from the last key until the frame that shows hits for all that was typed;
medians of it until the page asks, until the answer is there, and until it is drawn.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import tempfile
import time
import urllib.parse
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import cast

import numpy as np
from selenium import webdriver
from selenium.webdriver.chrome.service import Service

from benchmarks import PROSE, articles_of
from benchmarks.saved import drawn
from indexer.ingestion.pipeline import index
from indexer.ingestion.preparing import texts_to_embed
from indexer.sources import Found
from search.assembly import fingerprint_of
from search.domain import Article, ArticleInfo
from search.embedding import open_embedder
from search.engines import open_engine
from search.settings import read_settings
from tests.serving import started

PATIENCE = 30.0  # seconds until an answer counts as none
FLAGS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1440,900")
STOPWATCH = """
const box = document.getElementById("q");
let pressed = 0;
window.took = null;
box.addEventListener("input", () => { pressed = performance.now(); window.took = null; });
new MutationObserver(() => {
  const typed = box.value.trim(), asked = performance.getEntriesByType("resource").findLast(({ name }) =>
    name.includes("/v1/search") && new URL(name).searchParams.get("q") === typed);
  if (!document.querySelector(".hits") || !document.title.startsWith(typed) || !asked) return;
  const marks = [asked.startTime - pressed, asked.responseEnd - asked.startTime, asked.responseEnd];
  requestAnimationFrame(() => setTimeout(() => {
    const now = performance.now();
    window.took = [typed, now - pressed, marks[0], marks[1], now - marks[2]];
  }));
}).observe(document.getElementById("view"), { childList: true });
box.focus();
"""


def indexed(folder: Path) -> None:
    """Index the prose, each passage and sentence with a vector near that of a question."""
    settings = read_settings({"data": str(folder)})
    embedder = open_embedder(settings)
    articles = [
        Article(ArticleInfo(row["id"], title=row.get("title", "")), row["text"])
        for row in articles_of(PROSE)
    ]
    about = np.asarray(embedder.embed_query("سؤال عن كتاب"))
    known = drawn(texts_to_embed(articles, embedder, settings), about)
    with closing(open_engine(settings, fingerprint_of(embedder, settings))) as engine:
        found = (Found(article, article.id, 0) for article in articles)
        index(found, engine, embedder, settings, known=known)


def queries(amount: int) -> Iterator[str]:
    """Yield runs of whole words of the prose, nine to eleven letters long."""
    draw = random.Random(1)
    articles = articles_of(PROSE)
    found = 0
    while found < amount:
        words = [w for w in draw.choice(articles)["text"].split() if w.isalpha()]
        at = draw.randrange(len(words))
        text = next((t for n in (1, 2, 3) if len(t := " ".join(words[at : at + n])) > 8), "")
        if 9 <= len(text) <= 11:
            found += 1
            yield text


def typed(driver: webdriver.Chrome, text: str, pause: float) -> list[float]:
    """Type a text and return the milliseconds of the last key's answer, parts after the whole."""
    for letter in text:
        driver.execute_cdp_cmd("Input.insertText", {"text": letter})
        time.sleep(pause)
    limit = time.monotonic() + PATIENCE
    while not ((took := driver.execute_script("return window.took")) and took[0] == text.strip()):
        if time.monotonic() > limit:
            raise SystemExit(f"no answer to {text!r}")
        time.sleep(0.05)
    return cast("list[float]", took[1:])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path)
    parser.add_argument("--pause", type=int, default=120, help="milliseconds between keys")
    parser.add_argument("--queries", type=int, default=15)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        data = asked.data or Path(folder)
        if not any(data.glob("*")):
            indexed(data)
        with started({"FIHRIS_DATA": str(data)}) as (url, _):
            measured(url, asked.pause, asked.queries)


def measured(url: str, pause: int, amount: int) -> None:
    options = webdriver.ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    for flag in FLAGS:
        options.add_argument(flag)
    with webdriver.Chrome(options=options, service=Service("/usr/bin/chromedriver")) as driver:
        print(f"load {os.getloadavg()[0]:.1f}, {pause} ms between keys")
        print("| mode | least | median | p95 | most | until asked | answer | drawn |")
        print("|---|--:|--:|--:|--:|--:|--:|--:|")
        for mode in ("keyword", "hybrid"):
            rows = []
            for text in queries(amount):
                driver.get(f"{url}/?{urllib.parse.urlencode({'mode': mode})}")
                driver.execute_script(STOPWATCH)
                rows.append(typed(driver, text, pause / 1000))
            whole, *parts = zip(*rows, strict=True)
            p95 = statistics.quantiles(whole, n=20)[-1]
            cells = [min(whole), statistics.median(whole), p95, max(whole)]
            cells += map(statistics.median, parts)
            print(f"| {mode} | " + " | ".join(f"{cell:.0f}" for cell in cells) + " |")


if __name__ == "__main__":
    main()
