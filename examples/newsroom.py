"""What did we write about this before? A newsroom's script, with the standard library alone.

    python examples/newsroom.py http://127.0.0.1:8000 examples/articles.jsonl

Sends the articles of a file of JSON lines to a server (`fihris serve`), then shows for each of
them the nearest paragraphs of other articles: the background for whoever writes on. Sending a
file again is safe. A server that asks for an API key gets that of FIHRIS_API_KEY, which
has the scopes `search` and `index`.

Exit status: 0 done; 1 an article was not taken.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import Request, urlopen

BACKGROUND = 3  # paragraphs shown for an article
KEY = {"Authorization": f"Bearer {key}"} if (key := os.environ.get("FIHRIS_API_KEY")) else {}


def main(server: str, file: Path) -> int:
    """Send a file's articles and show the background of each; return the exit status."""
    failed = [outcome for outcome in send(server, file) if outcome["status"] == "failed"]
    for outcome in failed:
        print(f"line {outcome['line']}: {outcome['error']}", file=sys.stderr)
    with file.open(encoding="utf-8") as lines:
        for article in map(json.loads, lines):
            print(f"== {article['title']}")
            for hit in background(server, article):
                print(f"{hit['score']:.3f}  {hit['article']['title']}")
                print(f"       {marked(hit)}")
    return 1 if failed else 0


def send(server: str, file: Path) -> Iterator[dict[str, Any]]:
    """Send a file as one bulk request; yield what became of each line."""
    headers = {"Content-Type": "application/x-ndjson", **KEY}
    # refresh=wait: the searches below see what was just sent, whichever process answers them
    url = f"{server}/v1/articles:bulk?refresh=wait"
    with urlopen(Request(url, file.read_bytes(), headers)) as answer:
        yield from map(json.loads, answer)


def background(server: str, article: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the hits nearest to an article's title that are not its own paragraphs."""
    query = urlencode({"q": article["title"], "size": BACKGROUND + 20})
    with urlopen(Request(f"{server}/v1/search?{query}", headers=KEY)) as answer:
        hits = json.load(answer)["hits"]
    return [hit for hit in hits if hit["article"]["id"] != article["id"]][:BACKGROUND]


def marked(hit: dict[str, Any]) -> str:
    """Return a paragraph with what matched between asterisks."""
    pieces = hit["segments"]
    return "".join(f"*{piece['text']}*" if piece["match"] else piece["text"] for piece in pieces)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1].rstrip("/"), Path(sys.argv[2])))
