"""Splits an article's text into passages: one a line, cut if a line is too long for the model.

The text is not changed: a passage is `article.text[start:end]`, and only white space lies
between passages, so that passages and gaps together are the article.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from search.analysis.sentences import LINE_END, sentence_ends, trimmed
from search.domain import Article, Passage, Span, place_at
from search.limits import MAX_PASSAGE_LENGTH

CountTokens = Callable[[Sequence[str]], list[int]]

# Bounded in tokens, some 512 of four to five code points, and in code points too
# (`MAX_PASSAGE_LENGTH`): a million combining marks may be a single token.

_LINE_END = re.compile(LINE_END)
_CLAUSE_END = re.compile(r"[،,؛;:](?=\s)")
_SPACE = re.compile(r"\s")
_JOINERS = "\u200c\u200d"


def split(
    article: Article,
    count_tokens: CountTokens,
    max_tokens: int,
    *,
    by_line: bool = True,
    most_tokens: Callable[[str], int] | None = None,
) -> tuple[Passage, ...]:
    """Return an article's passages in order, each at most `max_tokens` long.

    Args:
        article: any article; one without a letter gives no passage.
        count_tokens: the model's own count, for each of several texts.
        max_tokens: at least 1. A single character of more tokens stays whole.
        by_line: False takes the whole text as one paragraph.
        most_tokens: a bound of the count that costs less, and is enough for most paragraphs.

    A paragraph that is too long is cut at sentence ends outside quotations, else inside
    them, else after clause punctuation, else at spaces, else between characters;
    neighbouring pieces are put together again as far as they fit.
    """
    text = article.text
    line_ends = [match.end() for match in _LINE_END.finditer(text)] if by_line else []
    paragraphs = trimmed(text, [0, *line_ends, len(text)])
    spans = list(_fitting(text, paragraphs, count_tokens, max_tokens, most_tokens))
    places = article.places
    return tuple(
        Passage(article.id, n, s.start, s.end, text[s.start : s.end], place_at(places, s.start))
        for n, s in enumerate(spans)
    )


def _fitting(
    text: str,
    paragraphs: list[Span],
    count_tokens: CountTokens,
    max_tokens: int,
    most_tokens: Callable[[str], int] | None,
) -> Iterator[Span]:
    """Yield each paragraph as it is or, where it is too long, its parts."""
    uncertain = [
        paragraph
        for paragraph in paragraphs
        if most_tokens is None or most_tokens(text[paragraph.start : paragraph.end]) > max_tokens
    ]
    counts = _counts(text, uncertain, count_tokens, max_tokens)
    tokens_of = dict(zip(uncertain, counts, strict=True))
    for paragraph in paragraphs:
        if tokens_of.get(paragraph, 0) <= max_tokens:
            yield paragraph
        else:
            pieces = _cut(text, paragraph, count_tokens, max_tokens)
            yield from _packed(text, pieces, count_tokens, max_tokens)


def _cut(
    text: str, paragraph: Span, count_tokens: CountTokens, max_tokens: int
) -> list[tuple[Span, int]]:
    """Return the paragraph's pieces with their tokens, cut no finer than each needs."""
    done: list[tuple[Span, int]] = []
    long = [paragraph]
    for ends in (*_LEVELS, lambda piece: _hard_ends(piece, max_tokens)):
        if not long:
            break
        finer = [part for span in long for part in _parts(text, span, ends)]
        counts = _counts(text, finer, count_tokens, max_tokens)
        sized = list(zip(finer, counts, strict=True))
        done += [piece for piece in sized if piece[1] <= max_tokens]
        long = [span for span, tokens in sized if tokens > max_tokens]
    while long:  # characters of several tokens each: halve, down to a single one
        halves = [half for span in long for half in _halved(text, span)]
        counts = _counts(text, halves, count_tokens, max_tokens)
        sized = list(zip(halves, counts, strict=True))
        single = [(s, max_tokens) for s, n in sized if n > max_tokens and s.end - s.start == 1]
        done += [piece for piece in sized if piece[1] <= max_tokens] + single
        long = [s for s, n in sized if n > max_tokens and s.end - s.start > 1]
    return sorted(done, key=lambda piece: piece[0].start)


def _packed(
    text: str, pieces: list[tuple[Span, int]], count_tokens: CountTokens, max_tokens: int
) -> list[Span]:
    """Return neighbouring pieces put together as far as `max_tokens` and the length allow.

    Tokens are added up, then the whole is counted: where putting together made more
    tokens than the sum, the pieces are put together in halves.
    """
    groups: list[list[tuple[Span, int]]] = []
    total = 0
    for piece in pieces:
        fits = groups and total + piece[1] <= max_tokens
        if fits and piece[0].end - groups[-1][0][0].start <= MAX_PASSAGE_LENGTH:
            groups[-1].append(piece)
            total += piece[1]
        else:
            groups.append([piece])
            total = piece[1]
    done: list[Span] = []
    while groups:
        spans = [Span(group[0][0].start, group[-1][0].end) for group in groups]
        counts = _counts(text, spans, count_tokens, max_tokens)
        long = []
        for group, span, tokens in zip(groups, spans, counts, strict=True):
            if tokens <= max_tokens or len(group) == 1:
                done.append(span)
            else:
                middle = len(group) // 2
                long += [group[:middle], group[middle:]]
        groups = long
    return sorted(done, key=lambda span: span.start)


def _counts(text: str, spans: list[Span], count_tokens: CountTokens, max_tokens: int) -> list[int]:
    """Return each span's tokens; a span past the length bound is too long uncounted."""
    short = [s for s in spans if s.end - s.start <= MAX_PASSAGE_LENGTH]
    counted = iter(count_tokens([text[s.start : s.end] for s in short]) if short else [])
    return [
        next(counted) if s.end - s.start <= MAX_PASSAGE_LENGTH else max_tokens + 1 for s in spans
    ]


def _parts(text: str, span: Span, ends: Callable[[str], list[int]]) -> list[Span]:
    piece = text[span.start : span.end]
    bounds = [span.start, *(span.start + end for end in ends(piece)), span.end]
    return trimmed(text, bounds)


def _halved(text: str, span: Span) -> list[Span]:
    middle = (span.start + span.end) // 2
    return trimmed(text, [span.start, middle, span.end])


def _hard_ends(piece: str, step: int) -> list[int]:
    """Return cuts at most `step` characters apart, not before a joiner or a mark if avoidable."""
    ends = []
    end = step
    while end < len(piece):
        back = next((b for b in range(min(8, step)) if not _belongs(piece[end - b])), 0)
        ends.append(end - back)
        end += step - back
    return ends


def _belongs(character: str) -> bool:
    return (
        character in _JOINERS
        or "\u0300" <= character <= "\u036f"
        or ("\u064b" <= character <= "\u065f")
    )


_LEVELS: tuple[Callable[[str], list[int]], ...] = (
    lambda piece: sentence_ends(piece, longest_quote=len(piece)),
    lambda piece: sentence_ends(piece, longest_quote=0),
    lambda piece: [match.end() for match in _CLAUSE_END.finditer(piece)],
    lambda piece: [match.end() for match in _SPACE.finditer(piece)],
)
