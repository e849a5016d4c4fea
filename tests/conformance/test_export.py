"""What `fihris export` writes is what `fihris index -` takes back: ids, texts, all that is known."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import BinaryIO, cast

import pytest

from indexer.cli import maintenance_commands
from indexer.ingestion.pipeline import Report, index
from indexer.sources.reading import read_stream
from search.assembly import fingerprint_of
from search.domain import Article
from search.engines.protocol import Engine
from search.errors import EngineUnavailable, InputError
from search.settings import Settings
from tests.conformance.conftest import Open, index_of
from tests.conformance.engines import names
from tests.support import HashingEmbedder

MADE_BY = fingerprint_of(HashingEmbedder(), Settings())
GIVEN: list[dict[str, object]] = [
    {
        "id": "a1",
        "title": 'عنوان «بين» "أقواس"',
        "author": "أحمد بن محمّد",
        "source": "وكالة",
        "language": "ar",
        "published": "2024-02-29",
        "tags": ["حرب", "سلام"],
        "url": "https://news.example/a?b=1&c=ج",
        "text": "سطر أول\u2028سطر\tثان\r\nمَدَّ\u0301 \ufdfa \U0001f600 \u200f\\n \u0085 آخر\n\n ",
    },
    {"id": 17, "text": "123"},  # of no language
    {"id": "/laws/17", "text": "المادة الأولى", "published": "1400-01-01 م"},
    {"id": "/files/srv/my news/قائمة  1.csv/17", "text": "News about Baghdad.", "language": "xx"},
    {"id": "2024/report.pdf", "text": "ضربات في العراق", "published": "0600-01-01"},
    {"id": "ا" * 511, "text": "نص"},
]


@pytest.fixture(params=names())
def two(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Open, Open]]:
    """Give what opens an index and another one of the same engine."""
    with index_of(request.param, tmp_path / "1") as one, index_of(request.param, tmp_path / "2") as other:  # fmt: skip
        yield one, other


def taken(engine: Engine, lines: bytes, folder: Path) -> Report:
    stream = cast("BinaryIO", io.BytesIO(lines))
    return index(read_stream(stream), engine, HashingEmbedder(), Settings(data=folder))


def exported(engine: Engine, path: Path, monkeypatch: pytest.MonkeyPatch) -> bytes:
    @contextmanager
    def opened() -> Iterator[tuple[Engine, None, None]]:
        yield engine, None, None

    monkeypatch.setattr(maintenance_commands, "opened", opened)
    monkeypatch.setattr(maintenance_commands, "EXPORT_PAGE", 2)
    maintenance_commands.export_command(path)
    return path.read_bytes()


def articles(engine: Engine) -> dict[str, Article]:
    found = [engine.article(key) for key in engine.article_ids("", 100)]
    return {each.article.id: each.article for each in found if each}


def test_an_export_is_taken_back_as_it_was(
    two: tuple[Open, Open],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    given = "".join(json.dumps(each, ensure_ascii=False) + "\n" for each in GIVEN).encode()
    path = tmp_path / "all.jsonl"
    with two[0](MADE_BY) as engine, two[1](MADE_BY) as empty:
        report = taken(engine, given, tmp_path)
        assert (report.created, report.failures) == (len(GIVEN), {})
        engine.show()
        lines = exported(engine, path, monkeypatch)
        assert lines.count(b"\n") == len(GIVEN)
        assert f"{len(GIVEN)} articles exported" in capsys.readouterr().err
        before = articles(engine)
        assert before["/laws/17"].info.published == date(1400, 1, 1)
        assert before["17"].info.language == ""
        assert before["a1"].text == GIVEN[0]["text"]

        again = taken(engine, lines, tmp_path)
        assert (again.unchanged, again.articles, again.failures) == (len(GIVEN), len(GIVEN), {})

        back = taken(empty, lines, tmp_path)
        assert (back.created, back.failures) == (len(GIVEN), {})
        empty.show()
        after = articles(empty)
        assert after == before
        assert [a.content_hash() for a in after.values()] == [
            a.content_hash() for a in before.values()
        ]
        assert exported(empty, path, monkeypatch) == lines
    assert [p.name for p in tmp_path.iterdir() if "all.jsonl" in p.name] == ["all.jsonl"]


class Failing:
    """An engine of one article that cannot be read."""

    def status(self) -> object:
        return type("Status", (), {"articles": 1})

    def article_ids(self, after: str, limit: int) -> list[str]:
        return [] if after or not limit else ["a"]

    def article(self, article_id: str) -> None:
        raise EngineUnavailable(article_id)


def test_an_export_that_fails_leaves_the_file_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "all.jsonl"
    path.write_text("before")
    with pytest.raises(EngineUnavailable):
        exported(cast("Engine", Failing()), path, monkeypatch)
    assert path.read_text() == "before"
    assert [p.name for p in tmp_path.iterdir()] == ["all.jsonl"]


@pytest.mark.parametrize("name", [".", "missing/all.jsonl"])
def test_what_is_no_file_is_refused_by_its_option(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    with pytest.raises(InputError) as refused:
        exported(cast("Engine", Failing()), tmp_path / name, monkeypatch)
    assert refused.value.field == "--output"
