"""reindex and migrate: what an index holds, made anew or moved, while searches and writes go on."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from indexer.ingestion.preparing import prepare
from indexer.ingestion.reindex import Copied, migrate, reindex
from search.assembly import fingerprint_of
from search.domain import Article, Query, Vector
from search.embedding import Progress
from search.engines import open_engine, stored_fingerprint
from search.engines.protocol import Engine, RankRequest
from search.errors import EngineBusy, EngineError, FingerprintMismatch, InputError
from search.query.clauses import Everything, Term
from search.ranking.searcher import Searcher
from search.settings import Settings
from tests.conformance.engines import alias_of, elastic_settings, names, removed
from tests.indexer.killing import killed_at
from tests.processes import processes
from tests.support import HashingEmbedder, article

EMBEDDER = HashingEmbedder()


class NoEmbedder(HashingEmbedder):
    """The same model, which must not be asked for passages."""

    def embed_passages(self, texts: Sequence[str], progress: Progress | None = None) -> Vector:
        raise AssertionError(f"{len(texts)} texts were embedded")


class OtherEmbedder(HashingEmbedder):
    """Another model."""

    name = "test/other"
    content_hash = "0" * 64

    def embed_query(self, text: str) -> Vector:
        return -super().embed_query(text)


def settings_of(name: str, folder: Path) -> Settings:
    if name == "embedded":
        return Settings(data=folder / "index")
    return elastic_settings(alias_of(folder), data=folder / "index")


@pytest.fixture(params=names())
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Settings]:
    yield settings_of(request.param, tmp_path)
    removed(request.param, tmp_path)


def articles(count: int, version: str = "v1") -> list[Article]:
    return [
        article(
            f"مقال-{i:03}",
            f"ذهب الوزير {i} إلى البيت. ثم عاد {version}.\nقصف الجيش قاعدة {i}",
            title="" if i % 3 else f"عنوان {i}",
        )
        for i in range(count)
    ]


def fill(settings: Settings, given: Sequence[Article]) -> None:
    with opened(settings) as engine:
        outcomes = engine.write(prepare(given, EMBEDDER, settings))
    assert all(outcome.is_stored for outcome in outcomes)


def opened(settings: Settings, embedder: HashingEmbedder = EMBEDDER) -> closing[Engine]:
    return closing(open_engine(settings, fingerprint_of(embedder, settings)))


def held(engine: Engine) -> dict[str, Article]:
    stored = (engine.article(key) for key in engine.article_ids("", 10_000))
    return {found.article.id: found.article for found in stored if found is not None}


def answers(engine: Engine, embedder: HashingEmbedder = EMBEDDER) -> list[list[str]]:
    searcher = Searcher(engine, embedder)
    asked = ["الوزير 7", "قصف قاعدة", "عاد إلى البيت", '"ذهب الوزير"']
    return [[hit.passage.id for hit in searcher.search(Query(text)).hits] for text in asked]


def test_what_is_stored_stays_and_nothing_is_embedded(settings: Settings) -> None:
    fill(settings, articles(30))
    with opened(settings) as engine:
        before, ranked = held(engine), answers(engine)
    assert reindex(settings, NoEmbedder()) == Copied(30, 30, 0, 0, vectors_kept=True)
    with opened(settings) as engine:
        assert held(engine) == before
        assert answers(engine) == ranked
        assert engine.status().passages == 60


@pytest.mark.parametrize("embedder", [NoEmbedder(), OtherEmbedder()], ids=["same", "other"])
def test_articles_without_vectors_are_copied_without(
    settings: Settings, embedder: HashingEmbedder
) -> None:
    given = articles(12)
    fill(settings, given[:4] if isinstance(embedder, OtherEmbedder) else given[:8])
    with opened(settings) as engine:
        engine.write(prepare(given, EMBEDDER, settings, embed=False))
        lacking, before = engine.unembedded("", 100), held(engine)
    assert len(lacking) in (4, 8)
    assert reindex(settings, embedder).articles == 12
    with opened(settings, embedder) as engine:
        assert engine.unembedded("", 100) == lacking
        assert held(engine) == before
        assert {key for key, s in engine.stored(sorted(before)).items() if not s.embedded} == set(
            lacking
        )


def test_another_model_embeds_anew_and_the_old_one_is_refused(settings: Settings) -> None:
    fill(settings, articles(5))
    copied = reindex(settings, OtherEmbedder())
    assert not copied.vectors_kept
    stored = stored_fingerprint(settings)
    assert stored is not None
    assert stored.model == "test/other"
    with pytest.raises(FingerprintMismatch, match="fihris reindex"), opened(settings) as engine:
        engine.article_ids("", 1)
    with opened(settings, OtherEmbedder()) as engine:
        (hit, *_) = engine.rank(
            RankRequest(vector=OtherEmbedder().embed_query("قصف الجيش قاعدة 3"))
        ).vector
        assert hit.passage_id == "مقال-003#1" or hit.score > 0.9


def test_a_setting_that_changes_embeds_only_what_is_new(settings: Settings) -> None:
    without = settings.model_copy(update={"sentence_vectors": False})
    with closing(open_engine(without, fingerprint_of(EMBEDDER, without))) as engine:
        engine.write(prepare(articles(4), EMBEDDER, without))
    asked: list[str] = []

    class Noting(HashingEmbedder):
        def embed_passages(self, texts: Sequence[str], progress: Progress | None = None) -> Vector:
            asked.extend(texts)
            return super().embed_passages(texts, progress)

    reindex(settings, Noting())
    assert asked
    assert all("\n" not in text and "قصف" not in text for text in asked)  # sentences only
    with opened(settings) as engine:
        assert engine.status().sentences == 8


def test_the_old_version_is_kept_or_dropped_as_told(settings: Settings) -> None:
    fill(settings, articles(3))
    kept = reindex(settings, EMBEDDER, keep=True).kept
    assert kept
    assert reindex(settings, EMBEDDER, keep=False).kept == ""
    with opened(settings) as engine:
        assert len(held(engine)) == 3


def test_there_is_nothing_to_reindex(settings: Settings) -> None:
    with pytest.raises(InputError, match="no index"):
        reindex(settings, EMBEDDER)
    assert stored_fingerprint(settings) is None


def test_searches_never_see_nothing(settings: Settings) -> None:
    fill(settings, articles(20))
    wrong: list[object] = []
    done = threading.Event()

    def read(engine: Engine) -> None:
        while not done.is_set():
            total = engine.rank(RankRequest(Everything(), EMBEDDER.embed_query("قصف")))
            found = (total.text_total, len(total.vector), len(engine.article_ids("", 100)))
            if found != (40, 40, 20):
                wrong.append(found)

    with opened(settings) as one, opened(settings) as two:
        threads = [threading.Thread(target=read, args=(engine,)) for engine in (one, one, two)]
        for thread in threads:
            thread.start()
        for _ in range(4):
            reindex(settings, EMBEDDER)
        done.set()
        for thread in threads:
            thread.join()
        assert not wrong
        assert one.write(prepare(articles(1, "v2"), EMBEDDER, settings))[0].is_stored
        assert len(held(two)) == 20  # both write to and read from the new version
        assert "v2" in held(one)["مقال-000"].text


def _writing(settings: Settings, change: Callable[[Engine], object]) -> Callable[..., None]:
    """Return an `on_step` that changes the index once, in the middle of a reindexing."""
    pending = [change]

    def on_step(what: str, done: int, of: int) -> None:
        if what == "copying" and pending:
            with opened(settings) as engine:
                pending.pop()(engine)

    return on_step


def test_what_is_written_meanwhile_is_in_the_new_version(settings: Settings) -> None:
    fill(settings, articles(10))

    def change(engine: Engine) -> None:
        new = [*articles(2, "v2"), article("زائد", "خبر جديد")]
        assert all(o.is_stored for o in engine.write(prepare(new, EMBEDDER, settings)))
        assert engine.delete(["مقال-009"]) == 1

    reindex(settings, EMBEDDER, on_step=_writing(settings, change))
    with opened(settings) as engine:
        now = held(engine)
        assert sorted(now) == sorted([f"مقال-{i:03}" for i in range(9)] + ["زائد"])
        assert "v2" in now["مقال-001"].text
        assert engine.rank(RankRequest(Term("letters", "v2"))).text_total == 2
        assert engine.status().articles == 10


def test_another_writer_is_kept_out_at_the_end_only(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("search.engines.elastic.hold.PATIENCE", 0.3)
    fill(settings, articles(3))
    refused: list[str] = []

    def on_step(what: str, done: int, of: int) -> None:
        if what == "comparing":
            with opened(settings) as engine:
                try:
                    engine.write(prepare(articles(1, "v2"), EMBEDDER, settings))
                except EngineBusy as error:
                    refused.append(str(error))

    reindex(settings, EMBEDDER, on_step=on_step)
    assert refused
    assert all("reindexing since" in message for message in refused)
    fill(settings, articles(1, "v3"))


def test_versions_that_differ_change_nothing(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(settings, articles(4))
    monkeypatch.setattr("indexer.ingestion.reindex._Copy.differences", lambda *_, **__: None)
    with pytest.raises(EngineError, match="nothing was changed"):
        reindex(settings, EMBEDDER)
    monkeypatch.undo()
    with opened(settings) as engine:
        assert len(held(engine)) == 4
    assert reindex(settings, EMBEDDER).articles == 4


def test_an_interrupted_run_is_gone_on_with(settings: Settings) -> None:
    fill(settings, articles(200))

    def stop(what: str, done: int, of: int) -> None:
        if what == "comparing":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        reindex(settings, EMBEDDER, on_step=stop)
    copied = reindex(settings, NoEmbedder())
    assert (copied.written, copied.unchanged) == (0, 200)


def test_an_interrupted_run_for_another_model_is_begun_anew(settings: Settings) -> None:
    fill(settings, articles(6))

    def stop(what: str, done: int, of: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        reindex(settings, OtherEmbedder(), on_step=stop)
    assert reindex(settings, EMBEDDER).written == 6
    stored = stored_fingerprint(settings)
    assert stored is not None
    assert stored.model == EMBEDDER.name


def _reindex_until(settings: Settings, step: int) -> None:
    """Reindex ten articles at a time; be killed at a step, counted through all that is done."""
    reindex(settings, EMBEDDER, on_step=killed_at(step, page=10))


@pytest.mark.slow
def test_killed_at_any_step_nothing_is_lost(settings: Settings) -> None:
    given = {a.id: a for a in articles(40)}
    fill(settings, list(given.values()))
    deaths = 0
    for turn, step in enumerate([1, 2, 5, 9, 14, 18, 19, 20, 26, 19, 27, 21]):
        child = processes().Process(target=_reindex_until, args=(settings, step))
        child.start()
        child.join()
        deaths += child.exitcode == -signal.SIGKILL
        with opened(settings) as engine:
            assert held(engine) == given, step
            assert engine.rank(RankRequest(Everything())).text_total == 80, step
            changed = articles(40, f"t{turn}")[turn]
            assert engine.write(prepare([changed], EMBEDDER, settings))[0].is_stored
            given[changed.id] = changed
    assert deaths >= 10  # the others ended before that step
    assert reindex(settings, EMBEDDER).articles == 40
    with opened(settings) as engine:
        assert held(engine) == given
        assert engine.status().passages == 80


# -- migrate


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[dict[str, Settings]]:
    elastic = settings_of("elasticsearch", tmp_path)
    yield {"embedded": elastic.model_copy(update={"engine": "embedded"}), "elasticsearch": elastic}
    removed("elasticsearch", tmp_path)


@pytest.mark.parametrize(
    ("source", "target"), [("embedded", "elasticsearch"), ("elasticsearch", "embedded")]
)
def test_migrating_embeds_nothing_and_ranks_alike(
    pair: dict[str, Settings], source: str, target: str
) -> None:
    fill(pair[source], articles(40))
    assert migrate(pair[source], pair[target], NoEmbedder()) == Copied(40, 40, 0, 0, True)
    with opened(pair[source]) as one, opened(pair[target]) as other:
        assert held(one) == held(other)
        assert answers(one) == answers(other)
    fill(pair[source], articles(3, "v2"))
    again = migrate(pair[source], pair[target], NoEmbedder())
    assert (again.written, again.unchanged) == (3, 37)
    with opened(pair[target]) as other:
        assert "v2" in held(other)["مقال-002"].text


@pytest.mark.slow
def test_what_only_the_target_has_stays(pair: dict[str, Settings]) -> None:
    fill(pair["embedded"], articles(3))
    fill(pair["elasticsearch"], [article("هناك", "خبر")])
    migrate(pair["embedded"], pair["elasticsearch"], EMBEDDER)
    with opened(pair["elasticsearch"]) as engine:
        assert len(held(engine)) == 4


@pytest.mark.slow
def test_there_is_nothing_to_migrate(pair: dict[str, Settings]) -> None:
    with pytest.raises(InputError, match="no index to copy"):
        migrate(pair["elasticsearch"], pair["embedded"], EMBEDDER)


@pytest.mark.slow
def test_an_index_of_another_model_is_not_migrated(pair: dict[str, Settings]) -> None:
    fill(pair["embedded"], articles(1))
    with pytest.raises(FingerprintMismatch, match="reindex"):
        migrate(pair["embedded"], pair["elasticsearch"], OtherEmbedder())
