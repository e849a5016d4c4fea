"""UTF-8 that was read in an 8-bit encoding: what tells it in a text, and the text as it was meant."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping

_LINE = re.compile("[^\n<>]+")  # of a page too


def _bytes_of(codec: str, *, controls: bool) -> Mapping[int, int]:
    """Code point -> byte over 0x7F, of an encoding; its holes and C1 controls are their byte."""
    found = {byte: byte for byte in range(0x80, 0xA0)} if controls else {}
    for byte in range(0x80, 0x100):
        char = bytes([byte]).decode(codec, "ignore")
        found[ord(char) if char else byte] = byte
    return found


# Signs that stand in no text right behind a letter, and are half of a letter of UTF-8: of the
# others some do (ط،ظ، of a list, ع…ع… of who stutters, the پ and گ of Persian).
STRONG = "€‚ƒ„†‡ˆ‰‹›Œœ™¢£¤¥¦§¨©¬\u00ad®¯°±²³´µ¶·¸¹¼½¾"


class Misread:
    """An 8-bit encoding in which UTF-8 was read."""

    def __init__(self, name: str, codec: str, *, controls: bool) -> None:
        self.name = name
        table = _bytes_of(codec, controls=controls)
        self.table = {char: chr(byte) for char, byte in table.items()}

        def chars(first: int, end: int) -> str:
            return "".join(re.escape(chr(c)) for c, byte in table.items() if first <= byte < end)

        rest = f"[{chars(0x80, 0xC0)}]"
        two, arabic, accented = chars(0xC2, 0xE0), chars(0xD8, 0xDC), chars(0xC3, 0xC6)
        self._letter = re.compile(
            f"[{two}]{rest}|[{chars(0xE0, 0xF0)}]{rest}{{2}}|[{chars(0xF0, 0xF5)}]{rest}{{3}}"
        )
        self._run = re.compile(f"[{chars(0x80, 0x100)}]{{2,}}")
        if codec == "cp1256":
            strong = f"[{STRONG}]"
            signs = [
                f"[{arabic}]{rest}[{arabic}]{strong}",
                f"[{arabic}]{strong}[{arabic}]{rest}",
                "ظ[پٹچژڈگ]ظ[پٹچژڈگ]",  # في: ظ is in no word of who has these letters twice
                "ط[·¸][\u0621-\u064aâ]",  # such text read so once more: ط·آ£ط·آ¹
            ]
            self._surely = re.compile("|".join([*signs, f"[{arabic}]{strong}"]))
        elif codec != "cp1252":  # ∫« and ╗╝ stand in right texts, ÿß and ╪º twice do not
            signs = [f"(?:[{chars(0xD8, 0xDA)}]{rest}){{2}}"]
            self._surely = re.compile(signs[0])
        else:
            signs = [
                f"(?:[{arabic}]{rest}){{2}}",
                f"(?:[{two}]{rest}){{3}}",
                f"\u00e2[\u20ac\x80]{rest}",  # a dash or quote
                f"(?<=[a-z])[{accented}]{rest}",
                f"[{accented}]{rest}(?=[a-z])",
            ]
            self._surely = re.compile("|".join([*signs, f"[{arabic}]{rest}"]))
        self.sign = re.compile("|".join(signs))

    def count(self, text: str) -> int:
        """Return in how many places a text is surely of this kind."""
        return sum(1 for _ in self.sign.finditer(text))

    def mended(self, text: str) -> str:
        """Return a text that is of this kind read as it was meant.

        Where some of a line is not UTF-8, only what surely is: the rest may be right.
        """
        if self._is_whole(text):
            return self._run.sub(lambda run: self._read_anew(run[0]), text)
        return _LINE.sub(lambda line: self._line_mended(line[0]), text)

    def _line_mended(self, line: str) -> str:
        mixed = not (self.sign.search(line) and self._is_whole(line))

        def in_run(run: re.Match[str]) -> str:
            if mixed and not self._surely.search(run[0]):
                beside = run.string[max(0, run.start() - 1) : run.end() + 1]
                if not self.sign.search(beside):
                    return run[0]
            return self._read_anew(run[0])

        return self._run.sub(in_run, line)

    def _is_whole(self, text: str) -> bool:
        """Tell whether all of a text that may be UTF-8 is."""
        return all(self._decoded(run[0]) is not None for run in self._run.finditer(text))

    def _read_anew(self, run: str) -> str:
        found = self._decoded(run)
        if found is None:  # a letter of it is cut
            found = self._letter.sub(lambda m: self._decoded(m[0]) or m[0], run)
        return found

    def _decoded(self, run: str) -> str | None:
        """Return letters read anew, None where they are not UTF-8 or none of a text."""
        try:
            found = run.translate(self.table).encode("latin-1").decode()
        except UnicodeError:
            return None
        return found if all(map(_is_written, found)) else None


LATIN = Misread("Windows-1252", "cp1252", controls=True)
ARABIC = Misread("Windows-1256", "cp1256", controls=False)
MAC = Misread("Mac Roman", "mac_roman", controls=False)
DOS = Misread("code page 437", "cp437", controls=False)
MISREAD = (DOS, MAC, ARABIC, LATIN)  # of two that are as likely the later is taken


def _is_written(char: str) -> bool:
    """Tell whether a text may have it; a C1 control may be a letter that is encoded once more."""
    return unicodedata.category(char) not in ("Cn", "Co", "Cs") and (
        char >= " " or char in "\t\n\r"
    )
