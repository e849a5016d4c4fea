"""Texts that were read in a wrong encoding before they came here: what is certain is mended.

    Ø¨ØºØ¯Ø§Ø¯      UTF-8 read as Latin-1 or Windows-1252 (and once more, up to three times)
    ط¨ط؛ط¯ط§ط¯      UTF-8 read as Windows-1256
    ÿ®ÿ∫ÿØÿßÿØ      UTF-8 read as Mac Roman, as Excel for Mac opens a .csv
    ╪¿╪║╪»╪º╪»      UTF-8 read as code page 437, as programs of DOS and zip do
    ÈÛÏÇÏ            Windows-1256 or ISO-8859-6 read as Latin-1 or Windows-1252
    ????? \ufffd       the letters are lost: refused, where it is more than a trace

A right text never changes (measured: none of the 20,000 paragraphs of Arabic prose, nor
French, German, Persian and Urdu ones): two letters of UTF-8 in a row make no word in an 8-bit
encoding, a capital Ã stands beside no small letter, and of the third kind only what
`indexer.extraction.encodings.codepages` finds for certain.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from indexer.extraction.encodings.codepages import CANDIDATES, probabilities
from indexer.extraction.encodings.misread import LATIN, MISREAD, STRONG
from search.errors import SourceError

WRITTEN = ("title", "author", "source", "tags")  # of an article, by people
_ROUNDS = 3
# Of pieces of five letters and more, Arabic ones have .92 and right ones of 12 European
# languages .09 at most; of fewer letters .77 and .88 (áðý).
_CERTAIN = 0.9
_MIN_LETTERS = 5
_MIN_DIFFERENT = 4
_MANY_LETTERS = 20  # of a text that may have all its tashkeel
_LIKELY = 0.5  # beside a piece that is certain
_SIGNS = "«»“”‘’–—…•\xa0".encode("cp1252")
_ARABIC_MARK = re.compile("[\u064b-\u0652\u200c-\u200f]")
_MIXED_WORD = re.compile("[A-Za-z][\u0621-\u06d3]|[\u0621-\u06d3][A-Za-z]")
_BLANK_SIGNS = bytes.maketrans(_SIGNS, b" " * len(_SIGNS))
_USUAL = 20  # how much more usual Windows-1256 is than ISO-8859-6
# Of what counts: with ہ, گ and marks "ÇÀ åäö" would be five.
_ARABIC_LETTERS = re.compile("[\u0621-\u063a\u0641-\u064a]")
# Of letters that say nothing and of pieces that nothing mends, what is a trace in a text.
_TRACE = 1 / 250
_FEW = 2
_LOST_WORDS = 1 / 20

_REMEDY = "save it anew from its source as UTF-8"


class Readable(NamedTuple):
    """A text, and what was mended in it: nothing where it is as it was."""

    text: str
    notes: tuple[str, ...] = ()


# Without these a text is right. Looking for them takes 1 to 8 us a paragraph, the rest 130: a
# byte of theirs is looked for first, since most paragraphs have none.
_SUSPECT_BYTES = (b"\xc2", b"\xc3", *map(str.encode, "‚„†‡ƒˆ╪\ufffd"))
_SUSPECT = re.compile(f"[\u00c0-\u00ff\ufffd╪{STRONG}]")
_ACCENTED_LETTER = re.compile("[\u00c0-\u00ff]")
_ACCENTED = re.compile("[\u00c0-\u00ff]{3}")
# The first half of an Arabic letter whose second half is lost, beside one that was mended.
_CUT = re.compile("[ØÙÚÛ](?=[\u0621-\u064a])|(?<=[\u0621-\u064a])[ØÙÚÛ]")
_EIGHT_BIT = re.compile(f"(?:[\x20-\x7e\t]|[{''.join(re.escape(chr(c)) for c in LATIN.table)}])+")

_MARKS = re.compile(r"(?<!\S)\?{2,}[.,،!]?(?!\S)")
_MARKS_IN_A_ROW = re.compile(r"(?<!\S)\?{2,}(?:[^\S\n]+\?+[.,،!]?){2,}(?!\S)")


def mended(text: str) -> Readable:
    """Return a text as it was meant, as far as that is certain."""
    return _mended(text) if _is_suspect(text) else Readable(text)


def _mended(text: str) -> Readable:
    notes: dict[str, None] = {}
    for _ in range(_ROUNDS):
        count, last = max((each.count(text), place) for place, each in enumerate(MISREAD))
        misread = MISREAD[last]
        better = misread.mended(text) if count else text
        if better == text:
            break
        notes[f"mended: it was UTF-8 read as {misread.name}"] = None
        text = better
    better = _in_arabic(text)
    if better != text:
        notes["mended: it was Arabic in 8 bits read as Windows-1252"] = None
    return Readable(better, tuple(notes))


def readable(text: str) -> Readable:
    """Return a text mended.

    Raises:
        SourceError: letters of it are lost, or it is broken in a way that nothing mends for
            certain; says where and what to do.
    """
    suspect = _is_suspect(text)
    if not suspect and "??" not in text:
        return Readable(text)
    found = _mended(text) if suspect else Readable(text)
    problem, notes = _problem(found.text)
    if problem:
        raise SourceError(problem, code="garbled")
    return Readable(found.text, (*found.notes, *notes))


def check_fields(fields: Mapping[str, object]) -> None:
    """Check what people wrote of the fields of an article with `check_as_meant`."""
    for name in ("text", *WRITTEN):
        value = fields.get(name)
        for text in value if isinstance(value, list | tuple) else (value,):
            if isinstance(text, str):
                check_as_meant(name, text)


def check_as_meant(name: str, text: str) -> None:
    """Refuse what somebody gives by name and would be mended in a file.

    Args:
        name: of its field; of all but `text` it is one line.
        text: what is given.

    Raises:
        SourceError: it was read in a wrong encoding, or letters of it are lost; names the field.
    """
    try:
        found = readable(text) if name == "text" else readable_line(text)
    except SourceError as error:
        raise SourceError(f'"{name}": {error}', code=error.code) from error
    if text and not found.text:
        raise SourceError(f'"{name}": {found.notes[0]}', code="garbled")
    if found.text != text:
        raise SourceError(
            f'"{name}" was read in a wrong encoding before it was given ({found.notes[0]}); '
            "give it as it was meant",
            code="garbled",
        )


def readable_line(text: str) -> Readable:
    """Return a title or a name mended, "" with a note where it is broken."""
    found = mended(text)
    problem, _ = _problem(found.text)
    if problem or (found.text and _MARKS.sub("", found.text).strip() == "" and "??" in found.text):
        return Readable("", (problem or "its letters are lost",))
    return found


def _problem(text: str) -> tuple[str, tuple[str, ...]]:
    """Return what makes a text unreadable, "" if nothing, and notes on what is a trace."""
    notes: list[str] = []
    if problem := _broken(text, notes) if _is_suspect(text) else "":
        return problem, ()
    if "??" in text and (rows := _MARKS_IN_A_ROW.findall(text)):
        words = sum(len(row.split()) for row in rows)
        said = f"{words:,} of its words are question marks: the letters were lost"
        if words > _LOST_WORDS * len(text.split()):
            return f"{said} when it was saved; {_REMEDY}", ()
        notes.append(said)
    return "", tuple(notes)


def _is_suspect(text: str) -> bool:
    written = text.encode("utf-8", "surrogatepass")
    return any(byte in written for byte in _SUSPECT_BYTES) and bool(_SUSPECT.search(text))


def _broken(text: str, notes: list[str]) -> str:
    """Return how a text is broken, "" where it is not or by a trace only, which goes to `notes`."""
    size = len(text)
    if lost := text.count("\ufffd"):
        place = text.index("\ufffd")
        said = f'{lost:,} of its letters are lost (U+FFFD), the first after "{_near(text, place)}"'
        if (lost > _FEW or size <= 100 * lost) and lost > _TRACE * size:
            return f"{said}: {_REMEDY}"
        notes.append(said)
    if _may_be_arabic(text):
        return f"it may be Arabic in 8 bits read as Windows-1252, or not: {_REMEDY}"
    signs = (*(each.sign for each in MISREAD), _CUT)
    broken = [found for sign in signs for found in sign.finditer(text)]
    if broken:
        said = (
            f"{len(broken):,} pieces of it were read in a wrong encoding, such as "
            f'"{broken[0][0]}" after "{_near(text, broken[0].start())}"'
        )
        if len(broken) * 2 > _TRACE * size:
            return f"{said}, and nothing mends them for certain: {_REMEDY}"
        notes.append(said)
    return ""


def _near(text: str, place: int) -> str:
    return " ".join(text[max(0, place - 20) : place].split())


def _in_arabic(text: str) -> str:
    """Return a text with its pieces of 8-bit Arabic read as that, where it is certain of one."""
    if not _ACCENTED.search(text):
        return text
    certain = _EIGHT_BIT.sub(lambda piece: _piece_in_arabic(piece[0], _CERTAIN), text)
    if certain == text:
        return text
    return _EIGHT_BIT.sub(lambda piece: _piece_in_arabic(piece[0], _LIKELY), certain)


def _piece_in_arabic(piece: str, least: float) -> str:
    """Return a piece of a line as the Arabic it was, as it is where that is less probable."""
    if not _ACCENTED.search(piece):
        return piece
    content = piece.translate(LATIN.table).encode("latin-1")
    # Signs and words that both encodings have (Société) say nothing of which it is.
    words = content.translate(_BLANK_SIGNS).split()
    ranked = probabilities(b" ".join(word for word in words if not _reads_alike(word)))
    other, usual = (ranked.get(name, 0.0) for name in CANDIDATES[:2])
    best = CANDIDATES[0] if other > _USUAL * usual else CANDIDATES[1]
    if (usual + other if best == CANDIDATES[1] else other) < least:
        return piece
    try:
        found = content.decode(best)
    except UnicodeDecodeError:
        return piece
    return found if least < _CERTAIN or _is_arabic(found) else piece


def _is_arabic(found: str) -> bool:
    """Tell whether what was read has the letters of a text: åäö is هنِ, IRMÃ is IRMأ."""
    letters = _ARABIC_LETTERS.findall(found)
    marks = len(_ARABIC_MARK.findall(found))
    return (
        len(letters) >= _MIN_LETTERS
        and len(set(letters)) >= _MIN_DIFFERENT
        and (len(letters) >= _MANY_LETTERS or 4 * marks <= len(letters))
        and len(_MIXED_WORD.findall(found)) <= len(letters) / 50
    )


def _reads_alike(word: bytes) -> bool:
    return word.decode("cp1256") == word.decode("cp1252", "replace")


def _may_be_arabic(text: str) -> bool:
    """Tell whether most letters of a text may be 8-bit Arabic: a few of a right one may seem so."""
    if not _ACCENTED.search(text):
        return False
    pieces = (piece[0] for piece in _EIGHT_BIT.finditer(text))
    doubtful = "".join(p for p in pieces if _piece_in_arabic(p, _LIKELY) != p)
    return 2 * len(_ACCENTED_LETTER.findall(doubtful)) > sum(map(str.isalpha, text))
