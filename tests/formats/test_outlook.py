"""Outlook's letters: their text in whatever form and code page, and the letters attached to them."""

from __future__ import annotations

import pytest

from indexer.sources import Failure
from tests.formats.compound import attachment, compound, msg, wide
from tests.formats.reading import AUTHOR, TITLE, article, check_damage, items, lines, refusal
from tests.support import REPOSITORY

FIXTURE = REPOSITORY / "tests" / "fixtures" / "mail" / "python-oxmsg.msg"
SENT = 133_505_280_000_000_000  # 2024-01-24, 08:00 UTC, since 1601 in units of 100 ns
PLAIN = {"1000001F": wide("نص بسيط\r\nوسطر آخر")}
NAMED = {"0037001F": wide(TITLE), "0C1A001F": wide(AUTHOR), "5D01001F": wide("a@example.org")}


def test_what_outlook_wrote_is_read() -> None:
    found = article(FIXTURE.read_bytes(), "msg")
    assert found.fields == {
        "id": "a/b.msg", "title": "This is the subject", "author": "peterpan@neverland.com",
        "text": "This is a message",
    }  # fmt: skip


def test_a_letter_says_its_subject_sender_and_day() -> None:
    found = article(compound(msg({**NAMED, **PLAIN}, {0x390040: SENT})), "msg")
    assert found.fields == {
        "id": "a/b.msg", "title": TITLE, "author": AUTHOR, "published": "2024-01-24",
        "text": "نص بسيط\nوسطر آخر",
    }  # fmt: skip


def test_the_headers_it_came_with_decide() -> None:
    headers = (
        "From: =?utf-8?B?2LPYudin2K8=?= <s@example.org>\r\nDate: Tue, 2 Jan 2024 01:00:00 +0300\r\n"
    )
    letter = msg({**NAMED, **PLAIN, "007D001F": wide(headers)}, {0x390040: SENT})
    fields = article(compound(letter), "msg").fields
    assert (fields["author"], fields["published"]) == ("سعاد", "2024-01-02")


@pytest.mark.parametrize(
    ("streams", "page"),
    [
        ({"1000001E": "نص بسيط في صفحة رموز عربية قديمة".encode("cp1256")}, 1256),
        ({"1000001E": "نص بسيط في صفحة رموز عربية قديمة".encode("cp1256")}, 0),
        ({"10130102": "<p>نص بسيط في صفحة رموز عربية قديمة</p>".encode()}, 65001),
        ({"1013001F": wide("<p>نص بسيط في صفحة <b>رموز</b> عربية قديمة</p>")}, 0),
        ({"1000001F": wide(" "), "10130102": "<p>نص بسيط في صفحة رموز عربية قديمة".encode()}, 0),
    ],
)
def test_a_text_in_any_form_and_code_page(streams: dict[str, bytes], page: int) -> None:
    letter = compound(msg(streams, {0x3FDE0003: page} if page else {}))
    assert lines(letter, "msg") == ["نص بسيط في صفحة رموز عربية قديمة"]


def test_attached_letters_are_articles_and_other_files_are_counted() -> None:
    inner = msg({"0037001F": wide("خبر محوّل"), "1035001F": wide("<2@x>"), **PLAIN}, inside=True)
    outer = msg(
        {**NAMED, **PLAIN, "1035001F": wide("<1@x>")},
        attached=[attachment("a.pdf"), attachment("خبر", inner), attachment("b.jpg")],
    )
    first, second = items(compound(outer), "msg")
    assert not isinstance(first, Failure)
    assert not isinstance(second, Failure)
    assert first.notes == ("2 attachments left out",)
    assert (second.place, second.fields["title"]) == ("1", "خبر محوّل")
    assert second.inside.endswith("/2@x")


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (compound(msg({**NAMED, "10090102": b"LZFu"})), "unsupported"),
        (compound(msg(NAMED)), "empty"),
        (compound(msg({**NAMED, **PLAIN}))[:2_000], "damaged"),
        (b"From: a@example.org\r\n\r\ntext", "damaged"),
    ],
)
def test_what_cannot_be_read_says_why(content: bytes, code: str) -> None:
    assert refusal(content, "msg") == code


def test_damage() -> None:
    inner = msg(PLAIN, inside=True)
    check_damage(
        compound(msg({**NAMED, **PLAIN}, {0x3FDE0003: 1256}, [attachment("a", inner)])), "msg"
    )
    check_damage(FIXTURE.read_bytes(), "msg")
