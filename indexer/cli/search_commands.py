"""Commands that ask the index: `search`, `kwic`, `suggest`, `batch`, `list`, `analyze`, `status`, and `formats`."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from indexer.cli.options import AsCsv, AsJson, Choice, Mode, Text, filtered
from indexer.cli.terminal import opened, plain, print_text, searching, valid
from search.errors import InputError

if TYPE_CHECKING:  # these would slow `fihris --help`
    from search.domain import Filter, Query


@filtered
def search_command(
    *,
    text: Text,
    mode: Mode = "hybrid",
    size: Annotated[int, typer.Option(help="Results to show, 1 to 100.")] = 10,
    start: Annotated[int, typer.Option(help="Results to pass over first.")] = 0,
    query: Query,
    facet: Annotated[
        list[Choice] | None,
        typer.Option(
            help="Count what matches by collection, source, author, language, tag, year, month or label; may be given again."
        ),
    ] = None,
    facet_size: Annotated[int, typer.Option(help="Values of a facet to show, 1 to 100.")] = 20,
    facet_prefix: Annotated[
        str, typer.Option(help="Only values of facets that begin so, in any spelling.")
    ] = "",
    count_articles: Annotated[
        bool, typer.Option("--count-articles", help="Count the articles that match by words too.")
    ] = False,
    group_by: Annotated[
        Choice, typer.Option(help="article: articles with their best passages; --size counts them.")
    ] = "",
    sort: Annotated[
        Choice, typer.Option(help="relevance; newest or oldest: by date, what matches by words.")
    ] = "relevance",
    collapse: Annotated[
        Choice, typer.Option(help="duplicates: near copies of a result stand under it.")
    ] = "",
    explain: Annotated[
        bool, typer.Option("--explain", help="Say of each result why it has its score.")
    ] = False,
    format: Annotated[
        Choice, typer.Option(help="text; csv, for spreadsheets; bibtex or ris, citations.")
    ] = "text",
    json: AsJson = False,
) -> None:
    """Search; matches are bold, or between ** and ** where the output is no terminal."""
    from indexer.cli import output
    from search import exports
    from search.query.validation import check_one_of

    check_one_of("format", format, ("text", *exports.FORMATS))
    query = replace(
        query,
        text=valid("text", text),
        mode=mode,
        size=size,
        start=start,
        facets=tuple(valid("facet", each) for each in facet or ()),
        facet_size=facet_size,
        facet_prefix=facet_prefix,
        count_articles=count_articles,
        group_by=group_by,
        sort=sort,
        explain=explain,
        collapse=collapse,
    )
    with searching() as (searcher, settings):
        results = searcher.search(query)
        is_empty = not (results.hits or results.groups) and not searcher.engine.status().articles
    if is_empty:
        where = (
            f"in {settings.data}"
            if settings.engine == "embedded"
            else f"of {settings.engine.capitalize()}"
        )
        hint = f"the index {where} is empty; `fihris index PATH...` fills it"
        typer.echo(f"fihris: {plain(hint)}", err=True)
    if json:
        typer.echo(output.as_json(results))
    elif format != "text":
        typer.echo(exports.exported(results, format), nl=False)
    else:
        print_text(output.results_text(results, bold=sys.stdout.isatty()))


@filtered
def kwic_command(
    *,
    text: Annotated[str, typer.Argument(metavar="TEXT", help='Words, "phrases".')],
    width: Annotated[int, typer.Option(help="Words on each side, 1 to 30.")] = 8,
    sort: Annotated[
        Choice, typer.Option(help="relevance, or by the words before or after.")
    ] = "relevance",
    passages: Annotated[
        int, typer.Option(help="How many of the best passages are read, 1 to 1000.")
    ] = 200,
    size: Annotated[int, typer.Option(help="Lines to show, 1 to 1000.")] = 50,
    start: Annotated[int, typer.Option(help="Lines to pass over first.")] = 0,
    query: Query,
    as_csv: AsCsv = False,
    frequencies: Annotated[
        bool, typer.Option("--frequencies", help="As --csv, how many each source and year has.")
    ] = False,
    json: AsJson = False,
) -> None:
    """Show each occurrence of words or a phrase between the words around it (KWIC).

    Then how many passages and occurrences each source and each year has.
    """
    from indexer.cli import output
    from search.assembly import open_synonyms
    from search.ranking import kwic
    from search.ranking.searcher import Searcher

    _one_format(as_csv or frequencies, json)
    query = replace(query, text=valid("text", text), mode="keyword", size=size, start=start)
    with opened() as (engine, _, settings):
        searcher = Searcher(engine, None, synonyms=open_synonyms(settings))
        found = kwic.kwic(searcher, query, width=width, sort=sort, passages=passages)
    if json:
        typer.echo(output.as_json(found))
    elif as_csv or frequencies:
        typer.echo(kwic.frequencies_csv(found) if frequencies else kwic.as_csv(found), nl=False)
    else:
        print_text(output.kwic_text(found, bold=sys.stdout.isatty()))


def suggest_command(
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What was typed so far.")],
    size: Annotated[int, typer.Option(help="Suggestions to show, 1 to 20.")] = 8,
    json: AsJson = False,
) -> None:
    """Show what may be meant to be typed: words, names and titles of the collection."""
    from indexer.cli import output
    from search.ranking.searcher import Searcher

    typed = valid("text", text)
    with opened() as (engine, _, _):
        found = Searcher(engine, None).suggest(typed, size)
    if json:
        typer.echo(output.as_json(found))
    else:
        for one in found.suggestions:
            typer.echo(f"{one.kind}\t{plain(one.text)}")
        if found.degraded:
            typer.echo("fihris: the suggestions are still being gathered; ask again", err=True)


@filtered
def similar_command(
    *,
    id: Annotated[str, typer.Argument(metavar="ID", help="Of a passage, or of an article.")],
    mode: Mode = "hybrid",
    size: Annotated[int, typer.Option(help="Results to show, 1 to 100.")] = 10,
    filter: Filter,
    json: AsJson = False,
) -> None:
    """Show what is like a passage, or which articles are like an article, by words and meaning."""
    from indexer.cli import output
    from search.ranking.searcher import Searcher

    known = valid("id", id)
    with opened() as (engine, embedder, _):
        results = Searcher(engine, embedder).similar(
            known,
            mode=mode,
            size=size,
            filter=filter,
            group_by="article" if engine.stored([known]) else "",
        )
    if json:
        typer.echo(output.as_json(results))
    else:
        print_text(output.results_text(results, bold=sys.stdout.isatty()))


@filtered
def batch_command(
    *,
    queries: Annotated[
        Path, typer.Argument(metavar="QUERIES", help="A file of queries, a line each; - is stdin.")
    ],
    mode: Mode = "hybrid",
    size: Annotated[int, typer.Option(help="Results of each query, 1 to 100.")] = 3,
    query: Query,
    as_csv: AsCsv = False,
    json: AsJson = False,
) -> None:
    """Search many queries, such as a list of names: how much each finds, and its best passages.

    Empty lines and those that begin with # are passed over. A query that cannot be asked is
    named, and the others go on.
    """
    from indexer.cli.batch_output import FORMATS, Answered
    from indexer.progress import steps

    _one_format(as_csv, json)
    lines = _queries(queries)
    write = FORMATS["csv" if as_csv else "json" if json else "text"](sys.stdout)
    query = replace(query, mode=mode, size=size)
    failed, degraded = 0, set[str]()
    with (
        searching() as (searcher, _),
        steps(plain=True, of_what="queries", bar=not sys.stdout.isatty()) as on_step,
    ):
        for done, (number, text) in enumerate(lines):
            on_step("searching", done, len(lines))
            try:
                results = searcher.search(replace(query, text=text))
            except InputError as error:
                if error.field != "query":  # of an option: it holds for all
                    raise
                typer.echo(f"fihris: line {number:,}: {plain(str(error))}", err=True)
                write(Answered(number, text, problem=str(error)))
                failed += 1
            else:
                degraded.update(results.degraded)
                write(Answered(number, text, results))
    if degraded:
        typer.echo(f"fihris: some were answered without: {', '.join(sorted(degraded))}", err=True)
    typer.echo(f"{len(lines) - failed:,} of {len(lines):,} queries answered", err=True)
    if failed:
        raise typer.Exit(1)


def _one_format(as_csv: bool, json: bool) -> None:
    if as_csv and json:
        raise InputError("--csv and --json are two formats: give one", field="--csv")


def _queries(path: Path) -> list[tuple[int, str]]:
    """Return the queries of a file with their lines. Raises InputError."""
    from search.limits import MAX_FILE

    shown = plain(str(path))
    try:
        with nullcontext(sys.stdin.buffer) if str(path) == "-" else path.open("rb") as stream:
            content = stream.read(MAX_FILE + 1)
    except OSError as error:
        raise InputError(f"{shown}: {error.strerror or error}", field="QUERIES") from error
    if len(content) > MAX_FILE:
        raise InputError(f"{shown} has more than {MAX_FILE >> 20} MiB: split it", field="QUERIES")
    found = []
    for number, line in enumerate(content.removeprefix(b"\xef\xbb\xbf").split(b"\n"), start=1):
        try:
            text = line.decode("utf-8").strip()
        except UnicodeDecodeError as error:
            raise InputError(
                f"{shown}, line {number:,} is not UTF-8: save the file as UTF-8", field="QUERIES"
            ) from error
        if text and not text.startswith("#"):
            found.append((number, text))
    if not found:
        raise InputError(f"there is no query in {shown}: write one a line", field="QUERIES")
    return found


@filtered
def list_command(
    *,
    filter: Filter,
    sort: Annotated[Choice, typer.Option(help="id, newest or oldest.")] = "id",
    size: Annotated[int, typer.Option(help="Articles to list at most; 0: all.")] = 0,
    json: AsJson = False,
) -> None:
    """List the articles there are, a line each: id, date, source, title."""
    from indexer.cli import output
    from search.listing import pages
    from search.query.validation import check_within

    check_within("--size", size, 0)
    shown = 0
    with opened() as (engine, _, _):
        for page in pages(engine, filter, sort):
            listed = page.articles[: size - shown] if size else page.articles
            for info in listed:
                typer.echo(output.as_json(info) if json else output.article_line(info))
            shown += len(listed)
            if shown == size:
                break
    typer.echo(f"{shown:,} of {page.total:,} articles", err=True)


def collections_command(json: AsJson = False) -> None:
    """List the collections there are, a line each: articles, passages, name.

    `fihris delete --collection NAME` removes one.
    """
    from indexer.cli import output
    from search.listing import collections

    with opened() as (engine, _, _):
        for each in collections(engine):
            line = f"{each.articles:>9,} articles {each.passages:>11,} passages  {each.name or '(none)'}"
            typer.echo(output.as_json(each) if json else line)


def analyze_command(
    text: Annotated[str, typer.Argument(metavar="TEXT", help="Any text.")], json: AsJson = False
) -> None:
    """Show every layer of every word of a text, as engines see it."""
    from indexer.cli import output
    from search.analysis.tokens import analyse

    tokens = analyse(valid("text", text))
    if json:
        typer.echo(output.as_json([token._asdict() for token in tokens]))
    else:
        typer.echo(output.tokens_table(text, tokens))


def formats_command(json: AsJson = False) -> None:
    """List the kinds of files that are read, by their suffixes."""
    from indexer.cli import output
    from indexer.extraction.registry import KINDS, others
    from search.registry import package_of

    listed = {kind.shown: kind.suffixes.split() for kind in KINDS.values()}
    for suffix, entry in others().items():
        listed.setdefault(f"read by the package {package_of(entry)}", []).append(suffix)
    if json:
        typer.echo(output.as_json(listed))
    else:
        typer.echo("\n".join(f"{kind:<45}{' '.join(its)}" for kind, its in listed.items()))


def status_command(json: AsJson = False) -> None:
    """Tell what the index holds and what made it."""

    from indexer.cli import output

    with opened() as (engine, _, _):
        found = engine.status()
    typer.echo(output.as_json(found) if json else output.status_text(found))
