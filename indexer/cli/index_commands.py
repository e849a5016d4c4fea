"""Commands that fill the index: `index`, `embed`, `watch`."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from indexer.cli.options import AsJson
from indexer.cli.terminal import opened, plain, stopping, valid
from indexer.progress import indexing_progress
from search.errors import EngineBusy, EngineUnavailable, InputError

if TYPE_CHECKING:
    from indexer.extraction.registry import Options
    from indexer.ingestion.pipeline import Report
    from indexer.sources import Failure, Item, Listed
    from indexer.sources.dead_letters import DeadLetters
    from indexer.sources.identity import FileIds

FINISHING = "finishing the batches in work"
STDIN = "-"

Source = Annotated[
    str, typer.Option(metavar="NAME", help="Name of the source, where articles name none.")
]
Fields = Annotated[
    list[str] | None,
    typer.Option(
        "--field",
        metavar="FIELD=NAME",
        help="What a field is called in JSON and tables, such as text=body; may be given again.",
    ),
]
Encoding = Annotated[
    str, typer.Option(metavar="NAME", help="Encoding of all texts, where it cannot be told.")
]
Collection = Annotated[
    str,
    typer.Option(
        metavar="NAME", help="Collection of the articles: ids of their own hold within it."
    ),
]
NoEmbed = Annotated[
    bool,
    typer.Option("--no-embed", help="Keyword search only; `fihris embed` adds the meaning later."),
]


def index_command(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[PATH...]", help="Files and folders of them; - is standard input."),
    ] = None,
    retry: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Try again what a file of dead letters names."),
    ] = None,
    kind: Annotated[
        str, typer.Option(metavar="SUFFIX", help="Kind of standard input, such as .csv.")
    ] = ".jsonl",
    field: Fields = None,
    collection: Collection = "",
    source: Source = "",
    encoding: Encoding = "",
    no_embed: NoEmbed = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Read and compare everything, write nothing.")
    ] = False,
    limit: Annotated[int | None, typer.Option(min=1, help="Take so many articles at most.")] = None,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Processes that read files.")] = 1,
    json: AsJson = False,
) -> None:
    """Read articles from files, folders and archives; what is stored unchanged is passed over.

    Reads .txt, .md, .html, .json, .jsonl, .csv, .pdf, .docx, .odt, .epub, .eml, .mbox, and
    .zip, .tar and .gz of them. Ctrl-C finishes the batches in work; the same command goes on
    from there. What cannot be read is named, and kept as dead letters to be tried again.
    """
    from indexer.extraction.sandbox.recogniser import Recogniser
    from indexer.sources.dead_letters import read_letters, settle
    from indexer.sources.listing import list_files
    from indexer.sources.reading import read_articles, read_stream
    from search.settings import read_settings

    if (not paths) == (retry is None):
        raise InputError("give files or folders, or else --retry FILE", field="PATH")
    options, source = _options(field, encoding), valid("--source", source)
    ids = _ids(collection)
    if collection and retry is not None:
        raise InputError("--retry knows the collections of what it tries", field="--collection")
    named = [path for path in paths or () if str(path) != STDIN]
    listed = read_letters(retry, ids.root) if retry is not None else list_files(named, ids)

    def items(asked: Callable[[], bool]) -> Generator[Item, None, None]:
        recogniser = Recogniser(read_settings(), asked)
        yield from read_articles(
            listed, options, source=source, workers=workers, recogniser=recogniser
        )
        if len(named) < len(paths or ()):
            yield from read_stream(
                sys.stdin.buffer,
                f"stdin{kind}",
                options,
                collection=ids.collection if collection else "",
                source=source,
                recogniser=recogniser,
            )

    report, letters = _indexed(
        items, _size(listed), embed=not no_embed, dry_run=dry_run, limit=limit
    )
    if retry is not None and not dry_run and not report.stopped:
        settle(retry, letters)
    _tell(report, letters.path, json=json)


def embed_command(
    limit: Annotated[
        int | None, typer.Option(min=1, help="Embed so many articles at most.")
    ] = None,
    json: AsJson = False,
) -> None:
    """Add the vectors of articles that were indexed with --no-embed; Ctrl-C and go on as you like."""
    report, letters = _indexed(None, 0, embed=True, dry_run=False, limit=limit)
    _tell(report, letters.path, json=json)


def watch_command(
    folders: Annotated[list[Path], typer.Argument(metavar="FOLDER...", help="Folders to follow.")],
    field: Fields = None,
    collection: Collection = "",
    source: Source = "",
    encoding: Encoding = "",
    no_embed: NoEmbed = False,
    allow_empty: Annotated[
        bool,
        typer.Option("--allow-empty", help="Remove all articles of a folder that became empty."),
    ] = False,
) -> None:
    """Keep the index like folders: new, changed, moved and removed files, until Ctrl-C.

    What changed while nothing watched is caught up with at the start.
    """
    from indexer.sources.dead_letters import DeadLetters
    from indexer.sync.watch import watch
    from indexer.sync.watch_options import WatchOptions

    options, ids = _options(field, encoding), _ids(collection)
    with (
        opened() as (engine, embedder, settings),
        stopping(FINISHING) as asked,
        DeadLetters(settings.data / "dead-letters") as letters,
    ):
        how = WatchOptions(
            settings=settings,
            options=options,
            collection=ids.collection,
            source=valid("--source", source),
            embed=not no_embed,
            allow_empty=allow_empty,
            stopping=asked,
            tell=lambda line: typer.echo(f"fihris: {plain(line)}", err=True),
            on_failure=_kept(letters),
        )
        watch(folders, engine, embedder, how)


def _indexed(
    items: Callable[[Callable[[], bool]], Generator[Item, None, None]] | None,
    size: int,
    *,
    embed: bool,
    dry_run: bool,
    limit: int | None,
) -> tuple[Report, DeadLetters]:
    """Index items, or with None what the index holds without vectors; show how far it is.

    Args:
        items: are given what tells that the run is to stop.
        size: bytes of all.
        embed, dry_run, limit: as `pipeline.index` takes them.
    """
    from indexer.ingestion.pipeline import index, unembedded
    from indexer.sources.dead_letters import DeadLetters
    from search.write_turns import FIRST_TURN, in_turn

    # With Python's 700, looking for cycles was a twentieth of indexing without a model.
    gc.set_threshold(50_000)
    with (
        opened() as (engine, embedder, settings),
        stopping(FINISHING) as asked,
        indexing_progress(size) as progress,
        closing(unembedded(engine) if items is None else items(asked)) as given,
        DeadLetters(settings.data / "dead-letters") as letters,
    ):
        report = index(
            given,
            engine,
            embedder,
            settings,
            embed=embed,
            dry_run=dry_run,
            limit=limit,
            begin=lambda: in_turn(lambda: engine.write([]), asked, FIRST_TURN, _tell_wait),
            stopping=asked,
            on_size=progress.size,
            on_outcome=lambda _found, _outcome: progress.article(),
            on_failure=_kept(letters),
        )
    return report, letters


def _tell_wait(error: EngineBusy) -> None:
    typer.echo(f"fihris: {error} Trying again for ten seconds.", err=True)


def _kept(letters: DeadLetters) -> Callable[[Failure], None]:
    """Return what keeps failures; a run that cannot keep them ends, so that none is lost."""

    def keep(failure: Failure) -> None:
        try:
            letters.add(failure)
        except OSError as error:
            raise EngineUnavailable(f"cannot write down what failed: {error}") from error

    return keep


def _tell(report: Report, letters: Path | None, *, json: bool) -> None:

    from indexer.cli import output

    if json:
        typer.echo(output.as_json(output.report_json(report, letters)))
    else:
        typer.echo(output.report_text(report, letters))
    if report.stopped == "interrupted":
        raise typer.Exit(130)
    if report.failures or report.stopped:
        raise typer.Exit(1)


def _size(listed: Sequence[Listed]) -> int:
    return sum(getattr(each, "size", 0) for each in listed)


def _ids(collection: str) -> FileIds:
    """Return the ids of the files of a run. Raises InputError."""
    from indexer.sources.identity import FileIds
    from search.article_ids import FILES, checked_collection
    from search.settings import read_settings

    named = checked_collection(valid("--collection", collection)) if collection else FILES
    return FileIds(named, str(read_settings().root))


def _options(fields: list[str] | None, encoding: str) -> Options:
    """Return what a person says of their files. Raises InputError."""
    from indexer.extraction.encodings import known_encoding
    from indexer.extraction.registry import Options
    from search.limits import FIELDS

    named = {}
    for each in fields or ():
        field, mark, name = valid("--field", each).partition("=")
        if not mark or not name or field not in FIELDS:
            raise InputError(
                f"--field is {each!r}; it must be FIELD=NAME with one of {', '.join(FIELDS)}",
                field="--field",
            )
        named[field] = name
    if encoding and not known_encoding(encoding):
        raise InputError(
            f"--encoding is {encoding!r}, which is no encoding; such as windows-1256",
            field="--encoding",
        )
    return Options(fields=named, encoding=encoding)
