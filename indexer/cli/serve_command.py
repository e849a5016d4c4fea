"""`serve`: the HTTP API and the page; `mcp`: the same for assistants."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
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
    mcp: Annotated[
        bool, typer.Option("--mcp", help="Answer assistants too, over HTTP on /v1/mcp.")
    ] = False,
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

    if mcp:
        _need_mcp()
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
            mcp=mcp,
            workers=settings.workers,
            one_writer=settings.engine == "embedded",
        )


def mcp_command(
    url: Annotated[
        str, typer.Option(help="Ask this server instead of the local index; FIHRIS_KEY is its key.")
    ] = "",
) -> None:
    """Answer an assistant that starts this, over the Model Context Protocol on stdin and stdout."""
    _need_mcp()
    from api.client import AsyncClient
    from api.mcp_server import local_client, serve
    from api.readiness import Readiness
    from indexer.cli.terminal import searching

    if url:
        serve(AsyncClient(url, os.environ.get("FIHRIS_KEY", "")))
        return
    with searching() as (searcher, _):
        serve(local_client(Readiness.of(searcher)))


def _need_mcp() -> None:
    if find_spec("mcp") is None:
        raise InputError("this needs: pip install 'fihris[mcp]'", field="mcp")


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
