"""Where sentences end, in Arabic and Latin text: pure, linear in the text's length.

Ends are . ؟ ! ? ؛ … ۔ and line ends. A dot is no end inside a number (3.5), a web
address, an initial (د. أ.د. U.S.) or a listed abbreviation (Mr.). An ellipsis is one
end, and only where it touches the word before it: «قال ... ثم» goes on. Nothing ends
inside a closed quotation of up to `LONGEST_QUOTE` code points.
"""

from __future__ import annotations

import re
from itertools import pairwise

from pyarabic.araby import TATWEEL

from search.domain import Span
from search.limits import MAX_SENTENCES

MIN_WORDS = 3  # a shorter piece ("نعم.") says too little for a vector of its own
# A statement of up to some sentences stays one: seed judgements, nDCG@10 semantic / hybrid: 0: .744 /
# .823, 200: .748 / .828, 400 and more: .752 / .829. Longer ones would fill a model's window.
LONGEST_QUOTE = 400  # code points

LINE_END = r"\r\n|[\n\r\v\f\x85\u2028\u2029]"
_OPENERS = {"“": "”", "«": "»", "„": "”"}  # what closes each
_CLOSERS = frozenset("”»")
_AFTER_END = "”»\"'’)]}"  # what may stand between an end and the space after it
_EVENT = re.compile(rf"(?P<line>{LINE_END})|(?P<stop>[.…؟!?؛۔]+)|(?P<quote>[“”«»„\"])")
_WORD_BEFORE = re.compile(r"[^\W\d_]+\Z")
_LOOK_BACK = 16  # code points searched for the word before a dot; keeps every step bounded
_EDGE = re.compile(r"\s|\Z")
# A single letter after a number is a unit or an era ("2003 م."), not an initial.
_AFTER_NUMBER = re.compile(r"\d\s?\Z")
_ABBREVIATION = re.compile(
    "mr|mrs|ms|dr|prof|st|jr|sr|vs|etc|fig|vol|gen|col|lt|capt|gov|sen|rep|eds?|pp|approx|inc|ltd|"
    "corp|dept|univ|jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec",
    re.IGNORECASE,
)


def sentence_ends(text: str, longest_quote: int = LONGEST_QUOTE) -> list[int]:
    """Return the offsets just after each sentence end, ascending, the text's own end left out.

    Args:
        text: any text.
        longest_quote: closed quotations up to this many code points are not broken;
            0 breaks them all.
    """
    quotes = _quotations(text, longest_quote)
    ends: list[int] = []
    inside = 0  # index of the first quotation that ends after the current stop
    for event in _EVENT.finditer(text):
        if event["line"] is not None:
            ends.append(event.end())
            continue
        if event["stop"] is None:
            continue
        while inside < len(quotes) and quotes[inside].end <= event.start():
            inside += 1
        end = _after_closers(text, event.end())
        if (
            inside < len(quotes)
            and quotes[inside].start < event.start()
            and (end < quotes[inside].end)
        ):
            continue
        if _is_end(text, event.start(), event.end(), end):
            ends.append(end)
    return [end for end in ends if end < len(text)]


def sentence_spans(text: str) -> list[Span]:
    """Return the text's sentences: ordered, disjoint, without the space around them.

    Together they hold every character that is not whitespace. Pieces of fewer than
    `MIN_WORDS` words go with a neighbour; past `MAX_SENTENCES`, neighbours are joined
    into that many stretches of about equal length.
    """
    pieces = trimmed(text, [0, *sentence_ends(text), len(text)])
    return at_most(MAX_SENTENCES, _without_fragments(text, pieces), len(text))


def trimmed(text: str, bounds: list[int]) -> list[Span]:
    """Return the stretches between neighbouring bounds, without whitespace around them.

    Stretches of whitespace alone are left out. `bounds` ascends.
    """
    spans = []
    for start, end in pairwise(bounds):
        piece = text[start:end]
        if body := piece.strip():
            start += len(piece) - len(piece.lstrip())
            spans.append(Span(start, start + len(body)))
    return spans


def _is_end(text: str, start: int, stop: int, after: int) -> bool:
    """Tell whether the stops at text[start:stop], closers up to `after`, end a sentence."""
    stops = text[start:stop]
    if stops.strip(".…") == "" and stops != ".":  # an ellipsis
        return start > 0 and not text[start - 1].isspace() and bool(_EDGE.match(text, after))
    if any(s in "؟؛۔" for s in stops):
        return True
    if not _EDGE.match(text, after):  # 3.5, example.org/?q=1, U.S
        return False
    if stops != ".":
        return True
    before = text[max(0, start - _LOOK_BACK) : start]
    word = _WORD_BEFORE.search(before)
    if word is None:
        return True
    letters = word[0].replace(TATWEEL, "")
    if len(letters) == 1:
        return bool(_AFTER_NUMBER.search(before[: word.start()]))
    return not _ABBREVIATION.fullmatch(letters)


def _after_closers(text: str, at: int) -> int:
    """Return the offset after the closing marks that follow a stop, at most four."""
    for _ in range(4):
        if at < len(text) and text[at] in _AFTER_END:
            at += 1
    return at


def _quotations(text: str, longest: int) -> list[Span]:
    """Return the outermost closed quotations of one line each, no longer than `longest`."""
    if longest == 0:
        return []
    closed: list[Span] = []
    open_marks: list[tuple[str, int]] = []
    waiting: dict[str, int] = {}  # how many open marks each closer would close
    for event in _EVENT.finditer(text):
        if event["line"] is not None:
            open_marks.clear()
            waiting.clear()
            continue
        mark = event["quote"]
        if mark is None:
            continue
        closer = "”" if mark == "“" and open_marks and open_marks[-1][0] == "„" else mark
        if waiting.get(closer, 0) and (closer in _CLOSERS or closer == '"'):
            while True:  # marks left open inside are dropped with it: linear in all
                opener, start = open_marks.pop()
                expected = _OPENERS.get(opener, opener)
                waiting[expected] -= 1
                if expected == closer:
                    break
            if event.end() - start <= longest:
                while closed and closed[-1].start >= start:
                    closed.pop()
                closed.append(Span(start, event.end()))
        elif mark in _OPENERS or mark == '"':
            open_marks.append((mark, event.start()))
            expected = _OPENERS.get(mark, mark)
            waiting[expected] = waiting.get(expected, 0) + 1
    return closed


def _without_fragments(text: str, pieces: list[Span]) -> list[Span]:
    """Join each piece of fewer than `MIN_WORDS` words to the one before, the first to the next."""
    joined: list[Span] = []
    first_is_short = False
    for piece in pieces:
        short = len(text[piece.start : piece.end].split(None, MIN_WORDS)) < MIN_WORDS
        if joined and (short or first_is_short):
            joined[-1] = Span(joined[-1].start, piece.end)
            first_is_short = first_is_short and short
        else:
            joined.append(piece)
            first_is_short = short
    return joined


def at_most(limit: int, pieces: list[Span], length: int) -> list[Span]:
    """Join neighbouring spans that begin in the same of `limit` equal stretches of the text."""
    if len(pieces) <= limit:
        return pieces
    joined: list[Span] = []
    stretch = -1
    for piece in pieces:
        its_stretch = piece.start * limit // length
        if its_stretch == stretch:
            joined[-1] = Span(joined[-1].start, piece.end)
        else:
            joined.append(piece)
            stretch = its_stretch
    return joined
