"""Commands for operators: `backup`, `restore`, `check`, `erase`, `doctor`."""

from __future__ import annotations

from typing import Annotated

import typer

from indexer.cli.options import AsJson
from indexer.cli.terminal import opened, plain, valid
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


def check_command(json: AsJson = False) -> None:
    """Verify every checksum of the index, of its text index and vectors; nothing is changed.

    Exit status 1 where something is damaged. A backup, or the articles' files, mend it.
    """
    from indexer.cli import output
    from search.engines import check
    from search.settings import read_settings

    damaged = []
    with steps(plain=True) as on_step:
        for problem in check(read_settings(), on_step):
            damaged.append(problem)
            if not json:
                typer.echo(plain(problem))
    if json:
        typer.echo(output.as_json({"damaged": damaged}))
    elif not damaged:
        typer.echo("nothing is damaged")
    if damaged:
        raise typer.Exit(1)


def erase_command(
    ids: Annotated[
        list[str] | None, typer.Argument(metavar="ID...", help="Articles to remove before.")
    ] = None,
    scans: Annotated[
        bool, typer.Option("--scans", help="Also forget what was recognised of every scan.")
    ] = False,
) -> None:
    """Leave no word of removed articles on disk: in the index, in what is kept beside it.

    Writes its files anew while searches go on; dead letters of files that are
    not there any more, or gave these articles, go too. Exit status 1 where some may be left, and
    each place is named. Backups and snapshots stay as they are.
    """
    from indexer.extraction.sandbox.recogniser import kept_in
    from indexer.sources import dead_letters
    from search.engines import erase

    wanted = [valid("id", each) for each in ids or ()]
    with opened() as (engine, _, settings):
        removed = engine.delete(wanted)
    blanked = dead_letters.erase(settings.data / "dead-letters", wanted, str(settings.root))
    if scans:
        for path in kept_in(settings):
            path.unlink(missing_ok=True)
    left = list(erase(settings))
    typer.echo(f"{removed:,} articles, {blanked:,} dead letters removed")
    for each in left:
        typer.echo(f"fihris: {plain(each)}", err=True)
    if left:
        raise typer.Exit(1)
    typer.echo("no word of what was removed is left in the index")
    for path in kept_in(settings):
        typer.echo(f"what was recognised of scans stays in {path}; --scans removes it")


def doctor_command(json: AsJson = False) -> None:
    """Look at settings, folders, model and index, and say what to do where something is wrong.

    Exit status 1 where something failed. Secrets are not shown.
    """
    from indexer.cli import output
    from indexer.doctor import examine

    found = []
    for each in examine():
        found.append(each)
        if not json:
            typer.echo(f"{each.state:<9}{each.name:<16}{plain(each.says)}")
    if json:
        typer.echo(output.as_json(found))
    if any(each.state == "failed" for each in found):
        raise typer.Exit(1)
