"""`serve`: the HTTP API and the page; `mcp`: the same for assistants."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from search.errors import EmbedderError, InputError

if TYPE_CHECKING:
    from indexer.evaluation.judging import Judge
    from search.ingest import Ingest
    from search.ranking.searcher import Searcher
    from search.settings import Settings


def serve_command(
    host: Annotated[
        str | None, typer.Option(help="Address to listen on, instead of FIHRIS_HOST.")
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="Port, instead of FIHRIS_PORT; 0: any free one."),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(min=1, max=64, help="Processes that answer, instead of FIHRIS_WORKERS."),
    ] = None,
    first_key: Annotated[
        bool,
        typer.Option("--first-key", help="Make a key of all scopes if there is none, and show it."),
    ] = False,
    read_only: Annotated[bool, typer.Option("--read-only", help="Take no articles.")] = False,
    judge: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Take grades of hits on the page, kept in DIR as qrels."),
    ] = None,
) -> None:
    """Serve the HTTP API and the search page until Ctrl-C."""
    from api.access import check_start
    from api.serving.server import serve
    from search.keys import SCOPES, key_file
    from search.settings import read_settings

    # The application reads the same settings in its own place.
    if host is not None:
        os.environ["FIHRIS_HOST"] = host
    if port is not None:
        os.environ["FIHRIS_PORT"] = str(port)
    if workers is not None:
        os.environ["FIHRIS_WORKERS"] = str(workers)
    settings = read_settings()
    if first_key and (keys := key_file(settings)).keys() is None:
        _, secret = keys.create("first", SCOPES)
        typer.echo(f"The first API key, shown this once: {secret}")
    check_start(settings)

    def announce(url: str) -> None:
        typer.echo(f"Fihris: search page and API on {url} (Ctrl-C stops it)")
        _say_if_new(settings)

    with _judging(judge, settings.workers) as kept:
        serve(
            settings.host,
            settings.port,
            announce,
            None if read_only else _ingest,
            judge=kept,
            workers=settings.workers,
            one_writer=settings.engine == "embedded",
        )


def mcp_command(
    url: Annotated[
        str, typer.Option(help="Ask this server instead of the local index; FIHRIS_KEY is its key.")
    ] = "",
    http: Annotated[
        int | None,
        typer.Option(
            metavar="PORT", min=1, max=65535, help="Answer over HTTP on 127.0.0.1, not stdio."
        ),
    ] = None,
) -> None:
    """Answer assistants over the Model Context Protocol: search and read, nothing else."""
    try:
        from api.client import AsyncClient
        from api.mcp_server import local_client, serve
    except ModuleNotFoundError as error:
        if error.name not in ("mcp", "httpx2"):
            raise
        raise InputError("this needs: pip install 'fihris[mcp]'", field="mcp") from error
    from indexer.cli.terminal import searching

    if http:
        typer.echo(f"Fihris: MCP on http://127.0.0.1:{http}/mcp (Ctrl-C stops it)", err=True)
    if url:
        serve(AsyncClient(url, os.environ.get("FIHRIS_KEY", "")), http)
        return
    with searching() as (searcher, _):
        serve(local_client(searcher), http)


@contextmanager
def _judging(folder: Path | None, workers: int) -> Iterator[Judge | None]:
    """Open a folder of judgements. Raises InputError for several workers, SourceError."""
    if folder is None:
        yield None
        return
    from indexer.evaluation.judging import Judge, judging

    if workers > 1:
        raise InputError("--judge takes one process; leave FIHRIS_WORKERS at 1", field="workers")
    with judging(folder) as judgements:
        yield Judge(judgements)


def _say_if_new(settings: Settings) -> None:
    """Say where a new index will be made; what else is wrong with it, the server says.

    Not on standard error: every line there is one of the log's.
    """
    from search.engines import stored_fingerprint
    from search.errors import EngineError

    if settings.engine == "embedded":
        with suppress(EngineError):
            if stored_fingerprint(settings) is None:
                typer.echo(f"The first article makes a new index in {settings.data}")


def _ingest(searcher: Searcher) -> Ingest:
    """Return what the server writes with. Raises EmbedderError where it has no model."""
    from indexer.ingestion.service import EngineIngest
    from search.settings import read_settings

    if searcher.embedder is None:
        raise EmbedderError("the model cannot be loaded, so nothing can be indexed")
    return EngineIngest(searcher.engine, searcher.embedder, read_settings())
