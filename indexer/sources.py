"""Files and folders to articles, one at a time; what cannot be read is named and passed over.

    .txt .md   one article a file, its id the path inside the folder given, without suffix;
               NAME.meta.json beside it says what is known of it
    .jsonl     one article a line, streamed (`indexer.records` has the fields)

Files are taken in sorted order. Hidden ones are left out, links to folders are followed
once, and a folder in BEIR layout is left out: it is there to be evaluated.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from indexer.encodings import decode, lines
from indexer.records import article_from, parse_object
from search.domain import Article
from search.errors import SourceError

MEBIBYTE = 1 << 20
MAX_TEXT_FILE = 64 * MEBIBYTE  # bytes of a .txt or .md file, read whole
MAX_LINE = 16 * MEBIBYTE  # bytes of one line of a .jsonl file
MAX_METADATA = MEBIBYTE  # bytes of a NAME.meta.json

TEXT_SUFFIXES = (".txt", ".md")
SUFFIXES = (*TEXT_SUFFIXES, ".jsonl")
METADATA_SUFFIX = ".meta.json"


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file to read. `name` is the article's id if it is one article; `size` is bytes."""

    path: Path
    name: str
    size: int


@dataclass(frozen=True, slots=True)
class Found:
    """An article and where it stands, such as `news.jsonl:17`; `size` is bytes read."""

    article: Article
    place: str
    size: int


@dataclass(frozen=True, slots=True)
class Failure:
    """What could not be read or stored, and why, for people; `size` is bytes passed over."""

    place: str
    reason: str
    size: int = 0


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file or folder left out on purpose."""

    place: str
    reason: str


Item = Found | Failure | Skipped


def list_files(paths: Sequence[Path]) -> list[SourceFile | Failure | Skipped]:
    """Return every file under these paths in reading order, and what is left out."""
    seen: set[tuple[int, int]] = set()
    listed: list[SourceFile | Failure | Skipped] = []
    for path in paths:
        try:
            status = path.stat()
        except (OSError, ValueError) as error:
            listed.append(Failure(_shown(path), _reason(error)))
            continue
        if stat.S_ISDIR(status.st_mode):
            listed += _walk(path, PurePosixPath(), seen)
        elif path.suffix.lower() in SUFFIXES:
            listed.append(_file(path, path.stem))
        else:
            kinds = ", ".join(SUFFIXES)
            listed.append(Failure(_shown(path), f"not a kind of file that is read ({kinds})"))
    return listed


def read_articles(files: Sequence[SourceFile | Failure | Skipped]) -> Iterator[Item]:
    """Yield the articles of listed files, and a Failure for each that cannot be read."""
    for file in files:
        if not isinstance(file, SourceFile):
            yield file
        elif file.path.suffix.lower() == ".jsonl":
            yield from _read_lines(file)
        else:
            yield _read_text(file)


def _walk(
    folder: Path, inside: PurePosixPath, seen: set[tuple[int, int]]
) -> Iterator[SourceFile | Failure | Skipped]:
    """Yield what a folder holds. Not recursive: a path may be 4,096 bytes of `a/a/a/...`."""
    waiting = [(folder, inside)]
    while waiting:
        folder, inside = waiting.pop()
        try:
            status = folder.stat()
            with os.scandir(folder) as scanned:
                entries = sorted(scanned, key=lambda entry: entry.name)
        except OSError as error:
            yield Failure(_shown(folder), _reason(error))
            continue
        if (status.st_dev, status.st_ino) in seen:
            yield Skipped(_shown(folder), "a folder that was read already")
            continue
        seen.add((status.st_dev, status.st_ino))
        if is_judged_set(folder):
            yield Skipped(_shown(folder), "a test collection: `fihris evaluate` reads it")
            continue
        folders = []
        for entry in entries:
            path = folder / entry.name
            try:
                is_folder = entry.is_dir()
            except OSError as error:  # links in a circle
                yield Failure(_shown(path), _reason(error))
                continue
            if entry.name.startswith("."):
                continue
            if is_folder:
                folders.append((path, inside / entry.name))
            elif path.suffix.lower() in SUFFIXES:
                yield _file(path, str(inside / path.stem))
            elif not entry.name.endswith(METADATA_SUFFIX):
                yield Skipped(_shown(path), "not a kind of file that is read")
        waiting += reversed(folders)


def is_judged_set(folder: Path) -> bool:
    """Tell whether a folder has BEIR's layout: corpus, queries and judgements."""
    parts = ("corpus.jsonl", "queries.jsonl")
    try:
        return all((folder / part).is_file() for part in parts) and (folder / "qrels").is_dir()
    except OSError:
        return False


def _file(path: Path, name: str) -> SourceFile | Failure:
    try:
        status = path.stat()
        name.encode()
    except UnicodeEncodeError:
        return Failure(_shown(path), "its name is not valid UTF-8: rename it")
    except OSError as error:
        return Failure(_shown(path), _reason(error))
    if not stat.S_ISREG(status.st_mode):
        return Failure(_shown(path), "not a regular file")
    return SourceFile(path, name, status.st_size)


def _read_text(file: SourceFile) -> Found | Failure:
    """Return the article of a .txt or .md file."""
    try:
        if file.size > MAX_TEXT_FILE:
            raise SourceError(
                f"{file.size:,} bytes, and a text file may have {MAX_TEXT_FILE:,}: "
                "split it, or give its articles as lines of a .jsonl file"
            )
        text = decode(_read_bounded(file.path, MAX_TEXT_FILE))
        known = {"id": file.name, "title": _heading(text) if _is_markdown(file) else ""}
        article = article_from({**known, **_metadata(file.path), "text": text})
    except SourceError as error:
        return Failure(_shown(file.path), str(error), file.size)
    return Found(article, _shown(file.path), file.size)


def _read_lines(file: SourceFile) -> Iterator[Found | Failure]:
    """Yield the article of each line of a .jsonl file; blank lines are passed over."""
    shown = _shown(file.path)
    blank = True
    try:
        with file.path.open("rb") as stream:
            for line in lines(stream, MAX_LINE):
                place = f"{shown}:{line.number}"
                if not line.problem and not line.text.strip():
                    continue
                blank = False
                try:
                    if line.problem:
                        raise SourceError(line.problem)
                    yield Found(article_from(parse_object(line.text)), place, line.size)
                except SourceError as error:
                    yield Failure(place, str(error), line.size)
    except OSError as error:
        yield Failure(shown, _reason(error))
        return
    if blank:
        yield Failure(shown, "there is no text: nothing to index", file.size)


def _metadata(path: Path) -> dict[str, object]:
    """Return what NAME.meta.json beside a text file says, {} without one."""
    beside = path.with_name(path.stem + METADATA_SUFFIX)
    try:
        if not beside.exists():
            return {}
        known = parse_object(decode(_read_bounded(beside, MAX_METADATA)))
    except SourceError as error:
        raise SourceError(f"{beside.name}: {error}") from error
    except OSError as error:
        raise SourceError(f"{beside.name}: {_reason(error)}") from error
    if "text" in known:
        raise SourceError(f'{beside.name}: "text" belongs in {path.name}')
    return known


def _read_bounded(path: Path, limit: int) -> bytes:
    """Return a file's bytes, also where it grew since it was listed."""
    try:
        with path.open("rb") as stream:
            content = stream.read(limit + 1)
    except OSError as error:
        raise SourceError(_reason(error)) from error
    if len(content) > limit:
        raise SourceError(f"larger than {limit:,} bytes")
    return content


def _is_markdown(file: SourceFile) -> bool:
    return file.path.suffix.lower() == ".md"


def _heading(text: str) -> str:
    """Return a markdown text's title: its first line, if that is a heading of level one."""
    first = text.lstrip().partition("\n")[0]
    return first[2:].strip() if first.startswith("# ") else ""


def _shown(path: Path) -> str:
    """Return a path as people may read it, also where its name is not valid UTF-8."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _reason(error: OSError | ValueError) -> str:
    match error:
        case FileNotFoundError():
            return "there is no such file or folder"
        case PermissionError():
            return "no permission to read it"
        case OSError():
            return error.strerror or str(error)
        case _:
            return str(error)
