"""No request makes the server fail: from the OpenAPI document, and over any query text."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, BinaryIO
from unicodedata import is_normalized

import pytest
import schemathesis
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st
from schemathesis.core.parameters import ParameterLocation

from api.app import create_app
from api.requests import MAX_SIZES, FilterParameters, described
from api.security import MAX_BODY
from api.uploads import FORM
from search.domain import MODES, WriteOutcome
from search.keys import SCOPES, KeyFile
from search.limits import MAX_QUERY_LENGTH, MAX_RESULTS
from search.query.parse import parse
from search.ranking.searcher import Searcher
from search.settings import Settings
from tests.api.support import ToldIngest, ToldSearcher, client

pytestmark = pytest.mark.slow

_FILTER = {each["name"] for each in described(FilterParameters)}

BOUNDED = settings(
    max_examples=40,
    derandomize=True,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.generate),
)


class Taking(ToldIngest):
    """Takes every file, as the document says nothing of what is in one."""

    def file(self, file: BinaryIO, name: str, collection: str = "") -> Iterator[WriteOutcome]:
        yield from super().file(file, name.removesuffix(".zip"))


@pytest.fixture(scope="module")
def document(
    searcher: Searcher, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Any, dict[str, str]]:
    data = tmp_path_factory.mktemp("fuzz")
    key = {"Authorization": f"Bearer {KeyFile(data / 'keys.json').create('all', SCOPES)[1]}"}
    app = create_app(
        searcher,
        Settings(data=data, host="testserver", key_rate=0, address_rate=0),
        lambda _: Taking(),
    )
    return schemathesis.openapi.from_asgi("/openapi.json", app), key


POSITIVE, NEGATIVE = schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE
CASES = [
    (method, path, mode)
    for path, found in create_app(settings=Settings()).openapi()["paths"].items()
    for method, operation in found.items()
    for mode in (POSITIVE, NEGATIVE)
    # What takes nothing cannot be given anything wrong; test_articles covers what it refuses.
    if (mode == POSITIVE or {"parameters", "requestBody"} & set(operation))
    and path != "/v1/articles:bulk"  # schemathesis writes no lines of JSON; see below
]


@pytest.mark.parametrize(("method", "path", "mode"), CASES)
def test_the_document_is_true(
    document: tuple[Any, dict[str, str]], method: str, path: str, mode: schemathesis.GenerationMode
) -> None:
    """All of schemathesis's checks: statuses, content types and bodies as declared, no 5xx,
    what the schema allows accepted, what it forbids refused."""

    # Its own pytest plugin (4.32) does not work with pytest 9.2, so the strategy is run here.
    @BOUNDED
    @given(case=document[0][path][method].as_strategy(generation_mode=mode))
    def run(case: schemathesis.Case[Any]) -> None:
        # The only header is the key: what would be wrong there is put right here (test_access
        # covers wrong keys). It is given to the call, not put into the case, as schemathesis
        # takes a key in the case for one that it made up, which must not be accepted.
        assume(not (case.meta and case.meta.is_negative_at(ParameterLocation.HEADER)))
        assume(not crosses(case))
        case.call_and_validate(headers=document[1])

    run()


def crosses(case: schemathesis.Case[Any]) -> bool:
    """Say whether a case breaks a rule between two fields, which no schema can express."""
    if len(json.dumps(case.body, default=str)) > MAX_BODY:
        return True  # as a whole
    is_many = case.path == "/v1/articles" and case.method.upper() in ("DELETE", "PATCH")
    if is_many and not any((case.query or {}).get(name) for name in _FILTER):
        return True  # a filter is needed
    given = case.body if isinstance(case.body, dict) and not is_many else case.query or {}
    start, size = given.get("start", 0), given.get("size", 10)
    numbers = [n for n in (start, size) if isinstance(n, int | float)]  # 86.0 is a whole one too
    if sum(numbers) > MAX_RESULTS:
        return True
    condition: Any = given.get("metadata_condition")
    conditions = condition.get("conditions") if isinstance(condition, dict) else None
    if isinstance(conditions, list) and len(conditions) > 1:
        return True  # which conditions go together
    collection = (case.query or {}).get("collection")
    if isinstance(collection, str) and not is_normalized("NFC", collection):
        return True  # taken in NFC
    searches = given.get("searches", ())
    if isinstance(searches, list) and _sizes(searches) > MAX_SIZES:
        return True
    saves = case.path == "/v1/saved" and isinstance(case.body, dict)
    if saves and given.get("label"):
        return True  # of what is indexed later
    if case.path == "/v1/annotations" and (q := str(given.get("q", ""))) and not _has_words(q):
        return True
    if saves and (given.get("webhook") or not _has_words(str(given.get("q", "")))):
        return True  # which addresses can be posted to, and what are words
    mode, match = given.get("mode", "hybrid"), given.get("match")
    if (
        mode == "semantic"
        and (given.get("facets") or given.get("count_articles") or match not in (None, "meaning"))
    ) or (mode == "keyword" and match == "meaning"):
        return True
    if given.get("format") == "jsonl" and {"size", "cursor", "fields"} & set(given):
        return True
    if given.get("sort") in ("newest", "oldest") and (
        match == "meaning" or mode == "semantic" or given.get("explain")
    ):
        return True
    if given.get("cursor"):
        return True  # which texts are cursors
    form = case.body if case.media_type == FORM and isinstance(case.body, dict) else {}
    if not isinstance(form.get("name", ""), str):
        return True  # in a form a number is a text like any other
    names = [str((each or {}).get("name")) for each in (case.query, given)]
    if any(part == ".." for name in names for part in name.split("/")):
        return True
    first, last = given.get("from"), given.get("to")
    return isinstance(first, str) and isinstance(last, str) and first > last


def _has_words(text: str) -> bool:
    parsed = parse(text[:MAX_QUERY_LENGTH])
    return bool(parsed.words() or parsed.prefixes())


def _sizes(searches: list[Any]) -> float:
    sizes = [each.get("size", 10) for each in searches if isinstance(each, dict)]
    return sum(size for size in sizes if isinstance(size, int | float))


JSON_LINES = st.dictionaries(st.sampled_from(["id", "text", "tags"]), st.text() | st.none()).map(
    lambda fields: json.dumps(fields).encode()
)

# Every code point, unpaired surrogates among them; JSON carries those as escapes.
ANY_TEXT = st.text(st.characters(), max_size=60)
ARABIC = st.text('اأإآٱبةتثىيءؤئکیھ ًٌَُِّٰـ٠١۲،؛؟«»“”"+-()*:\u200c\u200f\u202e\ufdfa\ufefb', max_size=60)


@pytest.fixture(scope="module")
def connected(searcher: Searcher) -> Iterator[TestClient]:
    with client(searcher) as http:
        yield http


@settings(BOUNDED, max_examples=300)
@given(text=ANY_TEXT | ARABIC, mode=st.sampled_from(MODES))
def test_any_query_text_is_answered(connected: TestClient, text: str, mode: str) -> None:
    answer = connected.post(
        "/v1/search",
        content=json.dumps({"q": text, "mode": mode}),
        headers={"Content-Type": "application/json"},
    )
    answer.content.decode("utf-8")  # strict
    if any("\ud800" <= letter <= "\udfff" for letter in text):
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["field"] == "q"
        return
    assert answer.status_code == 200
    found = answer.json()
    assert found["query"]["q"] == text
    for hit in found["hits"]:
        assert "".join(s["text"] for s in hit["segments"]) == hit["passage"]["text"]
    by_get = connected.get("/v1/search", params={"q": text, "mode": mode})
    assert by_get.json()["hits"] == found["hits"]


@settings(BOUNDED, max_examples=100)
@given(query=st.binary(max_size=40))
def test_any_query_string_is_answered(connected: TestClient, query: bytes) -> None:
    answer = connected.get("/v1/search?q=" + "".join(f"%{byte:02x}" for byte in query))
    try:
        query.decode("utf-8")
    except UnicodeDecodeError:
        assert answer.status_code == 422
    else:
        assert answer.status_code == 200


@settings(BOUNDED, max_examples=100)
@given(text=ANY_TEXT)
def test_any_text_is_analysed(connected: TestClient, text: str) -> None:
    text = text.encode("utf-8", "replace").decode("utf-8")
    tokens = connected.get("/v1/analyze", params={"text": text}).json()["tokens"]
    assert all(text[t["start"] : t["end"]] == t["text"] for t in tokens)


@settings(BOUNDED, max_examples=300)
@given(lines=st.lists(st.binary(max_size=40) | JSON_LINES, max_size=80), ended=st.booleans())
def test_any_lines_are_answered_one_by_one(lines: list[bytes], ended: bool) -> None:
    body = b"\n".join(lines) + (b"\n" if ended else b"")
    lines = [line.removeprefix(b"\xef\xbb\xbf") for line in body.split(b"\n")]
    wanted = [n for n, line in enumerate(lines, start=1) if line.strip()]
    with client(ToldSearcher(), ingest=ToldIngest()) as http:
        answer = http.post(
            "/v1/articles:bulk", content=body, headers={"Content-Type": "application/x-ndjson"}
        )
    assert answer.status_code == 200
    assert [json.loads(line)["line"] for line in answer.content.splitlines()] == wanted
