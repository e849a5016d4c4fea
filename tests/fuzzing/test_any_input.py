"""No input makes the parser, the analysers, the reader of lines or a reader of files fail.

`make fuzz` gives them FUZZ inputs (a million), drawn anew in each run; without it there are
a few, the same each time.
"""

from __future__ import annotations

import os
import zipfile
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from functools import cache, partial
from importlib import import_module
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from indexer.extraction.encodings import lines
from indexer.extraction.registry import KINDS, Options, kind_of
from indexer.ingestion.records import article_from, parse_object
from indexer.sources import Failure
from search.analysis.evidence import evidence_spans
from search.analysis.tokens import analyse, layer_terms, terms
from search.domain import Query
from search.errors import SourceError
from search.query.expansion import forms_of_roots
from search.query.parse import parse
from search.saved.domain import SavedSearch
from search.saved.matching import condition_of
from tests.poison.making import POISON

pytestmark = pytest.mark.slow

INPUTS = int(os.environ.get("FUZZ", "0"))  # of all targets together
ROUND = 2_500  # inputs of each test then, so that processes share them
BOUND = 120  # otherwise
MOST = 16_384  # bytes of what inputs are made of
UNZIPPED = 65_536

ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=40)  # lone surrogates too
PIECES = st.sampled_from(
    [*'"«»“”()+-|*~=:;/\\#@!?.,\'\x00\n\t \u200c\u200d\u200f\u202e\ufeff\u2028\u0640\u064b\u0670',
     *"اأإآٱبوكلتنيىةءؤئکیھﻻﷺ١٢3aZß\u0301😀東\ud800", "NEAR/", "NEAR/5", "OR", "AND", "جذر:",
     "root:", "source:", "مصدر:", "title:", "tag:", "-tag:", '"قوات التحالف"~3', "al3iraq", "وبال",
     "٢٠٢٤/١/٢", "ibn ", "ال", "كتب", "العراق", "w" * 30, "ـ" * 30]
)  # fmt: skip
TEXTS = st.lists(PIECES | ANY_TEXT, max_size=30).map("".join)


def parsed(text: str) -> None:
    query = parse(text)
    forms = forms_of_roots(query)
    for mode in ("keyword", "semantic"):
        condition_of(SavedSearch("", "", Query(text, mode=mode), words="any"), query, forms)
        condition_of(SavedSearch("", "", Query(text, mode=mode), words="all"), query, forms)


def analysed(text: str) -> None:
    assert terms(text) == layer_terms(analyse(text))
    assert all(0 <= span.start <= span.end <= len(text) for span in evidence_spans(text))


def read_lines(content: bytes) -> None:
    for line in lines(BytesIO(content), 1 << 20):
        with suppress(SourceError):
            if not line.problem:
                article_from(parse_object(line.text))


TAKES: dict[str, Callable[[Any], None]] = {
    "parser": parsed,
    "analysers": analysed,
    "lines": read_lines,
}


def read_file(kind: str, content: bytes) -> None:
    name = f"a/b{KINDS[kind].suffixes.split()[-1]}"
    with suppress(SourceError):
        for item in import_module(f"indexer.extraction.{kind}").read(
            BytesIO(content), name, Options()
        ):
            if not isinstance(item, Failure):
                with suppress(SourceError):
                    article_from(item.fields, "/files/a/b")


@cache
def _seeds() -> dict[str, list[bytes]]:
    """Return small hostile files by what reads them."""
    found = defaultdict(list)
    with TemporaryDirectory() as folder:
        for poison in POISON:
            content = poison.make(Path(folder) / poison.name)
            if content is not None and 0 < len(content) <= MOST:
                found[kind_of(poison.name)].append(content)
    return found


def _edited(content: bytes, edits: list[tuple[int, int, bytes]]) -> bytes:
    """Return content with bytes put in, in place of some: one of what is zipped, zipped again."""
    with suppress(Exception), zipfile.ZipFile(BytesIO(content)) as package:
        if sum(each.file_size for each in package.infolist()) > UNZIPPED:
            return _spliced(content, edits)
        members = [(member, package.read(member)) for member in package.namelist()]
        chosen = edits[0][0] % len(members)
        made = BytesIO()
        with zipfile.ZipFile(made, "w") as again:
            for number, (member, inner) in enumerate(members):
                again.writestr(member, _spliced(inner, edits) if number == chosen else inner)
        return made.getvalue()
    return _spliced(content, edits)


def _spliced(content: bytes, edits: list[tuple[int, int, bytes]]) -> bytes:
    changed = bytearray(content)
    for place, length, put in edits:
        start = place % (len(changed) + 1)
        changed[start : start + length] = put
    return bytes(changed)


EDITS = st.lists(
    st.tuples(
        st.integers(0, MOST),
        st.sampled_from([0, 0, 1, 1, 1, 2, 8, 64, MOST]),
        st.binary(max_size=8)
        | PIECES.map(lambda text: text.encode("utf-8", "surrogatepass"))
        | st.sampled_from([b"<", b">", b"</", b"&#", b"]]>", b"{", b"}", b"[", b"\\", b"0" * 20,
                           b"-1", b"99999999999", b"\r\n\r\n", b"--", b"NaN", b"\xff\xfe", b"\x00"]),
    ),
    min_size=1,
    max_size=6,
)  # fmt: skip


def files_of(kind: str) -> st.SearchStrategy[bytes]:
    return st.builds(_edited, st.sampled_from(_seeds()[kind]), EDITS)


LINES = st.lists(
    st.binary(max_size=40)
    | TEXTS.map(lambda text: text.encode("utf-8", "surrogatepass"))
    | st.builds(
        lambda fields, edits: _spliced(str(fields).replace("'", '"').encode(), edits),
        st.dictionaries(
            st.sampled_from(["id", "text", "title", "tags", "published", "url", "places"]),
            st.sampled_from(["نص", "2024-01-02", "/a/b", "http://a", 3, -1.5, [], ["وسم"], {}]),
        ),
        EDITS,
    ),
    max_size=6,
).map(b"\n".join)

TARGETS: dict[str, st.SearchStrategy[Any]] = {"parser": TEXTS, "analysers": TEXTS, "lines": LINES}
KINDS_READ = [kind for kind in KINDS if kind != "unread"]  # which is told by its name alone
PARTS = [*TARGETS] * 6 + KINDS_READ  # texts and lines are half of all inputs
ROUNDS = -(-INPUTS // (len(PARTS) * ROUND))


@pytest.mark.parametrize("target", PARTS if INPUTS else [*TARGETS, *KINDS_READ])
@pytest.mark.parametrize("number", range(ROUNDS or 1))
def test_any_input_is_read_or_refused(target: str, number: int) -> None:
    @settings(
        max_examples=BOUND,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.generate, Phase.shrink),
    )
    @given(drawn=TARGETS[target] if target in TARGETS else files_of(target))
    def take(drawn: Any) -> None:
        try:
            TAKES.get(target, partial(read_file, target))(drawn)
        except Exception as error:
            error.add_note(f"{target}: {drawn!r}"[:4_000])
            raise

    for _ in range(ROUND if INPUTS else 0):  # a tenth of the time that hypothesis's own runs take
        take.hypothesis.fuzz_one_input(os.urandom(1_500))  # type: ignore[attr-defined]
    if not INPUTS:
        take()
