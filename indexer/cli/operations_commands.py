"""Running an index: `backup`, `restore`."""

from __future__ import annotations

from typing import Annotated

import typer

from indexer.cli.terminal import plain, valid
from indexer.progress import steps

Repository = Annotated[
    str,
    typer.Option(metavar="NAME", help="Elasticsearch: the registered repository of snapshots."),
]


def backup_command(
    destination: Annotated[
        str,
        typer.Argument(metavar="DEST", help="A new folder; in Elasticsearch a snapshot's name."),
    ],
    repository: Repository = "",
) -> None:
    """Copy the index, with its saved searches, while searches and writes go on.

    A folder gets its name when all of it is on disk, with a checksum of each file.
    """
    from search.engines import back_up
    from search.settings import read_settings

    with steps(plain=True, of_what="parts") as on_step:
        back_up(read_settings(), valid("DEST", destination), valid("NAME", repository), on_step)
    typer.echo(f"the index is backed up as {plain(destination)}")


def restore_command(
    source: Annotated[
        str, typer.Argument(metavar="SOURCE", help="Folder or snapshot that `backup` made.")
    ],
    repository: Repository = "",
) -> None:
    """Make the index that was backed up, in an empty FIHRIS_DATA or where there is no such alias.

    All checksums are verified before anything is written.
    """
    from search.engines import present_index, restore
    from search.settings import read_settings

    settings = read_settings()
    with steps(plain=True, of_what="parts") as on_step:
        restore(settings, valid("SOURCE", source), valid("NAME", repository), on_step)
    with present_index(settings) as present:
        if present is not None:
            held = present.source.status()
            typer.echo(f"{held.articles:,} articles, {held.passages:,} passages are the index now")
