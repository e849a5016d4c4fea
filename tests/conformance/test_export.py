"""What `fihris export` writes is what `fihris index -` takes back: ids, texts, all that is known."""

from __future__ import annotations

import io
import json
import random
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import date
from pathlib import Path
from typing import Any, BinaryIO, cast

import pytest

from indexer.cli import maintenance_commands
from indexer.extraction.field_names import Fields
from indexer.ingestion.pipeline import Report, index
from indexer.ingestion.preparing import prepare
from indexer.ingestion.records import article_from, parse_object
from indexer.ingestion.service import EngineIngest
from indexer.sources.reading import read_stream
from search import listing
from search.article_lines import MARK, line_of
from search.assembly import fingerprint_of
from search.domain import Article, ArticleInfo
from search.engines.protocol import Engine, Listed, ListRequest
from search.errors import EngineUnavailable, InputError, SourceError
from search.ingest import BodyLine
from search.seen_ids import FirstPlaces
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
    {
        "id": "b",
        "text": "صفحة أولى\nثم ثانية",
        "fihris_places": [[0, "page", "1"], [5, "page", "2/3"], [11, "row", "ورقة!7"]],
    },
]


@pytest.fixture(params=names())
def two(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Open, Open]]:
    """Give what opens an index and another one of the same engine."""
    with index_of(request.param, tmp_path / "1") as one, index_of(request.param, tmp_path / "2") as other:  # fmt: skip
        yield one, other


def taken(engine: Engine, lines: bytes, folder: Path) -> Report:
    stream = cast("BinaryIO", io.BytesIO(lines))
    return index(read_stream(stream), engine, HashingEmbedder(), Settings(data=folder))


def exported(engine: Engine, path: Path, monkeypatch: pytest.MonkeyPatch, **options: Any) -> bytes:
    @contextmanager
    def opened() -> Iterator[tuple[Engine, None, Settings]]:
        yield engine, None, Settings(data=path.parent)

    monkeypatch.setattr(maintenance_commands, "opened", opened)
    monkeypatch.setattr(listing, "MAX_SIZE", 2)
    maintenance_commands.export_command(output=path, **options)
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


# What is mended in anybody's file, or refused, and what no line of another kind could hold.
NASTY = (
    "<p>نص", "<div class=x>", "&amp; &lt;b&gt;", "Ø¨ØºØ¯Ø§Ø¯", "ط¨ط؛ط¯ط§ط¯", "ÈÛÏÇÏ", "????? ????",
    "\ufffd", "\ufeff", "\u2028", "\x85", "\x0b", "\x01", "\x7f", "\r\n", "\n\n", "\t", "  ", "\\u0041",
    '"}{"', "\u202e\u200f", "\U0001f600", "مَدَّ\u0301", "\ufdfa", "=1+1", "--- #", "نص عربي",
)  # fmt: skip


def nasty(number: int) -> Article | None:
    """Return an article of such pieces, as it would be stored; None where it would not."""
    chosen = random.Random(number)

    def some(most: int) -> str:
        return "".join(chosen.choice(NASTY) for _ in range(chosen.randint(0, most)))

    fields = {
        "id": f"n{number}",
        "text": some(12),
        "title": some(3),
        "author": some(2),
        "source": some(2),
        "tags": [some(2), some(1)],
        "url": "https://a.example/<p>?q=Ø¨&amp;" if number % 3 else "",
        "published": chosen.choice(["", "2024-02-29", "1400-01-01 م"]),
    }
    try:
        return article_from(fields)
    except SourceError:  # nothing but spaces
        return None


@pytest.mark.parametrize("start", range(0, 3000, 500))
def test_a_line_is_read_back_as_it_was(start: int) -> None:
    for made in filter(None, map(nasty, range(start, start + 500))):
        line = line_of(made)
        assert line.count("\n") == 1
        known, notes = Fields({}).article(parse_object(line))
        assert (article_from(known), notes) == (made, ())


def test_texts_that_would_be_mended_come_back_as_they_were(
    two: tuple[Open, Open], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = [made for made in map(nasty, range(60)) if made is not None]
    assert len(given) > 40
    with two[0](MADE_BY) as engine, two[1](MADE_BY) as empty:
        engine.write(prepare(given, HashingEmbedder(), Settings()))
        engine.show()
        lines = exported(engine, tmp_path / "all.jsonl", monkeypatch)
        back = taken(empty, lines, tmp_path)
        assert (back.created, back.failures) == (len(given), {})
        empty.show()
        assert articles(empty) == {each.id: each for each in given}
        # Over HTTP too.
        with closing(EngineIngest(engine, HashingEmbedder(), Settings())) as ingest:
            body = [BodyLine(n, line) for n, line in enumerate(lines.splitlines(), start=1)]
            with closing(FirstPlaces()) as places:
                assert {each.status for each in ingest.lines(body, places)} == {"unchanged"}


def test_only_what_a_filter_lets_through_is_exported(
    open_index: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_index(MADE_BY) as engine:
        taken(engine, "".join(json.dumps(each) + "\n" for each in GIVEN).encode(), tmp_path)
        engine.show()
        for options, wanted in (
            ({"source": ["وكالة"]}, ["a1"]),
            ({"published_to": "1500-01-01"}, ["/laws/17", "2024/report.pdf"]),
            ({"article": ["17", "missing"]}, ["17"]),
        ):
            lines = exported(engine, tmp_path / "some.jsonl", monkeypatch, **options)
            assert [json.loads(line)["id"] for line in lines.splitlines()] == wanted
            assert json.loads(lines.splitlines()[0])[MARK] == 1


class Failing:
    """An engine of one article that cannot be read."""

    def status(self) -> object:
        return type("Status", (), {"articles": 1})

    def list_articles(self, request: ListRequest) -> Listed:
        return Listed((ArticleInfo("a"),), 1)

    def indexed(self, article_ids: Sequence[str]) -> None:
        raise EngineUnavailable(article_ids[0])

    articles = indexed


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
