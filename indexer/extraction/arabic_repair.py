"""Checks Arabic that was extracted from PDFs and other files: what is certain is mended, the rest refused.

In this order, each only where the text as a whole shows it, so that right texts come through
unchanged (measured: the seed and all 240 paragraphs of xquad-ar):

    letters without meaning     U+FFFD, private-use letters, (cid:12): refused beyond a trace
    reversed order              `indexer.extraction.visual_order`
    presentation forms          the letters they stand for; ﷺ and its like stay
    لا written as ال             اإلسلام: الإسلام, refused where it is all of them
    marks apart from letters    behind a space, or before their letter
    letters apart               ا ل ع ر ا ق
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from indexer.extraction.encodings.letter_statistics import surprise
from indexer.extraction.visual_order import LETTER, MARK, is_visual, letters_of, turned_back
from search.errors import SourceError

# Of letters without meaning, how many may be among the others and how many in all.
MAX_MEANINGLESS = 1 / 250
_FEW = 2

_OCR = "make the file anew with its fonts' letters, or use OCR"
_MEANINGLESS = re.compile("\ufffd|\\(cid:\\d+\\)|[\ue000-\uf8ff\U000f0000-\U0010fffd]")
_SYMBOL_BULLET = re.compile("^(\\s*)[\uf000-\uf0ff](?=\\s)", re.MULTILINE)
_FORM = re.compile("[\ufb50-\ufdef\ufdf2\ufe70-\ufefc]")  # without ﷰ, ﷺ, ﷽
_ARABIC = f"[{LETTER}]"
_WORD = re.compile(f"{_ARABIC}+")

# A word cannot begin with ا and an alef with hamza, nor with two alefs, before a ل.
_SWAPPED = re.compile(f"(?<![{LETTER}{MARK}])([وفبك]{{0,2}})ا([أإآا])ل(?={_ARABIC})")
_LAM_ALEF = re.compile("(?<=[^ا])لا")
_MIN_SWAPPED = 3
_SWAPPED_WORDS = 1 / 200

_TASHKEEL = "\u064b-\u0652\u0670"  # the signs of the Qur'an do stand apart
_ANY_TASHKEEL = re.compile(f"[{_TASHKEEL}]")
_MARK_APART = re.compile(f"(?<=[{LETTER}{_TASHKEEL}]) (?=[{_TASHKEEL}])")
_MARK_FIRST = re.compile(f"(?<![{LETTER}{MARK}])[{_TASHKEEL}]+(?={_ARABIC})")
_MARK_LAST = re.compile(f"(?<={_ARABIC})[{_TASHKEEL}]+(?![{LETTER}{MARK}])")
_MARKS_BEFORE = re.compile(f"([{_TASHKEEL}]+)({_ARABIC})")
_MIN_MARKS = 3
_JOINT = 0.5  # nats

_SPACED = re.compile(f"(?<![{LETTER}{MARK}]){_ARABIC}(?: {_ARABIC})+(?![{LETTER}{MARK}])")
_PAIR_APART = re.compile(f"(?<=(?<![{LETTER}{MARK}]){_ARABIC}) (?={_ARABIC}(?![{LETTER}{MARK}]))")
_WIDE_SPACE = re.compile(f"(?<={_ARABIC}) {{2,}}(?={_ARABIC})")
_MOSTLY_SPACED = 0.5  # of a text's letters
_MIN_SPACED, _MAX_SPACED = 6, 24  # letters of one word among others; more are several words
_WORDLIKE = 3.0  # nats a pair, as Arabic has; the alphabet in its order has 5.7
_TEXTLIKE = 4.0  # a headline without its spaces has 3.1


@dataclass(frozen=True, slots=True)
class Mended:
    """A text as it is read, and what was wrong with it: nothing where it is as it was."""

    text: str
    repairs: tuple[str, ...] = ()


def mended(text: str) -> Mended:
    """Return an extractor's text with what is certainly wrong put right.

    Call it on lines as the page has them: joined, reversed ones cannot be told apart.

    Raises:
        SourceError: it is broken, and how it should be read is not certain; says what and
            where.
    """
    repairs: list[str] = []
    for name, repair in _REPAIRS:
        better = repair(text)
        if better != text:
            text = better
            repairs.append(name)
    return Mended(text, tuple(repairs))


def _without_meaningless(text: str) -> str:
    """Return a text with the bullets of symbol fonts as bullets; refuse letters without meaning."""
    text = _SYMBOL_BULLET.sub("\\1•", text)
    count = sum(1 for _ in _MEANINGLESS.finditer(text))
    if count <= _FEW and len(text) > 100 * count:
        return text
    written = sum(map(len, text.split()))
    if count > MAX_MEANINGLESS * written:
        first = _MEANINGLESS.search(text)
        if first is None:
            return text
        what = f"U+{ord(first[0]):04X}" if len(first[0]) == 1 else first[0]
        near = " ".join(text[max(0, first.start() - 20) : first.start()].split())
        raise SourceError(
            f"{count:,} of its {written:,} letters say nothing, the first ({what}) at character "
            f'{first.start():,} after "{near}": its fonts do not say which they are; {_OCR}',
            code="garbled",
        )
    return text


def _in_reading_order(text: str) -> str:
    if not is_visual(text):
        return text
    turned = turned_back(text)
    if is_visual(turned):
        raise SourceError(
            f"its Arabic letters stand in an order that nothing puts right; {_OCR}", code="garbled"
        )
    return turned


def _without_forms(text: str) -> str:
    return _FORM.sub(lambda form: letters_of(form[0]), text)


def _lam_alef(text: str) -> str:
    """Return a text with الإ where a PDF's table of letters says اإل; لا must be right in it.

    Raises:
        SourceError: لا is swapped as well. سالم may be that or سلام then: by the pairs of
            letters only 63 of 100 such words of xquad-ar come out right.
    """
    swapped = len(_SWAPPED.findall(text))
    if swapped < _MIN_SWAPPED or swapped < _SWAPPED_WORDS * len(text.split()):
        return text
    if len(_LAM_ALEF.findall(text)) < swapped:
        first = next(_SWAPPED.finditer(text))
        raise SourceError(
            f"{swapped:,} words have the letters of لا swapped, the first at character "
            f"{first.start():,}, and in others (سالم, سلام) nothing tells; {_OCR}",
            code="garbled",
        )
    return _SWAPPED.sub(r"\1ال\2", text)


def _marks_at_letters(text: str) -> str:
    apart = len(_MARK_APART.findall(text))
    if apart >= _MIN_MARKS and 2 * apart >= len(_ANY_TASHKEEL.findall(text)):
        together = _MARK_APART.sub("", text)
        # The parts of words surprise more than the words; whole words put together do too.
        if _surprise(together) + _JOINT * apart <= _surprise(text):
            return together
    first = len(_MARK_FIRST.findall(text))
    if first >= _MIN_MARKS and not _MARK_LAST.search(text):
        return _MARKS_BEFORE.sub(r"\2\1", text)
    return text


def _surprise(text: str) -> float:
    words = _WORD.findall(_ANY_TASHKEEL.sub("", text))
    return sum(map(surprise, words))


def _letters_together(text: str) -> str:
    """Return words whose letters stand apart as words: all, or in a text of words a long one.

    Raises:
        SourceError: most letters stand apart, and nothing says where the words end.
    """
    runs = [run[0].replace(" ", "") for run in _SPACED.finditer(text)]
    apart = sum(map(len, runs))
    if apart >= _MOSTLY_SPACED * len(re.findall(_ARABIC, text)) and _WIDE_SPACE.search(text):
        return _WIDE_SPACE.sub(" ", _PAIR_APART.sub("", text))
    for run in runs:
        if len(run) > _MAX_SPACED and surprise(run) <= _TEXTLIKE * len(run):
            raise SourceError(
                f"its letters stand apart and nothing parts its words ({' '.join(run[:12])}…); "
                f"{_OCR}",
                code="garbled",
            )
    return _SPACED.sub(_word_together, text)


def _word_together(run: re.Match[str]) -> str:
    word = run[0].replace(" ", "")
    wordlike = surprise(word) <= _WORDLIKE * (len(word) + 1)
    return word if wordlike and _MIN_SPACED <= len(word) <= _MAX_SPACED else run[0]


_Repair = Callable[[str], str]
_REPAIRS: tuple[tuple[str, _Repair], ...] = (
    ("bullets of symbol fonts", _without_meaningless),
    ("letters in reversed order", _in_reading_order),
    ("presentation forms", _without_forms),
    ("لا written as ال", _lam_alef),
    ("marks apart from their letters", _marks_at_letters),
    ("letters apart", _letters_together),
)
