"""Commands that change the index: `delete`, `set`, `clean`, `export`, `reindex`, `upgrade`, `accept`, `migrate`."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from indexer.cli.options import AsJson, DryRun, filtered
from indexer.cli.terminal import opened, plain, valid, with_engine
from indexer.progress import steps
from search.durable import sync_folder
from search.errors import InputError

if TYPE_CHECKING:  # it would slow `fihris --help`
    from search.domain import Filter


@filtered
def delete_command(
    *,
    ids: Annotated[
        list[str] | None, typer.Argument(metavar="ID...", help="Ids of articles.")
    ] = None,
    filter: Filter,
    dry_run: DryRun = False,
) -> None:
    """Remove articles by id, or all of a collection, source, author, language, tag or date."""
    from search.domain import NO_FILTER
    from search.listing import pages

    wanted = list(dict.fromkeys(valid("id", each) for each in ids or ()))
    if bool(wanted) == (filter != NO_FILTER):
        raise InputError("name articles by their ids, or by options such as --source", field="ID")
    with opened() as (engine, _, _):
        known = engine.stored(wanted) if wanted else {}
        found: Iterable[list[str]] = [wanted]
        if not wanted:
            found = ([info.id for info in page.articles] for page in pages(engine, filter))
        removed = len(known)
        if not (wanted and dry_run):
            removed = sum(len(each) if dry_run else engine.delete(each) for each in found)
    unknown = [each for each in wanted if each not in known]
    for article_id in unknown:
        typer.echo(f"fihris: there is no article {plain(article_id)!r}", err=True)
    typer.echo(f"{removed:,} articles {'would be ' if dry_run else ''}removed")
    if unknown:
        raise typer.Exit(1)


@filtered
def set_command(
    *,
    values: Annotated[
        list[str],
        typer.Argument(
            metavar="FIELD=VALUE...",
            help="source, author, language, published, tags, add_tags, remove_tags; tags again for"
            " each; an empty value: unknown.",
        ),
    ],
    filter: Filter,
    dry_run: DryRun = False,
) -> None:
    """Set what is known of the articles that options choose; texts and vectors stay as they are.

    Killed at any moment, the same command changes what is left.
    """
    from indexer.ingestion.changing import change_articles, change_from, counted
    from search.domain import NO_FILTER
    from search.listing import pages

    change = change_from(_fields_of(values))
    if filter == NO_FILTER:
        raise InputError("choose the articles by options such as --source", field="--source")
    changed = unchanged = failures = 0
    with opened() as (engine, _, _), steps(plain=True) as on_step:
        for page in pages(engine, filter):
            on_step("changing", changed + unchanged + failures, page.total)
            ended = change_articles(engine, page.articles, change, dry_run=dry_run)
            done = counted(ended)
            changed, unchanged = changed + done.changed, unchanged + done.unchanged
            failures += done.failures
            for one in ended:
                if one.status == "failed":
                    typer.echo(f"fihris: {plain(one.id)}: {plain(one.error)}", err=True)
    would = "would be " if dry_run else ""
    typer.echo(f"{changed:,} articles {would}changed, {unchanged:,} were so already")
    if failures:
        raise typer.Exit(1)


def _fields_of(values: list[str]) -> dict[str, object]:
    """Return FIELD=VALUE arguments as fields; those of tags are lists. Raises InputError."""
    fields: dict[str, object] = {}
    for each in values:
        name, equals, value = valid("FIELD=VALUE", each).partition("=")
        if not equals:
            raise InputError(f"{plain(each)!r} is not FIELD=VALUE", field="FIELD=VALUE")
        if name.endswith("tags"):
            fields.setdefault(name, []).append(value)  # type: ignore[attr-defined]
        elif name in fields:
            raise InputError(f"{name} is given twice", field=name)
        else:
            fields[name] = value
    return fields


def clean_command() -> None:
    """Remove what indexing left in Elasticsearch that was killed; it is never shown.

    Indexing an article anew removes what was left of it too. What is being indexed meanwhile
    is begun again by who indexes it.
    """
    with opened() as (engine, _, _):
        cleaned = engine.clean()
    typer.echo(f"{cleaned:,} articles cleaned")


@filtered
def export_command(
    *,
    output: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write there, when all is done, instead of stdout."),
    ] = None,
    filter: Filter,
) -> None:
    """Write every article, or those that options choose, as lines of JSON for `fihris index -`.

    It takes them back with their ids, texts and all that is known of them, code point for code
    point, and with the annotations on them. Articles that are written or removed meanwhile may be
    among them or not. Vectors are not.
    """
    from search.annotations.manager import Annotations
    from search.article_lines import line_of
    from search.domain import NO_FILTER
    from search.limits import MAX_LINE
    from search.listing import whole_articles

    lines, too_long = 0, []
    bar = output is not None or not sys.stdout.isatty()  # else it would stand between the lines
    with (
        opened() as (engine, _, settings),
        Annotations(engine, settings) as annotations,
        _written_to(output) as stream,
        steps(plain=True, bar=bar) as on_step,
    ):
        own = dict(annotations.by_article())
        for total, some in whole_articles(engine, filter):
            on_step("exporting", lines, max(lines, total))
            for each in some:
                line = line_of(each, own.pop(each.id, ()))
                if len(line) * 4 > MAX_LINE and len(line.encode()) > MAX_LINE:
                    too_long.append(each.id)
                stream.write(line)
                lines += 1
    for article_id in too_long:
        typer.echo(
            f"fihris: the line of {plain(article_id)!r} has more than {MAX_LINE >> 20} MiB; "
            "`fihris index` takes it only as a .json file of its own",
            err=True,
        )
    if own and filter == NO_FILTER:
        typer.echo(
            f"fihris: the annotations of {len(own):,} articles that are not there are not among"
            " them; `fihris annotations list --orphaned` lists them",
            err=True,
        )
    typer.echo(f"{lines:,} articles exported", err=True)


@contextmanager
def _written_to(path: Path | None) -> Iterator[TextIO]:
    """Give what a file is written with that is there whole or not at all; None: stdout.

    Raises InputError where it cannot be written.
    """
    if path is None:
        yield sys.stdout
        return
    try:
        path = path.resolve()
        if path.exists() and not path.is_file():
            raise InputError(f"--output: {plain(str(path))} is no file", field="--output")
        beside = path.with_name(f".{path.name[:200]}.{os.getpid()}.new")
        try:
            with beside.open("x", encoding="utf-8", newline="\n") as stream:
                yield stream
                stream.flush()
                os.fsync(stream.fileno())
            beside.replace(path)
            sync_folder(path.parent)
        finally:
            beside.unlink(missing_ok=True)
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(f"--output: {plain(str(path))}: {reason}", field="--output") from error


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
