"""The options that say which articles a command is about."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from indexer.cli.terminal import all_valid, date_from

if TYPE_CHECKING:
    from search.domain import Filter

Sources = Annotated[
    list[str] | None, typer.Option(help="Only from this source; may be given again.")
]
Languages = Annotated[
    list[str] | None, typer.Option(help="Only in this language; may be given again.")
]
Articles = Annotated[
    list[str] | None, typer.Option(help="Only in the article of this id; may be given again.")
]
Authors = Annotated[list[str] | None, typer.Option(help="Only by this author; may be given again.")]
Tags = Annotated[list[str] | None, typer.Option(help="Only with this tag; may be given again.")]
From = Annotated[str, typer.Option("--from", metavar="DATE", help="Only published then or later.")]
To = Annotated[str, typer.Option("--to", metavar="DATE", help="Only published then or earlier.")]


def filter_of(
    source: Sources,
    author: Authors,
    language: Languages,
    article: Articles,
    tag: Tags,
    published_from: From,
    published_to: To,
) -> Filter:
    """Return what these options ask for. Raises InputError, naming the option."""
    from search.domain import Filter

    return Filter(
        sources=all_valid("source", source),
        authors=all_valid("author", author),
        languages=all_valid("language", language),
        articles=all_valid("article", article),
        tags=all_valid("tag", tag),
        published_from=date_from(published_from, "--from"),
        published_to=date_from(published_to, "--to"),
    )
