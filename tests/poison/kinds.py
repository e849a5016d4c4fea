"""What a hostile file is here: a name, how it is made, and how reading it must end."""

from __future__ import annotations

import io
import warnings
import zipfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

MEBIBYTE = 1 << 20
ARABIC = "قال المسؤولون إن القوات نفذت ضربات على مواقع في العراق خلال الليل"


@dataclass(frozen=True, slots=True)
class Poison:
    """A hostile file.

    `make` returns what is in it, or makes it at the path itself and returns None. `ends`
    has "read" if it gives articles and the codes of its failures, in the order of the
    alphabet with + between; "" where nothing may come of it.
    """

    name: str
    ends: str
    make: Callable[[Path], bytes | None]


def of(name: str, ends: str, content: bytes | str | Callable[[], bytes]) -> Poison:
    """Return a hostile file that is made of bytes."""

    def make(_: Path) -> bytes:
        made = content() if callable(content) else content
        return made.encode() if isinstance(made, str) else made

    return Poison(name, ends, make)


def sparse(name: str, ends: str, size: int, start: bytes = b"", end: bytes = b"") -> Poison:
    """Return a file of zeros that takes no room on the disk, but for its start and end."""

    def make(path: Path) -> None:
        with path.open("wb") as stream:
            stream.write(start)
            stream.truncate(size)
            if end:
                stream.seek(size - len(end))
                stream.write(end)

    return Poison(name, ends, make)


def zipped(
    members: Mapping[str, bytes | str] | Iterable[tuple[str, bytes | str]],
    compression: int = zipfile.ZIP_DEFLATED,
) -> bytes:
    """Return a zip of these members; the same bytes every time."""
    kept = io.BytesIO()
    pairs = members.items() if isinstance(members, Mapping) else members
    with warnings.catch_warnings(), zipfile.ZipFile(kept, "w", compression) as archive:
        warnings.simplefilter("ignore")  # of a name that is there already
        for name, content in pairs:
            archive.writestr(zipfile.ZipInfo(name), content, compression)
    return kept.getvalue()
