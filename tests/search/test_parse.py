"""One line per rule of the query grammar."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.errors import InputError
from search.limits import MAX_QUERY_LENGTH
from search.query.matching import constraint, text_clause
from search.query.parse import parse


def shape(text: str) -> list[str]:
    signs = {"optional": "", "required": "+", "excluded": "-"}
    return [
        signs[i.occur] + ('"' if i.exact else "") + " ".join(t.letters for t in i.tokens)
        for i in parse(text).items
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ضربات العراق", ["ضربات", "العراق"]),
        ("", []),
        ("   \n\t ", []),
        ("؟!،", []),
        ("+العراق بغداد", ["+العراق", "بغداد"]),
        ("العراق -بغداد", ["العراق", "-بغداد"]),
        ("العراق - بغداد", ["العراق", "بغداد"]),
        ("سوريا-العراق", ["سوريا العراق"]),
        ("-", []),
        ("+-", []),
        ("--العراق", ["-العراق"]),
        ('"حزب الله"', ['+"حزب الله']),
        ("“حزب الله”", ['+"حزب الله']),
        ("«حزب الله»", ['+"حزب الله']),
        ("„حزب الله“", ['+"حزب الله']),
        ('-"حزب الله"', ['-"حزب الله']),
        ('+"حزب الله"', ['+"حزب الله']),
        ('العراق "حزب الله" بغداد', ["العراق", '"حزب الله', "بغداد"]),
        ('العراق +"حزب الله"', ["العراق", '+"حزب الله']),
        ('"حزب الله" «مركز الثقل»', ['+"حزب الله', '+"مركز الثقل']),
        ('"حزب الله" -بغداد', ['+"حزب الله', "-بغداد"]),
        ('حزب "الله', ["حزب", "الله"]),
        ('"', []),
        ('""', []),
        ('"" العراق', ["العراق"]),
        ("“مركز الثقل» إيران", ['"مركز الثقل', "إيران"]),
        ("COVID-19", ["covid 19"]),
        ("-COVID-19", ["-covid 19"]),
    ],
)
def test_items(text: str, expected: list[str]) -> None:
    assert shape(text) == expected


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("أين وقعت الضربات؟", "أين وقعت الضربات؟"),
        ("الضربات -اليمن", "الضربات"),
        ("الضربات +اليمن", "الضربات اليمن"),
        ("«حزب الله» في العراق؟", "«حزب الله» في العراق؟"),
        ("«حزب الله»", "«حزب الله»"),
        ("-اليمن", ""),
        ("", ""),
    ],
)
def test_meaning(text: str, meaning: str) -> None:
    assert parse(text).meaning == meaning


def test_stop_words_do_not_rank() -> None:
    assert [t.letters for t in parse("في العراق").words()] == ["العراق"]


@pytest.mark.parametrize("question", ["ماهي", "ماهى", "ماهو", "وماهي", "مالذي فى", "لأي", "متي"])
def test_question_words_as_people_type_them_do_not_rank(question: str) -> None:
    assert [t.letters for t in parse(f"{question} العراق؟").words()] == ["العراق"]


def test_stop_words_rank_when_nothing_else_is_asked() -> None:
    assert [t.letters for t in parse("من في").words()] == ["من", "في"]


def test_a_repeated_word_ranks_once() -> None:
    assert len(parse("العراق العراق").words()) == 1


def test_the_longest_query_is_read_and_one_more_is_refused() -> None:
    assert parse("ا" * MAX_QUERY_LENGTH).items
    with pytest.raises(InputError, match="1,001 characters") as caught:
        parse("ا" * (MAX_QUERY_LENGTH + 1))
    assert caught.value.field == "query"


def test_nothing_typed_asks_nothing() -> None:
    assert text_clause(parse("")) is None
    assert constraint(parse("العراق")) is None


@given(st.text(max_size=MAX_QUERY_LENGTH))
def test_no_text_makes_it_fail(text: str) -> None:
    parsed = parse(text)
    text_clause(parsed)
    constraint(parsed)


def test_an_equals_sign_before_quotes_asks_for_the_letters_typed() -> None:
    typed = parse('="على" +="علي" -="على"')
    assert [item.typed for item in typed.items] == [True, True, True]
    assert [item.typed for item in parse('"على" a="على" = "على"').items if item.exact] == [
        False
    ] * 3


def test_a_star_asks_for_what_begins_so() -> None:
    (item,) = parse("كتا*").items
    assert (item.prefix, item.tokens[0].folded) == (True, "كتا")
    assert parse("كتا*").words() == ()


@pytest.mark.parametrize("text", ["كت*", "*كتاب", "كت*اب", "كتاب**", "*", "=كتاب*", '"كتاب*"'])
def test_other_stars_are_punctuation(text: str) -> None:
    assert not any(item.prefix for item in parse(text).items)


def test_a_query_has_four_stars_at_most() -> None:
    items = parse("وزير* سفير* كتاب* جندي* حدود*").items
    assert [item.prefix for item in items] == [True] * 4 + [False]


def test_a_bar_after_a_sign_names_words_any_of_which_is_meant() -> None:
    demanded, excluded, plain = parse("+بغداد|البصرة -حرب|سلام أمن|جيش").items
    assert [one.text for one in demanded.any_of] == ["بغداد", "البصرة"]
    assert [one.text for one in excluded.any_of] == ["حرب", "سلام"]
    assert plain.any_of == ()


def test_an_equals_sign_asks_for_a_word_as_it_is_typed() -> None:
    typed, plain = parse("=علي 2=2").items
    assert (typed.exact, typed.typed, typed.occur) == (True, True, "required")
    assert (plain.exact, plain.occur) == (False, "optional")
