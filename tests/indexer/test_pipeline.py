"""Articles to the engine: what is written, what is passed over, what fails, and what is kept."""

from __future__ import annotations

import contextlib
import itertools
import threading
import time
from collections.abc import Iterator, Sequence

import numpy as np
import pytest

from indexer.ingestion.batches import BATCH_ARTICLES
from indexer.ingestion.pipeline import READY_THREADS, Report, index
from indexer.ingestion.preparing import prepare
from indexer.sources import Failure, Found, Item, Skipped
from search.analysis.tokens import TITLE_END
from search.assembly import fingerprint_of
from search.domain import LAYERS, Article, IndexedArticle, Query, Vector, WriteOutcome
from search.embedding import Progress
from search.engines import open_engine
from search.engines.protocol import Engine
from search.errors import EmbedderError, EngineBusy, EngineUnavailable
from search.ranking.searcher import Searcher
from search.settings import Settings
from tests.support import CountingEmbedder, HashingEmbedder, article, until

TWO_SENTENCES = "ذهب الوزير إلى البيت. ثم عاد في المساء."


def found(*articles: Article) -> list[Item]:
    return [Found(a, f"{a.id}.txt", len(a.text)) for a in articles]


def run(
    engine: Engine,
    settings: Settings,
    items: Sequence[Item],
    embedder: HashingEmbedder | None = None,
) -> Report:
    return index(items, engine, embedder or HashingEmbedder(), settings)


def counts(report: Report) -> tuple[int, int, int, int]:
    return report.written, report.passages, report.unchanged, sum(report.failures.values())


class FailingEmbedder(HashingEmbedder):
    def embed_passages(self, texts: Sequence[str], progress: Progress | None = None) -> Vector:
        if any("سم" in text.split() for text in texts):
            raise EmbedderError("the model failed on a text")
        return super().embed_passages(texts, progress)


def test_what_is_new_is_written_and_what_is_unchanged_is_not_even_embedded(
    engine: Engine, settings: Settings
) -> None:
    first = article("a", "واحد\nاثنان"), article("b", "ثلاثة")
    assert counts(run(engine, settings, found(*first))) == (2, 3, 0, 0)
    embedder = CountingEmbedder()
    changed = article("b", "أربعة")
    assert counts(run(engine, settings, found(first[0], changed), embedder)) == (1, 1, 1, 0)
    assert embedder.texts == ["أربعة"]
    stored = engine.article("b")
    assert stored is not None
    assert stored.article == changed


def test_what_was_indexed_is_found(engine: Engine, settings: Settings) -> None:
    run(engine, settings, found(article("a", "ضربات في العراق\nمطر في عمان", title="أخبار")))
    searcher = Searcher(engine, HashingEmbedder())
    (hit,) = searcher.search(Query(text="عمان", mode="keyword")).hits
    assert hit.passage.id == "a#1"
    by_title = searcher.search(Query(text="أخبار", mode="keyword")).hits
    assert {h.passage.id for h in by_title} == {"a#0", "a#1"}
    across = searcher.search(Query(text='"أخبار ضربات"', mode="keyword"))
    assert across.relaxed  # no phrase goes from the title into the text


def test_failures_are_named_and_the_rest_goes_on(engine: Engine, settings: Settings) -> None:
    items = [
        Failure("x.txt", "unreadable", "no permission to read it", 10),
        Skipped("y.png", "not a kind of file that is read", ".png"),
        *found(article("a", "واحد"), article("b", "سم قاتل"), article("c", "ثلاثة")),
    ]
    report = run(engine, settings, items, FailingEmbedder())
    assert counts(report) == (2, 2, 0, 2)
    assert [(f.place, f.reason) for f in report.failed] == [
        ("x.txt", "no permission to read it"),
        ("b.txt", "the model failed on a text"),
    ]
    assert [s.place for s in report.skipped] == ["y.png"]
    assert set(engine.stored(["a", "b", "c"])) == {"a", "c"}


def test_an_id_given_twice_is_refused_naming_both_places(
    engine: Engine, settings: Settings
) -> None:
    items = [
        Found(article("a", "واحد"), "x/a.txt", 1),
        Found(article("a", "اثنان"), "y.jsonl:3", 1),
    ]
    report = run(engine, settings, items)
    (failure,) = report.failed
    assert failure.place == "y.jsonl:3"
    assert failure.reason == "its id 'a' is also that of x/a.txt: give it another"
    stored = engine.article("a")
    assert stored is not None
    assert stored.article.text == "واحد"


def test_an_interruption_keeps_what_was_acknowledged(engine: Engine, settings: Settings) -> None:
    def interrupted() -> Iterator[Item]:
        yield from found(*(article(f"a{n}", f"نص {n}") for n in range(100)))
        raise KeyboardInterrupt

    report = index(interrupted(), engine, HashingEmbedder(), settings)
    assert report.stopped == "interrupted"
    stored = engine.status().articles
    assert report.written == stored
    again = run(engine, settings, found(*(article(f"a{n}", f"نص {n}") for n in range(100))))
    assert counts(again) == (100 - stored, 100 - stored, stored, 0)


def test_a_wish_to_stop_finishes_what_is_in_work(engine: Engine, settings: Settings) -> None:
    taken: list[str] = []

    def many() -> Iterator[Item]:
        for item in found(*(article(f"a{n}", f"نص {n}") for n in range(500))):
            taken.append(item.article.id)  # type: ignore[union-attr]
            yield item

    report = index(many(), engine, HashingEmbedder(), settings, stopping=lambda: len(taken) == 130)
    assert report.stopped == "interrupted"
    assert len(taken) == 130
    assert report.written == report.articles == 129 == engine.status().articles


def test_no_more_is_read_than_the_batches_ahead(engine: Engine, settings: Settings) -> None:
    """Memory is bounded: reading waits for the model."""
    embedder = WaitingEmbedder()
    taken = 0

    def many() -> Iterator[Item]:
        nonlocal taken
        for item in found(*(article(f"a{n}", f"نص {n}") for n in range(2_000))):
            taken += 1
            yield item

    reports: list[Report] = []
    thread = threading.Thread(
        target=lambda: reports.append(index(many(), engine, embedder, settings))
    )
    thread.start()
    assert embedder.begun.acquire(timeout=10)
    assert embedder.begun.acquire(timeout=10)  # the second batch beside the first
    ahead = (READY_THREADS + 1) * BATCH_ARTICLES
    until(lambda: taken >= ahead)
    time.sleep(0.2)
    assert taken == ahead
    embedder.go_on.set()
    thread.join(20)
    assert reports[0].written == 2_000


class WaitingEmbedder(HashingEmbedder):
    """Says when it begins, and waits to be let on."""

    def __init__(self) -> None:
        super().__init__()
        self.begun = threading.Semaphore(0)
        self.go_on = threading.Event()

    def embed_passages(self, texts: Sequence[str], progress: Progress | None = None) -> Vector:
        self.begun.release()
        assert self.go_on.wait(20)
        return super().embed_passages(texts, progress)


def test_unchanged_paragraphs_of_a_changed_article_keep_their_vectors(
    engine: Engine, settings: Settings
) -> None:
    run(engine, settings, found(article("a", f"{TWO_SENTENCES}\nفقرة ثانية")))
    embedder = CountingEmbedder()
    report = run(engine, settings, found(article("a", f"{TWO_SENTENCES}\nفقرة أخرى")), embedder)
    assert (report.created, report.updated) == (0, 1)
    assert embedder.texts == ["فقرة أخرى"]


def test_without_vectors_only_words_are_found_until_they_are_added(
    engine: Engine, settings: Settings
) -> None:
    embedder = CountingEmbedder()
    items = found(article("a", TWO_SENTENCES))
    index(items, engine, embedder, settings, embed=False)
    assert embedder.texts == []
    searcher = Searcher(engine, embedder)
    assert len(searcher.search(Query(text="الوزير", mode="keyword")).hits) == 1
    assert searcher.search(Query(text="الوزير", mode="semantic")).hits == ()
    assert counts(index(items, engine, embedder, settings, embed=False)) == (0, 0, 1, 0)
    assert counts(run(engine, settings, items, embedder)) == (1, 1, 0, 0)
    assert len(embedder.texts) == 3
    assert len(searcher.search(Query(text="الوزير", mode="semantic")).hits) == 1
    assert counts(index(items, engine, embedder, settings, embed=False)) == (0, 0, 1, 0)


def test_a_dry_run_compares_and_writes_nothing(settings: Settings) -> None:
    engine = open_engine(settings, fingerprint_of(HashingEmbedder(), settings))
    items = found(article("a", "واحد"), article("b", "اثنان"))
    embedder = CountingEmbedder()
    report = index(items, engine, embedder, settings, dry_run=True)
    assert (report.created, report.updated, report.unchanged) == (2, 0, 0)
    assert embedder.texts == []
    assert not settings.data.exists()
    run(engine, settings, items[:1])
    changed = found(article("a", "ثلاثة"), article("b", "اثنان"))
    report = index(changed, engine, embedder, settings, dry_run=True)
    assert (report.created, report.updated) == (1, 1)
    assert engine.status().articles == 1
    engine.close()


def test_a_limit_is_of_articles_and_the_rest_is_not_read(
    engine: Engine, settings: Settings
) -> None:
    def three() -> Iterator[Item]:
        yield Failure("x.txt", "unreadable", "bad", 1)
        yield from found(article("a", "واحد"), article("b", "اثنان"))
        raise AssertionError("read past the limit")

    report = index(three(), engine, HashingEmbedder(), settings, limit=2)
    assert counts(report) == (2, 2, 0, 1)


def test_each_article_and_failure_is_told_as_it_ends(engine: Engine, settings: Settings) -> None:
    run(engine, settings, found(article("a", "واحد"), article("b", "اثنان")))
    told: list[tuple[str, str]] = []
    items = [*found(article("a", "واحد"), article("b", "آخر"), article("c", "ثلاثة"))]
    items.append(Failure("x.txt", "damaged", "bad", 1))
    index(
        items,
        engine,
        HashingEmbedder(),
        settings,
        on_outcome=lambda item, outcome: told.append((item.article.id, outcome)),
        on_failure=lambda failure: told.append((failure.place, failure.code)),
    )
    assert sorted(told) == [
        ("a", "unchanged"), ("b", "updated"), ("c", "created"), ("x.txt", "damaged"),
    ]  # fmt: skip


class BrokenEngine:
    """Wraps an engine: refuses some articles, and after some writes everything."""

    def __init__(self, engine: Engine, writes: int) -> None:
        self.engine = engine
        self.left = writes

    def write(self, articles: Sequence[IndexedArticle]) -> list[WriteOutcome]:
        if articles and self.left == 0:
            raise EngineUnavailable("the disk is full")
        self.left -= bool(articles)
        return [
            WriteOutcome(a.article.id, "failed", "refused")
            if a.article.id == "bad"
            else self.engine.write([a])[0]
            for a in articles
        ]

    def __getattr__(self, name: str) -> object:
        return getattr(self.engine, name)


def test_an_engine_that_gives_up_ends_the_run_with_its_reason(
    engine: Engine, settings: Settings
) -> None:
    many = found(article("bad", "نص"), *(article(f"a{n}", f"نص {n}") for n in range(100)))
    report = index(many, BrokenEngine(engine, writes=1), HashingEmbedder(), settings)  # type: ignore[arg-type]
    assert report.stopped == "the disk is full"
    assert report.written == 63
    assert [(f.place, f.reason) for f in report.failed] == [("bad.txt", "refused")]


def test_another_writer_is_refused_before_anything_is_embedded(
    engine: Engine, settings: Settings
) -> None:
    run(engine, settings, found(article("a", "نص")))
    other = open_engine(settings, fingerprint_of(HashingEmbedder(), settings))
    embedder = CountingEmbedder()
    try:
        with pytest.raises(EngineBusy):
            index(found(article("b", "نص")), other, embedder, settings)
    finally:
        other.close()
    assert embedder.texts == []


def test_a_run_gives_way_to_another_writer_and_goes_on(engine: Engine, settings: Settings) -> None:
    other = open_engine(settings, fingerprint_of(HashingEmbedder(), settings))
    (theirs,) = prepare([article("b", "نص")], HashingEmbedder(), settings)
    turn: list[float] = []

    def endless() -> Iterator[Item]:
        started = time.monotonic()
        for n in itertools.count():
            if turn and n > turn[0] + 2 * BATCH_ARTICLES:
                return
            yield from found(article(f"a{n}", "نص"))
            if not turn and n >= BATCH_ARTICLES and n % 8 == 0:
                with contextlib.suppress(EngineBusy):
                    other.write([theirs])
                    other.rest()
                    turn.append(n)
            assert time.monotonic() - started < 60

    try:
        report = index(endless(), engine, HashingEmbedder(), settings)
    finally:
        other.close()
    assert not report.stopped
    assert report.created == report.articles
    assert len(engine.article_ids("", 10_000)) == report.created + 1


def test_progress_adds_up_to_all_bytes(engine: Engine, settings: Settings) -> None:
    done: list[float] = []
    items = [*found(*(article(f"a{n}", TWO_SENTENCES + str(n)) for n in range(70)))]
    items += [Failure("x.txt", "unreadable", "bad", 50), *found(article("a0", "again"))]
    index(items, engine, HashingEmbedder(), settings, on_size=done.append)
    assert sum(done) == pytest.approx(sum(i.size for i in items if not isinstance(i, Skipped)))


def test_a_run_without_articles(engine: Engine, settings: Settings) -> None:
    assert counts(run(engine, settings, [])) == (0, 0, 0, 0)
    assert engine.status().articles == 0
    assert engine.stored(["a"]) == {}


# -- prepare


def prepared(one: Article, *, sentence_vectors: bool = True) -> IndexedArticle:
    settings = Settings(sentence_vectors=sentence_vectors)
    (result,) = prepare([one], HashingEmbedder(), settings)
    return result


def test_title_and_text_are_embedded_together_and_sentences_alone() -> None:
    (passage,) = prepared(article("a", TWO_SENTENCES, title="عنوان")).passages
    embedder = HashingEmbedder()
    assert passage.vector is not None
    assert np.array_equal(passage.vector, embedder.embed_query(f"عنوان\n{TWO_SENTENCES}"))
    sentences = [TWO_SENTENCES[s.start : s.end] for s in passage.sentences]
    assert sentences == ["ذهب الوزير إلى البيت.", "ثم عاد في المساء."]
    assert np.array_equal(passage.sentence_vectors, embedder.embed_passages(sentences))


def test_a_single_sentence_has_no_vector_of_its_own() -> None:
    (passage,) = prepared(article("a", "ذهب الوزير إلى البيت.")).passages
    assert passage.sentences == ()
    assert passage.sentence_vectors.shape == (0, 32)


def test_sentence_vectors_can_be_switched_off() -> None:
    (passage,) = prepared(article("a", TWO_SENTENCES), sentence_vectors=False).passages
    assert passage.sentences == ()
    assert passage.sentence_vectors.shape == (0, 32)


def test_terms_of_title_and_text_have_a_mark_between() -> None:
    (titled,) = prepared(article("a", "نص", title="عنوان")).passages
    assert set(titled.terms) == set(LAYERS)
    assert titled.terms["letters"] == f"عنوان {TITLE_END} نص"
    (plain,) = prepared(article("a", "نص")).passages
    assert plain.terms["letters"] == "نص"
    (no_word,) = prepared(article("a", "...", title="عنوان")).passages
    assert no_word.terms["letters"] == f"عنوان {TITLE_END}"


def test_a_long_title_is_matched_but_not_embedded() -> None:
    title = "كلمة " * 200
    (passage,) = prepared(article("a", "نص قصير", title=title.strip())).passages
    assert passage.vector is not None
    assert np.array_equal(passage.vector, HashingEmbedder().embed_query("نص قصير"))
    assert passage.terms["letters"].startswith("كلمة كلمة")


def test_no_part_with_its_title_is_past_the_model() -> None:
    embedder = HashingEmbedder()
    whole = prepared(article("a", "كلمة " * 2_000, title="عنوان من خمس كلمات هنا"))
    assert len(whole.passages) == 5
    for passage in whole.passages:
        texts = ["عنوان من خمس كلمات هنا\n" + passage.passage.text]
        assert embedder.count_tokens(texts)[0] <= embedder.max_tokens


def test_a_repeated_line_is_embedded_once() -> None:
    embedder = CountingEmbedder()
    (result,) = prepare([article("a", "سطر مكرر\n" * 50)], embedder, Settings())
    assert len(result.passages) == 50
    assert embedder.texts == ["سطر مكرر"]


def test_a_whole_text_may_be_one_passage() -> None:
    (result,) = prepare([article("a", "واحد\nاثنان")], HashingEmbedder(), Settings(), by_line=False)
    assert [p.passage.text for p in result.passages] == ["واحد\nاثنان"]
