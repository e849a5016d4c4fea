"""Names of two parts that are written as two words or as one: عبد الله, عبدالله (`folded` layer).

Both ways are asked whatever the words' frequency; what no passage has costs nothing.
"""

from __future__ import annotations

# Parts that a name begins with, and the forms that the grammatical case gives them.
_FIRST = {
    **{word: (word,) for word in ("عبد", "بور", "كفر", "بيت", "بني", "نور", "جار")},
    **dict.fromkeys(("ابو", "ابا", "ابي"), ("ابو", "ابا", "ابي")),
}
_ALONE = ("عبد", "ابو", "ابا", "ابي", "بور")  # that need no article after them: عبدربه, بورسعيد
_LAST = ("الدين", "الله", "الاسلام")  # نورالدين, حزبالله
_CLITICS = ("", "و", "ف", "ب", "ل", "ك")
_LEAST = 3  # letters of the other part


def parted(word: str) -> tuple[tuple[str, str], ...]:
    """Return the ways to write one word as two."""
    for clitic in _CLITICS:
        if not word.startswith(clitic):
            continue
        bare = word[len(clitic) :]
        first, rest = bare[:3], bare[3:]
        if first in _FIRST and len(rest) >= _LEAST and (first in _ALONE or rest[:2] == "ال"):
            return tuple((clitic + form, rest) for form in _FIRST[first])
    for last in _LAST:
        if word.endswith(last) and len(word) >= len(last) + _LEAST:
            return ((word[: -len(last)], last),)
    return ()


def joined(first: str, second: str) -> tuple[str, ...]:
    """Return the ways to write two words that follow each other as one."""
    clitic = next((c for c in _CLITICS if first[len(c) :] in _FIRST and first.startswith(c)), None)
    if clitic is not None and len(second) >= _LEAST:
        return tuple(clitic + form + second for form in _FIRST[first[len(clitic) :]])
    return (first + second,) if second in _LAST and len(first) >= _LEAST else ()
