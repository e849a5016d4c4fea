"""How a phrase may be written in a text: rows of words, the one typed first.

Quotes ask for words in a row, in any spelling that the layer `folded` makes one. Besides, a row
may differ in what writers join or part at will: the first word may carry a clitic (وقوات التحالف
holds «قوات التحالف»), «و» may stand apart, ابن is بن between names, and names of two parts are
written as one word (`search.analysis.compounds`). With `=` before the quotes only the letters typed count.
"""

from __future__ import annotations

from search.analysis import compounds
from search.domain import Layer, Level
from search.query.expansion import Row
from search.query.parse import Item

_CLITICS = ("و", "ف", "ب", "ل", "ك", "وب", "ول")
_MOST_ROWS = 24  # of all phrases of a query, before clitics: 11 for each row's first word
_SHORTEST = 3  # letters that follow a و written together with its word
_SON = {"ابن": "بن", "بن": "ابن"}


def layer_of(item: Item) -> Layer:
    """Return the layer in which a phrase is looked for."""
    return "letters" if item.typed else "folded"


def rows(item: Item, phrases: int = 1) -> tuple[Row, ...]:
    """Return how a phrase may be written in its layer.

    Args:
        phrases: how many the query has, which bounds the rows of each.
    """
    if item.typed:
        found = [tuple(token.letters for token in item.tokens)]
        if len(item.tokens) == 1:
            return tuple(found)  # a word as it is typed carries no clitic
    else:
        found = _spelt([token.folded for token in item.tokens], max(1, _MOST_ROWS // phrases))
    return tuple(
        dict.fromkeys((first, *rest) for word, *rest in found for first in with_clitics(word))
    )


def beginnings(item: Item, level: Level = "near") -> tuple[str, ...]:
    """Return what a word may begin with, in the layer `folded`, that an item's prefix asks for."""
    begin = item.tokens[0].folded
    if level in ("exact", "spelling") or not "\u0621" <= begin[0] <= "\u064a":
        return (begin,)
    return (*with_clitics(begin), *with_clitics("ال" + begin))


def with_clitics(word: str) -> tuple[str, ...]:
    """Return how a phrase's first word may be written: وقوات التحالف holds «قوات التحالف»."""
    if not "\u0621" <= word[0] <= "\u064a":
        return (word,)
    prefixed = tuple(clitic + word for clitic in ("", *_CLITICS))
    if not word.startswith("ال"):
        return prefixed
    return (*prefixed, "لل" + word[2:], "ولل" + word[2:])


def _spelt(words: list[str], most: int) -> list[Row]:
    """Return rows for these words, each what may stand for one or two of them put together."""
    after: list[list[Row]] = [[()]]  # rows of what follows, the nearest first
    for at in range(len(words) - 1, -1, -1):
        word, following = words[at], words[at + 1 : at + 2]
        here = [(word, *rest) for rest in after[0]]
        for one in _ones(word):
            here += [(*one, *rest) for rest in after[0]]
        for joined in _joined(word, *following) if following else ():
            here += [(joined, *rest) for rest in after[1]]
        after = [here[:most], *after[:1]]
    return after[0]


def _ones(word: str) -> list[Row]:
    found: list[Row] = [(_SON[word],)] if word in _SON else []
    if word[0] == "و" and len(word) > _SHORTEST:
        found.append(("و", word[1:]))
    return found + list(compounds.parted(word))


def _joined(word: str, following: str) -> tuple[str, ...]:
    return ("و" + following,) if word == "و" else compounds.joined(word, following)
