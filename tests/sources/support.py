"""What tests of sources share."""

from __future__ import annotations

from pathlib import Path

from indexer.sources import Failure, Found, Item, Skipped, SourceFile

READERS = "tests.sources.readers"


def write(path: Path, content: str | bytes = "نص") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def source(path: Path, content: str | bytes = "نص") -> SourceFile:
    write(path, content)
    return SourceFile(path, path.name, path.stat().st_size, path.parent)


def brief(items: list[Item] | list[Found | Failure]) -> list[str]:
    """Return each item as its id, or as its code where it is a failure."""
    done = []
    for item in items:
        match item:
            case Found():
                done.append(item.article.id)
            case Failure():
                done.append(item.code)
            case Skipped():
                done.append("skipped")
    return done
