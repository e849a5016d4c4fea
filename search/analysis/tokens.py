"""Text -> tokens with offsets and layers: the one definition of a word in Fihris.

Every engine, the highlighter and "why did this match" see these terms and no
others. What a layer is for stands in docs/ARCHITECTURE.md; what each phenomenon
must do stands as one line a rule in tests/analysis.

A run of characters is analysed once and remembered (`_TERMS`, `_WORDS`), because a text's
words repeat: that is most of the speed (`benchmarks.analysis`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache, lru_cache
from typing import Final, NamedTuple

from search.analysis import folding
from search.analysis.latin_stemming import stem_latin
from search.analysis.lexicon import read_words
from search.analysis.phonetics import arabic_sound
from search.analysis.segmenting import NUMBER, Kind, cut_run
from search.analysis.stemming import stem, stem_as_written
from search.domain import LAYERS, Layer
from search.generations import Generations

# Part of every index's fingerprint: raise it with any change of any layer's output.
ANALYSER_VERSION = "17"

MAX_RUN = 256  # code points; a longer run is analysed in parts
_MAX_SOUNDED = 24  # code points; a longer word is no name
# Stands between a title's terms and a text's, so that no phrase crosses; no text has such a term.
TITLE_END = "¶"
MAX_TERM = 100  # code points; no term of any layer is longer
# In each of two generations: 45 MB of terms and 40 MB of words at most. 20,000 paragraphs of prose
# have 166,000 different runs; with 32,768 every fifth run of theirs was analysed again.
_REMEMBERED_TERMS = 98_304
_REMEMBERED_WORDS = 32_768
_WORTH_KEEPING = 40  # code points; longer runs are hardly ever seen again

_SEPARATORS = (
    r"\s!-&(-/:-@\[-_{-\x7f\xa1-\xa9\xab\xac\xae-\xb1\xb6\xb7\xbb\xbf\xd7\xf7"
    "\u060c\u061b\u061e\u061f\u066a-\u066d\u06d4\u2010-\u2017\u201a-\u2029\u2030-\u205e"
    "\u3001-\u3003\u3008-\u3020\uff0c\uff1f"
)
RUN = re.compile(f"{NUMBER}|[^{_SEPARATORS}]{{1,{MAX_RUN}}}")


class Token(NamedTuple):
    """A word of a text in every layer.

    A named tuple because a frozen dataclass takes four times as long to make, and
    making tokens is a third of indexing's analysis.

    start, end  code-point offsets into the original text
    letters     without marks, Persian variants unified; case-folded
    folded      hamza on alef, ى/ي, ة/ه, accents are one
    stem        folded without clitics and endings, broken plurals made singular
    grams       padded 4-grams of folded
    vowelled    letters with their tashkeel; "" when none is written
    stop        says nothing of what a text is about (Arabic, English, French)
    """

    start: int
    end: int
    letters: str
    folded: str
    stem: str
    grams: tuple[str, ...]
    vowelled: str
    stop: bool


_Layers = tuple[str, str, str, tuple[str, ...], str, bool]
LETTERS: Final = 0  # places in it
FOLDED: Final = 1
STEM: Final = 2
GRAMS: Final = 3
STOP: Final = 5
_Word = tuple[int, int, _Layers]  # offsets into its run
_Terms = tuple[str, ...]  # one of each of LAYERS, joined by single spaces; () of no word


def analyse(text: str) -> list[Token]:
    """Return the words of a text in order; spans lie inside it and never overlap.

    Never fails: what is no letter, digit or mark separates words, lone surrogates
    and control characters included. Linear in the text's length.
    """
    tokens: list[Token] = []
    add, new, known = tokens.append, tuple.__new__, _WORDS.__getitem__
    for match in RUN.finditer(text):
        offset = match.start()
        for start, end, layers in known(match.group()):
            add(new(Token, (offset + start, offset + end) + layers))  # noqa: RUF005 (faster)
    return tokens


def words_of(run: str) -> tuple[_Word, ...]:
    """Return start, end and layers of the words of one of the runs that `RUN` finds in a text.

    What `analyse` makes tokens of: a caller that only looks is done in a third of the time.
    """
    return _WORDS[run]


def layer_terms(tokens: Sequence[Token]) -> dict[Layer, str]:
    """Return each layer's terms, joined by single spaces.

    `letters`, `folded` and `stem` have one term a token, in order, so that phrases
    hold; `grams` has several a token, `vowelled` only what carries tashkeel, `sound` only
    Arabic words (see `search.analysis.phonetics`).
    """
    return dict(zip(LAYERS, _join(tokens), strict=True))


def terms(text: str) -> dict[Layer, str]:
    """Return `layer_terms(analyse(text))` in 0.4 of the time, for indexing.

    No tokens are made: each run's terms are remembered joined.
    """
    runs = filter(None, map(_TERMS.__getitem__, RUN.findall(text)))
    columns = zip(*runs, strict=True)
    joined = [" ".join(filter(None, column)) for column in columns]
    return dict(zip(LAYERS, joined or ("",) * len(LAYERS), strict=True))


def _join(tokens: Sequence[Token]) -> _Terms:
    return (
        " ".join([t.letters for t in tokens]),
        " ".join([t.folded for t in tokens]),
        " ".join([t.stem for t in tokens]),
        " ".join([" ".join(t.grams) for t in tokens]),
        " ".join([t.vowelled for t in tokens if t.vowelled]),
        " ".join(filter(None, (_sound_term(t.letters, t.stem, t.stop) for t in tokens))),
    )


def _sound_term(letters: str, stem: str, stop: bool) -> str:
    """Return `sound=stem=letters` of an Arabic word, "" of any other, of stop words and long ones."""
    if stop or len(letters) > _MAX_SOUNDED:
        return ""
    sound = arabic_sound(stem)
    return f"{sound}={stem}={letters}" if sound else ""


def _words(run: str) -> tuple[_Word, ...]:
    pieces = cut_run(run)
    # Hardly one run of a single word has the word of another.
    layers = _layers if len(pieces) == 1 else _layers_of_part
    return tuple([(p.start, p.end, layers(p.kind, p.letters, p.marks)) for p in pieces])


def _terms(run: str) -> _Terms:
    words = _words(run)
    if len(words) == 1:  # nearly all
        letters, folded, root, grams, vowelled, stop = words[0][2]
        sound = _sound_term(letters, root, stop)
        return letters, folded, root, " ".join(grams), vowelled, sound
    return _join([Token(start, end, *layers) for start, end, layers in words]) if words else ()


_WORDS = Generations(_words, _REMEMBERED_WORDS, _WORTH_KEEPING)
_TERMS = Generations(_terms, _REMEMBERED_TERMS, _WORTH_KEEPING)


def _layers(kind: Kind, letters: str, marks: tuple[str, ...]) -> _Layers:
    if kind == "arabic":
        folded = folding.fold_arabic(letters)
        vowelled = folding.vowelled(letters, marks)
        if len(vowelled) > MAX_TERM:
            vowelled = ""
        root = stem_as_written(letters, folded)
        return letters, folded, root, folding.grams(folded), vowelled, is_stop(letters)
    if kind == "number":
        return letters, letters, letters, folding.grams(letters), "", False
    folded = folding.fold_other(letters)
    root = stem_of(folding.fold_other(letters.removesuffix("'s"))) or folded
    return letters, folded, root, folding.grams(folded), "", folded in _latin_stops()


_layers_of_part = lru_cache(maxsize=4096)(_layers)  # of hashtags, a text of ﷺ, Chinese


def stem_of(folded: str) -> str:
    """Return the stem of a word of the layer `folded`."""
    return stem(folded) if "\u0621" <= folded[:1] <= "\u064a" else stem_latin(folded)


def is_stop(letters: str) -> bool:
    """Whether an Arabic word (`letters` layer) is a stop word."""
    return letters in _arabic_stops()


@cache
def _arabic_stops() -> frozenset[str]:
    listed = read_words("stop_arabic.txt")
    bare = {word.translate(str.maketrans("أإآ", "ااا")) for word in listed}
    return frozenset(listed | bare | {c + word for word in listed | bare for c in "وف"})


@cache
def _latin_stops() -> frozenset[str]:
    return read_words("stop_english.txt") | read_words("stop_french.txt")
