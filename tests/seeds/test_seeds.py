"""The seed article is as it was given, and its judgements can be trusted to be about it."""

from __future__ import annotations

import csv
import hashlib
import json
import unicodedata
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from indexer.ingestion.paragraphs import split
from indexer.sources import Failure, Found
from indexer.sources.identity import FileIds
from indexer.sources.listing import list_files
from indexer.sources.reading import read_articles
from tests.support import SEEDS, HashingEmbedder

ARTICLE = "/files/seeds/000_68ec81c8af20b3f5.txt"
IDS = FileIds(root=str(SEEDS.parent))  # as `make run` has it
METADATA = "000_68ec81c8af20b3f5.meta.json"
SHA256 = "31f7cf9d3d0857c8ae425be76c236888ff41ad16d9163a9ecdce4f53bd8feaf5"
JUDGEMENTS = SEEDS / "judgements"
KINDS = {
    "exact": 15,
    "spelling": 16,
    "inflection": 15,
    "clitic": 15,
    "phrase": 9,
    "paraphrase": 16,
    "english": 16,
    "french": 11,
    "arabizi": 10,
}
LANGUAGES = {"english": "en", "french": "fr", "arabizi": "ar-Latn"}  # the other kinds: "ar"


def read_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def article_bytes() -> bytes:
    return (SEEDS.parent / ARTICLE.removeprefix("/files/")).read_bytes()


def paragraphs() -> list[str]:
    return [line for line in article_bytes().decode("utf-8").split("\n") if line.strip()]


def queries() -> list[dict[str, Any]]:
    return read_lines(JUDGEMENTS / "queries.jsonl")


def grades() -> list[tuple[str, str, str]]:
    with (JUDGEMENTS / "qrels" / "test.tsv").open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file, delimiter="\t")
    assert header == ["query-id", "corpus-id", "score"]
    return [(query, passage, score) for query, passage, score in rows]


def test_the_article_is_byte_for_byte_as_given() -> None:
    assert hashlib.sha256(article_bytes()).hexdigest() == SHA256


def test_the_folder_holds_one_article_for_the_indexer() -> None:
    items = list(read_articles(list_files([SEEDS], IDS)))
    [found] = [item for item in items if isinstance(item, Found)]
    assert [item for item in items if isinstance(item, Failure)] == []
    assert found.article.id == ARTICLE
    assert found.article.text.encode("utf-8") == article_bytes()
    assert (found.article.info.source, found.article.info.language) == ("CNN Arabic", "ar")


def test_the_indexer_gives_the_passages_that_were_judged() -> None:
    [found] = [item for item in read_articles(list_files([SEEDS], IDS)) if isinstance(item, Found)]
    embedder = HashingEmbedder()
    passages = split(found.article, embedder.count_tokens, embedder.max_tokens)
    judged = read_lines(JUDGEMENTS / "corpus.jsonl")
    assert [(p.id, p.text) for p in passages] == [(j["_id"], j["text"]) for j in judged]


def test_what_is_known_of_the_article_is_well_formed() -> None:
    info = json.loads((SEEDS / METADATA).read_text(encoding="utf-8"))
    assert set(info) <= {"title", "source", "language", "published", "tags", "url"}
    assert (info["source"], info["language"]) == ("CNN Arabic", "ar")
    assert all(isinstance(tag, str) and tag for tag in info["tags"])
    assert len(set(info["tags"])) == len(info["tags"])
    if "published" in info:
        date.fromisoformat(info["published"])


def test_the_title_is_words_of_the_first_sentence_and_nothing_else() -> None:
    info = json.loads((SEEDS / METADATA).read_text(encoding="utf-8"))
    assert f" {info['title']} " in paragraphs()[0]


def test_every_tag_is_a_word_of_the_article() -> None:
    info = json.loads((SEEDS / METADATA).read_text(encoding="utf-8"))
    text = article_bytes().decode("utf-8")
    assert [tag for tag in info["tags"] if tag not in text] == []


def test_the_judged_corpus_is_exactly_the_articles_paragraphs() -> None:
    assert read_lines(JUDGEMENTS / "corpus.jsonl") == [
        {"_id": f"{ARTICLE}#{position}", "title": "", "text": text}
        for position, text in enumerate(paragraphs())
    ]


def test_query_ids_and_texts_are_unique() -> None:
    for field in ("_id", "text"):
        assert [k for k, n in Counter(query[field] for query in queries()).items() if n > 1] == []


@pytest.mark.parametrize(("kind", "count"), KINDS.items())
def test_queries_of_every_kind(kind: str, count: int) -> None:
    found = [query for query in queries() if query["metadata"]["kind"] == kind]
    assert [query["_id"] for query in found] == [f"{kind}-{n:02}" for n in range(1, count + 1)]
    assert {query["metadata"]["language"] for query in found} == {LANGUAGES.get(kind, "ar")}


def test_there_is_no_other_kind_and_at_least_sixty_queries() -> None:
    assert {query["metadata"]["kind"] for query in queries()} == set(KINDS)
    assert len(queries()) == sum(KINDS.values()) >= 60


def test_a_query_is_written_in_the_script_of_its_kind() -> None:
    for query in queries():
        letters = [char for char in query["text"] if char.isalpha()]
        arabic = all(unicodedata.name(char).startswith("ARABIC") for char in letters)
        assert arabic is (query["metadata"]["language"] == "ar"), query["_id"]


def test_grades_name_existing_queries_and_passages() -> None:
    known_queries = {query["_id"] for query in queries()}
    known_passages = {f"{ARTICLE}#{position}" for position in range(len(paragraphs()))}
    for query, passage, score in grades():
        assert query in known_queries
        assert passage in known_passages
        assert score in {"1", "2"}  # a pair that is not listed was judged 0


def test_no_pair_is_graded_twice() -> None:
    pairs = Counter((query, passage) for query, passage, _ in grades())
    assert max(pairs.values()) == 1


def test_every_query_has_an_answer() -> None:
    answered = {query for query, _, score in grades() if score == "2"}
    assert {query["_id"] for query in queries()} - answered == set()


def test_every_paragraph_answers_some_query() -> None:
    answering = {passage for _, passage, score in grades() if score == "2"}
    assert answering == {f"{ARTICLE}#{position}" for position in range(len(paragraphs()))}


def test_exact_queries_hold_only_words_of_a_passage_that_answers() -> None:
    texts = {f"{ARTICLE}#{position}": text for position, text in enumerate(paragraphs())}
    for query in queries():
        if query["metadata"]["kind"] == "exact":
            answers = [texts[p] for q, p, score in grades() if q == query["_id"] and score == "2"]
            words = str(query["text"]).split()
            assert any(all(word in text for word in words) for text in answers), query["_id"]


def test_the_readme_counts_the_queries_of_each_kind() -> None:
    readme = (JUDGEMENTS / "README.md").read_text(encoding="utf-8")
    for kind, count in KINDS.items():
        assert f"| `{kind}` | {count} |" in readme
    pairs = len(queries()) * len(paragraphs())
    assert f"{pairs:,} pairs" in readme
