"""`--collection` of every command: the same folder in two is two sets of articles."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from indexer.sources.identity import FileIds
from search.engines.protocol import Engine
from tests.indexer.conftest import Fihris
from tests.indexer.watcher import Watcher, held, write
from tests.support import until


def test_a_folder_in_two_collections_is_two_sets(
    fihris: Fihris, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write(tmp_path / "in/a.txt", "ضربات في العراق").parent
    write(folder / "b.csv", "id,text\n1,ضربات أخرى\n")
    for name in ("", "first", "second"):
        ran = fihris("index", folder, "--no-embed", *(["--collection", name] if name else []))
        assert ran.status == 0
    listed = [json.loads(line) for line in fihris("collections", "--json").out.splitlines()]
    assert listed == [
        {"name": name, "articles": 2, "passages": 2} for name in ("files", "first", "second")
    ]
    assert "2 articles           2 passages  first\n" in fihris("collections").out
    given = io.TextIOWrapper(io.BytesIO(b'{"id": "a", "text": "text"}'))
    monkeypatch.setattr(sys, "stdin", given)
    assert fihris("index", "-", "--no-embed").status == 0
    assert "1 articles           1 passages  (none)\n" in fihris("collections").out
    assert fihris("delete", "--article", "a").status == 0
    search = ("search", "ضربات", "--mode", "keyword", "--collection", "first")
    found = json.loads(fihris(*search, "--facet", "collection", "--json").out)
    assert {hit["article"]["id"] for hit in found["hits"]} == {
        FileIds("first").of(folder / "a.txt"), "/first/1",
    }  # fmt: skip
    assert len(found["facets"]["collection"]) == 3
    assert fihris("kwic", "ضربات", "--collection", "first").out.count("**") == 4
    assert len(fihris("list", "--collection", "second").out.splitlines()) == 2
    changed = fihris("set", "source=الجريدة", "--collection", "second")
    assert "2 articles changed" in changed.out
    exported = fihris("export", "--collection", "second", "--output", tmp_path / "x.jsonl")
    assert exported.status == 0
    assert "2 articles removed" in fihris("delete", "--collection", "second").out
    ids = {json.loads(line)["id"] for line in (tmp_path / "x.jsonl").read_text().splitlines()}
    assert "/second/1" in ids
    left = fihris("list", "--json").out.splitlines()
    assert not ids & {json.loads(line)["id"] for line in left}
    assert len(left) == 4


@pytest.mark.parametrize("name", ["files", "a/b", ".", "x" * 65])
def test_what_is_no_name_is_refused(fihris: Fihris, tmp_path: Path, name: str) -> None:
    folder = write(tmp_path / "in/a.txt", "نص").parent
    for command in ("index", "watch"):
        ran = fihris(command, folder, "--collection", name)
        assert ran.status == 2
        assert "--collection" in ran.err


@pytest.mark.slow
def test_a_folder_is_followed_in_two_collections(
    watcher: Watcher, engine: Engine, folder: Path
) -> None:
    def held_of(name: str) -> set[str]:
        return {key for key in held(engine) if key.startswith(f"/{name}/")}

    write(folder / "a.txt", "نص أول")
    for name in ("laws", "files"):
        watcher.collection = name
        with watcher.running():
            until(lambda name=name: held_of(name))  # type: ignore[misc]
    first = held_of("laws")
    assert first == {FileIds("laws").of(folder / "a.txt")}
    (folder / "a.txt").rename(folder / "b.txt")
    with watcher.running():
        until(lambda: held_of("files") == {FileIds().of(folder / "b.txt")})
    assert held_of("laws") == first
    watcher.collection = "laws"
    with watcher.running():
        until(lambda: held_of("laws") == {FileIds("laws").of(folder / "b.txt")})
