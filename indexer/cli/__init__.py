"""The commands, one thin function each, by what they are for; `indexer.cli.app` has their table."""

from __future__ import annotations

from typing import Annotated

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
