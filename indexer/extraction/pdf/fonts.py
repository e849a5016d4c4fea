"""A PDF's fonts: which letters and how wide a glyph is, as pypdf reads it, and a little more."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

from pypdf.generic import DictionaryObject
from pypdf.generic._font import Font  # private: nothing public has the widths

# (letters, width in thousandths of the size, whether it is byte 32, whether it is a mark)
Glyph = tuple[str, float, bool, bool]

UNKNOWN = "\ufffd"  # a glyph of which the file does not say what letter it is
# Zero width spaces, joiners but for ZWNJ, direction marks, soft hyphens: nothing is drawn.
_UNSEEN = dict.fromkeys(
    map(
        ord,
        "\u00ad\u200b\u200d\u200e\u200f\u061c\ufeff\u202a\u202b\u202c\u202d\u202e\u2066\u2067"
        "\u2068\u2069" + "".join(map(chr, range(0x20))),
    )
)


class Face:
    """A font, and what is known of the letters that were asked for."""

    def __init__(self, resource: DictionaryObject) -> None:
        self.resource = resource  # held, so that nothing else gets its id
        self._font = font = Font.from_font_resource(resource)
        # pypdf 7.1 takes a default width of 0 for none: Typst's letters moved by a letter.
        below = object_of(resource.get("/DescendantFonts"))
        first = object_of(below[0]) if isinstance(below, list) and below else None
        if isinstance(first, DictionaryObject) and "/DW" in first:
            (font.character_widths["default"],) = numbers([object_of(first["/DW"])], 1)
        self._known: dict[str, Glyph] = {}

    def glyphs(self, codes: bytes) -> Iterator[Glyph]:
        """Yield the letters of each code, its width in thousandths, whether it is byte 32."""
        encoding = self._font.encoding
        if isinstance(encoding, str):
            errors = "surrogatepass" if encoding.startswith("utf-16") else "replace"
            chars = codes.decode(encoding, errors)
        else:
            chars = codes.decode("latin-1")
        for char in chars:
            glyph = self._known.get(char)
            if glyph is None:
                glyph = self._known[char] = self._glyph(char)
            yield glyph

    def _glyph(self, char: str) -> Glyph:
        font = self._font
        width = float(font.character_widths.get(char, font.character_widths.get("default", 500)))
        if isinstance(font.encoding, str):
            # Without a map a code of two bytes is the number of a glyph, not a letter.
            unmapped = UNKNOWN if font.encoding.startswith("utf-16") else char
            text = font.character_map.get(char, unmapped)
        else:
            letter = font.encoding.get(ord(char), char)
            text = font.character_map.get(letter, letter) if font.interpretable else UNKNOWN
        letters = plain(str(text))
        is_space = char == " " and not isinstance(font.encoding, str)
        return letters, width, is_space, is_mark(letters)


def plain(text: str) -> str:
    """Return letters without their forms, and nothing that is not seen but ZWNJ.

    A form of a mark stands on a space or a tatweel in Unicode's own tables: that is left out.
    """
    if text.isascii():
        return text.translate(_UNSEEN)
    done = []
    for char in text:
        if "\ufb50" <= char <= "\ufefc" and char not in "\ufd3e\ufd3f":
            letters = unicodedata.normalize("NFKC", char)
            bare = letters.lstrip(" \u0640")
            done.append(bare if bare and is_mark(bare) else letters)
        else:
            done.append(char)
    return "".join(done).translate(_UNSEEN)


def is_mark(text: str) -> bool:
    """Tell whether a text is only what stands over or under a letter."""
    return bool(text) and all(map(unicodedata.combining, text))


def object_of(value: object) -> object:
    """Return what a reference refers to, anything else as it is."""
    return value.get_object() if hasattr(value, "get_object") else value


def numbers(operands: list[object], count: int) -> tuple[float, ...]:
    """Return the first numbers of operands, 0 for each that is none or past all measure."""
    found = [float(o) if isinstance(o, int | float) else 0.0 for o in operands[:count]]
    found += [0.0] * (count - len(found))
    return tuple(number if abs(number) < 1e6 else 0.0 for number in found)
