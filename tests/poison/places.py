"""What is no file, what may not be read, what changes, and names that are hostile themselves."""

from __future__ import annotations

import os
import socket
from pathlib import Path

from tests.poison.kinds import ARABIC, Poison, of
from tests.poison.texts import GOOD_LINE


def pipe(path: Path) -> None:
    os.mkfifo(path)


def listening(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        here = Path.cwd()
        os.chdir(path.parent)  # its name may have 108 bytes
        try:
            made.bind(path.name)
        finally:
            os.chdir(here)


def link_to(target: str) -> Poison:
    name = f"link-to{target.replace('/', '-')}.txt"
    ends = "not-regular" if target.startswith("/dev") else "unreadable"

    def make(path: Path) -> None:
        path.symlink_to(path if target == "/itself" else target)

    return Poison(name, ends, make)


def folder(path: Path) -> None:
    path.mkdir()


def undecodable(path: Path) -> None:
    Path(os.fsdecode(os.fsencode(path.parent) + b"/\xe3\xff.txt")).write_text(ARABIC)


def metadata(name: str, ends: str, content: bytes) -> Poison:
    """Return a good text with hostile metadata beside it."""

    def make(path: Path) -> bytes:
        path.with_suffix(".meta.json").write_bytes(content)
        return ARABIC.encode()

    return Poison(name, ends, make)


def piped_metadata(path: Path) -> bytes:
    os.mkfifo(path.with_suffix(".meta.json"))
    return ARABIC.encode()


POISON: tuple[Poison, ...] = (
    Poison("pipe.txt", "not-regular", pipe),
    Poison("pipe.jsonl", "not-regular", pipe),
    Poison("pipe.pdf", "not-regular", pipe),
    Poison("socket.txt", "not-regular", listening),
    *map(link_to, ("/dev/zero", "/dev/random", "/dev/full", "/dev/tty", "/dev/stdin", "/itself")),
    Poison("gone.txt", "not-found", lambda path: path.symlink_to("nowhere")),
    Poison("folder.txt", "", folder),
    Poison("folder.zip", "", folder),
    Poison("\\xe3\\xff.txt", "unreadable", undecodable),
    of("line\nend.txt", "read", ARABIC),
    of("escape\x1b[2J.txt", "read", ARABIC),
    of("bell\x07.jsonl", "read", GOOD_LINE),
    of("override\u202etxt.exe.txt", "read", ARABIC),
    of("isolate\u2066.txt", "read", ARABIC),
    of("n" * 240 + ".txt", "read", ARABIC),
    of("-rf.txt", "read", ARABIC),
    of("$(reboot);`id`|x&.txt", "read", ARABIC),
    of("%s%n%x{0}.txt", "read", ARABIC),
    of("quote'\"\\.txt", "read", ARABIC),
    of(" space .txt", "read", ARABIC),
    of("..txt", "", ARABIC),
    of(".hidden.txt", "", ARABIC),
    of("two.txt.pdf", "damaged", ARABIC),
    of("no-suffix", "", ARABIC),
    of("UPPER.TXT", "read", ARABIC),
    metadata("meta-deep.txt", "not-json", b"[" * 500_000),
    metadata("meta-large.txt", "too-large", b" " * 1_048_577),
    metadata("meta-nul.txt", "not-text", b"\0" * 99),
    metadata("meta-list.txt", "not-json", b"[]"),
    metadata("meta-text.txt", "bad-field", b'{"text": "x"}'),
    metadata("meta-type.txt", "bad-field", b'{"title": {"a": 1}}'),
    metadata("meta-half-pair.txt", "bad-field", b'{"title": "\\ud800"}'),
    Poison("meta-pipe.txt", "not-regular", piped_metadata),
)
