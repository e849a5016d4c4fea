"""Keeping the index: `delete`, `clean`, `reindex`, `upgrade`, `accept`, `migrate`."""

from __future__ import annotations

from typing import Annotated

import typer

from indexer.cli import AsJson
from indexer.cli.terminal import all_valid, opened, plain, with_engine
from indexer.progress import steps
from search.errors import InputError


def delete_command(
    ids: Annotated[list[str], typer.Argument(metavar="ID...", help="Ids of articles.")],
) -> None:
    """Remove articles by id."""
    with opened() as (engine, _, _):
        wanted = list(dict.fromkeys(all_valid("id", ids)))
        known = engine.stored(wanted)
        removed = engine.delete(list(known))
    unknown = [each for each in wanted if each not in known]
    for article_id in unknown:
        typer.echo(f"fihris: there is no article {plain(article_id)!r}", err=True)
    typer.echo(f"{removed:,} articles removed")
    if unknown:
        raise typer.Exit(1)


def clean_command() -> None:
    """Remove what indexing left in Elasticsearch that was killed; it is never shown.

    Indexing an article anew removes what was left of it too. What is being indexed meanwhile
    is begun again by who indexes it.
    """
    with opened() as (engine, _, _):
        cleaned = engine.clean()
    typer.echo(f"{cleaned:,} articles cleaned")


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
    from indexer.cli import output
    from indexer.ingestion.reindex import reindex
    from search.embedding import open_embedder
    from search.settings import read_settings

    settings = read_settings()
    embedder = open_embedder(settings)
    with steps(plain=True) as on_step:
        copied = reindex(settings, embedder, keep=keep, on_step=on_step)
    typer.echo(output.as_json(copied) if json else output.copied_text(copied))


def upgrade_command(json: AsJson = False) -> None:
    """Bring an index that an older Fihris made to today's format, while its searches go on.

    Every article and vector is kept, nothing is embedded again. Killed at any step, the old
    index is as it was, and the next run goes on. Where nothing is to be done, nothing is.
    """
    from indexer.cli import output
    from indexer.ingestion.reindex import upgrade
    from search.embedding import open_embedder
    from search.settings import read_settings

    settings = read_settings()
    embedder = open_embedder(settings)
    with steps(plain=True) as on_step:
        copied = upgrade(settings, embedder, on_step=on_step)
    if json:
        typer.echo(output.as_json({"upgraded": copied is not None, "copied": copied}))
    else:
        typer.echo(
            output.copied_text(copied) if copied else "the index is of today's format already"
        )
    if copied is not None:
        typer.echo(_IDS_STAY, err=True)


_IDS_STAY = (
    "fihris: every article kept its id. Files that are indexed again get ids of today's kind, "
    "which begin with /files/, and are found twice until those of before are removed (`fihris "
    "delete ID...`). To have ids of today's kind only, index them into an empty FIHRIS_DATA"
)


def accept_command() -> None:
    """Go on with the index as it is, though its record is older than what was acknowledged.

    For a record put back from a backup, or one whose newest part was lost: until then nothing
    is searched or written. What was lost stays lost; index those files again.
    """
    from search.engines import accept
    from search.settings import read_settings

    settings = read_settings()
    accepted = accept(settings)
    if accepted is None:
        raise InputError(
            "there is no record to accept: put one back from a backup, or delete the folder "
            f"{settings.data} and make a new index with `fihris index PATH`",
            field="index",
        )
    typer.echo(f"{accepted.articles:,} articles, {accepted.passages:,} passages are the index now")


def migrate_command(
    source: Annotated[str, typer.Option("--from", metavar="ENGINE", help="Engine to copy from.")],
    target: Annotated[str, typer.Option("--to", metavar="ENGINE", help="Engine to copy to.")],
    json: AsJson = False,
) -> None:
    """Copy the index from one engine to another (embedded, elasticsearch); nothing is embedded."""
    from indexer.cli import output
    from indexer.ingestion.reindex import migrate
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
    with steps(plain=True) as on_step:
        copied = migrate(named[0], named[1], embedder, on_step)
    typer.echo(output.as_json(copied) if json else output.copied_text(copied))
