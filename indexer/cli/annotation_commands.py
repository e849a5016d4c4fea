"""Commands for a reader's labels and notes: `annotations add|set|list|remove`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from indexer.cli.options import AsCsv, AsJson
from indexer.cli.terminal import opened, valid
from search.errors import InputError

if TYPE_CHECKING:
    from search.annotations.manager import AnnotationPage, Annotations

commands = typer.Typer(
    name="annotations",
    help="Labels and notes of your own on articles and passages.",
    no_args_is_help=True,
)
Annotation = Annotated[str, typer.Argument(metavar="ID", help="Of an annotation.")]


@contextmanager
def _opened() -> Iterator[Annotations]:
    from search.annotations.manager import Annotations

    with opened() as (engine, _, settings), Annotations(engine, settings) as found:
        yield found


@commands.command("add")
def add_command(
    target: Annotated[str, typer.Argument(metavar="ID", help="Of an article, or of a passage.")],
    label: Annotated[list[str] | None, typer.Option(help="May be given again.")] = None,
    note: Annotated[str, typer.Option(help="A text.")] = "",
) -> None:
    """Put labels, a note or both on an article or a passage, and print the annotation's id."""
    labels = [valid("label", each) for each in label or ()]
    with _opened() as found:
        made = found.add(valid("id", target), labels, valid("note", note))
    typer.echo(made.annotation.id)


@commands.command("set")
def set_command(
    id: Annotation,
    label: Annotated[
        list[str] | None, typer.Option(help='Instead of those it has; "" for none.')
    ] = None,
    note: Annotated[
        str | None, typer.Option(help='Instead of the one it has; "" for none.')
    ] = None,
) -> None:
    """Set the labels or the note of an annotation; what is not given stays."""
    labels = None if label is None else [valid("label", each) for each in label]
    with _opened() as found:
        found.change(valid("id", id), labels, None if note is None else valid("note", note))


@commands.command("list")
def list_command(
    text: Annotated[
        str, typer.Argument(metavar="TEXT", help="Words that their labels or notes have.")
    ] = "",
    label: Annotated[
        list[str] | None, typer.Option(help="Only with this label; may be given again.")
    ] = None,
    article: Annotated[
        list[str] | None, typer.Option(help="Only of the article of this id; may be given again.")
    ] = None,
    orphaned: Annotated[
        bool, typer.Option("--orphaned", help="Only of articles that are not there any more.")
    ] = False,
    as_csv: AsCsv = False,
    json: AsJson = False,
) -> None:
    """List annotations, the newest first: id, where it stands, labels, note, the passage's text."""
    from indexer.cli import output
    from search.exports import annotations_csv

    if as_csv and json:
        raise InputError("ask for --csv or --json, not both", field="--csv")
    with _opened() as found:
        pages = _pages(
            found,
            valid("text", text),
            [valid("label", each) for each in label or ()],
            [valid("article", each) for each in article or ()],
            orphaned=orphaned,
        )
        if as_csv:
            typer.echo(annotations_csv(one for page in pages for one in page.annotations), nl=False)
            return
        for page in pages:
            for one in page.annotations:
                typer.echo(output.as_json(one) if json else output.annotation_line(one))


def _pages(
    found: Annotations, text: str, labels: list[str], articles: list[str], *, orphaned: bool
) -> Iterator[AnnotationPage]:
    from search.limits import MAX_SIZE

    cursor = ""
    while True:
        page = found.list(
            text, labels=labels, articles=articles, orphaned=orphaned, size=MAX_SIZE, cursor=cursor
        )
        yield page
        if not (cursor := page.cursor):
            return


@commands.command("remove")
def remove_command(
    ids: Annotated[
        list[str] | None, typer.Argument(metavar="ID...", help="Of annotations.")
    ] = None,
    orphaned: Annotated[
        bool, typer.Option("--orphaned", help="All of articles that are not there any more.")
    ] = False,
) -> None:
    """Remove annotations by id, or all that have lost their article."""
    if bool(ids) == orphaned:
        raise InputError("name annotations by their ids, or give --orphaned", field="ID")
    wanted = [valid("id", each) for each in ids or ()]
    with _opened() as found:
        if orphaned:
            pages = list(_pages(found, "", [], [], orphaned=True))
            wanted = [one.annotation.id for page in pages for one in page.annotations]
        for each in wanted:
            found.remove(each)
    typer.echo(f"{len(wanted):,} annotations removed")
