"""What docs/EXTENDING.md shows works as it stands there, and a broken package harms no other."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import zipfile
from contextlib import closing
from pathlib import Path

import pytest

from indexer.ingestion.service import EngineIngest
from indexer.sources import Failure, Found, Item
from indexer.sources.identity import FileIds
from indexer.sources.listing import list_files
from indexer.sources.reading import read_articles
from search import registry
from search.assembly import fingerprint_of
from search.embedding import open_embedder
from search.engines import open_engine, stored_fingerprint, successor, temporary_index
from search.errors import SettingsError
from search.ranking.searcher import Searcher
from search.settings import Settings, read_settings
from tests.api.support import client
from tests.conformance.corpus import FINGERPRINT
from tests.embedding import test_protocol
from tests.extending.conftest import MODULES, PROJECT, Install, forget
from tests.support import REPOSITORY, HashingEmbedder

SUBTITLES = """0:00:01.000,0:00:03.500
ضربات في العراق
وسقوط قتلى

0:00:04.000,0:00:06.000
مطر في عمان
"""


def read(*paths: Path) -> list[Item]:
    return list(read_articles(list_files(paths, FileIds())))


def failure(items: list[Item]) -> Failure:
    (found,) = [item for item in items if isinstance(item, Failure)]
    return found


def texts(items: list[Item]) -> list[str]:
    return [item.article.text for item in items if isinstance(item, Found)]


def test_every_entry_point_that_is_shown_has_its_module() -> None:
    groups = PROJECT["project"]["entry-points"]
    assert set(groups) == {registry.FORMATS, registry.ENGINES, registry.MODELS}
    named = {entry.partition(":")[0] for those in groups.values() for entry in those.values()}
    assert {f"{module}.py" for module in named} == set(MODULES)


@pytest.mark.usefixtures("example")
def test_a_format_is_read_in_its_process_alone_and_in_archives(tmp_path: Path) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "a.SBV").write_text(SUBTITLES, encoding="utf-8")
    (folder / "a.meta.json").write_text('{"title": "نشرة"}', encoding="utf-8")
    (folder / "b.sbv").write_text("no times", encoding="utf-8")
    with zipfile.ZipFile(folder / "c.zip", "w") as archive:
        archive.writestr("in/d.sbv", SUBTITLES)
        archive.writestr("e.txt", "نص")
        archive.writestr("f.jpg", b"")
    items = read(folder)
    said = "ضربات في العراق وسقوط قتلى\nمطر في عمان"
    assert texts(items) == [said, "نص", said]
    assert next(item.article.info.title for item in items if isinstance(item, Found)) == "نشرة"
    assert failure(items).code == "damaged"
    assert "fihris_example_sbv" not in sys.modules  # in the children only


@pytest.mark.usefixtures("example")
def test_a_file_of_it_is_taken_in_a_form(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path / "data")
    embedder = HashingEmbedder()
    engine = open_engine(settings, fingerprint_of(embedder, settings))
    ingest = EngineIngest(engine, embedder, settings)
    sent = {"file": ("a.sbv", SUBTITLES.encode(), "application/octet-stream")}
    with (
        closing(engine),
        closing(ingest),
        client(Searcher(engine, embedder), settings, ingest) as http,
    ):
        answer = http.post("/v1/articles", files=sent).json()
    assert [article["id"] for article in answer["articles"]] == ["a.sbv"]
    assert answer["created"] == 1


@pytest.mark.slow
@pytest.mark.usefixtures("example")
def test_the_commands_use_all_three(tmp_path: Path, site: Path) -> None:
    (tmp_path / "a.sbv").write_text(SUBTITLES, encoding="utf-8")
    environment = os.environ | {
        "PYTHONPATH": str(site),
        "FIHRIS_DATA": str(tmp_path / "data"),
        "FIHRIS_ENGINE": "timed",
        "FIHRIS_MODEL": "hashing:32",
    }

    def fihris(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "indexer.cli", *arguments],
            cwd=REPOSITORY,
            env=environment,
            check=True,
            capture_output=True,
            text=True,
            timeout=120,
        )

    listed = json.loads(fihris("formats", "--json").stdout)
    assert listed["read by the package fihris-example 1.0"] == [".sbv"]
    fihris("index", str(tmp_path / "a.sbv"))
    found = fihris("search", "العراق", "--json")
    assert json.loads(found.stdout)["hits"][0]["passage"]["text"] == "ضربات في العراق وسقوط قتلى"
    assert "a search took" in found.stderr
    assert "hashing:32" in fihris("status", "--json").stdout


@pytest.mark.usefixtures("example")
def test_an_engine_that_lacks_a_function_says_so(tmp_path: Path) -> None:
    settings = Settings(engine="timed", data=tmp_path)
    assert stored_fingerprint(settings) is None
    with (
        pytest.raises(SettingsError, match=r"fihris-example 1\.0 .*`successor`"),
        successor(settings, FINGERPRINT),
    ):
        pass
    with (
        pytest.raises(SettingsError, match=r"fihris-example 1\.0 .*`temporary_index`"),
        temporary_index(settings),
    ):
        pass


@pytest.mark.usefixtures("example")
def test_the_model_is_what_every_embedder_is() -> None:
    embedder = open_embedder(Settings(model="hashing:48"))
    assert embedder.dimensions == 48
    test_protocol.test_it_has_a_name_a_hash_and_sizes(embedder)
    test_protocol.test_vectors_are_float32_of_length_1(embedder)
    test_protocol.test_no_texts_no_vectors(embedder)
    test_protocol.test_a_text_has_the_same_vector_alone_and_in_company(embedder)
    test_protocol.test_progress_adds_up(embedder)
    test_protocol.test_tokens_are_counted_without_the_prompt(embedder)
    for text in ("", "\ud800 نص \udfff", "a\0b\0"):
        test_protocol.test_the_most_tokens_are_no_fewer_than_there_are(embedder, text)
        test_protocol.test_any_text_has_a_vector(embedder, text)
    with pytest.raises(SettingsError, match="a number of dimensions"):
        open_embedder(Settings(model="hashing:many"))


def test_names_that_nobody_has_are_refused_with_those_there_are(
    example: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FIHRIS_ENGINE", "solr")
    with pytest.raises(SettingsError, match=r"FIHRIS_ENGINE.*`embedded`, `elasticsearch`, `timed`"):
        read_settings()
    monkeypatch.delenv("FIHRIS_ENGINE")
    with pytest.raises(SettingsError, match=r"FIHRIS_MODEL.*`sentence-transformers:`.*`hashing`"):
        open_embedder(Settings(model="glove"))


BROKEN = {
    "broken_import.py": "raise ImportError('no libsbv')",
    "broken_crash.py": "import os\nos.abort()",
    "broken_read.py": "def read(stream, name, options):\n    raise KeyError('a secret')\n    yield",
    "broken_write.py": "def read(stream, name, options):\n    yield open('/tmp/x', 'w')",
    "broken_engine.py": "def open_engine(settings, fingerprint):\n    return 1 / 0",
    "broken_model.py": "def open_embedder(argument, settings):\n    return 1 / 0",
}
ENTRIES = {
    registry.FORMATS: {
        "one": "broken_import:read",
        "two": "broken_crash:read",
        "three": "broken_read:read",
        "four": "broken_write:read",
        "five": "broken_nowhere:read",
        "txt": "broken_import:read",
    },
    registry.ENGINES: {"broken": "broken_engine"},
    registry.MODELS: {"broken": "broken_model:open_embedder", "none": "broken_model:none"},
}


@pytest.fixture
def broken(install: Install) -> None:
    install("fihris-broken", BROKEN, ENTRIES, "0.3")


@pytest.mark.usefixtures("broken")
@pytest.mark.parametrize(
    ("suffix", "code", "reason"),
    [
        ("one", "unsupported", r"fihris-broken 0\.3 .*no libsbv.*update it, or remove it"),
        ("two", "crashed", "ended"),
        ("three", "crashed", r"fihris-broken 0\.3, failed \(KeyError\)"),
        ("four", "crashed", r"fihris-broken 0\.3, failed .*for writing"),
        ("five", "unsupported", r"fihris-broken 0\.3 .*broken_nowhere"),
    ],
)
def test_a_broken_format_fails_its_own_files_only(
    tmp_path: Path, suffix: str, code: str, reason: str
) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / f"a.{suffix}").write_text("x", encoding="utf-8")
    (folder / "b.txt").write_text("نص", encoding="utf-8")
    items = read(folder)
    assert texts(items) == ["نص"]
    assert failure(items).code == code
    assert re.search(reason, failure(items).reason)


@pytest.mark.usefixtures("broken")
@pytest.mark.parametrize("suffix", ["one", "three", "four", "five"])
def test_a_broken_format_fails_its_own_members_of_an_archive_only(
    tmp_path: Path, suffix: str
) -> None:
    with zipfile.ZipFile(tmp_path / "c.zip", "w") as archive:
        archive.writestr(f"a.{suffix}", "x")
        archive.writestr("b.txt", "نص")
    items = read(tmp_path / "c.zip")
    assert texts(items) == ["نص"]
    assert "fihris-broken 0.3" in failure(items).reason


@pytest.mark.usefixtures("broken")
def test_a_broken_engine_or_model_is_named_with_its_package(tmp_path: Path) -> None:
    settings = Settings(engine="broken", model="broken", data=tmp_path)
    with pytest.raises(SettingsError, match=r"fihris-broken 0\.3 .*ZeroDivisionError"):
        open_engine(settings, FINGERPRINT)
    with pytest.raises(SettingsError, match=r"fihris-broken 0\.3 .*ZeroDivisionError"):
        open_embedder(settings)
    with pytest.raises(SettingsError, match=r"fihris-broken 0\.3 .*AttributeError"):
        open_embedder(Settings(model="none"))


def test_damaged_metadata_hide_their_own_package_only(site: Path, example: None) -> None:
    (site / "aaa-1.0.dist-info").mkdir()
    (site / "aaa-1.0.dist-info" / "entry_points.txt").write_bytes(b"[fihris.formats]\n\xff = a:b")
    forget()
    assert "sbv" in registry.installed(registry.FORMATS)


def test_nothing_installed_is_looked_at_for_our_own_names() -> None:
    code = (
        "import sys, search, indexer.cli.app, indexer.extraction.registry as formats;"
        "from search import registry;"
        "formats.reader_of('a.txt'), formats.suffix_of('a.pdf');"
        "from search.settings import Settings; Settings();"
        "assert not registry.installed.cache_info().currsize"
    )
    subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, check=True, timeout=60)
