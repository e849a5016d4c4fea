"""Hostile .7z and .rar files."""

from __future__ import annotations

import random
from collections.abc import Callable

from tests.formats.packing import IS_THERE, LINK, rar4, rar5, seven
from tests.poison.archives import HOSTILE_NAMES
from tests.poison.kinds import ARABIC, MEBIBYTE, Poison, of

TEXT = ARABIC.encode()
GOOD = ("good.txt", TEXT)


def seven_if(made: Callable[[], bytes]) -> Callable[[], bytes]:
    """Make nothing without the library, where the test is skipped."""
    return lambda: made() if IS_THERE else b""


def noise(size: int) -> bytes:
    return random.Random(0).randbytes(size)


def named(*names: str) -> list[tuple[str, bytes]]:
    return [*((name, TEXT) for name in names), GOOD]


POISON: tuple[Poison, ...] = (
    of("empty.7z", "empty", b""),
    of("nothing.7z", "empty", seven_if(lambda: seven([]))),
    of("pictures.7z", "unsupported", seven_if(lambda: seven([("a.png", b"\x89PNG"), ("b.exe", b"MZ")]))),
    of("bomb.7z", "bomb", seven_if(lambda: seven([("a.txt", b" " * (65 * MEBIBYTE))]))),
    of("passed-bomb.7z", "bomb", seven_if(lambda: seven([("a.exe", bytes(65 * MEBIBYTE)), GOOD]))),
    of("traversal.7z", "read+unsafe-name", seven_if(lambda: seven(named("../../up.txt", "/etc/passwd.txt")))),
    of("cut.7z", "damaged", seven_if(lambda: seven([GOOD])[:-20])),
    of("noise.7z", "damaged", b"7z\xbc\xaf\x27\x1c" + noise(9_999)),
    of("nested.7z", "nested", seven_if(lambda: shells(5, seven([GOOD])))),
    of("traversal.rar", "read+unsafe-name", lambda: rar5(named(*HOSTILE_NAMES))),
    of("old-traversal.rar", "read+unsafe-name", lambda: rar4(named("../../up.txt", "/etc/passwd.txt"))),
    of("controls.rar", "read+unsafe-name", lambda: rar5(named("a\x1b[31m.txt", "b\n.txt", "a" * 999 + ".txt"))),
    of("twice.rar", "duplicate-id+read", lambda: rar5([GOOD, GOOD])),
    of("locked.rar", "encrypted", lambda: rar4([GOOD], flags=4)),
    of("link.rar", "not-regular", lambda: rar4([("passwd.txt", b"/etc/passwd")], mode=LINK)),
    of("cut.rar", "damaged", lambda: rar5([("a.txt", TEXT * 999)])[:5_000]),
    of("old-cut.rar", "damaged", lambda: rar4([("a.txt", TEXT * 999)])[:5_000]),
    of("noise.rar", "empty", lambda: b"Rar!\x1a\x07\x01\x00" + noise(9_999)),
    of("old-noise.rar", "damaged", lambda: b"Rar!\x1a\x07\x00" + noise(9_999)),
    of("many.rar", "bomb", lambda: rar5([(f"{n}.exe", b"") for n in range(100_001)])),
)  # fmt: skip


def shells(depth: int, content: bytes) -> bytes:
    """Return a .7z in a .7z, so many times."""
    for _ in range(depth):
        content = seven([("a.7z", content)])
    return content
