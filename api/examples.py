"""What answers look like, in words of the seed article, for the OpenAPI document."""

from __future__ import annotations

import json

from api.problems import encode
from api.routes.retrieval import record_out
from api.schemas import (
    analyzed,
    article_out,
    ingested_out,
    passage_out,
    search_out,
    status_out,
)
from search.domain import (
    ArticleInfo,
    Component,
    FacetValue,
    Filter,
    Hit,
    Match,
    MatchedWord,
    Passage,
    Query,
    Results,
    Segment,
    Total,
    Understood,
    WriteOutcome,
)
from search.engines.protocol import EngineStatus, Fingerprint

_TITLE = "الولايات المتحدة نفذت ضربات جوية في العراق"
_BEFORE, _MARKED, _AFTER = (
    "واستهدفت الضربات ثلاث منشآت تستخدمها ",
    ("كتائب", "حزب", "الله"),
    " المدعومة من إيران وجماعات أخرى تابعة لطهران في العراق.",
)
_ID = "/files/seeds/000_68ec81c8af20b3f5.txt"
_INFO = ArticleInfo(_ID, _TITLE, "CNN Arabic", language="ar", tags=("العراق", "إيران"))
_TEXT = _BEFORE + " ".join(_MARKED) + _AFTER
_PASSAGE = Passage(_ID, 1, 197, 197 + len(_TEXT), _TEXT)
_SEGMENTS = [Segment(_BEFORE, match=False)]
for _word in _MARKED:
    _SEGMENTS += [Segment(_word, match=True), Segment(" ", match=False)]
_SEGMENTS[-1] = Segment(_AFTER, match=False)

ARTICLE = article_out(_INFO)
PASSAGE = passage_out(_PASSAGE)
_HIT = Hit(
    _PASSAGE,
    _INFO,
    score=0.97,
    keyword=Component(11.2, 2),
    semantic=Component(0.87, 1),
    segments=tuple(_SEGMENTS),
    title_segments=(Segment(_TITLE, match=False),),
    match=Match("exact", tuple(MatchedWord(word, "exact") for word in _MARKED)),
    best_sentence=None,
)
_FOUND = search_out(
    Results(
        Query(" ".join(_MARKED), size=1, filter=Filter(languages=("ar",)), facets=("source",)),
        (_HIT,),
        Total(3, exact=True, level="near"),
        took_ms={"parse": 0.1, "embed": 6.9, "rank": 1.2, "total": 8.6},
        understood=tuple(Understood(word, "word", "optional", 2) for word in _MARKED),
        facets={"source": (FacetValue("CNN Arabic", 3),)},
    )
)
SEARCH: dict[str, object] = json.loads(encode(_FOUND))  # in which no value object is left
STATUS = status_out(
    EngineStatus(
        "embedded",
        articles=1,
        passages=21,
        sentences=46,
        unembedded=0,
        fingerprint=Fingerprint(
            "1", "intfloat/multilingual-e5-small", "", 384, sentence_vectors=True, schema=1
        ),
    )
)

BY_PATH: dict[str, object] = {
    "/v1/search": SEARCH,
    "/v1/articles/{id}": {
        "article": ARTICLE,
        "text": "…\n" + PASSAGE["text"] + "\n…",
        "passages": [{**PASSAGE, "segments": None}],
    },
    "/v1/passages/{id}": {"passage": PASSAGE, "article": ARTICLE},
    "/v1/analyze": json.loads(encode(analyzed("وبالعراق"))),
    "/v1/status": STATUS,
}

LINES = '{"id":"a1","title":"خبر","text":"نص الخبر","published":"2024-01-31"}\n{"id":"a2"\n'
_UPDATED = ingested_out(WriteOutcome(_ID, "updated"))
BY_METHOD: dict[tuple[str, str], object] = {
    ("post", "/v1/multi-search"): {"answers": [SEARCH]},
    ("post", "/v1/retrieval"): {"records": [record_out(_HIT, 1.0)]},
    ("put", "/v1/articles/{id}"): _UPDATED,
    ("put", "/v1/annotations/{id}"): {
        "id": "0b9b4ba8-3f0c-4a3e-9a8b-0d4bb1f9a3c1",
        "target": _ID,
        "anchor": "article",
        "article": ARTICLE,
        "passage": None,
        "quote": "",
        "labels": ["شاهد"],
        "note": "للفصل الثالث",
        "created": "2026-11-28T09:00:00.000000+00:00",
        "changed": "2026-11-28T09:30:00.000000+00:00",
    },
    ("get", "/v1/articles"): {"articles": [ARTICLE], "total": 1, "cursor": None},
    ("post", "/v1/articles"): {
        "created": 0,
        "updated": 1,
        "unchanged": 0,
        "failed": 0,
        "articles": [{**_UPDATED, "notes": []}],
    },
    ("post", "/v1/articles:bulk"): (
        '{"line":1,"id":"a1","status":"created","error":null,"code":null}\n'
        '{"line":2,"id":null,"status":"failed","error":"not JSON: ...","code":"not-json"}\n'
    ),
}
