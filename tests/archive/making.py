"""A large archive in every format, made of the seed's words: the same for the same seed."""

from __future__ import annotations

import csv
import gzip
import io
import json
import random
import tarfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from tests.archive.pdf import pdf_of
from tests.formats.building import docx_of, eml_of, epub_of, html_of, odt_of
from tests.support import SEEDS

LINES_A_FILE = 500  # of .jsonl and .csv; members of a .zip


@dataclass(frozen=True, slots=True)
class Story:
    """One generated article."""

    id: str
    title: str
    author: str
    published: date
    paragraphs: tuple[str, ...]

    @property
    def text(self) -> str:
        return "\n".join(self.paragraphs)


def stories(count: int, seed: int, *, words: tuple[int, int] = (12, 30)) -> Iterator[Story]:
    """Yield articles of one to four paragraphs of so many words, no two alike."""
    chosen = random.Random(seed)
    text = "\n".join(path.read_text("utf-8") for path in sorted(SEEDS.glob("*.txt")))
    vocabulary = sorted(set(text.split()))
    for number in range(count):

        def some(least: int, most: int) -> str:
            return " ".join(chosen.choices(vocabulary, k=chosen.randint(least, most)))

        yield Story(
            id=f"story-{number:06}",
            title=some(3, 7),
            author=some(2, 2),
            published=date(2001, 1, 1) + timedelta(days=chosen.randrange(9_000)),
            paragraphs=tuple(f"{some(*words)} {number}." for _ in range(chosen.randint(1, 4))),
        )


def make_archive(folder: Path, count: int, seed: int = 1) -> None:
    """Write `count` articles into a new folder: most in .jsonl, every format among them."""
    told = iter(stories(count, seed))
    left = count
    singles = max(10, count // 400)
    for suffix, make in SINGLE.items():
        for number in range(min(left, singles)):
            path = folder / suffix / f"{number % 7}" / f"{number}.{suffix}"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(make(next(told)))
            left -= 1
    number = 0
    while left:
        kind, make_many = MANY[number % len(MANY)]
        some = [next(told) for _ in range(min(left, LINES_A_FILE))]
        path = folder / "many" / f"{number:04}.{kind}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(make_many(some))
        left -= len(some)
        number += 1


def _plain(story: Story) -> bytes:
    return story.text.encode()


def _windows(story: Story) -> bytes:
    return story.text.encode("windows-1256", "ignore")


def _markdown(story: Story) -> bytes:
    return f"# {story.title}\n\n{story.text}".encode()


def _object(story: Story) -> dict[str, object]:
    return {
        "id": story.id,
        "title": story.title,
        "author": story.author,
        "published": story.published.isoformat(),
        "text": story.text,
    }


def _json(story: Story) -> bytes:
    return json.dumps({"articles": [_object(story)]}, ensure_ascii=False).encode()


def _jsonl(some: Sequence[Story]) -> bytes:
    return "".join(json.dumps(_object(s), ensure_ascii=False) + "\n" for s in some).encode()


def _table(delimiter: str) -> Callable[[Sequence[Story]], bytes]:
    def table(some: Sequence[Story]) -> bytes:
        out = io.StringIO()
        writer = csv.DictWriter(out, _object(some[0]), delimiter=delimiter)
        writer.writeheader()
        writer.writerows(_object(story) for story in some)
        return out.getvalue().encode()

    return table


def _zip(some: Sequence[Story]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
        for story in some:
            packed.writestr(f"{story.id}.txt", story.text)
    return out.getvalue()


def _tar(some: Sequence[Story]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as packed:
        for story in some:
            content = _markdown(story)
            entry = tarfile.TarInfo(f"{story.id}.md")
            entry.size = len(content)
            packed.addfile(entry, io.BytesIO(content))
    return out.getvalue()


def _of(
    build: Callable[[str, str, date, Sequence[str]], bytes],
) -> Callable[[Story], bytes]:
    return lambda story: build(story.title, story.author, story.published, story.paragraphs)


SINGLE: dict[str, Callable[[Story], bytes]] = {
    "txt": _plain,
    "md": _markdown,
    "json": _json,
    "html": _of(html_of),
    "docx": _of(docx_of),
    "odt": _of(odt_of),
    "epub": _of(epub_of),
    "eml": _of(eml_of),
    "pdf": lambda story: pdf_of(story.title, story.paragraphs),
}
MANY: tuple[tuple[str, Callable[[Sequence[Story]], bytes]], ...] = (
    ("jsonl", _jsonl),
    ("csv", _table(",")),
    ("jsonl.gz", lambda some: gzip.compress(_jsonl(some), mtime=0)),
    ("zip", _zip),
    ("tsv", _table("\t")),
    ("tar.gz", _tar),
    ("jsonl", _jsonl),
)
