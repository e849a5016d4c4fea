"""What answers look like, in words of the seed article, for the OpenAPI document."""

from __future__ import annotations

from api.schemas import AnalyzeOut, ArticleOut, IngestedOut, PassageOut, StatusOut

ARTICLE: ArticleOut = {
    "id": "/files/seeds/000_68ec81c8af20b3f5.txt",
    "collection": "files",
    "title": "الولايات المتحدة نفذت ضربات جوية في العراق",
    "source": "CNN Arabic",
    "author": "",
    "language": "ar",
    "published": None,
    "tags": ["العراق", "إيران"],
    "url": "",
}
PASSAGE: PassageOut = {
    "id": "/files/seeds/000_68ec81c8af20b3f5.txt#1",
    "position": 1,
    "start": 197,
    "end": 304,
    "text": "واستهدفت الضربات ثلاث منشآت تستخدمها كتائب حزب الله المدعومة من إيران وجماعات أخرى"
    " تابعة لطهران في العراق.",
}
SEARCH: dict[str, object] = {  # as JSON: a test holds it to SearchOut
    "query": {
        "q": "كتائب حزب الله",
        "mode": "hybrid",
        "size": 1,
        "start": 0,
        "collection": [],
        "source": [],
        "author": [],
        "language": ["ar"],
        "article": [],
        "tag": [],
        "from": None,
        "to": None,
        "variants": True,
        "also": ["latin", "synonym"],
        "match": "meaning",
        "facets": ["source"],
        "facet_size": 20,
        "facet_prefix": "",
        "count_articles": False,
        "group_by": "",
        "sort": "relevance",
        "explain": False,
        "collapse": "",
    },
    "total": {"value": 3, "relation": "exact", "level": "near", "articles": None},
    "collapsed": 0,
    "hits": [
        {
            "passage": PASSAGE,
            "article": ARTICLE,
            "score": 0.97,
            "keyword": {"score": 11.2, "rank": 2},
            "semantic": {"score": 0.87, "rank": 1},
            "rerank": None,
            "match": {
                "level": "exact",
                "words": [
                    {"word": "كتائب", "level": "exact"},
                    {"word": "حزب", "level": "exact"},
                    {"word": "الله", "level": "exact"},
                ],
            },
            "segments": [
                {"text": "واستهدفت الضربات ثلاث منشآت تستخدمها ", "match": False},
                {"text": "كتائب", "match": True},
                {"text": " ", "match": False},
                {"text": "حزب", "match": True},
                {"text": " ", "match": False},
                {"text": "الله", "match": True},
                {
                    "text": " المدعومة من إيران وجماعات أخرى تابعة لطهران في العراق.",
                    "match": False,
                },
            ],
            "title_segments": [{"text": ARTICLE["title"], "match": False}],
            "best_sentence": None,
            "explanation": None,
            "copies": [],
        }
    ],
    "groups": None,
    "facets": {"source": [{"value": "CNN Arabic", "count": 3}]},
    "searched_also": [],
    "understood": [
        {
            "text": word,
            "kind": "word",
            "occur": "optional",
            "passages": passages,
            "field": None,
            "within": None,
        }
        for word, passages in (("كتائب", 2), ("حزب", 2), ("الله", 2))
    ],
    "did_you_mean": None,
    "relaxations": [],
    "relaxed": False,
    "took_ms": {"parse": 0.1, "embed": 6.9, "rank": 1.2, "total": 8.6},
    "degraded": [],
}
ANALYZE: AnalyzeOut = {
    "tokens": [
        {
            "start": 0,
            "end": 8,
            "text": "وبالعراق",
            "letters": "وبالعراق",
            "folded": "وبالعراق",
            "stem": "عراق",
            "grams": ["_وبا", "وبال", "بالع", "العر", "لعرا", "عراق", "راق_"],
            "vowelled": "",
            "stop": False,
        }
    ]
}
STATUS: StatusOut = {
    "engine": "embedded",
    "articles": 1,
    "passages": 21,
    "sentences": 46,
    "unembedded": 0,
    "model": "intfloat/multilingual-e5-small",
    "dimensions": 384,
    "analyser": "1",
}

BY_PATH: dict[str, object] = {
    "/v1/search": SEARCH,
    "/v1/articles/{id}": {
        "article": ARTICLE,
        "text": "…\n" + PASSAGE["text"] + "\n…",
        "passages": [{**PASSAGE, "segments": None}],
    },
    "/v1/passages/{id}": {"passage": PASSAGE, "article": ARTICLE},
    "/v1/analyze": ANALYZE,
    "/v1/status": STATUS,
}

LINES = '{"id":"a1","title":"خبر","text":"نص الخبر","published":"2024-01-31"}\n{"id":"a2"\n'
_INGESTED: IngestedOut = {"id": ARTICLE["id"], "status": "created", "error": None, "code": None}
BY_METHOD: dict[tuple[str, str], object] = {
    ("post", "/v1/multi-search"): {"answers": [SEARCH]},
    ("put", "/v1/articles/{id}"): {**_INGESTED, "status": "updated"},
    ("get", "/v1/articles"): {"articles": [ARTICLE], "total": 1, "cursor": None},
    ("post", "/v1/articles"): {
        "created": 0,
        "updated": 1,
        "unchanged": 0,
        "failed": 0,
        "articles": [{**_INGESTED, "status": "updated", "notes": []}],
    },
    ("post", "/v1/articles:bulk"): (
        '{"line":1,"id":"a1","status":"created","error":null,"code":null}\n'
        '{"line":2,"id":null,"status":"failed","error":"not JSON: ...","code":"not-json"}\n'
    ),
}
