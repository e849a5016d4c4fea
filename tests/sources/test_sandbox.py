"""A file that does the worst ends itself and nothing else, under the code that says why."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from indexer.extraction.registry import MEBIBYTE, SUFFIXES, Options
from indexer.extraction.sandbox import wire
from indexer.extraction.sandbox.confinement import landlock_version
from indexer.extraction.sandbox.parser import SHARED_SIZE, Limits, Parser, Usage, time_allowed
from indexer.failure_codes import CODES
from indexer.sources import Failure, Found
from tests.sources.support import READERS, brief, source, write
from tests.support import ASCII_PATH, until

pytestmark = pytest.mark.slow

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="Linux holds this, others do not")


@pytest.fixture(scope="module")
def used() -> list[Usage]:
    return []


@pytest.fixture(scope="module")
def parser(used: list[Usage]) -> Iterator[Parser]:
    """Give one for all: whatever a file did, the next one is parsed."""
    with Parser(formats=READERS, on_usage=used.append) as parser:
        yield parser


@pytest.fixture
def fresh() -> Iterator[Parser]:
    with Parser(formats=READERS) as parser:
        yield parser


@pytest.fixture(scope="module")
def hasty() -> Iterator[Parser]:
    with Parser(Limits(seconds=1.0), formats=READERS) as parser:
        yield parser


def told(parser: Parser, folder: Path, order: str) -> list[Found | Failure]:
    """Return what parsing a file of this order gives."""
    return list(parser.parse(source(folder / "a.txt", order)))


@pytest.mark.parametrize(
    ("order", "code", "reason"),
    [
        ("abort", "crashed", "parsing it ended its process (Aborted)"),
        ("segv", "crashed", "parsing it ended its process (Segmentation fault)"),
        ("exit", "crashed", "its reader ended early"),
        ("recurse", "damaged", "nested more deeply than a text can be"),
        ("raise", "crashed", "its reader failed: KeyError at sources/readers.py:"),
        ("refuse", "encrypted", "locked [31m with a password"),
        ("unheard", "crashed", "of an unknown code"),
        ("connect", "crashed", "its reader tried what it may not: socket."),
        ("run", "crashed", "its reader tried what it may not: subprocess.Popen"),
        ("fork", "crashed", "its reader tried what it may not: os.fork"),
        ("open /etc/passwd", "crashed", "its reader tried what it may not: opening '/etc/passwd'"),
        ("open /work/../etc/passwd", "crashed", "its reader tried what it may not: opening"),
        ("garbage nonsense", "crashed", "its reader said what is not understood"),
        ("garbage " + "[" * 2000, "crashed", "its reader said what is not understood"),
        ('garbage ["article", "", "1", [], "", {}]', "crashed", "its reader said what"),
        ('garbage ["article", "", 1, [], "", {"text": 1}]', "bad-field", '"text" must be a text'),
        ("lie", "bad-field", '"title" must be a text, not an object'),
        ("half", "bad-field", '"text" has half of a surrogate pair (U+D800) at character 3'),
        ("long", "too-large", "the text has 35,651,584 characters, and 10,000,000 are the most"),
        ("none", "empty", "there is no text: nothing to index"),
    ],
)
def test_how_a_file_ends(
    parser: Parser, tmp_path: Path, order: str, code: str, reason: str
) -> None:
    first = told(parser, tmp_path, order)[0]
    assert isinstance(first, Failure)
    assert (first.code, first.reason[: len(reason)]) == (code, reason)
    assert code in CODES
    assert first.file is not None
    assert brief(told(parser, tmp_path, "hello")) == ["a.txt"]


@pytest.mark.parametrize("order", ["spin", "sleep"])
def test_time_is_bounded(hasty: Parser, tmp_path: Path, order: str) -> None:
    assert brief(told(hasty, tmp_path, order)) == ["timeout"]
    assert brief(told(hasty, tmp_path, "hello")) == ["a.txt"]


@LINUX
@pytest.mark.parametrize("order", ["eat", "eat-abort"])
def test_memory_is_bounded(parser: Parser, tmp_path: Path, used: list[Usage], order: str) -> None:
    assert brief(told(parser, tmp_path, order)) == ["memory"]
    assert used[-1].peak < 512 * MEBIBYTE


# On a busy machine a flood takes longer than a second to reach its bound.
@pytest.mark.parametrize(
    ("order", "seconds", "code"), [("ignore", 1.0, "timeout"), ("flood", 30.0, "crashed")]
)
def test_a_child_that_was_taken_over_is_ended_by_its_parent(
    tmp_path: Path, order: str, seconds: float, code: str
) -> None:
    with Parser(Limits(seconds=seconds), formats=READERS) as parser:
        begun = time.monotonic()
        assert brief(told(parser, tmp_path, order)) == [code]
        assert time.monotonic() - begun < seconds + 30
        assert brief(told(parser, tmp_path, "hello")) == ["a.txt"]


@pytest.mark.parametrize("order", ["write", "low-write"])
def test_nothing_is_written(parser: Parser, tmp_path: Path, order: str) -> None:
    assert brief(told(parser, tmp_path, f"{order} {tmp_path}/made")) == ["crashed"]
    assert not (tmp_path / "made").exists()


@LINUX
def test_there_is_no_network_for_native_code_either(parser: Parser, tmp_path: Path) -> None:
    if subprocess.run(["unshare", "--user", "--net", "true"], check=False).returncode:
        pytest.skip("this machine lets nobody leave the network")
    with socket.create_server(("127.0.0.1", 0)) as server:
        (found,) = told(parser, tmp_path, f"listen {server.getsockname()[1]}")
    assert isinstance(found, Found)
    assert found.article.text == "connected: -1"


@LINUX
def test_native_code_reads_no_file_outside_either(parser: Parser, tmp_path: Path) -> None:
    if landlock_version() < 1:
        pytest.skip("this kernel has no Landlock")
    write(tmp_path / "secret", "x")
    for path, opens in (
        (f"{tmp_path}/secret", False), (f"{tmp_path}", False), ("/etc/passwd", False),
        ("/proc/self/environ", False), (os.__file__, True),
    ):  # fmt: skip
        (found,) = told(parser, tmp_path, f"low-open {path}")
        assert isinstance(found, Found)
        assert found.article.text == f"opened: {opens}", path


def test_modules_can_be_loaded_late_and_secrets_are_not_handed_down(
    fresh: Parser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FIHRIS_ELASTICSEARCH_URL", "http://name:password@example.org")
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "colorsys.py", "raise SystemExit")
    write(tmp_path / "indexer" / "__init__.py", "raise SystemExit")
    assert brief(told(fresh, tmp_path, "import")) == ["a.txt"]
    (found,) = told(fresh, tmp_path, "environment")
    assert isinstance(found, Found)
    assert "FIHRIS" not in found.article.text


def test_what_a_child_says_is_bounded_and_shown_as_it_is(parser: Parser, tmp_path: Path) -> None:
    order = 'garbage ["broken", "p\\u001b\\u202e", "damaged", "r\\n\\u001b[0m", 99999]'
    broken, _ = told(parser, tmp_path, order)
    assert isinstance(broken, Failure)
    assert (broken.place, broken.reason) == (f"{tmp_path}/a.txt:p", "r [0m")
    assert broken.size == len(order)


def test_a_child_that_ends_in_the_middle_loses_only_what_came_after(
    parser: Parser, tmp_path: Path
) -> None:
    file = source(tmp_path / "a.jsonl", "one\nbroken\n\nfour\ndie\nsix\n")
    items = list(parser.parse(file))
    assert brief(items) == ["a.jsonl:1", "damaged", "empty", "a.jsonl:4", "crashed"]
    assert [item.place.rpartition("/")[2] for item in items] == [
        "a.jsonl:1",
        "a.jsonl:2",
        "a.jsonl:3",
        "a.jsonl:4",
        "a.jsonl",
    ]
    assert sum(item.size for item in items) == file.size


def test_time_in_which_the_parent_is_busy_does_not_count(hasty: Parser, tmp_path: Path) -> None:
    file = source(tmp_path / "a.jsonl", f"{'x' * 10_000}\n" * 2_000)
    with closing(hasty.parse(file)) as items:
        next(items)  # 8 MiB of it: the rest does not fit into the pipe
        time.sleep(1.5)
        assert len(list(items)) == 1_999


def test_each_item_has_its_own_time(hasty: Parser, tmp_path: Path) -> None:
    file = source(tmp_path / "a.jsonl", "nap\n" * 4)
    assert len(brief(list(hasty.parse(file)))) == 4
    file = source(tmp_path / "a.jsonl", "nap\nwait\n")
    assert brief(list(hasty.parse(file))) == ["a.jsonl:1", "timeout"]


def process_of(parser: Parser, path: Path, size: int = 0) -> str:
    (found,) = parser.parse(source(path, "process\n" + "x" * size))
    assert isinstance(found, Found)
    return found.article.text.strip()


def test_small_texts_share_a_process_that_is_renewed(
    fresh: Parser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("indexer.extraction.sandbox.parser.SHARED_FILES", 3)
    names = ["a.txt", "b.md", "c.json", "d.ndjson", "e.csv", "f.tsv", "g.txt"]
    processes = [process_of(fresh, tmp_path / name) for name in names]
    assert processes[:3] == processes[:1] * 3
    assert processes[3:6] == processes[3:4] * 3
    assert len(set(processes)) == 3


@pytest.mark.parametrize("suffix", sorted({*SUFFIXES} - {".pdf", ".epub", ".jsonl"}))
def test_what_native_code_parses_has_a_process_of_its_own(
    parser: Parser, tmp_path: Path, suffix: str
) -> None:
    of_texts = process_of(parser, tmp_path / "a.txt")
    found = [process_of(parser, tmp_path / f"b{suffix}") for _ in range(2)]
    texts = (
        ".txt",
        ".text",
        ".log",
        ".md",
        ".markdown",
        ".completed",
        ".inprogress",
        ".srt",
        ".vtt",
    )
    shared = suffix in (*texts, ".json", ".ndjson", ".csv", ".tsv")
    assert len({of_texts, *found}) == (1 if shared else 3)
    assert process_of(parser, tmp_path / "c.txt") == of_texts


@pytest.mark.parametrize("suffix", [".html", ".docx", ".txt"])
def test_what_all_readers_build_once_is_built_before_a_child_begins(
    fresh: Parser, tmp_path: Path, suffix: str
) -> None:
    (found,) = fresh.parse(source(tmp_path / f"a{suffix}", "prepared"))
    assert isinstance(found, Found)
    assert found.article.text == "1 1"


def test_a_large_text_has_a_process_of_its_own(parser: Parser, tmp_path: Path) -> None:
    processes = [process_of(parser, tmp_path / "a.txt", size) for size in (0, SHARED_SIZE)]
    assert len(set(processes)) == 2


@pytest.mark.parametrize("before", [["trap"], ["leak", "leak", "leak"]])
def test_a_spoiled_shared_process_fails_no_other_file(
    fresh: Parser, tmp_path: Path, before: list[str]
) -> None:
    orders = [*before, "step", "hello", "abort", "hello"]
    given = [brief(told(fresh, tmp_path, order)) for order in orders]
    assert given == [["a.txt"]] * (len(before) + 2) + [["crashed"], ["a.txt"]]


@pytest.mark.parametrize(
    ("stdin", "environment"),
    [
        pytest.param(
            "</dev/null", {"LC_ALL": "C", "LANG": "C", "HOME": "/nowhere"}, marks=ASCII_PATH
        ),
        ("<&-", {}),
        ("<&- >&- 2>&-", {"PYTHONIOENCODING": "ascii", "OMP_NUM_THREADS": "nonsense"}),
    ],
)
def test_where_and_how_the_parent_runs_does_not_matter(
    tmp_path: Path, stdin: str, environment: dict[str, str]
) -> None:
    """From a path with Arabic letters and spaces too, and the main module is not run again."""
    root = tmp_path / "مجلد مع فراغ"
    root.symlink_to(Path(__file__).resolve().parents[2])
    files = [write(tmp_path / "ملف.txt"), write(tmp_path / "صفحة.html", "<p>نص</p>")]
    done = tmp_path / "done"
    program = f"""
from pathlib import Path
from indexer.sources.listing import list_files
from indexer.sources.reading import read_articles
files = list_files([*map(Path, {list(map(str, files))!r})])
with open({str(done)!r}, "a") as done:
    for item in read_articles(files):
        print(type(item).__name__, file=done)
"""
    write(tmp_path / "برنامج.py", program)
    subprocess.run(
        ["sh", "-c", f'exec "$0" "$1" {stdin}', sys.executable, tmp_path / "برنامج.py"],
        check=True,
        env={**os.environ, "PYTHONPATH": str(root), **environment},
        cwd="/",
        timeout=60,
    )
    assert done.read_text() == "Found\nFound\n"


def test_a_zygote_that_ends_is_replaced(parser: Parser, tmp_path: Path) -> None:
    for _ in range(2):
        assert brief(list(parser.parse(source(tmp_path / "a.pdf")))) == ["crashed"]
        assert brief(told(parser, tmp_path, "hello")) == ["a.txt"]


def test_where_no_process_can_be_started_every_file_says_so(
    fresh: Parser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(sys, "executable", "/nowhere/python")
        (failure,) = told(fresh, tmp_path, "hello")
    assert isinstance(failure, Failure)
    assert failure.reason == "no process to parse files in: No such file or directory"
    assert brief(told(fresh, tmp_path, "hello")) == ["a.txt"]


def test_a_reader_that_cannot_be_loaded(parser: Parser, tmp_path: Path) -> None:
    (failure,) = parser.parse(source(tmp_path / "a.epub"))
    assert isinstance(failure, Failure)
    assert failure.reason.startswith("its reader failed: RuntimeError at sources/readers.py:")


def test_giving_up_in_the_middle_ends_the_child(parser: Parser, tmp_path: Path) -> None:
    file = source(tmp_path / "a.jsonl", f"{'x' * 100_000}\n" * 100 + "wait\n")
    begun = time.monotonic()
    with closing(parser.parse(file)) as items:
        next(items)
    assert brief(told(parser, tmp_path, "hello")) == ["a.txt"]
    assert time.monotonic() - begun < 30  # it waits for 60; 1.1 s at a load of 12


def test_a_file_that_changes_while_it_is_read(parser: Parser, tmp_path: Path) -> None:
    file = source(tmp_path / "a.jsonl", "nap\n" * 5)
    items = parser.parse(file)
    _in_a_moment(f"open({str(file.path)!r}, 'a').write('more')")
    assert brief(list(items)) == ["changed"]


def test_articles_of_a_large_file_that_changes_are_given_besides(
    parser: Parser, tmp_path: Path
) -> None:
    file = source(tmp_path / "a.jsonl", f"{'x' * 1_000_000}\n" * 12)
    with closing(parser.parse(file)) as items:
        next(items)
        with file.path.open("a") as stream:
            stream.write("more\n")
        rest = list(items)
    assert 7 <= len(rest) < 12
    assert brief(rest)[-1] == "changed"


def test_no_more_is_read_than_was_there(parser: Parser, tmp_path: Path) -> None:
    (found,) = told(parser, tmp_path, "seek")
    assert isinstance(found, Found)
    assert found.article.text == "4 b''"


def test_a_descriptor_can_be_given(parser: Parser, tmp_path: Path) -> None:
    file = source(tmp_path / "a.txt", "hello")
    with file.path.open("rb") as stream:
        file.path.unlink()
        for _ in range(2):  # it stays open, and where it stands does not matter
            items = list(parser.parse(file, descriptor=stream.fileno()))
            assert brief(items) == ["a.txt"]
            stream.read()


@pytest.mark.parametrize("kind", ["pipe", "device", "socket", "folder", "gone", "nul"])
def test_what_is_no_file_is_not_waited_for(parser: Parser, tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a.txt"
    file = source(path)
    path.unlink()
    with socket.socket(socket.AF_UNIX) as made:
        match kind:
            case "pipe":
                os.mkfifo(path)
            case "device":
                path.symlink_to("/dev/zero")
            case "socket":
                made.bind(str(path))
            case "folder":
                path.mkdir()
            case "nul":
                file = type(file)(Path("a\0.txt"), "a.txt", 0, "a.txt")
        expected = {"gone": "not-found", "nul": "unreadable"}.get(kind, "not-regular")
        assert brief(list(parser.parse(file))) == [expected]


def test_fields_known_of_a_whole_file_and_a_source_for_all(parser: Parser, tmp_path: Path) -> None:
    known = {"title": "عنوان", "id": "mine"}
    file = source(tmp_path / "a.txt", "hello")
    (found,) = parser.parse(file, Options(), known=known, source="جريدة")
    assert isinstance(found, Found)
    info = found.article.info
    assert (info.id, info.title, info.source) == (f"{file.id}/mine", "عنوان", "جريدة")
    lines = parser.parse(source(tmp_path / "a.jsonl", "one\n"), known=known)
    assert brief(list(lines)) == ["a.jsonl:1"]


def test_what_is_allowed_grows_with_the_file() -> None:
    limits = Limits()
    assert time_allowed("a.pdf", 10 * MEBIBYTE, limits) == (15, 16)
    assert time_allowed("a.pdf", 60 * MEBIBYTE, limits) == (65, 66)
    assert time_allowed("a.zip", 64 * MEBIBYTE, limits) == (16, 656)


def test_ctrl_c_is_the_parents_alone_and_its_end_that_of_all(tmp_path: Path) -> None:
    write(tmp_path / "a.txt", "sleep")
    program = f"""
import sys
from pathlib import Path
from indexer.sources import SourceFile
from indexer.extraction.sandbox.parser import Parser
parser = Parser(formats={READERS!r})
print("ready", flush=True)
list(parser.parse(SourceFile(Path({str(tmp_path / "a.txt")!r}), "a.txt", 5, "a.txt")))
"""
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "MARK": str(tmp_path)},
    )
    with process:
        assert process.stdout is not None
        process.stdout.readline()
        until(lambda: len(_children(process.pid)) >= 2)
        children = _children(process.pid)
        assert os.getsid(children[0]) != os.getsid(process.pid)
        process.send_signal(signal.SIGKILL)
    until(lambda: not any(map(_lives, children)))


def _in_a_moment(program: str) -> None:
    code = f"import time; time.sleep(0.3); {program}"
    subprocess.Popen([sys.executable, "-S", "-c", code]).returncode = 0  # reaped by nobody


def _children(pid: int) -> list[int]:
    """Return the processes that a process started, and those that they did."""
    listed = subprocess.run(
        ["ps", "-A", "-o", "pid=,ppid="], check=True, capture_output=True, text=True
    ).stdout
    parents = {int(child): int(parent) for child, parent in map(str.split, listed.splitlines())}
    found = [pid]
    for each in found:
        found += [child for child, parent in parents.items() if parent == each]
    return found[1:]


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = subprocess.run(
        ["ps", "-o", "state=", "-p", str(pid)], check=False, capture_output=True, text=True
    ).stdout
    return not state.startswith("Z")


def test_a_request_that_was_answered_by_one_who_ended_is_sent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ours, theirs = socket.socketpair()
    send_fds = socket.send_fds

    def sent_and_read(to: socket.socket, buffers: list[bytes], descriptors: list[int]) -> int:
        sent = send_fds(to, buffers, descriptors)
        _, (received,), _, _ = socket.recv_fds(theirs, 1_000, 1)
        os.close(received)
        theirs.close()
        return sent

    monkeypatch.setattr(socket, "send_fds", sent_and_read)
    with ours, Path(os.devnull).open() as file:
        wire.send(ours, {"name": "a.txt"}, file.fileno())
        assert ours.recv(1) == b""
