"""What of a passage is embedded besides the whole: its sentences, long ones cut at clauses.

News sentences of sixty words say five things, and one vector blurs them. nDCG@10
semantic by the most words a piece may have, none / 40 / 30 / 25 / 20: xquad-ar
.950 / .952 / .952 / .953 / .953, xquad-en-ar .908 / .909 / .909 / .913 / .913, the
seed .787 / - / .800 / .803 / .801; a third more vectors at 25.
"""

from __future__ import annotations

import re

from search.analysis.sentences import at_most, sentence_spans
from search.domain import Span
from search.limits import MAX_SENTENCES

LONGEST = 25  # words
_SHORTEST = 5  # words; a shorter rest goes with the piece before it
_CLAUSE_END = re.compile(r"[،,:;؛](?=\s)")


def evidence_spans(text: str) -> list[Span]:
    """Return the pieces of a text that answer on their own: ordered, disjoint, at most 64.

    Each is a sentence, or a run of clauses of one that has more than `LONGEST` words.
    Together they hold every character that is not whitespace.
    """
    pieces = [piece for sentence in sentence_spans(text) for piece in _cut(text, sentence)]
    return at_most(MAX_SENTENCES, pieces, len(text))


def _cut(text: str, sentence: Span) -> list[Span]:
    if _words(text, sentence.start, sentence.end) <= LONGEST:
        return [sentence]
    ends = [m.end() for m in _CLAUSE_END.finditer(text, sentence.start, sentence.end)]
    pieces: list[Span] = []
    start = at = sentence.start
    words = 0
    for end in [*ends, sentence.end]:
        more = _words(text, at, end)
        if words and words + more > LONGEST:
            pieces.append(Span(start, at))
            start, words = at + _space(text, at, end), 0
        at, words = end, words + more
    if pieces and words < _SHORTEST:
        return [*pieces[:-1], Span(pieces[-1].start, sentence.end)]
    return [*pieces, Span(start, sentence.end)]


def _words(text: str, start: int, end: int) -> int:
    return len(text[start:end].split())


def _space(text: str, start: int, end: int) -> int:
    piece = text[start:end]
    return len(piece) - len(piece.lstrip())
