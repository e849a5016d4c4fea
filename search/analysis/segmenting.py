"""A run of written characters -> its words, each with its offsets.

A run is what stands between spaces and common punctuation (`search.analysis.tokens`
cuts them and remembers their words). Here each run is brought to NFKC with an
offset map, marks and format controls are dropped, and it is cut where the
script changes: الـBBC is ال and bbc, و17 is و and 17.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import Literal, NamedTuple

from pyarabic.araby import TATWEEL

from search.analysis import folding, quranic
from search.analysis.folding import TASHKEEL, unify_letters

Kind = Literal["arabic", "number", "other"]

# A word is cut after so many letters: with two letters for one (æ) and padding, no
# term of any layer passes 100 code points, and a "word" of a million letters costs
# what a million letters of text cost. The longest Arabic words have about 15.
MAX_LETTERS = 48

APOSTROPHES = frozenset("'’‘ʼ`´ʿʾʻʽ")
_SIGNS = frozenset("ʿʾʻʽ")  # ع and hamza in scholarly romanisation: they cut no l'
# Nine words of ten: nothing in them to compose, drop or cut.
_PLAIN_ARABIC = re.compile("[ء-غف-ي]+")
_SPACING_MARKS = re.compile("[\ufe70-\ufe7f\ufc5e-\ufc63]")
_ARABIC = re.compile("[\u0620-\u064a\u066e-\u06d3\u06d5\u06ee\u06ef\u06fa-\u06ff\u0750-\u077f\u0870-\u0887\u0889-\u088e\u08a0-\u08c9]")  # fmt: skip
# Written without spaces: every character is a word (Han, kana, Thai to Khmer are too rare here
# to deserve a dictionary).
_SINGLES = re.compile("[\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")  # fmt: skip
# Combine with what stands before though their combining class is 0: Hangul vowels
# and finals, half-width kana voicing.
_JOINS = re.compile("[\u1160-\u11ff\uff9e\uff9f]")
_ALLAH = "\ufdf2"
_ALEFS = ("ا", "ٱ", "أ")
_ELISION = frozenset({"l", "d", "j", "m", "n", "s", "t", "c", "qu"})

# Bounded: without, a million digits would be tried from every 256th one on.
NUMBER = r"\d{1,30}(?:[.,\u066b\u066c،]\d{1,30}){1,9}"
_GROUPED = re.compile(r"(\d{1,3}(?:[,\u066c]\d{3})+)(?:[.\u066b](\d+))?")
_DECIMAL = re.compile(r"(\d+)[.\u066b](\d+)")


class Piece(NamedTuple):
    """One word of a run: `letters` without marks, and each letter's tashkeel, () for none."""

    start: int
    end: int
    kind: Kind
    letters: str
    marks: tuple[str, ...]


def cut_run(run: str) -> list[Piece]:
    """Return the words of a run of at most some hundred code points, in order.

    Offsets are code points into `run`. Words that come out of one code point (ﷺ
    is four) cannot share it: the first has it, the others are empty spans at its
    end, so that spans never overlap.
    """
    if len(run) <= MAX_LETTERS:
        if _PLAIN_ARABIC.fullmatch(run):
            return [Piece(0, len(run), "arabic", run, ())]
        if run.isascii() and run.isalpha():
            return [Piece(0, len(run), "other", run.lower(), ())]
    if number := _read_number(run):
        return [Piece(0, len(run), "number", number, ())]
    pieces: list[Piece] = []
    taken = 0
    for word in _words(run):
        if word.kind == "arabic" and word.is_quranic:
            pieces += _modern(run, word, taken)
            taken = pieces[-1].end
            continue
        start = max(word.start, taken)
        taken = max(word.end, start)
        pieces.append(Piece(start, taken, word.kind, word.text(), tuple(word.marks)))
    return pieces


def _modern(run: str, word: _Word, taken: int) -> Iterator[Piece]:
    """Yield a word in modern spelling, without the يا of a call, which is a word of its own."""
    letters, marks = word.text(), word.marks
    start, end = max(word.start, taken), max(word.end, taken)
    if called := quranic.call(letters, marks):
        middle = max(start, run.find(folding.SMALL_ALEF, word.start) + 1)
        while middle < end and unicodedata.category(run[middle])[0] == "M":
            middle += 1
        yield Piece(start, middle, "arabic", letters[:called] + "ا", ("",) * (called + 1))
        letters, marks, start = letters[called:], marks[called:], middle
    written, its = quranic.modern(letters, marks)
    yield Piece(start, end, "arabic", "".join(written), tuple(its))


class _Word:
    """A word being read."""

    __slots__ = ("end", "is_quranic", "kind", "letters", "marks", "start")

    def __init__(self, kind: Kind, start: int) -> None:
        self.kind: Kind = kind
        self.start = self.end = start
        self.is_quranic = False  # it has marks that are letters in modern spelling
        self.letters: list[str] = []
        self.marks: list[str] = []

    def text(self) -> str:
        letters = "".join(self.letters)
        return unify_letters(letters) if self.kind == "arabic" else letters

    def add_quranic(self, mark: str, end: int) -> None:
        """Add a mark that modern spelling has as a letter."""
        if mark not in quranic.HAMZA:
            self.is_quranic = True
            self.marks[-1] += mark
        elif self.letters[-1] == "ى":
            self.letters[-1] = "ئ"
        elif len(self.letters) < MAX_LETTERS:
            self.add("ء", end)
        self.end = end

    def add(self, letter: str, end: int) -> None:
        self.letters.append(letter)
        self.marks.append("")
        self.end = end


def _words(run: str) -> Iterator[_Word]:
    word: _Word | None = None
    apostrophe = False
    for char, start, end in _expand(run):
        category = unicodedata.category(char)
        if word and word.kind == "arabic" and char in quranic.MARKS:
            word.add_quranic(char, end)
            continue
        if _is_dropped(char, category):
            if word:
                word.end = end
            continue
        if category[0] == "M":
            if word:
                word.end = end
                if word.kind == "arabic":
                    if char in TASHKEEL and char not in word.marks[-1]:
                        word.marks[-1] += char
                elif word.kind == "other" and len(word.letters) < MAX_LETTERS:
                    word.add(char, end)
            continue
        if char in APOSTROPHES:
            if word and word.kind == "other" and not apostrophe:
                apostrophe = True
                if char not in _SIGNS and "".join(word.letters) in _ELISION:
                    yield word
                    word, apostrophe = None, False
                continue
            kind: Kind | None = None
        else:
            kind = _kind(char, category)
        if word and (
            kind is None
            or not _joins(word.kind, kind)
            or len(word.letters) >= MAX_LETTERS
            or _SINGLES.match(char)
            or _SINGLES.match(word.letters[0])
        ):
            yield word
            word, apostrophe = None, False
        if kind is None:
            apostrophe = False
            continue
        if word is None:
            word = _Word(kind, start)
        elif kind == "other":
            word.kind = "other"
        if apostrophe and word.letters:
            word.add("'", start)
        apostrophe = False
        for letter in _letters(char, kind):
            word.add(letter, end)
    if word:
        yield word


def _is_dropped(char: str, category: str) -> bool:
    """Whether no part of a word nor a boundary: tatweel, Qur'an signs, joiners, bidi controls."""
    if category == "Cf":
        return char != "\u200b"  # a zero-width space is where a line may break
    return char == TATWEEL or "\u06d6" <= char <= "\u06ed" or "\ufe00" <= char <= "\ufe0f"


def _letters(char: str, kind: Kind) -> str:
    if kind == "number":
        return str(unicodedata.decimal(char))
    return char if kind == "arabic" else char.casefold()


def _kind(char: str, category: str) -> Kind | None:
    if category == "Nd":
        return "number"
    if category[0] in "LN":
        return "arabic" if _ARABIC.match(char) else "other"
    return None


def _joins(kind: Kind, following: Kind) -> bool:
    """Latin letters and digits make one word (G20, v2, 5g); Arabic letters stay apart."""
    return kind == following or "arabic" not in (kind, following)


def _expand(run: str) -> Iterator[tuple[str, int, int]]:
    """Yield the NFKC form of a run, each character with the span it comes from."""
    start, length = 0, len(run)
    while start < length:
        end = start + 1
        while end < length and (unicodedata.combining(run[end]) or _JOINS.match(run[end])):
            end += 1
        cluster = run[start:end]
        normal = unicodedata.normalize("NFKC", cluster)
        if cluster == _ALLAH and run[start - 1 : start] in _ALEFS:
            normal = normal[1:]  # typed with an alef before it, which it already has
        if _SPACING_MARKS.match(cluster):
            normal = normal.replace(" ", "")
        for char in normal:
            yield char, start, end
        start = end


def _read_number(run: str) -> str:
    """Return the value of a number with separators (1,000 and ١٬٠٠٠ are 1000), or ""."""
    if not run[0].isdecimal() or run.isdecimal():
        return ""
    plain = "".join(str(unicodedata.decimal(c)) if c.isdecimal() else c for c in run)
    if len(plain) > MAX_LETTERS:
        return ""
    if match := _GROUPED.fullmatch(plain):
        whole = re.sub(r"\D", "", match[1])
        return f"{whole}.{match[2]}" if match[2] else whole
    if match := _DECIMAL.fullmatch(plain):
        return f"{match[1]}.{match[2]}"
    return ""
