"""What tests of sources share."""

from __future__ import annotations

from pathlib import Path

from indexer.sources import Failure, Found, Item, Skipped, SourceFile
from indexer.sources.identity import FileIds

READERS = "tests.sources.readers"


def write(path: Path, content: str | bytes = "نص") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def source(path: Path, content: str | bytes = "نص") -> SourceFile:
    write(path, content)
    return SourceFile(path, path.name, path.stat().st_size, FileIds().of(path))


def brief(items: list[Item] | list[Found | Failure]) -> list[str]:
    """Return each item as its id after its file's folder, or as its code where it is a failure.

    Of an article of the file's with an own id that alone.
    """
    done = []
    for item in items:
        match item:
            case Found():
                file_id = item.file.id if item.file else ""
                inside = item.article.id.removeprefix(f"{file_id}/")
                done.append(inside.removeprefix(f"{file_id.rpartition('/')[0]}/"))
            case Failure():
                done.append(item.code)
            case Skipped():
                done.append("skipped")
    return done
