"""Files and folders to articles: what is read, in which order, and what each refusal says."""

from __future__ import annotations

import json
import os
import tempfile
from collections import Counter
from datetime import date
from pathlib import Path

import pytest

from indexer.extraction.registry import MAX_METADATA, SUFFIXES
from indexer.extraction.sandbox.parser import Parser
from indexer.sources import Failure, Found, Item, Skipped, SourceFile
from indexer.sources.identity import FileIds
from indexer.sources.listing import list_files
from indexer.sources.reading import read_articles
from search.article_ids import MAX_FILE_ID
from search.domain import Article
from search.limits import MAX_FILE, MAX_LINE
from tests.support import SEEDS

pytestmark = pytest.mark.usefixtures("one_parser")


def read(*paths: Path) -> list[Item]:
    root = paths[0] if paths[0].is_dir() else paths[0].parent
    return list(read_articles(list_files(paths, FileIds(root=str(root)))))


def articles(*paths: Path) -> list[Article]:
    return [item.article for item in read(*paths) if isinstance(item, Found)]


def failures(*paths: Path) -> dict[str, str]:
    return {Path(i.place).name: i.reason for i in read(*paths) if isinstance(i, Failure)}


def skipped(*paths: Path) -> dict[str, str]:
    return {Path(i.place).name: i.reason for i in read(*paths) if isinstance(i, Skipped)}


def write(path: Path, content: str | bytes = "نص") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_a_test_collection_beside_articles_is_left_to_evaluate() -> None:
    assert skipped(SEEDS)["judgements"] == "a test collection: `fihris evaluate` reads it"


def test_ids_are_paths_inside_the_folder_given_in_sorted_order(tmp_path: Path) -> None:
    for name in ("b.txt", "a.md", "sub/b.txt", "sub/deep/أ.txt", "C.TXT"):
        write(tmp_path / name)
    assert [a.id for a in articles(tmp_path)] == [
        f"/files/{name}" for name in ("C.TXT", "a.md", "b.txt", "sub/b.txt", "sub/deep/أ.txt")
    ]
    assert [a.id for a in articles(tmp_path / "sub" / "b.txt")] == ["/files/b.txt"]


def test_hidden_files_are_left_out_and_other_kinds_counted(tmp_path: Path) -> None:
    for name in (".hidden.txt", ".git/a.txt", "film.mov", "noise", "a.txt", "a.meta.json"):
        write(tmp_path / name, "{}" if name.endswith("json") else "نص")
    assert [a.id for a in articles(tmp_path)] == ["/files/a.txt"]
    assert set(skipped(tmp_path)) == {"film.mov", "noise", ".hidden.txt", ".git"}


def test_what_is_left_out_has_a_kind_to_count_it_by(tmp_path: Path) -> None:
    for name in ("a.MOV", "b.mov", "a.pages", "noise", ".x", "a.b c d e f g h i j", "no.meta.json"):
        write(tmp_path / name)
    write(tmp_path / "list.csv", "id,text\n1,x\n")
    write(tmp_path / "list.meta.json", "{}")  # of many articles, so of none
    write(tmp_path / "sub" / "a.txt")
    write(tmp_path / "sub" / "a.meta.json", "{}")
    (tmp_path / "twice.txt").symlink_to("sub/a.txt")
    (tmp_path / "link").symlink_to("sub")
    kinds = Counter(item.kind for item in read(tmp_path) if isinstance(item, Skipped))
    assert kinds == {
        ".mov": 2,
        ".pages": 1,
        "without a suffix": 1,
        "with a long suffix": 1,
        "hidden": 1,
        "metadata of nothing": 2,
        "read already": 2,
    }


def test_links_in_a_circle_end(tmp_path: Path) -> None:
    write(tmp_path / "sub" / "a.txt")
    (tmp_path / "sub" / "up").symlink_to(tmp_path)
    (tmp_path / "self.txt").symlink_to(tmp_path / "self.txt")
    (tmp_path / "gone.txt").symlink_to(tmp_path / "nowhere.txt")
    assert [a.id for a in articles(tmp_path)] == ["/files/sub/a.txt"]
    assert skipped(tmp_path) == {"up": "a folder that was read already"}
    assert set(failures(tmp_path)) == {"self.txt", "gone.txt"}


def test_a_deep_folder(tmp_path: Path) -> None:
    deep = tmp_path
    for _ in range(300):
        deep /= "d"
    write(deep / "a.txt")
    (found,) = articles(tmp_path)
    assert len(found.id) == MAX_FILE_ID
    assert found.id.startswith("/files/d/d/d/")


def test_what_is_known_stands_beside_the_text(tmp_path: Path) -> None:
    write(tmp_path / "a.txt")
    known = {"title": "عنوان", "published": "2024-01-31", "tags": ["حرب"], "id": "mine"}
    write(tmp_path / "a.meta.json", json.dumps(known))
    (found,) = articles(tmp_path)
    assert (found.id, found.info.title, found.info.tags) == ("/files/a.txt/mine", "عنوان", ("حرب",))
    assert found.info.published == date(2024, 1, 31)


@pytest.mark.parametrize(
    ("known", "message"),
    [
        ("{", "a.meta.json: not JSON"),
        ('{"title": 1}', '"title" must be a text, not a number'),
        ('{"text": "x"}', 'a.meta.json: "text" belongs in a.txt'),
        ('{"title": "?? ??? ????"}', 'a.meta.json: "title": '),
        ('{"source": "ط£ط®ط¨ط§ط±"}', 'a.meta.json: "source" was read in a wrong encoding'),
        ('{"tags": ["حرب", "ÿ≠ÿ±ÿ®"]}', 'a.meta.json: "tags" was read in a wrong encoding'),
        (b"\xff", "a.meta.json: not UTF-8: byte 0"),
        (b" " * (MAX_METADATA + 1), "a.meta.json: larger than 1,048,576 bytes"),
    ],
)
def test_bad_metadata_fails_its_article(tmp_path: Path, known: str | bytes, message: str) -> None:
    write(tmp_path / "a.txt")
    write(tmp_path / "a.meta.json", known)
    write(tmp_path / "b.txt")
    assert [a.id for a in articles(tmp_path)] == ["/files/b.txt"]
    assert message in failures(tmp_path)["a.txt"]


def test_metadata_that_is_no_field_is_told(tmp_path: Path) -> None:
    write(tmp_path / "a.txt")
    write(tmp_path / "a.meta.json", '{"titel": "عنوان", "author": "كاتب"}')
    write(tmp_path / "b.txt")
    write(tmp_path / "b.meta.json", '{"author": "كاتب", "author": "آخر"}')
    (found,) = [item for item in read(tmp_path) if isinstance(item, Found)]
    assert found.article.info.author == "كاتب"
    assert found.notes == ('a.meta.json: "titel" is no field and was passed over',)
    assert 'b.meta.json: "author" stands twice' in failures(tmp_path)["b.txt"]


def test_a_beir_corpus_can_be_named(tmp_path: Path) -> None:
    path = write(
        tmp_path / "corpus.jsonl", '{"_id": "p0", "title": "", "text": "نص", "metadata": {}}'
    )
    assert [a.id for a in articles(path)] == ["/files/corpus.jsonl/p0"]


def test_what_stands_behind_a_line_past_the_bound_is_read(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", "x" * MAX_LINE + 'x\n{"id": "a", "text": "نص"}')
    assert [a.id for a in articles(path)] == ["/files/a.jsonl/a"]
    reason = "the line has 16,777,218 bytes, and 16,777,216 are the most"
    assert failures(path) == {"a.jsonl:1": reason}


def test_a_text_file_past_the_bound_is_refused_unread(tmp_path: Path) -> None:
    path = write(tmp_path / "a.txt")
    os.truncate(path, MAX_FILE + 1)
    assert failures(path)["a.txt"].startswith("more than 67,108,864 bytes, and no file")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.txt", "", "there is no text: nothing to index"),
        ("a.txt", " \n\t\n", "there is no text: nothing to index"),
        ("a.jsonl", "", "there is no text: nothing to index"),
        ("a.jsonl", "\n \n", "there is no text: nothing to index"),
        ("a.txt", "نص".encode("cp1256"), "not UTF-8: byte 0 (0xe4) cannot be read"),
        ("a.txt", b"%PDF\0\1\2", "character 4 is NUL"),
        ("a.exe", "x", f"not a kind of file that is read ({', '.join(SUFFIXES)})"),
    ],
)
def test_refusals(tmp_path: Path, name: str, content: str | bytes, message: str) -> None:
    path = write(tmp_path / name, content)
    assert message in failures(path)[name]


def test_what_is_not_there(tmp_path: Path) -> None:
    assert failures(tmp_path / "a.txt") == {"a.txt": "there is no such file or folder"}
    assert read(Path("a\0b"))[0] == Failure("a\\x00b", "unreadable", "embedded null byte")


def test_a_listing_opens_nothing_and_says_why_by_a_code(tmp_path: Path) -> None:
    write(tmp_path / "sub" / "a.PDF")
    (tmp_path / "zero.txt").symlink_to("/dev/zero")
    (tmp_path / "gone.txt").symlink_to(tmp_path / "nowhere")
    (tmp_path / "self").symlink_to(tmp_path / "self")
    gone, circle, device, file = list_files([tmp_path])
    assert file == SourceFile(tmp_path / "sub" / "a.PDF", "a.PDF", 4, f"/files{tmp_path}/sub/a.PDF")
    assert isinstance(gone, Failure)
    assert isinstance(circle, Failure)
    assert isinstance(device, Failure)
    assert (gone.code, circle.code, device.code) == ("not-found", "unreadable", "not-regular")
    assert gone.file is not None
    assert gone.file.name == "gone.txt"


def test_a_name_that_would_move_a_terminal_is_shown_in_escapes(tmp_path: Path) -> None:
    write(tmp_path / "a\n\x1b[31m\u202efdp.txt", "")
    assert list(failures(tmp_path)) == ["a\\n\\x1b[31m\\u202efdp.txt"]


def test_a_name_that_is_not_utf8(tmp_path: Path) -> None:
    write(Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xe3.txt")))
    assert failures(tmp_path) == {"\\xe3.txt": "its name is not valid UTF-8: rename it"}


def test_what_may_not_be_read_is_named_and_the_rest_goes_on() -> None:
    with tempfile.TemporaryDirectory() as name, Parser() as parser:
        folder = Path(name)
        folder.chmod(0o755)
        write(folder / "a.txt")
        write(folder / "closed" / "b.txt")
        write(folder / "secret.txt").chmod(0)
        (folder / "closed").chmod(0)
        # Started before: nobody may not run an interpreter that is root's alone.
        list(parser.parse(SourceFile(folder / "a.txt", "a.txt", 4, "a.txt")))
        as_root = os.geteuid() == 0
        if as_root:
            os.seteuid(65534)
        try:
            listed = list_files([folder])
            found: list[Found | Failure] = [each for each in listed if isinstance(each, Failure)]
            for each in listed:
                found += parser.parse(each) if isinstance(each, SourceFile) else []
        finally:
            if as_root:
                os.seteuid(0)
            (folder / "closed").chmod(0o700)
    assert [i.article.id for i in found if isinstance(i, Found)] == [f"/files{folder}/a.txt"]
    assert {Path(i.place).name: i.reason for i in found if isinstance(i, Failure)} == {
        "secret.txt": "no permission to read it",
        "closed": "no permission to read it",
    }


def test_sizes_are_those_of_the_files(tmp_path: Path) -> None:
    write(tmp_path / "a.txt", "نص")
    write(tmp_path / "b.jsonl", '{"id": "b", "text": "نص"}\n\n{\n')
    items = [item for item in read(tmp_path) if not isinstance(item, Skipped)]
    listed = [file for file in list_files([tmp_path]) if isinstance(file, SourceFile)]
    assert sum(item.size for item in items) == sum(file.size for file in listed)
