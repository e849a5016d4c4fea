"""Commands that measure the ranking: `evaluate`, and `judge`, which takes a person's grades."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from indexer.cli.options import AsJson
from indexer.cli.terminal import modes_of, plain, print_text, searching, valid
from indexer.progress import steps
from search.errors import InputError

if TYPE_CHECKING:  # these would slow `fihris --help`
    from indexer.evaluation.beir import JudgedSet
    from indexer.evaluation.judging import Judgements
    from indexer.evaluation.measures import Evaluation
    from search.domain import Hit, Mode
    from search.ranking.searcher import Searcher
    from search.settings import Settings

_LONGEST = 10_000  # characters read of an answer

Modes = Annotated[
    list[str] | None,
    typer.Option(help="hybrid, keyword or semantic; may be given again; all if not given."),
]


def evaluate_command(
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="DIR",
            help="corpus.jsonl (none with --index), queries.jsonl and qrels/test.tsv.",
        ),
    ],
    mode: Modes = None,
    index: Annotated[
        bool,
        typer.Option("--index", help="Ask your own index, whose articles the judgements name."),
    ] = False,
    against: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Compare with other settings: FIHRIS_NAME=value lines, before the environment's.",
        ),
    ] = None,
    json: AsJson = False,
) -> None:
    """Measure ranking on a judged collection in BEIR's layout, in a temporary index."""
    from indexer.cli import output
    from indexer.evaluation.beir import read_judged_set
    from search.settings import read_settings, settings_of_file

    modes = modes_of(mode)
    settings = read_settings()
    other = None if against is None else settings_of_file(against)
    if other == settings:
        raise InputError(f"--against: {against} changes no setting", field="against")
    judged = read_judged_set(folder, corpus=not index)
    if judged.empty:
        typer.echo(f"{judged.empty:,} articles without a text were left out", err=True)
    first = _evaluation(judged, settings, modes, index=index)
    if other is None:
        made = output.evaluation_json(first) if json else output.evaluation_table(first)
        typer.echo(output.as_json(made) if json else made)
        return
    from indexer.evaluation.comparison import compare

    second = _evaluation(judged, other, modes, index=index)
    compared = compare(judged, first, second)
    if json:
        both = {"first": first, "second": second}
        as_json = {name: output.evaluation_json(each) for name, each in both.items()}
        typer.echo(output.as_json({**as_json, "compared": compared}))
        return
    typer.echo(f"as set: {output.evaluation_table(first)}\n")
    typer.echo(f"{plain(str(against))}: {output.evaluation_table(second)}\n")
    typer.echo(output.comparison_text(compared))


def _evaluation(
    judged: JudgedSet, settings: Settings, modes: list[Mode], *, index: bool
) -> Evaluation:
    from indexer.evaluation.measures import evaluate, evaluate_index
    from search.embedding import open_embedder

    embedder = open_embedder(settings)
    with steps() as on_step:
        measured = evaluate_index if index else evaluate
        found = measured(judged, settings, embedder, modes, on_step)
    if found.cut_queries:
        typer.echo(
            f"{found.cut_queries:,} queries were too long; their beginning was asked", err=True
        )
    if found.missing:
        typer.echo(
            f"{found.missing:,} of {found.judged:,} judged articles are not in the index; they"
            " count as not found",
            err=True,
        )
    if found.unembedded:
        typer.echo(
            f"{found.unembedded:,} passages have no vector and are found by words only; "
            "`fihris embed` adds them",
            err=True,
        )
    return found


def judge_command(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="Where queries.jsonl and qrels are, or will be.")
    ],
    mode: Modes = None,
    size: Annotated[int, typer.Option(help="Hits of each mode to grade, 1 to 100.")] = 10,
) -> None:
    """Grade hits of your index one by one, 0 to 3; kept as judgements for `evaluate --index`."""
    from indexer.evaluation.judging import judging
    from search.limits import MAX_SIZE
    from search.query.validation import check_within

    modes = modes_of(mode)
    check_within("--size", size, 1, MAX_SIZE)
    with judging(folder) as judgements, searching() as (searcher, _):
        if not searcher.engine.status().articles:
            raise InputError(
                "the index is empty; `fihris index PATH...` fills it", field="FIHRIS_DATA"
            )
        before = sum(len(judgements.graded(query)) for query in judgements.queries)
        _judge_all(judgements, searcher, modes, size)
        graded = sum(len(judgements.graded(query)) for query in judgements.queries)
    typer.echo(f"grades: {graded - before:,} added, {graded:,} in all")


class _Quit(Exception):
    """The person wants no more."""


def _judge_all(judgements: Judgements, searcher: Searcher, modes: list[Mode], size: int) -> None:
    from indexer.evaluation.judging import pool

    try:
        for key, text in dict(judgements.queries).items():
            _judge(judgements, key, text, pool(searcher, text, modes, size))
        while (text := _asked("another query (Enter or q ends): ")) not in ("", "q"):
            hits = pool(searcher, valid("query", text), modes, size)
            if not hits:
                typer.echo("nothing found")
                continue
            _judge(judgements, None, text, hits)
    except _Quit:
        pass


def _judge(judgements: Judgements, key: str | None, text: str, hits: list[Hit]) -> None:
    """Ask for the grades of hits that have none; a typed query is kept with its first grade."""
    from rich.text import Text

    from indexer.cli import output
    from indexer.evaluation.judging import GRADES

    known = judgements.graded(key) if key is not None else {}
    left = [hit for hit in hits if hit.article.id not in known]
    for number, hit in enumerate(left, start=1):
        bold = sys.stdout.isatty()
        shown = Text(f"\nquery: {plain(text)}\nhit {number} of {len(left)}: ")
        shown.append(plain(" · ".join(filter(None, (hit.article.id, hit.article.source)))))
        if hit.article.title:
            shown.append("\n   ").append_text(output.marked(hit.title_segments, bold=bold))
        print_text(shown.append("\n   ").append_text(output.marked(hit.segments, bold=bold)))
        while True:
            answer = _asked("grade 0 (no answer) to 3 (the answer), s skips, q ends: ").lower()
            if answer == "q":
                raise _Quit
            if answer == "s":
                break
            if len(answer) == 1 and answer.isdecimal() and int(answer) in GRADES:
                key = judgements.add_query(text) if key is None else key
                judgements.add(key, hit.article.id, int(answer))
                break
            typer.echo(f"{plain(answer)!r} is no grade")


def _asked(question: str) -> str:
    """Return a line that the person types. Raises _Quit where there are no more."""
    typer.echo(question, nl=False)
    sys.stdout.flush()
    line = sys.stdin.readline(_LONGEST)
    if not line:
        typer.echo()
        raise _Quit
    return line.strip()
