"""Clients that post and search at once for a while, and remember all that was acknowledged."""

from __future__ import annotations

import json
import random
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from urllib.parse import quote, urlsplit

SHARED = 20  # articles that every client replaces now and then
NDJSON = {"Content-Type": "application/x-ndjson"}


@dataclass(slots=True)
class Seen:
    """What clients saw. `acknowledged` is the text last stored of each article of one client."""

    answers: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    acknowledged: dict[str, str] = field(default_factory=dict)
    shared: dict[str, set[str]] = field(default_factory=dict)  # any of these texts may be there
    guard: threading.Lock = field(default_factory=threading.Lock)

    def count(self, what: str) -> None:
        with self.guard:
            self.answers[what] += 1

    def blame(self, what: str) -> None:
        with self.guard:
            self.wrong.append(what)


def load(url: str, *, clients: int, seconds: float, words: Sequence[str], seed: int) -> Seen:
    """Let so many clients post and search until the time is over."""
    seen = Seen()
    until = time.monotonic() + seconds
    threads = [
        threading.Thread(target=_Client(url, n, seed, words, seen).run, args=(until,))
        for n in range(clients)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return seen


def missing(url: str, seen: Seen) -> list[str]:
    """Return what was acknowledged and is not there as it was given."""
    connection = _connected(url)
    found = []
    for article_id, texts in [
        *((key, {text}) for key, text in seen.acknowledged.items()),
        *seen.shared.items(),
    ]:
        connection.request("GET", f"/v1/articles/{quote(article_id, safe='')}")
        answer = connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            found.append(f"{article_id}: {answer.status}")
        elif json.loads(body)["text"] not in texts:
            found.append(f"{article_id}: another text")
    connection.close()
    return found


class _Client:
    def __init__(self, url: str, number: int, seed: int, words: Sequence[str], seen: Seen) -> None:
        self._url = url
        self._number = number
        self._chosen = random.Random(f"{seed} {number}")
        self._words = words
        self._seen = seen
        self._next = 0

    def run(self, until: float) -> None:
        connection = _connected(self._url)
        while time.monotonic() < until:
            try:
                if self._chosen.random() < 0.5:
                    self._post(connection)
                else:
                    self._search(connection)
            except (OSError, HTTPException) as error:
                self._seen.blame(f"client {self._number}: {type(error).__name__}: {error}")
                connection.close()
                connection = _connected(self._url)
        connection.close()

    def _post(self, connection: HTTPConnection) -> None:
        made = [self._article() for _ in range(self._chosen.randint(1, 8))]
        articles = list({article["id"]: article for article in made}.values())  # each id once
        body = "".join(json.dumps(a, ensure_ascii=False) + "\n" for a in articles).encode()
        status, answer = self._ask(connection, "POST", "/v1/articles:bulk", body)
        if status != 200:
            return
        lines = [json.loads(line) for line in answer.splitlines()]
        if [line["line"] for line in lines] != list(range(1, len(articles) + 1)):
            self._seen.blame(f"client {self._number}: lines {[line['line'] for line in lines]}")
            return
        for article, line in zip(articles, lines, strict=True):
            self._ended(article, line)

    def _ended(self, article: dict[str, str], line: dict[str, str]) -> None:
        seen, article_id = self._seen, article["id"]
        with seen.guard:
            seen.answers[line["status"]] += 1
            if line["id"] != article_id:
                seen.wrong.append(f"{article_id} was answered for {line['id']}")
            if line["status"] == "failed":
                if line.get("code") not in ("engine-busy", "engine-unavailable"):
                    seen.wrong.append(f"{article_id}: {line}")
            elif article_id.startswith("shared-"):
                seen.shared.setdefault(article_id, set()).add(article["text"])
            else:
                seen.acknowledged[article_id] = article["text"]

    def _search(self, connection: HTTPConnection) -> None:
        text = " ".join(self._chosen.choices(self._words, k=2))
        mode = self._chosen.choice(("keyword", "semantic", "hybrid"))
        status, answer = self._ask(connection, "GET", f"/v1/search?q={quote(text)}&mode={mode}")
        if status == 200:
            hits = json.loads(answer)["hits"]
            scores = [hit["score"] for hit in hits]
            if scores != sorted(scores, reverse=True):
                self._seen.blame(f"client {self._number}: scores {scores}")

    def _ask(
        self, connection: HTTPConnection, method: str, path: str, body: bytes | None = None
    ) -> tuple[int, bytes]:
        connection.request(method, path, body, NDJSON if body else {})
        answer = connection.getresponse()
        content = answer.read()
        what = "search" if method == "GET" else "bulk"
        self._seen.count(f"{what} {answer.status}")
        if answer.status in (429, 503):
            retry = answer.headers.get("Retry-After")
            if retry is None:
                self._seen.blame(f"{what}: {answer.status} without Retry-After {content[:300]!r}")
            time.sleep(min(float(retry or 1), 2.0) * self._chosen.uniform(0.5, 1))
        elif answer.status != 200:
            self._seen.blame(f"{what}: {answer.status} {content[:300]!r}")
        return answer.status, content

    def _article(self) -> dict[str, str]:
        text = " ".join(self._chosen.choices(self._words, k=self._chosen.randint(5, 15)))
        if self._chosen.random() < 0.1:
            return {"id": f"shared-{self._chosen.randrange(SHARED)}", "text": text}
        self._next += self._chosen.random() < 0.8  # now and then the last one again, changed
        return {"id": f"client-{self._number}-{self._next}", "text": text}


def _connected(url: str) -> HTTPConnection:
    parts = urlsplit(url)
    return HTTPConnection(parts.hostname or "", parts.port, timeout=120)
