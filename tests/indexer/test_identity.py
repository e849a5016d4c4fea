"""One file is one article and two files are two, by whatever way they are reached."""

from __future__ import annotations

import os
import tempfile
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from indexer.extraction.registry import Options
from indexer.ingestion.pipeline import index
from indexer.sources import Found, Skipped, SourceFile
from indexer.sources.identity import FileIds
from indexer.sources.listing import list_files
from indexer.sources.reading import read_articles
from search.article_ids import MAX_FILE_ID, parsed
from search.engines.protocol import Engine
from search.limits import MAX_ID
from search.settings import Settings
from tests.support import HashingEmbedder

pytestmark = pytest.mark.usefixtures("one_parser")

# Letters that are one or two code points, two cases, and what means something elsewhere.
PARTS = st.sampled_from(
    ["a", "A", "é", "e\u0301", "آ", "ا\u0653", " ", "  ", "#", "%2F", "?", "~", ":"]
)
NAMES = st.lists(PARTS, min_size=1, max_size=3).map("".join)
PATHS = st.lists(NAMES, min_size=1, max_size=3).map("/".join)
TREES = st.lists(PATHS, min_size=1, max_size=8, unique=True)


def text_of(name: str) -> str:
    return f"نص {name!a}"


@contextmanager
def tree(paths: list[str], suffix: str = ".txt") -> Iterator[Path]:
    """Make a folder with these files in it, each with a text of its own."""
    with tempfile.TemporaryDirectory() as made:
        root = Path(os.path.realpath(made))
        for each in paths:
            path = root / f"{each}{suffix}"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text_of(each), "utf-8")
        yield root


def ids_of(paths: list[Path], ids: FileIds) -> dict[str, str]:
    """Return the real path of each file by its id."""
    listed = list_files(paths, ids)
    files = [each for each in listed if isinstance(each, SourceFile)]
    found = {each.id: os.path.realpath(each.path) for each in files}
    assert len(found) == len(files)
    assert all(isinstance(each, SourceFile | Skipped) for each in listed)
    return found


@settings(max_examples=60, deadline=None)
@given(TREES, st.data())
def test_ids_and_files_are_one_to_one_whatever_leads_to_them(
    paths: list[str], data: st.DataObject
) -> None:
    with tree(paths) as root:
        there = {str(path) for path in root.rglob("*") if path.is_file()}
        ids = FileIds(root=data.draw(st.sampled_from(["/", str(root), str(root.parent)])))
        whole = ids_of([root], ids)
        assert set(whole.values()) == there
        files = sorted(there)
        (root / "way").symlink_to(root)
        folders = sorted({str(Path(path).parent) for path in files})
        ways = [
            *map(Path, files),
            *map(Path, folders),
            *(root / "way" / Path(path).relative_to(root) for path in files),
            *(Path(os.path.relpath(path)) for path in files),
            *(Path(folder) / ".." / Path(folder).name for folder in folders if folder != str(root)),
        ]
        some = data.draw(st.lists(st.sampled_from(ways), min_size=1, max_size=5))
        for article_id, real in ids_of(some, ids).items():
            assert whole[article_id] == real
        assert all(unicodedata.is_normalized("NFC", each) for each in whole)
        assert all(parsed(each)[0] == "files" for each in whole)


ROWS = st.lists(st.integers(1, 4), min_size=1, max_size=4, unique=True)


@settings(max_examples=12, deadline=None)
@given(st.data())
def test_after_any_runs_the_articles_are_the_files_and_rows_that_were_given(
    data: st.DataObject,
) -> None:
    texts = data.draw(TREES)
    tables = data.draw(st.dictionaries(PATHS, ROWS, max_size=3))
    with (
        tree(texts) as root,
        tempfile.TemporaryDirectory() as kept,
        opened(Path(kept)) as (engine, its),
    ):
        for each, rows in tables.items():
            path = root / f"{each}.csv"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(
                "id,text\n" + "".join(f"{n},{text_of(each)} {n}\n" for n in rows), "utf-8"
            )
        everything = sorted(path for path in root.rglob("*") if path.is_file())
        folders = sorted({path.parent for path in everything})
        given_files: set[Path] = set()
        for _ in range(data.draw(st.integers(1, 4))):
            run = data.draw(
                st.lists(st.sampled_from([*folders, *everything]), min_size=1, max_size=3)
            )
            given_files |= {
                path for path in everything for each in run if path.is_relative_to(each)
            }
            report = index(
                read_articles(list_files(run)), engine, HashingEmbedder(), its, embed=False
            )
            assert report.failed == []
            stored = sorted(
                there.article.text
                for each in engine.article_ids("", 1_000)
                if (there := engine.article(each)) is not None
            )
            assert stored == sorted(
                text for path in given_files for text in texts_of(path, root, tables)
            )


def texts_of(path: Path, root: Path, tables: dict[str, list[int]]) -> list[str]:
    name = str(path.relative_to(root).with_suffix(""))
    text = text_of(name)
    return [f"{text} {n}" for n in tables[name]] if path.suffix == ".csv" else [text]


@contextmanager
def opened(folder: Path) -> Iterator[tuple[Engine, Settings]]:
    from search.assembly import fingerprint_of
    from search.engines import open_engine

    its = Settings(data=folder / "data", cache=folder / "cache")
    engine = open_engine(its, fingerprint_of(HashingEmbedder(), its))
    try:
        yield engine, its
    finally:
        engine.close()


def test_a_file_is_told_from_the_root_and_one_outside_keeps_its_slash(tmp_path: Path) -> None:
    inside, outside = tmp_path / "in" / "a.txt", tmp_path / "out" / "a.txt"
    for each in (inside, outside):
        each.parent.mkdir()
        each.write_text("نص", "utf-8")
    ids = FileIds(root=str(tmp_path / "in"))
    assert ids.of(inside) == "/files/a.txt"
    assert ids.of(outside) == f"/files/{tmp_path}/out/a.txt"
    assert parsed(ids.of(outside)) == ("files", str(outside))
    assert FileIds("laws", str(tmp_path)).of(inside) == "/laws/in/a.txt"


def test_a_name_in_either_normal_form_is_one_id_until_both_are_there(tmp_path: Path) -> None:
    composed, apart = tmp_path / "آ.txt", tmp_path / "ا\u0653.txt"
    apart.write_text("نص", "utf-8")
    before = FileIds().of(apart)
    assert before == f"/files{composed}"
    apart.rename(composed)
    assert FileIds().of(composed) == before
    apart.write_text("غيره", "utf-8")
    assert FileIds().of(composed) == before
    assert FileIds().of(apart).startswith(f"{before}//")


@pytest.mark.parametrize("raw", [b"\xe3", b"a\nb", b"\x1b[31m", "\u2028".encode(), b"a\\nb"])
def test_a_folder_whose_name_cannot_stand_in_an_id_has_one_of_its_own(
    tmp_path: Path, raw: bytes
) -> None:
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + raw))
    folder.mkdir()
    (folder / "a.txt").write_text("نص", "utf-8")
    (tmp_path / "a\\nb").mkdir(exist_ok=True)
    (tmp_path / "a\\nb" / "a.txt").write_text("آخر", "utf-8")
    items = list(read_articles(list_files([tmp_path])))
    found = {item.article.id: item.article.text for item in items if isinstance(item, Found)}
    assert len(found) == len(items) == (1 if raw == b"a\\nb" else 2)


def test_long_paths_are_shortened_and_stay_apart(tmp_path: Path) -> None:
    folder = tmp_path.joinpath(*["د" * 60] * 12)
    folder.mkdir(parents=True)
    for name in ("a.txt", "b.txt"):
        (folder / name).write_text(name, "utf-8")
    (folder / "l.csv").write_text("id,text\n1,x\n2,y\n", "utf-8")
    items = list(read_articles(list_files([tmp_path])))
    ids = {item.article.id for item in items if isinstance(item, Found)}
    assert len(ids) == 4
    assert all(MAX_FILE_ID <= len(each) <= MAX_ID for each in ids)


def test_in_a_named_collection_own_ids_stand_for_themselves(tmp_path: Path) -> None:
    for folder, text in (("2021", "قديم"), ("2022", "جديد")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "l.csv").write_text(f"id,text\n1,{text}\n", "utf-8")
        (tmp_path / folder / "report.txt").write_text(text, "utf-8")
    ids = FileIds("laws", str(tmp_path))
    items = list(read_articles(list_files([tmp_path], ids), Options()))
    assert [item.article.id for item in items if isinstance(item, Found)] == [
        "/laws/1", "/laws/2021/report.txt", "/laws/1", "/laws/2022/report.txt",
    ]  # fmt: skip
    with opened(tmp_path / "index") as (engine, its):
        both = index(items, engine, HashingEmbedder(), its, embed=False)
        (failure,) = both.failed
        assert failure.code == "duplicate-id"
        assert str(tmp_path / "2021" / "l.csv") in failure.reason
        assert failure.place.startswith(str(tmp_path / "2022" / "l.csv"))
        later = list_files([tmp_path / "2022"], ids)
        second = index(read_articles(later), engine, HashingEmbedder(), its, embed=False)
        assert (second.updated, second.unchanged, second.failed) == (1, 1, [])


def test_members_rows_and_metadata_follow_their_file(tmp_path: Path) -> None:
    import json
    import zipfile

    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("in/a.txt", "نص")
        archive.writestr("in/l.jsonl", json.dumps({"id": "1", "text": "س"}))
        archive.writestr("in/m.txt", "نص آخر")
        archive.writestr("in/m.meta.json", '{"id": "mine"}')
        for name, text in (("آ.txt", "واحد"), ("ا\u0653.txt", "اثنان")):
            archive.writestr(name, text)
    (tmp_path / "l.jsonl").write_text(json.dumps({"id": "a/b", "text": "س"}), "utf-8")
    items = list(read_articles(list_files([tmp_path], FileIds(root=str(tmp_path)))))
    ids = [item.article.id for item in items if isinstance(item, Found)]
    assert len(set(ids)) == len(ids) == len(items) == 6
    assert {each for each in ids if "//" not in each} == {
        "/files/a.zip/in/a.txt", "/files/a.zip/in/l.jsonl/1", "/files/a.zip/in/m.txt/mine",
        "/files/a.zip/آ.txt", "/files/l.jsonl/a/b",
    }  # fmt: skip
