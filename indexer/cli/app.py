"""The command line: its table of commands and how it ends. Answers on stdout, the rest on stderr.

Exit status: 0 done; 1 something failed (each thing is named); 2 an argument, a setting or
a given file cannot be used; 130 interrupted.

Whatever takes long to import is imported by the command that needs it, so that
`fihris --help` is instant; a test holds that.
"""

from __future__ import annotations

import os
import sys
from typing import Annotated, NoReturn

import typer

from indexer.cli import (
    annotation_commands,
    evaluation_commands,
    index_commands,
    keys_commands,
    maintenance_commands,
    operations_commands,
    saved_commands,
    search_commands,
    serve_command,
)
from indexer.cli.terminal import log_plainly, plain
from search.errors import FihrisError, InputError, SettingsError, SourceError

app = typer.Typer(
    name="fihris",
    help="فهرس: Arabic-first search over your own articles, by words and by meaning.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)


def main() -> NoReturn:
    """Run the command line; every error raised on purpose becomes one line on stderr."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # Arabic must print whatever the locale is
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    log_plainly()
    try:
        app(prog_name="fihris")
    except (InputError, SettingsError, SourceError) as error:
        _end(error, 2)
    except FihrisError as error:
        _end(error, 1)
    except KeyboardInterrupt:
        _end("interrupted", 130)
    except BrokenPipeError:
        _leave_pipe()
    except Exception as error:
        if sys.flags.dev_mode:
            raise
        kind = type(error).__name__
        _end(f"unexpected {kind}: {error}; `python -X dev -m indexer.cli` shows where", 1)
    sys.exit(0)


def _end(error: FihrisError | str, status: int) -> NoReturn:
    typer.echo(f"fihris: {plain(str(error))}", err=True)
    sys.exit(status)


def _leave_pipe() -> NoReturn:
    """End as a program does whose reader went away, without Python's complaint at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    sys.exit(141)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"fihris {version('fihris')}")
        raise typer.Exit


@app.callback()
def fihris(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """فهرس: Arabic-first search over your own articles, by words and by meaning.

    Settings are FIHRIS_* environment variables; docs/CONFIGURATION.md lists them.
    """


for command in (
    index_commands.index_command,
    index_commands.watch_command,
    index_commands.embed_command,
    search_commands.search_command,
    search_commands.kwic_command,
    search_commands.suggest_command,
    search_commands.similar_command,
    search_commands.batch_command,
    search_commands.list_command,
    search_commands.collections_command,
    serve_command.serve_command,
    serve_command.mcp_command,
    search_commands.status_command,
    maintenance_commands.delete_command,
    maintenance_commands.set_command,
    maintenance_commands.clean_command,
    maintenance_commands.export_command,
    maintenance_commands.reindex_command,
    maintenance_commands.upgrade_command,
    maintenance_commands.accept_command,
    maintenance_commands.migrate_command,
    operations_commands.backup_command,
    operations_commands.restore_command,
    operations_commands.check_command,
    operations_commands.erase_command,
    operations_commands.doctor_command,
    evaluation_commands.evaluate_command,
    evaluation_commands.judge_command,
    search_commands.analyze_command,
    search_commands.formats_command,
):
    app.command(command.__name__.removesuffix("_command"))(command)
app.add_typer(saved_commands.saved)
app.add_typer(keys_commands.keys)
app.add_typer(annotation_commands.commands)
