"""A noun with article, clitics and regular endings has the stem of the bare noun."""

from __future__ import annotations

from pathlib import Path

from search.analysis.lexicon import read_words
from search.analysis.stemming import stem
from tools.nouns import failing, noun_forms

LEXICON = Path(__file__).with_name("nouns.txt")


def test_listed_nouns_keep_their_letters() -> None:
    listed = sorted(read_words("nouns_whole.txt") | read_words("nouns_kept.txt"))
    forms = [(noun, form) for noun in listed for form in noun_forms(noun)]
    wrong = [(noun, form) for noun, form in forms if stem(form) != stem(noun)]
    assert len(wrong) <= 0.06 * len(forms), wrong


def test_nouns_forms_have_its_stem_but_for_those_listed() -> None:
    lines = LEXICON.read_text(encoding="utf-8").splitlines()
    listed = {noun: forms for line in lines if line[0] != "#" for noun, *forms in [line.split()]}
    assert {noun: failing(noun) for noun in listed} == listed
    exceptions = sum(map(len, listed.values()))
    assert exceptions <= 0.02 * sum(len(list(noun_forms(noun))) for noun in listed)
