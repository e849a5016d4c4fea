"""Listed files to articles in their order, each file parsed in a bounded child process."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import closing, nullcontext
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO

from indexer.extraction.registry import (
    MEBIBYTE,
    METADATA_SUFFIX,
    Options,
    id_of,
    kind_of,
    unknown_fields,
)
from indexer.extraction.sandbox.parser import OnUsage, Parser
from indexer.extraction.sandbox.recogniser import Recogniser
from indexer.sources import Failure, Found, Item, Listed, Skipped, SourceFile
from indexer.sources.naming import problem_of, shown
from indexer.sources.read_ahead import Workers
from indexer.sources.sidecar import metadata_of
from search.article_ids import joined
from search.errors import SourceError

MAX_STREAM = 4 << 30  # bytes of standard input


def read_articles(
    files: Sequence[Listed],
    options: Options | None = None,
    *,
    source: str = "",
    workers: int = 1,
    on_usage: OnUsage | None = None,
    parser: Parser | None = None,
    recogniser: Recogniser | None = None,
) -> Generator[Item, None, None]:
    """Yield the articles of listed files in order, and a Failure for each that cannot be read.

    Closing the iterator ends all processes but those of `parser`.

    Args:
        files: as `listing.list_files` returns them.
        options: what a person says of them.
        source: the source of articles that name none.
        workers: how many files are parsed at once.
        on_usage: called after each file with what it took, from a thread of its worker.
        parser: parses them, in place of one of its own, and stays open.
        recogniser: reads pages that are pictures.
    """
    said = options or Options()

    def items_of(listed: Listed, parser: Parser) -> Generator[Item, None, None]:
        if not isinstance(listed, SourceFile):
            yield listed
            return
        try:
            known = metadata_of(listed.path)
        except SourceError as error:
            yield Failure(shown(listed.path), error.code, str(error), listed.size, listed)
            return
        notes = unknown_fields(known, listed.path.stem + METADATA_SUFFIX)
        with closing(parser.parse(listed, said, known=known, source=source)) as items:
            for item in items:
                if isinstance(item, Found) and notes:
                    yield replace(item, notes=(*notes, *item.notes))
                elif isinstance(item, Failure) and kind_of(listed.name) == "pictures":
                    yield _left_out(item)
                else:
                    yield item

    def new_parser() -> Parser:
        return Parser(on_usage=on_usage, recogniser=recogniser)

    if workers == 1:
        with nullcontext(parser) if parser else new_parser() as one:
            for listed in files:
                yield from items_of(listed, one)
    else:
        with Workers(workers, new_parser, items_of) as ahead:
            yield from ahead.items(files)


def _left_out(item: Failure) -> Failure | Skipped:
    """Leave a picture out that is none of a text, or that nothing here reads: photos are no failures."""
    if item.code == "no-text-layer":
        return Skipped(item.place, item.reason, item.reason)
    if item.code in ("empty", "garbled"):
        return Skipped(item.place, item.reason, "pictures without text")
    return item


def read_stream(
    stream: BinaryIO,
    name: str = "stdin.jsonl",
    options: Options | None = None,
    *,
    collection: str = "",
    source: str = "",
    recogniser: Recogniser | None = None,
) -> Generator[Item, None, None]:
    """Yield the articles of what comes without a name, such as standard input.

    It is kept in a file that no folder shows until it is read, since what parses it must
    know its size and may read its end first.

    Args:
        stream: read to its end, 4 GiB at most.
        name: what ids are made of; its suffix tells the kind.
        options: what a person says of it.
        collection: what its articles are in.
        source: the source of articles that name none.
        recogniser: reads pages that are pictures.
    """
    place = "standard input"
    with TemporaryFile() as kept:
        size = 0
        try:
            while piece := stream.read(MEBIBYTE):
                size += len(piece)
                if size > MAX_STREAM:
                    reason = f"more than {MAX_STREAM:,} bytes: give it as files"
                    yield Failure(place, "too-large", reason)
                    return
                kept.write(piece)
            kept.flush()
        except OSError as error:
            yield Failure(place, "unreadable", problem_of(error)[1])
            return
        file = SourceFile(Path(place), name, size, joined(collection, id_of(name)))
        with (
            Parser(recogniser=recogniser) as parser,
            closing(parser.parse(file, options, descriptor=kept.fileno(), source=source)) as items,
        ):
            for item in items:
                yield replace(item, file=None)  # there is no file to give again
