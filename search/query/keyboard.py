"""Words typed with the other keyboard layout: `hguvhr` for العراق, `ىثصس` for news. Pure tables.

Arabic (101) beside US English, the layouts of Windows that Linux has too (`ara`, `us`).
"""

from __future__ import annotations

_LATIN = "qwertyuiop[]asdfghjkl;'zxcvnm,./`"
_ARABIC = "ضصثقفغعهخحجدشسيبلاتنمكطئءؤرىةوزظذ"
_SHIFTED = {"H": "أ", "Y": "إ", "N": "آ", "B": "لآ", "G": "لأ", "T": "لإ", "b": "لا"}

_TO_ARABIC = {**dict(zip(_LATIN, _ARABIC, strict=True)), **_SHIFTED}
_TO_LATIN = {arabic: latin.lower() for latin, arabic in _TO_ARABIC.items()}
_PAIR = "لا"  # one key, where it does not stand for two


def other_layout(text: str) -> str | None:
    """Return what the keys of a text give in the other layout, None where some key gives nothing.

    `ل` and `ا` next to each other are taken for the one key `b`.
    """
    if all(letter in _TO_ARABIC or letter.isspace() for letter in text):
        return "".join(_TO_ARABIC.get(letter, letter) for letter in text)
    keys = text.replace(_PAIR, "b")
    if all(letter in _TO_LATIN or letter == "b" or letter.isspace() for letter in keys):
        return "".join(_TO_LATIN.get(letter, letter) for letter in keys)
    return None
