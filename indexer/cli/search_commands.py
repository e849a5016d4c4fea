"""Asking the index: `search`, `kwic`, `suggest`, `batch`, `list`, `analyze`, `status`, and `formats`."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from indexer.cli import AsJson
from indexer.cli.filters import Articles, Authors, From, Languages, Sources, Tags, To, filter_of
from indexer.cli.terminal import all_valid, opened, plain, print_text, valid
from search.errors import InputError

AskedMode = Annotated[str, typer.Option(help="hybrid, keyword or semantic.")]
Variants = Annotated[
    bool, typer.Option(help="Also search what Latin spellings (al3iraq, Iraq) may stand for.")
]
Synonyms = Annotated[bool, typer.Option(help="Also search the synonyms of FIHRIS_SYNONYMS.")]
Match = Annotated[
    str,
    typer.Option(help="How far a match may go: exact, spelling, form, near or meaning."),
]
AsCsv = Annotated[
    bool, typer.Option("--csv", help="Print a table for spreadsheets, a row for each result.")
]


def search_command(
    text: Annotated[
        str, typer.Argument(metavar="TEXT", help='Words, "phrases", +required, -excluded.')
    ],
    mode: AskedMode = "hybrid",
    size: Annotated[int, typer.Option(help="Results to show, 1 to 100.")] = 10,
    start: Annotated[int, typer.Option(help="Results to pass over first.")] = 0,
    source: Sources = None,
    language: Languages = None,
    article: Articles = None,
    author: Authors = None,
    tag: Tags = None,
    published_from: From = "",
    published_to: To = "",
    variants: Variants = True,
    synonyms: Synonyms = True,
    match: Match = "",
    facet: Annotated[
        list[str] | None,
        typer.Option(
            help="Count what matches by source, author, language, tag, year or month; may be given again."
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
        str, typer.Option(help="article: articles with their best passages; --size counts them.")
    ] = "",
    sort: Annotated[
        str, typer.Option(help="relevance; newest or oldest: by date, what matches by words.")
    ] = "relevance",
    collapse: Annotated[
        str, typer.Option(help="duplicates: near copies of a result stand under it.")
    ] = "",
    explain: Annotated[
        bool, typer.Option("--explain", help="Say of each result why it has its score.")
    ] = False,
    format: Annotated[
        str, typer.Option(help="text; csv, for spreadsheets; bibtex or ris, citations.")
    ] = "text",
    json: AsJson = False,
) -> None:
    """Search; matches are bold, or between ** and ** where the output is no terminal."""
    from typing import cast

    from indexer.cli import output
    from search import exports
    from search.assembly import open_synonyms, opened_first_hits
    from search.domain import Collapse, FacetField, GroupBy, Level, Mode, Query, SearchSort
    from search.ranking.searcher import Searcher

    if format not in ("text", *exports.FORMATS):
        known = ", ".join(("text", *exports.FORMATS))
        raise InputError(f"format is {format!r}; it must be one of {known}", field="format")
    query = Query(
        text=valid("text", text),
        mode=cast("Mode", mode),  # the searcher refuses another one by name
        size=size,
        start=start,
        variants=variants,
        synonyms=synonyms,
        match=cast("Level", match) if match else None,
        facets=cast("tuple[FacetField, ...]", all_valid("facet", facet)),
        facet_size=facet_size,
        facet_prefix=facet_prefix,
        count_articles=count_articles,
        group_by=cast("GroupBy", group_by),
        sort=cast("SearchSort", sort),
        explain=explain,
        collapse=cast("Collapse", collapse),
        filter=filter_of(source, author, language, article, tag, published_from, published_to),
    )
    with opened() as (engine, embedder, settings), opened_first_hits(settings) as first_hits:
        results = Searcher(engine, embedder, first_hits, open_synonyms(settings)).search(query)
        is_empty = not (results.hits or results.groups) and not engine.status().articles
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
        typer.echo(exports.exported(results, cast("exports.Format", format)), nl=False)
    else:
        print_text(output.results_text(results, bold=sys.stdout.isatty()))


def kwic_command(
    text: Annotated[str, typer.Argument(metavar="TEXT", help='Words, "phrases".')],
    width: Annotated[int, typer.Option(help="Words on each side, 1 to 30.")] = 8,
    sort: Annotated[
        str, typer.Option(help="relevance, or by the words before or after.")
    ] = "relevance",
    passages: Annotated[
        int, typer.Option(help="How many of the best passages are read, 1 to 1000.")
    ] = 200,
    size: Annotated[int, typer.Option(help="Lines to show, 1 to 1000.")] = 50,
    start: Annotated[int, typer.Option(help="Lines to pass over first.")] = 0,
    source: Sources = None,
    language: Languages = None,
    article: Articles = None,
    author: Authors = None,
    tag: Tags = None,
    published_from: From = "",
    published_to: To = "",
    variants: Variants = True,
    match: Match = "",
    as_csv: AsCsv = False,
    json: AsJson = False,
) -> None:
    """Show each occurrence of words or a phrase between the words around it (KWIC).

    Then how many passages and occurrences each source and each year has.
    """
    from typing import cast

    from indexer.cli import output
    from search.assembly import open_synonyms
    from search.domain import KwicSort, Level, Query
    from search.ranking import kwic
    from search.ranking.searcher import Searcher

    _one_format(as_csv, json)
    query = Query(
        text=valid("text", text),
        mode="keyword",
        size=size,
        start=start,
        variants=variants,
        match=cast("Level", match) if match else None,
        filter=filter_of(source, author, language, article, tag, published_from, published_to),
    )
    with opened() as (engine, _, settings):
        order = cast("KwicSort", sort)
        searcher = Searcher(engine, None, synonyms=open_synonyms(settings))
        found = kwic.kwic(searcher, query, width=width, sort=order, passages=passages)
    if json:
        typer.echo(output.as_json(found))
    elif as_csv:
        typer.echo(kwic.as_csv(found), nl=False)
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


def similar_command(
    id: Annotated[str, typer.Argument(metavar="ID", help="Of a passage, or of an article.")],
    mode: AskedMode = "hybrid",
    size: Annotated[int, typer.Option(help="Results to show, 1 to 100.")] = 10,
    source: Sources = None,
    language: Languages = None,
    author: Authors = None,
    tag: Tags = None,
    published_from: From = "",
    published_to: To = "",
    json: AsJson = False,
) -> None:
    """Show what is like a passage, or which articles are like an article, by words and meaning."""
    from typing import cast

    from indexer.cli import output
    from search.domain import Mode
    from search.ranking.searcher import Searcher

    inside = filter_of(source, author, language, None, tag, published_from, published_to)
    known = valid("id", id)
    with opened() as (engine, embedder, _):
        results = Searcher(engine, embedder).similar(
            known,
            mode=cast("Mode", mode),
            size=size,
            filter=inside,
            group_by="article" if engine.stored([known]) else "",
        )
    if json:
        typer.echo(output.as_json(results))
    else:
        print_text(output.results_text(results, bold=sys.stdout.isatty()))


def batch_command(
    queries: Annotated[
        Path, typer.Argument(metavar="QUERIES", help="A file of queries, a line each; - is stdin.")
    ],
    mode: AskedMode = "hybrid",
    size: Annotated[int, typer.Option(help="Results of each query, 1 to 100.")] = 3,
    source: Sources = None,
    language: Languages = None,
    article: Articles = None,
    author: Authors = None,
    tag: Tags = None,
    published_from: From = "",
    published_to: To = "",
    variants: Variants = True,
    match: Match = "",
    as_csv: AsCsv = False,
    json: AsJson = False,
) -> None:
    """Search many queries, such as a list of names: how much each finds, and its best passages.

    Empty lines and those that begin with # are passed over. A query that cannot be asked is
    named, and the others go on.
    """
    from typing import cast

    from indexer.cli.batch_output import FORMATS, Answered
    from indexer.progress import steps
    from search.assembly import open_synonyms, opened_first_hits
    from search.domain import Level, Mode, Query
    from search.ranking.searcher import Searcher

    _one_format(as_csv, json)
    lines = _queries(queries)
    write = FORMATS["csv" if as_csv else "json" if json else "text"](sys.stdout)
    query = Query(
        text="",
        mode=cast("Mode", mode),
        size=size,
        variants=variants,
        match=cast("Level", match) if match else None,
        filter=filter_of(source, author, language, article, tag, published_from, published_to),
    )
    failed, degraded = 0, set[str]()
    with (
        opened() as (engine, embedder, settings),
        opened_first_hits(settings) as first_hits,
        steps(plain=True, of_what="queries", bar=not sys.stdout.isatty()) as on_step,
    ):
        searcher = Searcher(engine, embedder, first_hits, open_synonyms(settings))
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


def list_command(
    source: Sources = None,
    language: Languages = None,
    author: Authors = None,
    tag: Tags = None,
    published_from: From = "",
    published_to: To = "",
    sort: Annotated[str, typer.Option(help="id, newest or oldest.")] = "id",
    size: Annotated[int, typer.Option(help="Articles to list at most; 0: all.")] = 0,
    json: AsJson = False,
) -> None:
    """List the articles there are, a line each: id, date, source, title."""
    from typing import cast

    from indexer.cli import output
    from search.domain import Sort
    from search.listing import pages

    if size < 0:
        raise InputError(f"--size is {size}; it must be 0 or more", field="size")
    inside = filter_of(source, author, language, None, tag, published_from, published_to)
    shown = 0
    with opened() as (engine, _, _):
        for page in pages(engine, inside, cast("Sort", sort)):
            listed = page.articles[: size - shown] if size else page.articles
            for info in listed:
                typer.echo(output.as_json(info) if json else output.article_line(info))
            shown += len(listed)
            if shown == size:
                break
    typer.echo(f"{shown:,} of {page.total:,} articles", err=True)


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
    from indexer.extraction.registry import KINDS, SUFFIXES, others
    from search.registry import package_of

    listed = {
        kind: [suffix for suffix, its in SUFFIXES.items() if its == module]
        for module, kind in KINDS.items()
    }
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
