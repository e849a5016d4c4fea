"""The command line, one thin function a command. Answers on stdout, everything else on stderr.

Exit status: 0 done; 1 something failed (each thing is named); 2 an argument, a setting or
a given file cannot be used; 130 interrupted.

Whatever takes long to import is imported by the command that needs it, so that
`fihris --help` is instant; a test holds that.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from indexer.terminal import (
    all_valid,
    date_from,
    log_plainly,
    opened,
    print_text,
    progress_bar,
    steps,
    valid,
    with_engine,
)
from search.errors import FihrisError, InputError, SettingsError, SourceError

app = typer.Typer(
    name="fihris",
    help="فهرس: Arabic-first search over your own articles, by words and by meaning.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]


def main() -> NoReturn:
    """Run the command line; every error raised on purpose becomes one line on stderr."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # Arabic must print whatever the locale is
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    log_plainly()
    try:
        app(prog_name="fihris")
    except (InputError, SettingsError, SourceError) as error:
        _end(error, 2)
    except FihrisError as error:
        _end(error, 1)
    except KeyboardInterrupt:
        _end("interrupted", 130)
    except BrokenPipeError:
        _leave_pipe()
    except Exception as error:
        if sys.flags.dev_mode:
            raise
        kind = type(error).__name__
        _end(f"unexpected {kind}: {error}; `python -X dev -m indexer.cli` shows where", 1)
    sys.exit(0)


def _end(error: FihrisError | str, status: int) -> NoReturn:
    from indexer.show import plain

    typer.echo(f"fihris: {plain(str(error))}", err=True)
    sys.exit(status)


def _leave_pipe() -> NoReturn:
    """End as a program does whose reader went away, without Python's complaint at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    sys.exit(141)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"fihris {version('fihris')}")
        raise typer.Exit


@app.callback()
def fihris(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """فهرس: Arabic-first search over your own articles, by words and by meaning.

    Settings are FIHRIS_* environment variables; README.md lists them.
    """


@app.command("index")
def index_command(
    paths: Annotated[
        list[Path],
        typer.Argument(metavar="PATH...", help="Files (.txt, .md, .jsonl) and folders of them."),
    ],
    json: AsJson = False,
) -> None:
    """Read articles from files and folders; what is stored unchanged is passed over."""
    from indexer import show
    from indexer.pipeline import index
    from indexer.sources import list_files, read_articles

    files = list_files(paths)
    with opened() as (engine, embedder, settings), progress_bar() as progress:
        size = sum(getattr(file, "size", 0) for file in files)
        task = progress.add_task("indexing", total=size)
        report = index(
            read_articles(files),
            engine,
            embedder,
            settings,
            on_size=lambda more: progress.advance(task, more),
        )
    if json:
        typer.echo(show.as_json(show.report_json(report)))
    else:
        typer.echo(show.report_text(report))
    if report.stopped == "interrupted":
        raise typer.Exit(130)
    if report.failed or report.stopped:
        raise typer.Exit(1)


@app.command("search")
def search_command(
    text: Annotated[
        str, typer.Argument(metavar="TEXT", help='Words, "phrases", +required, -excluded.')
    ],
    mode: Annotated[str, typer.Option(help="hybrid, keyword or semantic.")] = "hybrid",
    size: Annotated[int, typer.Option(help="Results to show, 1 to 100.")] = 10,
    start: Annotated[int, typer.Option(help="Results to pass over first.")] = 0,
    source: Annotated[
        list[str] | None, typer.Option(help="Only from this source; may be given again.")
    ] = None,
    language: Annotated[
        list[str] | None, typer.Option(help="Only in this language; may be given again.")
    ] = None,
    article: Annotated[
        list[str] | None, typer.Option(help="Only in the article of this id; may be given again.")
    ] = None,
    tag: Annotated[
        list[str] | None, typer.Option(help="Only with this tag; may be given again.")
    ] = None,
    published_from: Annotated[
        str, typer.Option("--from", metavar="DATE", help="Only published then or later.")
    ] = "",
    published_to: Annotated[
        str, typer.Option("--to", metavar="DATE", help="Only published then or earlier.")
    ] = "",
    variants: Annotated[
        bool, typer.Option(help="Also search what Latin spellings (al3iraq, Iraq) may stand for.")
    ] = True,
    json: AsJson = False,
) -> None:
    """Search; matches are bold, or between ** and ** where the output is no terminal."""
    from typing import cast

    from indexer import show
    from search.domain import Filter, Mode, Query
    from search.searcher import Searcher

    query = Query(
        text=valid("text", text),
        mode=cast("Mode", mode),  # the searcher refuses another one by name
        size=size,
        start=start,
        variants=variants,
        filter=Filter(
            sources=all_valid("source", source),
            languages=all_valid("language", language),
            articles=all_valid("article", article),
            tags=all_valid("tag", tag),
            published_from=date_from(published_from, "--from"),
            published_to=date_from(published_to, "--to"),
        ),
    )
    with opened() as (engine, embedder, _):
        results = Searcher(engine, embedder).search(query)
    if json:
        typer.echo(show.as_json(results))
    else:
        print_text(show.results_text(results, bold=sys.stdout.isatty()))


@app.command()
def serve(
    host: Annotated[
        str | None, typer.Option(help="Address to listen on, instead of FIHRIS_HOST.")
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="Port, instead of FIHRIS_PORT; 0: any free one."),
    ] = None,
) -> None:
    """Serve the HTTP API and the search page until Ctrl-C."""
    from indexer.server import serve
    from search.settings import read_settings

    # The application reads the same settings in its own place.
    if host is not None:
        os.environ["FIHRIS_HOST"] = host
    if port is not None:
        os.environ["FIHRIS_PORT"] = str(port)
    settings = read_settings()
    serve(
        settings.host,
        settings.port,
        lambda url: typer.echo(f"Fihris: search page and API on {url} (Ctrl-C stops it)"),
    )


@app.command()
def status(json: AsJson = False) -> None:
    """Tell what the index holds and what made it."""
    from indexer import show

    with opened() as (engine, _, _):
        found = engine.status()
    typer.echo(show.as_json(found) if json else show.status_text(found))


@app.command()
def delete(
    ids: Annotated[list[str], typer.Argument(metavar="ID...", help="Ids of articles.")],
) -> None:
    """Remove articles by id."""
    from indexer.show import plain

    with opened() as (engine, _, _):
        wanted = list(dict.fromkeys(all_valid("id", ids)))
        known = engine.content_hashes(wanted)
        removed = engine.delete(list(known))
    unknown = [each for each in wanted if each not in known]
    for article_id in unknown:
        typer.echo(f"fihris: there is no article {plain(article_id)!r}", err=True)
    typer.echo(f"{removed:,} articles removed")
    if unknown:
        raise typer.Exit(1)


@app.command("reindex")
def reindex_command(
    keep: Annotated[
        bool, typer.Option("--keep/--drop", help="Keep the old version beside the new one.")
    ] = False,
    json: AsJson = False,
) -> None:
    """Make the index anew from what it holds, while searches go on; then swap it in at once.

    For another analyser, model or setting than the index was made with. Vectors are kept
    where the model is the same. Killed at any step, it goes on where it was.
    """
    from indexer import show
    from indexer.reindex import reindex
    from search.embedding import open_embedder
    from search.settings import read_settings

    settings = read_settings()
    embedder = open_embedder(settings)
    with steps() as on_step:
        copied = reindex(settings, embedder, keep=keep, on_step=on_step)
    typer.echo(show.as_json(copied) if json else show.copied_text(copied))


@app.command("migrate")
def migrate_command(
    source: Annotated[str, typer.Option("--from", metavar="ENGINE", help="Engine to copy from.")],
    target: Annotated[str, typer.Option("--to", metavar="ENGINE", help="Engine to copy to.")],
    json: AsJson = False,
) -> None:
    """Copy the index from one engine to another (embedded, elasticsearch); nothing is embedded."""
    from indexer import show
    from indexer.reindex import migrate
    from search.embedding import open_embedder
    from search.settings import read_settings

    settings = read_settings()
    named = [
        with_engine(settings, name, option)
        for name, option in ((source, "--from"), (target, "--to"))
    ]
    if source == target:
        raise InputError(f"--from and --to are both {source!r}", field="--to")
    embedder = open_embedder(settings)
    with steps() as on_step:
        copied = migrate(named[0], named[1], embedder, on_step)
    typer.echo(show.as_json(copied) if json else show.copied_text(copied))


@app.command("evaluate")
def evaluate_command(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="corpus.jsonl, queries.jsonl and qrels/test.tsv.")
    ],
    mode: Annotated[
        list[str] | None,
        typer.Option(help="hybrid, keyword or semantic; may be given again; all if not given."),
    ] = None,
    json: AsJson = False,
) -> None:
    """Measure ranking on a judged collection in BEIR's layout, in a temporary index."""
    from indexer import show
    from indexer.evaluate import evaluate
    from indexer.judgements import read_judged_set
    from search.domain import MODES
    from search.embedding import open_embedder
    from search.settings import read_settings

    modes = [each for each in MODES if mode is None or each in mode]
    if unknown := sorted(set(mode or ()) - set(MODES)):
        raise InputError(
            f"--mode is {unknown[0]!r}; it must be one of {', '.join(MODES)}", field="mode"
        )
    settings = read_settings()
    judged = read_judged_set(folder)
    embedder = open_embedder(settings)
    with steps() as on_step:
        evaluation = evaluate(judged, settings, embedder, modes, on_step)
    if judged.empty:
        typer.echo(f"{judged.empty:,} articles without a text were left out", err=True)
    if evaluation.cut_queries:
        typer.echo(
            f"{evaluation.cut_queries:,} queries were too long; their beginning was asked", err=True
        )
    if json:
        typer.echo(show.as_json(show.evaluation_json(evaluation)))
    else:
        typer.echo(show.evaluation_table(evaluation))


@app.command()
def analyze(
    text: Annotated[str, typer.Argument(metavar="TEXT", help="Any text.")], json: AsJson = False
) -> None:
    """Show every layer of every word of a text, as engines see it."""
    from indexer import show
    from search.analysis import analyse

    tokens = analyse(valid("text", text))
    if json:
        typer.echo(show.as_json([token._asdict() for token in tokens]))
    else:
        typer.echo(show.tokens_table(text, tokens))


if __name__ == "__main__":
    main()
