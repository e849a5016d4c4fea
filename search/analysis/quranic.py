"""Qur'anic (Uthmani) spelling of a word -> the modern one, by its letters and marks.

The dagger alef (U+0670) is an alef that modern spelling writes, but for the words in `_WITHOUT`
(هذا, الرحمن); under it و and ى of the old spelling are that alef themselves (صلوٰة, مأوىٰهم).
"""

from __future__ import annotations

from collections.abc import Sequence

from pyarabic.araby import DAMMA, FATHA, KASRA, SHADDA, SUKUN

from search.analysis.folding import SMALL_ALEF

# Marks that are letters, kept among a letter's marks until `modern` has read them.
SMALL_WAW, SMALL_YEH = "\u06e5", "\u06e6"
LETTERS = {"\u06e7": "ي", "\u06e8": "ن", SMALL_WAW: "و", SMALL_YEH: "ي"}
HAMZA = frozenset("\u0654\u0655")  # above or below a line or tatweel
MARKS = frozenset((SMALL_ALEF, *LETTERS, *HAMZA))

_OWN_VOWELS = frozenset((FATHA, DAMMA, KASRA, SHADDA))
# Modern spelling has no alef in these, whatever stands before or after them.
_WITHOUT = (
    "الرحمن",
    "رحمن",
    "هذا",
    "هذه",
    "هذان",
    "هذين",
    "هؤلاء",
    "هكذا",
    "ذلك",
    "ذلكم",
    "ذلكما",
    "كذلك",
    "لكن",
    "اله",
    "الله",
    "اللهم",
    "اولئك",
    "اولئكم",
    "طه",
)
_BEFORE = ("", "و", "ف", "ب", "ل", "ك", "ا", "ول", "فل", "وب", "فب", "وك")
_AFTER = ("", "ه", "ها", "هم", "كم", "نا", "ي", "ين", "ا")
_FOLDED = str.maketrans("أإآٱى", "ااااي")
_BARE = frozenset(b + word + a for word in _WITHOUT for b in _BEFORE for a in _AFTER)


def modern(letters: Sequence[str], marks: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return a word's letters and marks in modern spelling; daggers that stay have no letter.

    Args:
        letters: without marks.
        marks: each letter's, with daggers and small letters.
    """
    written, its = _with_small_letters(letters, marks)
    if "".join(written).translate(_FOLDED) in _BARE:
        return written, its
    new_letters: list[str] = []
    new_marks: list[str] = []
    last = len(written) - 1
    for at, (letter, mark) in enumerate(zip(written, its, strict=True)):
        if SMALL_ALEF not in mark:
            new_letters.append(letter)
            new_marks.append(mark)
        elif letter in "وىي" and not _OWN_VOWELS.intersection(mark):
            # At the end ى stays, and an alef after و is not heard: ربوٰا.
            final = at == last or (at == last - 1 and letter == "و" and written[last] == "ا")
            new_letters.append(letter if letter != "و" and at == last else "ا")
            new_marks.append("")
            if final and at < last:
                break
        else:
            new_letters += [letter, "ا"]
            new_marks += [mark.replace(SMALL_ALEF, "").replace(SUKUN, ""), ""]
    return new_letters, new_marks


def _with_small_letters(
    letters: Sequence[str], marks: Sequence[str]
) -> tuple[list[str], list[str]]:
    """Write small letters out that stand inside of a word; at its end they are not written."""
    written: list[str] = []
    its: list[str] = []
    for at, (letter, mark) in enumerate(zip(letters, marks, strict=True)):
        written.append(letter)
        its.append("".join(m for m in mark if m not in LETTERS))
        inside = at < len(letters) - 1
        for small in (m for m in mark if m in LETTERS):
            if not inside or (small == SMALL_WAW and "".join(letters).endswith("داود")):
                continue
            written.append(LETTERS[small])
            its.append("")
    return written, its


def call(letters: str, marks: Sequence[str]) -> int:
    """Return how many letters the يا of a call has that is written with who is called, or 0."""
    for first in ("ي", "وي", "في"):
        at = len(first) - 1
        if letters.startswith(first) and len(letters) > at + 2 and SMALL_ALEF in marks[at]:
            return at + 1
    return 0
