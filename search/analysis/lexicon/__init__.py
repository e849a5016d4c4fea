"""Word lists, one word or pair a line, `#` begins a comment. Data, not code."""

from __future__ import annotations

from importlib.resources import files


def read_words(name: str) -> frozenset[str]:
    """Return the words of a list; several may share a line."""
    return frozenset(word for line in _lines(name) for word in line.split())


def read_pairs(name: str) -> dict[str, str]:
    """Return `form -> lemma` of a list of lines `lemma form form ...`.

    Raises:
        ValueError: a form stands under two lemmas; the list must leave it out.
    """
    pairs: dict[str, str] = {}
    for lemma, forms in read_lists(name):
        for form in forms:
            if pairs.setdefault(form, lemma) != lemma:
                raise ValueError(f"{name}: {form} is a form of {pairs[form]} and of {lemma}")
    return pairs


def read_lists(name: str) -> list[tuple[str, list[str]]]:
    """Return `(lemma, forms)` of a list of lines `lemma form form ...`."""
    return [(lemma, forms) for lemma, *forms in map(str.split, _lines(name))]


def _lines(name: str) -> list[str]:
    text = files(__name__).joinpath(name).read_text(encoding="utf-8")
    return [line for raw in text.splitlines() if (line := raw.partition("#")[0].strip())]
