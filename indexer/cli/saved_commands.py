"""Commands for saved searches: `saved add|list|remove|matches|deliver`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from indexer.cli.options import AsJson, Choice, Mode, Text, filtered
from indexer.cli.terminal import opened, plain, valid

if TYPE_CHECKING:
    from search.domain import Query
    from search.saved.manager import SavedSearches

saved = typer.Typer(
    name="saved",
    help="Saved searches: passages that are indexed later are matched with them.",
    no_args_is_help=True,
)
Saved = Annotated[str, typer.Argument(metavar="ID", help="Of a saved search.")]


@contextmanager
def _opened() -> Iterator[SavedSearches]:
    from search.ranking.searcher import Searcher
    from search.saved.manager import SavedSearches

    with (
        opened() as (engine, embedder, settings),
        SavedSearches(Searcher(engine, embedder), settings) as searches,
    ):
        yield searches


@saved.command("add")
@filtered
def add_command(
    *,
    text: Text,
    name: Annotated[str, typer.Option(help="For people; the text unless given.")] = "",
    mode: Mode = "hybrid",
    query: Query,
    words: Annotated[
        Choice, typer.Option(help="all: a passage must have all words of the text; or any.")
    ] = "all",
    threshold: Annotated[
        float | None,
        typer.Option(help="The cosine from which a passage is near in meaning, 0 to 1."),
    ] = None,
    webhook: Annotated[str, typer.Option(metavar="URL", help="Post matches there, signed.")] = "",
) -> None:
    """Save a search, and print its id. What posts to a webhook is signed: FIHRIS_WEBHOOK_SECRET."""
    query = replace(query, text=valid("text", text), mode=mode)
    with _opened() as searches:
        search = searches.add(
            valid("name", name),
            query,
            words=words,
            threshold=threshold,
            webhook=valid("webhook", webhook),
        )
    typer.echo(search.id)


@saved.command("list")
def list_command(json: AsJson = False) -> None:
    """List the saved searches, a line each: id, matches kept, name."""
    from indexer.cli import output
    from search.saved.domain import as_fields

    with _opened() as searches:
        for search, tally in searches.list():
            if json:
                kept = {k: v for k, v in as_fields(search).items() if k not in _NOT_TOLD}
                found = {**kept, "webhook": search.webhook_host, **tally._asdict()}
                typer.echo(output.as_json(found))
            else:
                dropped = f", {tally.dropped:,} older dropped" if tally.dropped else ""
                typer.echo(f"{search.id}  {tally.kept:,} matches{dropped}  {plain(search.name)}")


_NOT_TOLD = ("secret", "vector", "model", "webhook")


@saved.command("remove")
def remove_command(id: Saved) -> None:
    """Remove a saved search and its matches."""
    with _opened() as searches:
        searches.remove(valid("id", id))


@saved.command("deliver")
def deliver_command() -> None:
    """Post what was matched to the webhooks of the saved searches; `fihris serve` does so by itself.

    What is not taken stays, and is posted the next time under the same id.
    """
    from search.saved.delivery import Deliverer

    with _opened() as searches:
        done = Deliverer(searches.store, searches.engine, searches.settings).deliver()
    for name, reason in done.failures.items():
        typer.echo(
            f"fihris: the matches of {plain(name)!r} are not taken: {plain(reason)}", err=True
        )
    typer.echo(f"{done.taken:,} matches delivered")
    if done.failures:
        raise typer.Exit(1)


@saved.command("matches")
def matches_command(
    id: Saved,
    size: Annotated[int, typer.Option(help="Matches to show at most; 0: all.")] = 20,
    json: AsJson = False,
) -> None:
    """Show what a saved search matched, the newest first, a line each."""
    from indexer.cli import output
    from search.limits import MAX_SIZE
    from search.query.validation import check_within

    check_within("--size", size, 0)
    shown, cursor = 0, ""
    with _opened() as searches:
        while True:
            most = min(MAX_SIZE, size - shown) if size else MAX_SIZE
            page = searches.matches(valid("id", id), most, cursor)
            for found in page.matches:
                typer.echo(output.as_json(found._asdict()) if json else output.match_line(found))
            shown, cursor = shown + len(page.matches), page.cursor
            if not cursor or shown == size:
                break
