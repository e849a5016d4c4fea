"""Asking the index: `search`, `list`, `analyze`, `status`, and `formats`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from indexer.cli import AsJson
from indexer.cli.terminal import all_valid, date_from, opened, plain, print_text, valid
from search.errors import InputError


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
    author: Annotated[
        list[str] | None, typer.Option(help="Only by this author; may be given again.")
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
    match: Annotated[
        str,
        typer.Option(help="How far a match may go: exact, spelling, form, near or meaning."),
    ] = "",
    facet: Annotated[
        list[str] | None,
        typer.Option(
            help="Count what matches by source, author, language, tag, year or month; may be given again."
        ),
    ] = None,
    facet_size: Annotated[int, typer.Option(help="Values of a facet to show, 1 to 100.")] = 20,
    group_by: Annotated[
        str, typer.Option(help="article: articles with their best passages; --size counts them.")
    ] = "",
    json: AsJson = False,
) -> None:
    """Search; matches are bold, or between ** and ** where the output is no terminal."""
    from typing import cast

    from indexer.cli import output
    from search.assembly import opened_first_hits
    from search.domain import FacetField, Filter, GroupBy, Level, Mode, Query
    from search.ranking.searcher import Searcher

    query = Query(
        text=valid("text", text),
        mode=cast("Mode", mode),  # the searcher refuses another one by name
        size=size,
        start=start,
        variants=variants,
        match=cast("Level", match) if match else None,
        facets=cast("tuple[FacetField, ...]", all_valid("facet", facet)),
        facet_size=facet_size,
        group_by=cast("GroupBy", group_by),
        filter=Filter(
            sources=all_valid("source", source),
            authors=all_valid("author", author),
            languages=all_valid("language", language),
            articles=all_valid("article", article),
            tags=all_valid("tag", tag),
            published_from=date_from(published_from, "--from"),
            published_to=date_from(published_to, "--to"),
        ),
    )
    with opened() as (engine, embedder, settings), opened_first_hits(settings) as first_hits:
        results = Searcher(engine, embedder, first_hits).search(query)
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
    else:
        print_text(output.results_text(results, bold=sys.stdout.isatty()))


def list_command(
    source: Annotated[
        list[str] | None, typer.Option(help="Only from this source; may be given again.")
    ] = None,
    language: Annotated[
        list[str] | None, typer.Option(help="Only in this language; may be given again.")
    ] = None,
    author: Annotated[
        list[str] | None, typer.Option(help="Only by this author; may be given again.")
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
    sort: Annotated[str, typer.Option(help="id, newest or oldest.")] = "id",
    size: Annotated[int, typer.Option(help="Articles to list at most; 0: all.")] = 0,
    json: AsJson = False,
) -> None:
    """List the articles there are, a line each: id, date, source, title."""
    from typing import cast

    from indexer.cli import output
    from search.domain import Filter, Sort
    from search.limits import MAX_SIZE
    from search.listing import list_articles

    if size < 0:
        raise InputError(f"--size is {size}; it must be 0 or more", field="size")
    inside = Filter(
        sources=all_valid("source", source),
        authors=all_valid("author", author),
        languages=all_valid("language", language),
        tags=all_valid("tag", tag),
        published_from=date_from(published_from, "--from"),
        published_to=date_from(published_to, "--to"),
    )
    shown, cursor, more = 0, "", True
    with opened() as (engine, _, _):
        while more:
            most = min(MAX_SIZE, size - shown) if size else MAX_SIZE
            page = list_articles(engine, inside, cast("Sort", sort), most, cursor)
            for info in page.articles:
                typer.echo(output.as_json(info) if json else output.article_line(info))
            shown, cursor = shown + len(page.articles), page.cursor
            more = bool(cursor) and shown != size
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
