"""API keys of `fihris serve`: `keys create|list|revoke`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from indexer.cli.options import AsJson
from indexer.cli.terminal import plain, valid

if TYPE_CHECKING:
    from search.keys import Key, KeyFile

keys = typer.Typer(
    name="keys",
    help="API keys: who may search, index and administer over HTTP.",
    no_args_is_help=True,
)


def _file() -> KeyFile:
    from search.keys import key_file
    from search.settings import read_settings

    return key_file(read_settings())


def _shown(key: Key) -> dict[str, Any]:
    return key.model_dump(mode="json", exclude={"sha256"})


@keys.command("create")
def create_command(
    name: Annotated[str, typer.Argument(help="Who or what it is for.")],
    scope: Annotated[
        list[str],
        typer.Option(help="search, index or admin; again for each. A key has no other."),
    ],
    days: Annotated[int | None, typer.Option(help="Until it expires; never unless given.")] = None,
    json: AsJson = False,
) -> None:
    """Make a key and print it, this once: only its digest is kept."""
    from indexer.cli import output

    key, secret = _file().create(valid("name", name), scope, days)
    typer.echo(output.as_json({**_shown(key), "key": secret}) if json else secret)


@keys.command("list")
def list_command(json: AsJson = False) -> None:
    """List the keys, a line each: id, scopes, when it expires, name."""
    from indexer.cli import output

    for key in (_file().keys() or {}).values():
        if json:
            typer.echo(output.as_json(_shown(key)))
        else:
            until = f"{key.expires:%Y-%m-%d}" if key.expires else "never expires"
            until = f"expired {until}" if key.has_expired() else until
            typer.echo(f"{key.id}  {','.join(key.scopes)}  {until}  {plain(key.name)}")


@keys.command("revoke")
def revoke_command(
    name: Annotated[str, typer.Argument(help="The name of a key, or its id.")],
) -> None:
    """Revoke a key: servers refuse it from their next request on."""
    file = _file()
    key = file.revoke(valid("name", name))
    typer.echo(f"revoked {key.id}, {plain(key.name)}")
    if not file.keys():
        typer.echo(
            f"fihris: no key is left, so a server answers nobody who needs one; without"
            f" {file.path} it takes this machine's requests again",
            err=True,
        )
