"""GET and POST /v1/search over the real searcher: what comes back and what is refused."""

from __future__ import annotations

import json
from typing import Any, get_args
from urllib.parse import urlencode

import pytest
from fastapi.testclient import TestClient

from api.requests import MAX_FACETS
from api.schemas import HitField, HitOut
from indexer.ingestion.preparing import prepare
from search.assembly import fingerprint_of
from search.domain import Filter
from search.engines import open_engine
from search.ranking.searcher import Searcher
from search.settings import Settings
from tests.api.conftest import SEED
from tests.api.support import ToldSearcher, client
from tests.support import HashingEmbedder, article

QUERY = "ضربات جوية في العراق"


def ids(answer: dict[str, list[dict[str, dict[str, str]]]]) -> list[str]:
    return [hit["passage"]["id"] for hit in answer["hits"]]


def test_an_answer_has_everything(http: TestClient) -> None:
    answer = http.get("/v1/search", params={"q": QUERY, "size": 3}).json()
    assert list(answer) == [
        "query", "total", "collapsed", "hits", "groups", "facets", "searched_also", "understood",
        "did_you_mean", "relaxations", "took_ms", "relaxed", "degraded",
    ]  # fmt: skip
    assert answer["query"]["q"] == QUERY
    assert answer["query"]["mode"] == "hybrid"
    assert len(answer["hits"]) == 3
    hit = answer["hits"][0]
    assert list(hit) == [
        "passage", "article", "score", "keyword", "semantic", "rerank", "match",
        "segments", "title_segments", "best_sentence", "explanation", "copies",
    ]  # fmt: skip
    assert hit["passage"]["id"] == f"{SEED}#0"
    assert hit["article"]["source"] == "CNN Arabic"
    assert hit["keyword"]["rank"] == 1
    assert answer["took_ms"]["total"] > 0
    assert answer["degraded"] == []


def test_of_hits_the_fields_that_are_named(http: TestClient) -> None:
    asked = {"q": QUERY, "fields": ["score", "segments"]}
    whole = http.get("/v1/search", params={"q": QUERY}).json()["hits"]
    some = http.get("/v1/search", params=asked).json()["hits"]
    assert [list(hit) for hit in some] == [["score", "segments"]] * len(whole)
    assert some == [{name: hit[name] for name in ("score", "segments")} for hit in whole]
    groups = http.get("/v1/search", params={**asked, "group_by": "article"}).json()["groups"]
    assert all(list(hit) == ["score", "segments"] for group in groups for hit in group["hits"])
    refused = http.get("/v1/search", params={"q": QUERY, "fields": "text"})
    assert refused.status_code == 422
    assert "passage" in refused.text
    assert set(get_args(HitField)) == HitOut.__annotations__.keys()


def test_segments_are_the_passage_with_its_matches(http: TestClient) -> None:
    for hit in http.get("/v1/search", params={"q": QUERY}).json()["hits"]:
        assert "".join(s["text"] for s in hit["segments"]) == hit["passage"]["text"]
        assert "".join(s["text"] for s in hit["title_segments"]) == hit["article"]["title"]
    first = http.get("/v1/search", params={"q": QUERY}).json()["hits"][0]
    assert {"ضربات", "جوية", "العراق"} <= {s["text"] for s in first["segments"] if s["match"]}


def test_post_answers_as_get(http: TestClient) -> None:
    asked = {"q": QUERY, "mode": "keyword", "size": 4, "start": 1, "source": ["CNN Arabic"]}
    by_get = http.get(f"/v1/search?{urlencode(asked, doseq=True)}").json()
    by_post = http.post("/v1/search", json=asked).json()
    assert ids(by_get) == ids(by_post)
    assert by_get["query"] == by_post["query"]


def test_pages_follow_each_other(http: TestClient) -> None:
    whole = ids(http.get("/v1/search", params={"q": QUERY, "size": 10}).json())
    parts = [
        ids(http.get("/v1/search", params={"q": QUERY, "size": 5, "start": start}).json())
        for start in (0, 5)
    ]
    assert len(whole) == 10
    assert parts[0] + parts[1] == whole


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ("source=أ", {"old/news.txt#0"}),
        ("source=أ&source=ب", {"old/news.txt#0", "new#0"}),
        ("language=ar", {"old/news.txt#0", "new#0"}),
        ("article=new", {"new#0"}),
        ("article=new&article=old/news.txt", {"new#0", "old/news.txt#0"}),
        ("tag=جديد", {"new#0"}),
        ("from=2024-05-06", {"new#0"}),
        ("to=2001-02-03", {"old/news.txt#0"}),
        ("from=2001-02-04&to=2024-05-05", set()),
        ("source=ب&tag=مدن", {"new#0"}),
    ],
)
def test_filters(http: TestClient, given: str, found: set[str]) -> None:
    answer = http.get(f"/v1/search?q=مدينة+بغداد&mode=keyword&{given}")
    assert answer.status_code == 200
    assert set(ids(answer.json())) - {f"{SEED}#4"} == found


def test_filters_reach_the_query() -> None:
    told = ToldSearcher()
    with client(told) as http:
        http.post(
            "/v1/search",
            json={"q": "س", "source": ["أ"], "language": ["ar"], "article": ["1"], "tag": ["ت"]},
        )
    assert told.asked[0].filter == Filter(("أ",), ("ar",), ("1",), ("ت",))


def test_what_was_searched_besides_is_said_and_can_be_switched_off(http: TestClient) -> None:
    found = http.get("/v1/search?q=al3iraq&mode=keyword").json()
    (variant,) = found["searched_also"]
    assert variant["word"] == "al3iraq"
    assert "العراق" in variant["forms"]
    assert found["hits"]
    for answer in (
        http.get("/v1/search?q=al3iraq&mode=keyword&variants=false"),
        http.post("/v1/search", json={"q": "al3iraq", "mode": "keyword", "variants": False}),
    ):
        assert answer.json()["searched_also"] == []
        assert answer.json()["hits"] == []


def test_a_quote_nothing_holds_is_searched_as_words_and_said_to_be(http: TestClient) -> None:
    def relaxed(q: str) -> object:
        return http.get("/v1/search", params={"q": q, "mode": "keyword"}).json()["relaxed"]

    assert relaxed("«بغداد العراق بغداد»") is True
    assert relaxed("بغداد") is False


def test_totals_say_what_they_are(http: TestClient) -> None:
    def total(mode: str) -> object:
        return http.get("/v1/search", params={"q": "بغداد", "mode": mode}).json()["total"]

    assert total("keyword") == {"value": 3, "relation": "exact", "level": "near", "articles": None}
    assert total("semantic") is None
    hybrid = total("hybrid")
    assert isinstance(hybrid, dict)
    assert (hybrid["relation"], hybrid["level"]) == ("at_least", "meaning")


def test_a_match_goes_as_far_as_it_is_asked(http: TestClient) -> None:
    def search(**parameters: str) -> dict[str, Any]:
        answer: dict[str, Any] = http.get("/v1/search", params=parameters).json()
        return answer

    exact = search(q="عراق", match="exact")
    assert (exact["hits"], exact["total"]["value"]) == ([], 0)
    form = search(q="عراق", match="form")
    assert form["query"]["match"] == form["total"]["level"] == "form"
    assert form["hits"]
    for hit in form["hits"]:
        assert hit["match"] == {"level": "form", "words": [{"word": "عراق", "level": "form"}]}
    refused = search(q="عراق", mode="keyword", match="meaning")
    assert refused["errors"][0]["field"] == "match"


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("", "q"),
        ("q=" + "ا" * 1001, "q"),
        ("q=a&mode=fuzzy", "mode"),
        ("q=a&size=0", "size"),
        ("q=a&size=101", "size"),
        ("q=a&size=ten", "size"),
        ("q=a&start=-1", "start"),
        ("q=a&from=yesterday", "from"),
        ("q=a&from=1700000000", "from"),
        ("q=a&to=2024-13-01", "to"),
        ("q=a&from=2024-01-02&to=2024-01-01", "from"),
        ("q=a&source=", "source.0"),
        ("q=a&source=" + "x" * 201, "source.0"),
        ("q=a" + "&tag=x" * 51, "tag"),
        ("q=a&siez=3", "siez"),
        ("q=a&q=b", "q"),
        ("q=%ED%A0%80", "query"),
        ("q=%FF", "query"),
    ],
)
def test_what_is_wrong_is_named(http: TestClient, query: str, field: str) -> None:
    answer = http.get(f"/v1/search?{query}")
    assert answer.status_code == 422
    problem = answer.json()
    assert problem["type"] == "/problems/invalid-input"
    assert [e["field"] for e in problem["errors"]] == [field]
    assert problem["errors"][0]["message"] in problem["detail"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "q"),
        ({"q": 5}, "q"),
        ({"q": None}, "q"),
        ({"q": "a", "size": "10"}, "size"),
        ({"q": "a", "size": True}, "size"),
        ({"q": "a", "size": 10**30}, "size"),
        ({"q": "a", "source": "one"}, "source"),
        ({"q": "a", "from": 20240101}, "from"),
        ({"q": "a", "page": 2}, "page"),
        ({"q": "\ud800"}, "q"),
        ([], "body"),
    ],
)
def test_what_is_wrong_in_json_is_named(http: TestClient, body: object, field: str) -> None:
    answer = http.post(
        "/v1/search", content=json.dumps(body), headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == 422
    assert [e["field"] for e in answer.json()["errors"]] == [field]


def test_the_window_ends_at_ten_thousand(http: TestClient) -> None:
    assert http.get("/v1/search?q=العراق&start=9990&size=10").status_code == 200
    answer = http.get("/v1/search?q=العراق&start=9991&size=10")
    assert answer.status_code == 422
    assert answer.json()["type"] == "/problems/page-too-deep"
    assert "10,000" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"", "invalid-input", 422),
        (b"{", "invalid-input", 422),
        (b"[" * 60_000, "malformed-request", 400),
        (b'{"q":"\xff"}', "malformed-request", 400),
        (b'{"q":"a","size":' + b"9" * 5000 + b"}", "malformed-request", 400),
        (b'{"q":"a","size":NaN}', "invalid-input", 422),
        (b'{"q":"a","start":Infinity}', "invalid-input", 422),
    ],
)
def test_broken_bodies(http: TestClient, content: bytes, kind: str, status: int) -> None:
    answer = http.post("/v1/search", content=content, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["type"]) == (status, f"/problems/{kind}")


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_only_json_is_taken(http: TestClient, kind: str) -> None:
    answer = http.post("/v1/search", content=b'{"q":"a"}', headers={"Content-Type": kind})
    assert answer.status_code == 415
    assert answer.json()["type"] == "/problems/unsupported-media-type"


ODD_TEXTS = {
    "nul": "\0",
    "controls": "".join(map(chr, range(32))),
    "bidi": "\u202e\u2066\u2069\u200f",
    "marks": "ا" + "\u064b" * 999,
    "noncharacters": "\ufffe\uffff\U0010ffff",
    "quotes": '"' * 1000,
    "signs": "-" * 500 + "+" * 500,
    "spaces": " \u3000\u2028\t" * 100,
    "nothing": "",
    "one word": "ك" * 1000,
    "emoji": "👩‍👩‍👧‍👦" * 100,
    "ligature": "\ufdfa" * 1000,
}


@pytest.mark.parametrize("name", ODD_TEXTS)
@pytest.mark.parametrize("mode", ["keyword", "semantic", "hybrid"])
def test_odd_queries_are_answered(http: TestClient, name: str, mode: str) -> None:
    answer = http.post("/v1/search", json={"q": ODD_TEXTS[name], "mode": mode})
    assert answer.status_code == 200
    assert answer.json()["query"]["q"] == ODD_TEXTS[name]


@pytest.mark.parametrize("text", ["\ud800", "a\udfffb", "\0", "\u202e", "\ufffe", "</script>"])
def test_odd_stored_texts_are_written_as_they_are(text: str) -> None:
    with client(ToldSearcher(text)) as http:
        answers = [
            http.get(f"/v1/{path}") for path in ("search?q=a", "articles/a", "passages/a%230")
        ]
    for answer in answers:
        assert answer.status_code == 200
        answer.content.decode("utf-8")  # strict
    assert [answers[0].json()["hits"][0]["segments"][0]["text"],
            answers[1].json()["text"],
            answers[2].json()["passage"]["text"]] == [text] * 3  # fmt: skip


def test_same_query_same_answer(http: TestClient) -> None:
    first, second = (http.get("/v1/search", params={"q": QUERY}).json() for _ in range(2))
    assert first["hits"] == second["hits"]


def test_facets_and_groups_as_json(http: TestClient) -> None:
    asked = "q=مدينة+بغداد&mode=keyword&facets=source&facets=year&facet_size=2&source=أ"
    answer = http.get(f"/v1/search?{asked}").json()
    assert answer["facets"] == {
        "source": [{"value": "CNN Arabic", "count": 1}, {"value": "أ", "count": 1}],
        "year": [{"value": "2001", "count": 1}],
    }
    assert answer["total"] == {"value": 1, "relation": "exact", "level": "near", "articles": None}
    assert answer["query"]["facets"] == ["source", "year"]
    assert answer["groups"] is None
    answer = http.get("/v1/search?q=بغداد&group_by=article&size=2").json()
    assert answer["hits"] == []
    assert answer["facets"] is None
    assert len(answer["groups"]) == 2
    assert list(answer["groups"][0]) == ["article", "hits", "passages", "copies"]
    assert answer["groups"][0]["hits"][0]["article"] == answer["groups"][0]["article"]
    assert answer["total"]["relation"] == "exact"
    assert answer["total"]["articles"]["relation"] == "exact"
    by_post = http.post("/v1/search", json={"q": "بغداد", "group_by": "article", "size": 2}).json()
    assert by_post["groups"] == answer["groups"]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("facets=colour", "facets.0"),
        ("facets=source&facets=colour", "facets.1"),
        ("facets=source" + "&facets=source" * MAX_FACETS, "facets"),
        ("facets=source&mode=semantic", "facets"),
        ("facet_size=0", "facet_size"),
        ("facet_size=101", "facet_size"),
        ("group_by=source", "group_by"),
    ],
)
def test_what_cannot_be_counted_is_named(http: TestClient, query: str, field: str) -> None:
    answer = http.get(f"/v1/search?q=a&{query}")
    assert answer.status_code == 422
    assert [e["field"] for e in answer.json()["errors"]] == [field]


@pytest.mark.parametrize(
    ("format", "kind", "begins"),
    [
        ("csv", "text/csv", "\ufeffrank,match,"),
        ("bibtex", "application/x-bibtex", "@article{fihris-"),
        ("ris", "application/x-research-info-systems", "TY  - NEWS\r\n"),
    ],
)
def test_a_page_of_hits_is_given_as_a_file(
    http: TestClient, format: str, kind: str, begins: str
) -> None:
    answer = http.get("/v1/search", params={"q": "العراق", "mode": "keyword", "format": format})
    assert answer.headers["content-type"] == f"{kind}; charset=utf-8"
    assert answer.headers["content-disposition"].startswith('attachment; filename="fihris.')
    assert answer.content.decode("utf-8").startswith(begins)


@pytest.mark.parametrize(
    ("also", "words"), [([], ["العراق"]), (["latin"], ["العراق"]), (["synonym"], [])]
)
def test_what_is_searched_also_is_switched_off_singly(
    http: TestClient, also: list[str], words: list[str]
) -> None:
    asked = {"q": "al3iraq", "mode": "keyword", **({"also": also} if also else {})}
    for answer in (http.get("/v1/search", params=asked), http.post("/v1/search", json=asked)):
        told = answer.json()
        assert told["query"]["also"] == (also or ["latin", "synonym"])
        assert [form for each in told["searched_also"] for form in each["forms"]] == words
    refused = http.get("/v1/search", params={**asked, "also": "kin"})
    assert refused.json()["errors"][0]["field"].startswith("also")


def test_a_format_that_there_is_not_is_refused(http: TestClient) -> None:
    refused = http.get("/v1/search", params={"q": "a", "format": "xlsx"}).json()
    assert refused["errors"][0]["field"] == "format"
    assert http.post("/v1/search", json={"q": "a", "format": "csv"}).status_code == 422


def test_what_is_similar(http: TestClient) -> None:
    found = http.get("/v1/passages:similar", params={"id": "new#0", "language": "ar"}).json()
    assert found["hits"][0]["passage"]["id"] == "old/news.txt#0"
    assert "new" not in {hit["article"]["id"] for hit in found["hits"]}
    assert found["query"]["q"]
    found = http.get("/v1/articles:similar", params={"id": "old/news.txt", "size": 1}).json()
    assert [group["article"]["id"] for group in found["groups"]] == ["new"]
    for path in ("passages", "articles"):
        assert http.get(f"/v1/{path}:similar", params={"id": "none#0"}).status_code == 404
        assert http.get(f"/v1/{path}:similar").status_code == 422


def test_near_copies_stand_under_a_hit(settings: Settings) -> None:
    embedder = HashingEmbedder()
    story = "أعلنت إدارة المصفاة أن إنتاج البنزين في الميناء ارتفع هذا العام"
    told = [article("a", story, title="بنزين"), article("b", f"بغداد - {story}")]
    engine = open_engine(settings, fingerprint_of(embedder, settings))
    engine.write(prepare(told, embedder, settings))
    with Searcher(engine, embedder) as searcher, client(searcher, settings) as http:
        asked = {"q": "البنزين", "collapse": "duplicates"}
        found = http.get("/v1/search", params=asked).json()
        assert found["query"]["collapse"] == "duplicates"
        (hit,) = found["hits"]
        (copy,) = hit["copies"]
        assert list(copy) == ["passage", "article"]
        assert {hit["passage"]["id"], copy["passage"]["id"]} == {"a#0", "b#0"}
        assert (found["collapsed"], found["total"]["value"]) == (1, 2)
        (group,) = http.post("/v1/search", json={**asked, "group_by": "article"}).json()["groups"]
        assert {group["article"]["id"], group["copies"][0]["article"]["id"]} == {"a", "b"}
        assert http.get("/v1/search", params={"q": "a", "collapse": "all"}).status_code == 422
