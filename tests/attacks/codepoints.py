"""Every assigned code point as a query, over HTTP: none may give a 5xx."""

from __future__ import annotations

import json
import random
import sys
import time
import unicodedata
from collections.abc import Iterator, Sequence
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import quote

from .serving import SLOW, served
from .tally import Tally

TOGETHER = 200  # in one query, spaces between; a query that fails is halved until one is left


def code_points(folder: Path, count: int, seed: int) -> Tally:
    """Search and analyse so many code points; those that are several characters one by one."""
    tally = Tally("code points as queries", "one answer")
    chosen = random.Random(seed)
    assigned = [chr(each) for each in range(sys.maxunicode + 1)]
    assigned = [each for each in assigned if unicodedata.category(each) not in ("Cn", "Cs")]
    if count < len(assigned):
        assigned = sorted(chosen.sample(assigned, count))
    with served(folder) as server:
        server.put("a", "نص c/o ‎m/s² ١٢٣ قطعة")
        asking = HTTPConnection("127.0.0.1", server.port, timeout=SLOW)
        for texts in _queries(assigned):
            _ask(asking, texts, tally)
        asking.close()
        tally.crashed += server.process.poll() is not None
    tally.tried = len(assigned)
    return tally


def _queries(assigned: Sequence[str]) -> Iterator[list[str]]:
    several = [each for each in assigned if len(unicodedata.normalize("NFKC", each)) > 1]
    yield from ([each] for each in several)
    for start in range(0, len(assigned), TOGETHER):
        yield list(assigned[start : start + TOGETHER])


def _ask(asking: HTTPConnection, texts: list[str], tally: Tally) -> None:
    for path in ("search?mode=keyword&q=", "analyze?text="):
        begun = time.monotonic()
        asking.request("GET", f"/v1/{path}{quote(' '.join(texts))}")
        answer = asking.getresponse()
        body = answer.read()
        tally.took(time.monotonic() - begun)
        tally.outcomes[f"{path.partition('?')[0]} {answer.status}"] += 1
        if answer.status == 200 or (answer.status < 500 and _is_problem(body)):
            continue
        if len(texts) == 1:
            tally.crashed += 1
            tally.example(f"U+{ord(texts[0]):04X} in {path}: {answer.status}")
        else:
            _ask(asking, texts[: len(texts) // 2], tally)
            _ask(asking, texts[len(texts) // 2 :], tally)


def _is_problem(body: bytes) -> bool:
    try:
        return "type" in json.loads(body)
    except ValueError:
        return False
