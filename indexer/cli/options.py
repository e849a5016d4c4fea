"""The options that several commands have: which articles, how they are searched, what is printed."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from indexer.cli.terminal import date_from, valid

if TYPE_CHECKING:
    Choice = Any  # who is given it refuses a word that is none of its own, and names them
else:
    Choice = str

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
AsCsv = Annotated[
    bool, typer.Option("--csv", help="Print a table for spreadsheets, a row for each result.")
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Tell how many articles it would be; change nothing.")
]
Text = Annotated[
    str, typer.Argument(metavar="TEXT", help='Words, "phrases", +required, -excluded.')
]
Mode = Annotated[Choice, typer.Option(help="hybrid, keyword or semantic.")]


def _values(of: str) -> object:
    return Annotated[list[str] | None, typer.Option(help=f"Only {of}; may be given again.")]


def _day(name: str, when: str) -> object:
    return Annotated[str, typer.Option(name, metavar="DATE", help=f"Only published {when}.")]


# A field of `search.domain.Filter`: its option's name and kind, and what it is unless given.
_FILTER = {
    "collections": ("collection", _values("in this collection"), None),
    "sources": ("source", _values("from this source"), None),
    "languages": ("language", _values("in this language"), None),
    "articles": ("article", _values("in the article of this id"), None),
    "authors": ("author", _values("by this author"), None),
    "tags": ("tag", _values("with this tag"), None),
    "labels": ("label", _values("in articles with this label of yours"), None),
    "published_from": ("published_from", _day("--from", "then or later"), ""),
    "published_to": ("published_to", _day("--to", "then or earlier"), ""),
}

# What every search may be told besides: its option's name and kind, and what it is unless given.
_HOW = (
    (
        "variants",
        Annotated[bool, typer.Option(help="Also search what stands for words that were typed.")],
        True,
    ),
    (
        "also",
        Annotated[
            list[Choice] | None,
            typer.Option(
                help="Of that only Arabic words for Latin spellings (latin: al3iraq), or each synonym of"
                " FIHRIS_SYNONYMS (synonym); may be given again."
            ),
        ],
        None,
    ),
    (
        "match",
        Annotated[
            Choice,
            typer.Option(help="How far a match may go: exact, spelling, form, near or meaning."),
        ],
        "",
    ),
)


def filtered(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of a filter in place of its argument `filter`.

    Or, in place of an argument `query`, these and what else every search may be told: the query
    has no text yet.
    """
    of = "query" if "query" in command.__annotations__ else "filter"
    command.__annotations__.pop(of)  # whose type would slow `fihris --help`
    signature = inspect.signature(command, eval_str=True)
    added = [*_FILTER.values(), *(_HOW if of == "query" else ())]
    parameters = []
    for each in signature.parameters.values():
        if each.name == of:
            parameters += [
                inspect.Parameter(name, each.kind, default=default, annotation=annotation)
                for name, annotation, default in added
            ]
        else:
            parameters.append(each)

    def run(**given: Any) -> None:  # noqa: ANN401  # as the options say
        from search.domain import ALSO, Filter, Query

        values: dict[str, Any] = {
            field: _checked(name, given.pop(name, default))
            for field, (name, _, default) in _FILTER.items()
        }
        wanted = Filter(**values)
        if of == "filter":
            command(**given, filter=wanted)
            return
        variants, also, match = (given.pop(name, default) for name, _, default in _HOW)
        query = Query(
            "", filter=wanted, variants=variants, also=tuple(also or ALSO), match=match or None
        )
        command(**given, query=query)

    run.__name__, run.__doc__ = command.__name__, command.__doc__
    run.__annotations__ = {each.name: each.annotation for each in parameters}
    vars(run)["__signature__"] = signature.replace(parameters=parameters)
    return run


def _checked(name: str, given: Any) -> object:  # noqa: ANN401  # as the option says
    """Return an option's value as a filter has it. Raises InputError, naming the option."""
    if isinstance(given, str):
        return date_from(given, name.replace("published_", "--"))
    return tuple(valid(name, each) for each in given or ())
