"""Marking looks at few words of a text; what it marks is what looking at all of them marks."""

from __future__ import annotations

import gzip
import json
import unicodedata
from collections.abc import Iterable
from itertools import islice, product

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from search.analysis.stemming import other_forms, stem
from search.analysis.tokens import RUN, Token, analyse
from search.analysis.transliteration import NO_FORMS, Form, Forms
from search.domain import Segment
from search.query.expansion import homographs, kin, name_rows, other_seats
from search.query.matching import near
from search.query.misspellings import meant
from search.query.parse import ParsedQuery, parse
from search.query.phrases import rows
from search.ranking import highlight_candidates
from search.ranking.highlight import Marker
from search.ranking.highlight_candidates import Candidates
from tests.analysis.test_properties import TEXTS
from tests.support import REPOSITORY, SEEDS

SHARED = REPOSITORY.parent / "shared" / "eval"


def marks_of_all_words(query: ParsedQuery, text: str, forms: Forms = NO_FORMS) -> list[str]:
    """What is marked where every word of the text is analysed: the reference."""
    loose = query.words(exact=False)
    stems = {w.stem for w in loose} | {f.stem for w in loose for f in forms.get(w.stem, ())}
    stems |= {seat for w in loose for seat in other_seats(w)}.union(kin(query))
    others = homographs(query)
    stems |= {term.value for term in others if term.layer == "stem"}
    folded = {term.value for term in others if term.layer == "folded"}
    nears = [n for n in map(near, loose) if n]

    def matches(token: Token) -> bool:
        if token.stem in stems or token.folded in folded:
            return True
        shared = (len(n.grams.intersection(token.grams)) >= n.least for n in nears)
        return not token.stop and any(shared)

    tokens = analyse(text)
    marked = {at for at, token in enumerate(tokens) if matches(token)}
    phrases = [item for item in query.items if item.exact and item.occur != "excluded"]
    asked = [("letters" if i.typed else "folded", rows(i, len(phrases))) for i in phrases]
    for layer, spelt in [*asked, ("stem", name_rows(query))]:
        terms = [getattr(token, layer) for token in tokens]
        for row in spelt:
            for at in range(len(tokens) - len(row) + 1):
                if tuple(terms[at : at + len(row)]) == row:
                    marked.update(range(at, at + len(row)))
    spans = [(tokens[at].start, tokens[at].end) for at in sorted(marked)]
    return [f"{start}: {text[start:end]}" for start, end in spans if end > start]


def marks(pieces: Iterable[Segment]) -> list[str]:
    found, at = [], 0
    for piece in pieces:
        if piece.match:
            found.append(f"{at}: {piece.text}")
        at += len(piece.text)
    return found


def check(query: ParsedQuery, text: str, forms: Forms = NO_FORMS) -> None:
    pieces = Marker(query, forms).highlight(text)
    assert "".join(piece.text for piece in pieces) == text
    assert marks(pieces) == marks_of_all_words(query, text, forms)


QUERIES = [
    "العراق", "كتاب", "قرآن", "سنة", "هيئة المسؤولين", "شيء", "جامعاتها", "نتنياهو", "رجل كبير",
    "1000", "3.5 1,000", "١٥١", "study", "studies in iraq", "l'homme créé", "covid-19", "ﷺ", "و", "ال",
    "東京", "москва", "«حزب الله»", 'قال "في كتاب و قلم"', "-كتاب سنة", "+العراق", "یک گل پارسی", "?",
]  # fmt: skip
WORDS = sorted({word for query in QUERIES for word in query.replace('"', " ").split()})
PARTS = ["ال", "و", "لل", "ب", "ها", "ات", "ت", "ة", "ين", "ءا", "ء", "ئ", "ؤ", "ing", "es", "ies", "'s",
         "أسنان", "رجال", "كتب", "ـ", "\u064b", "\u0654", "\u0655", "\u200d", "\u200b", "ﻻ", "ﷺ", "？", "½", " ", "  ", "\n",
         "\u00a0", ".", ",", "،", "-", "/", "_", "=", "'", "’", "1", "٢", "é", "ک", "ی"]  # fmt: skip
ABOUT_QUERIES = st.lists(
    st.sampled_from(WORDS + PARTS) | st.sampled_from(WORDS) | st.just(" "), max_size=40
).map("".join)


@given(st.sampled_from(QUERIES), ABOUT_QUERIES)
@example("قران", "قرءان")
@example("قران", "قر\u0621\u0640\u0627ن")
@example("ات", "ا.ءات")
@example("مسيح", "المسي\u0654ح")
@example("مسئح", "المسي\u0654ح")
@example("«حزب الله»", "حزب - = ـ الله، حزب كبير الله")
@example("«الشيء الكبير»", "للشيء الكبير")
@example("«ال كتاب»", "ال كتاب")
@example("نتنياهو", "نتنياب")
@example("1000", "٬ ١٬٠٠٠ 1,000كتاب 1.000")
@example("كتاب", "كتاب" * 200)
@example("كتاب", "كتاب،قلم.كتاب\u2003كتاب\tكتاب")
def test_words_about_the_query_are_marked_as_if_all_were_looked_at(query: str, text: str) -> None:
    check(parse(query), text)


@given(TEXTS, TEXTS)
def test_any_text_is_marked_as_if_all_words_were_looked_at(query: str, text: str) -> None:
    check(parse(query), f"{text} {query} و{query}ها {text}")


@given(st.sampled_from(QUERIES), ABOUT_QUERIES)
@example("الممدرسة", "مدرستهم")
@example("مردسة", "المدرسة")
@example("libary", "libraries")
def test_what_a_misspelt_word_may_mean_is_marked_but_for_broken_plurals(
    query: str, text: str
) -> None:
    parsed = parse(query)
    ways = [meant(word) for word in parsed.words(exact=False)]
    marked = marks(Marker(parsed, NO_FORMS, ways).highlight(text))
    expected = {
        f"{token.start}: {text[token.start : token.end]}"
        for token in analyse(text)
        if token.end > token.start
        and any(way.includes(token.folded, token.stem) for way in ways)
        and token.stem[:-1] in token.folded
    }
    assert expected <= set(marked)


def test_forms_of_latin_words_are_marked() -> None:
    forms = {"baghdad": (Form("بغداد", "بغداد", 1.0, 1),)}
    check(parse("Baghdad"), "في بغداد وببغداد, Baghdad", forms)
    pieces = Marker(parse("Baghdad"), forms).highlight("في بغداد")
    assert [p.text for p in pieces if p.match] == ["بغداد"]


# Words with every pair of the characters that have a byte; all others are always looked at.
@pytest.mark.slow
@pytest.mark.parametrize(("query", "word"), [
    ("قرآن", "قر{}ا{}ن"), ("سنة", "سن{}{}"), ("شيء", "ش{}ي{}"), ("studies", "stud{}ie{}s"), ("1000", "1{}00{}0"),
])  # fmt: skip
def test_every_pair_of_known_characters_in_a_word(query: str, word: str) -> None:
    known = [char for char in highlight_candidates._table() if char != "\ufffe"]
    assert len(known) > 200
    for first in known:
        check(parse(query), " ".join(word.format(first, second) for second in known))


def test_known_characters_are_normal_by_themselves_and_in_pairs() -> None:
    known = [char for char in highlight_candidates._table().rstrip("\ufffe") if RUN.match(char)]
    for pair in map("".join, product(known, known)):
        # At most the order of marks changes, and these are left out.
        assert sorted(unicodedata.normalize("NFKC", pair)) == sorted(pair)


def test_every_listed_plural_is_found_by_its_stem() -> None:
    for form in (form for stem_ in map(stem, _LEMMAS) for form in other_forms(stem_)):
        for word in (form, f"وال{form}", f"{form}ها"):
            text = f"قال {word} شيئا"
            assert [*Candidates([(stem(word), None)]).stretches([text])[0]], word


_LEMMAS = ["كتاب", "رجل", "مدرسة", "دولة", "سنة", "جندي", "قانون", "مسجد"]


def _prose() -> tuple[list[str], list[str]]:
    """Return passages and queries: the seed's, and more where they stand beside the checkout."""
    folders, lines = [SEEDS / "judgements"], []
    texts = [_text(line) for line in _lines(SEEDS / "judgements" / "corpus.jsonl")]
    if (prose := SHARED / "prose-20k.jsonl.gz").is_file():
        folders += [SHARED / name for name in ("xquad-ar", "tydi-ar")]
        with gzip.open(prose, "rt", encoding="utf-8") as file:
            texts += [p for line in islice(file, 300) for p in _text(line).splitlines()]
    for folder in folders:
        lines += _lines(folder / "queries.jsonl")[:: 1 if len(folders) == 1 else 20]
    return texts, [_text(line) for line in lines]


def _lines(path: object) -> list[str]:
    with open(str(path), encoding="utf-8") as file:  # noqa: PTH123
        return file.readlines()


def _text(line: str) -> str:
    text: str = json.loads(line)["text"]
    return text


@pytest.mark.slow
def test_real_prose_is_marked_as_if_all_words_were_looked_at() -> None:
    texts, queries = _prose()
    assert texts
    assert queries
    marked = 0
    for n, query in enumerate(queries):
        parsed = parse(query)
        marker = Marker(parsed)
        chosen = (
            texts
            if len(texts) < 20
            else [texts[(n * 37 + k * 101) % len(texts)] for k in range(20)]
        )
        for text in chosen:
            expected = marks_of_all_words(parsed, text)
            assert marks(marker.highlight(text)) == expected
            marked += len(expected)
    assert marked > 100
