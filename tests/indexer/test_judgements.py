"""A test collection: what is read, and where a malformed one is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from indexer.evaluation.beir import read_judged_set
from search.errors import SourceError

CORPUS = '{"_id": "d1", "title": "", "text": "نص"}\n{"_id": "d2", "title": "عنوان", "text": ""}\n'
QUERIES = '{"_id": "q1", "text": "سؤال"}\n\n{"_id": "q2", "text": "آخر"}\n'
QRELS = "query-id\tcorpus-id\tscore\nq1\td1\t1\n"


def folder(path: Path, corpus: str = CORPUS, queries: str = QUERIES, qrels: str = QRELS) -> Path:
    (path / "qrels").mkdir()
    (path / "corpus.jsonl").write_text(corpus, encoding="utf-8")
    (path / "queries.jsonl").write_text(queries, encoding="utf-8")
    (path / "qrels" / "test.tsv").write_text(qrels, encoding="utf-8")
    return path


def test_what_is_read(tmp_path: Path) -> None:
    judged = read_judged_set(folder(tmp_path, corpus=CORPUS + '{"_id": "d3", "text": " "}\n'))
    assert [(a.id, a.info.title, a.text) for a in judged.articles] == [
        ("d1", "", "نص"),
        ("d2", "", "عنوان"),  # a title alone is the text
    ]
    assert judged.empty == 1
    assert judged.queries == {"q1": "سؤال"}  # q2 has no judgement
    assert judged.relevance == {"q1": {"d1": 1}}


@pytest.mark.parametrize(
    "qrels",
    ["q1\td1\t2\n", "q1 \td1\t2\r\n", "query-id\tcorpus-id\tscore\n\nq1\td1\t2", "q1\t0\td1\t2"],
)
def test_shapes_of_judgements(tmp_path: Path, qrels: str) -> None:
    assert read_judged_set(folder(tmp_path, qrels=qrels)).relevance == {"q1": {"d1": 2}}


def test_test_tsv_is_preferred_and_a_lone_file_is_taken(tmp_path: Path) -> None:
    path = folder(tmp_path)
    (path / "qrels" / "dev.tsv").write_text("q2\td2\t1\n")
    assert set(read_judged_set(path).queries) == {"q1"}
    (path / "qrels" / "test.tsv").unlink()
    assert set(read_judged_set(path).queries) == {"q2"}
    (path / "qrels" / "train.tsv").write_text("q2\td2\t1\n")
    with pytest.raises(SourceError, match=r"one \.tsv file is needed, not dev\.tsv, train\.tsv"):
        read_judged_set(path)


@pytest.mark.parametrize(
    ("part", "text", "message"),
    [
        ("corpus", "{", "corpus.jsonl:1: not JSON"),
        ("corpus", "[]", "corpus.jsonl:1: not a JSON object but a list"),
        ("corpus", '\n{"text": "x"}', 'corpus.jsonl:2: "id" is missing'),
        ("corpus", '{"_id": "a", "text": 1}', 'corpus.jsonl:1: "title" and "text" must be texts'),
        ("corpus", CORPUS + CORPUS, "corpus.jsonl:3: the id 'd1' stands there a second time"),
        ("corpus", "", "there is no article with a text in it"),
        ("queries", '{"_id": "q1"}', 'queries.jsonl:1: a query needs "_id" and "text"'),
        ("queries", QUERIES + QUERIES, "queries.jsonl:4: the id 'q1' stands there a second time"),
        (
            "queries",
            '{"_id": "q9", "text": "x"}',
            "1 judged queries are not in queries.jsonl, such as 'q1'",
        ),
        ("qrels", "query-id\tcorpus-id\tscore\nq1 d1 1\n", "test.tsv:2: not query-id, corpus-id"),
        ("qrels", QRELS + "q1\td1\thigh\n", "test.tsv:3: not query-id, corpus-id"),
        ("qrels", "query-id\tcorpus-id\tscore\n", "there is no judgement in it"),
        ("qrels", "", "there is no judgement in it"),
    ],
)
def test_what_is_malformed_is_named_with_its_line(
    tmp_path: Path, part: str, text: str, message: str
) -> None:
    with pytest.raises(SourceError) as error:
        read_judged_set(folder(tmp_path, **{part: text}))
    assert message in str(error.value)


@pytest.mark.parametrize("part", ["corpus.jsonl", "queries.jsonl", "qrels/test.tsv"])
def test_what_is_missing_is_named(tmp_path: Path, part: str) -> None:
    path = folder(tmp_path)
    (path / part).unlink()
    with pytest.raises(SourceError) as error:
        read_judged_set(path)
    assert part.split("/")[0] in str(error.value)
