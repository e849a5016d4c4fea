"""Letters: their text, whatever they were sent as."""

from __future__ import annotations

import io
from base64 import b64encode
from quopri import encodestring

import pytest

from indexer.extraction.mail import read
from indexer.extraction.registry import Extracted, Options
from indexer.sources import Failure
from search.errors import SourceError
from tests.formats.building import eml_of
from tests.formats.reading import (
    AUTHOR,
    DAY,
    SEED,
    TITLE,
    article,
    check_damage,
    items,
    lines,
    refusal,
)

HEADERS = "From: a@example.org\r\nSubject: x\r\nMIME-Version: 1.0\r\n"


def letter(headers: str, body: bytes = "نص".encode()) -> bytes:
    return (HEADERS + headers + "\r\n").encode() + body


def part(kind: str, body: str, more: str = "") -> str:
    encoded = b64encode(body.encode()).decode()
    return f"Content-Type: {kind}\r\nContent-Transfer-Encoding: base64\r\n{more}\r\n{encoded}\r\n"


def parts(kind: str, *inner: str, mark: str = "m") -> str:
    joined = "".join(f"--{mark}\r\n{text}" for text in inner)
    return f'Content-Type: {kind}; boundary="{mark}"\r\n\r\n{joined}--{mark}--\r\n'


def letter_of(parts: str) -> bytes:
    return (HEADERS + parts).encode()


PLAIN = part("text/plain; charset=utf-8", "نص بسيط")
RICH = part("text/html; charset=utf-8", "<p>نص <b>منسق</b></p><p>وآخر</p>")


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (PLAIN, ["نص بسيط"]),
        (RICH, ["نص منسق", "وآخر"]),
        (parts("multipart/alternative", PLAIN, RICH), ["نص بسيط"]),
        (parts("multipart/alternative", part("text/plain", " \r\n"), RICH), ["نص منسق", "وآخر"]),
        (
            parts("multipart/alternative", RICH, part("text/calendar", "BEGIN:VCALENDAR")),
            ["نص منسق", "وآخر"],
        ),
        (
            parts(
                "multipart/mixed",
                parts(
                    "multipart/alternative", parts("multipart/related", RICH, mark="r"), mark="a"
                ),
                PLAIN,
            ),
            ["نص منسق", "وآخر", "نص بسيط"],
        ),
        (parts("multipart/signed", PLAIN, part("application/pgp-signature", "x")), ["نص بسيط"]),
        (part("text/plain", "نص\r\n\r\n-- \r\nسعاد"), ["نص", "", "-- ", "سعاد"]),
        (part("text/plain", "> قول\r\nجواب"), ["> قول", "جواب"]),
        (
            part(
                "text/plain; format=flowed", "سطر طويل \r\nقطع \r\nهنا\r\n\r\nوآخر\r\n-- \r\nسعاد"
            ),
            ["سطر طويل قطع هنا", "", "وآخر", "-- ", "سعاد"],
        ),
        (part("text/plain; format=flowed; delsp=yes", "كل \r\nمة"), ["كلمة"]),
    ],
)
def test_the_text(body: str, expected: list[str]) -> None:
    assert lines(letter_of(body), "eml") == expected


@pytest.mark.parametrize("declared", ["windows-1256", "iso-8859-6", "utf-8"])
@pytest.mark.parametrize("way", ["8bit", "quoted-printable", "base64"])
def test_charsets_and_ways_of_sending(declared: str, way: str) -> None:
    text = [line.replace("“", '"').replace("”", '"').replace("…", "...") for line in SEED]
    text = [line.replace("–", "-") for line in text]
    body = "\r\n".join(text).encode(declared)
    sent = {"8bit": body, "quoted-printable": encodestring(body), "base64": b64encode(body)}[way]
    headers = (
        f"Content-Type: text/plain; charset={declared}\r\nContent-Transfer-Encoding: {way}\r\n"
    )
    found = article(letter(headers, sent), "eml")
    assert found.fields["text"] == "\n".join(text)
    assert bool(found.notes) == (declared != "utf-8")


def test_a_charset_that_is_declared_wrongly() -> None:
    content = eml_of(TITLE, AUTHOR, DAY, SEED, declared="windows-1256")
    found = article(content, "eml")
    assert found.fields["text"] == "\n".join(SEED)
    assert found.fields["title"] == TITLE


def test_the_charset_that_a_person_says() -> None:
    body = "\r\n".join(SEED[:1]).encode("cp1256")
    content = letter("Content-Type: text/plain\r\n", body)
    assert lines(content, "eml", Options(encoding="windows-1256")) == SEED[:1]


def subject(value: bytes, charset: str = "utf-8") -> str:
    body = "\r\n".join(SEED[:3]).encode(charset, "ignore")
    content = (
        b"From: a@example.org\r\nSubject: " + value + b"\r\n"
        b"Content-Type: text/plain; charset=" + charset.encode() + b"\r\n\r\n" + body
    )
    return str(article(content, "eml").fields.get("title", ""))


@pytest.mark.parametrize(
    ("value", "charset", "expected"),
    [
        (b"=?utf-8?B?" + b64encode("عنوان".encode()) + b"?=", "utf-8", "عنوان"),
        (b"=?windows-1256?Q?=DA=E4=E6=C7=E4?=", "utf-8", "عنوان"),
        (
            b"Re: =?windows-1256?B?" + b64encode("عنوان".encode("cp1256")) + b"?= 2",
            "utf-8",
            "Re: عنوان 2",
        ),
        ("عنوان النص".encode(), "utf-8", "عنوان النص"),
        ("عنوان النص".encode("cp1256"), "windows-1256", "عنوان النص"),
        (b"=?utf-8?B?2LnZhtmI2?=\r\n =?utf-8?B?KfZhg==?=", "utf-8", None),
        (b"plain  words\r\n folded", "utf-8", "plain words folded"),
        (b"=?utf-8?B?!!!?=", "utf-8", None),
        (b"C:\\users =?x-unknown?Q?abc?=", "utf-8", "C:\\users abc"),
        (b"", "utf-8", ""),
    ],
)
def test_the_subject(value: bytes, charset: str, expected: str | None) -> None:
    found = subject(value, charset)
    if expected is not None:
        assert found == expected


def test_encoded_words_that_cut_a_letter_in_two() -> None:
    encoded = "ضربات".encode()
    words = (b64encode(piece) for piece in (encoded[:5], encoded[5:]))
    assert subject(b"\r\n ".join(b"=?UTF-8?B?" + word + b"?=" for word in words)) == "ضربات"


@pytest.mark.parametrize(
    ("sender", "author"),
    [
        ('"سعاد, منى" <s@example.org>'.encode(), "سعاد, منى"),
        (b"=?utf-8?B?" + b64encode("سعاد".encode()) + b"?= <s@example.org>", "سعاد"),
        (b'"=?utf-8?B?' + b64encode("سعاد".encode()) + b'?=" <s@example.org>', "سعاد"),
        (b"s@example.org", "s@example.org"),
        (b"Souad <s@example.org>, Mona <m@example.org>", "Souad"),
        (b"", ""),
    ],
)
def test_the_writer(sender: bytes, author: str) -> None:
    content = b"From: " + sender + b"\r\nSubject: x\r\n\r\n" + SEED[0].encode()
    assert article(content, "eml").fields.get("author", "") == author


@pytest.mark.parametrize(
    ("value", "published"),
    [
        ("Wed, 24 Jan 2024 23:30:00 +0300", "2024-01-24"),
        ("24 Jan 2024 08:00 GMT", "2024-01-24"),
        ("soon", None),
        ("Wed, 99 Jan 2024 23:30:00 +0300", None),
        ("Wed, 24 Jan 2024 23:30:00 +9999999999", "2024-01-24"),
        (f"Wed, 24 Jan 2024 23:30:00 +{'9' * 30}", "2024-01-24"),
        ("", None),
    ],
)
def test_the_date(value: str, published: str | None) -> None:
    assert article(letter(f"Date: {value}\r\n"), "eml").fields.get("published") == published


@pytest.mark.parametrize("said", ["12 جمادى الأولى 1443 هـ", "1443/5/12 هـ", "16 كانون 1 2021"])
@pytest.mark.parametrize("form", ["utf-8", "windows-1256", "base64"])
def test_a_date_in_arabic_is_read_as_the_other_headers_are(said: str, form: str) -> None:
    charset = "utf-8" if form == "base64" else form
    headers = f"Content-Type: text/plain; charset={charset}\r\nDate: HERE\r\n"
    content = letter(headers, SEED[0].encode(charset))
    packed = b"=?utf-8?b?" + b64encode(said.encode()) + b"?="
    given = content.replace(b"HERE", packed if form == "base64" else said.encode(charset))
    assert article(given, "eml").fields.get("published") == "2021-12-16"


def test_attachments_are_counted_and_not_read() -> None:
    attached = 'Content-Disposition: attachment; filename="a.txt"\r\n'
    found = article(
        letter_of(
            parts(
                "multipart/mixed",
                PLAIN,
                part("text/plain", "سر", attached),
                part("text/plain; name=b.txt", "سر"),
                part("image/png", "x"),
                part("application/pkcs7-mime; name=invoice.p7m", "x"),
            )
        ),
        "eml",
    )
    assert found.fields["text"] == "نص بسيط"
    assert found.notes == ("4 attachments left out",)
    one = article(letter_of(parts("multipart/mixed", PLAIN, part("image/png", "x"))), "eml")
    assert one.notes == ("1 attachment left out",)


FORWARDED = f"Content-Type: message/rfc822\r\n\r\nFrom: b@x.org\r\nSubject: y\r\n{PLAIN}\r\n"


def found_in(item: Extracted | Failure) -> Extracted:
    assert isinstance(item, Extracted)
    return item


def test_a_letter_that_is_attached_is_an_article_of_its_own() -> None:
    named = FORWARDED.replace("Subject:", "Message-ID: <7@x.org>\r\nSubject:")
    content = letter_of(parts("multipart/mixed", PLAIN, FORWARDED, named))
    own, first, second = map(found_in, items(content, "eml"))
    assert (own.place, own.fields["id"], own.fields["author"]) == ("", "a/b.eml", "a@example.org")
    assert (first.place, first.fields["title"], first.fields["author"]) == ("1", "y", "b@x.org")
    assert (second.place, second.fields["id"]) == ("2", "a/b.eml/7@x.org")
    assert own.size == len(content)
    assert first.fields["id"] != own.fields["id"]


def test_letters_attached_to_one_without_a_text_stand_for_it() -> None:
    inner = (
        f"Content-Type: message/rfc822\r\n\r\nSubject: z\r\n{parts('multipart/mixed', FORWARDED)}"
    )
    (found,) = map(found_in, items(letter_of(parts("multipart/digest", inner, mark="o")), "eml"))
    assert (found.place, found.fields["title"]) == ("1.1", "y")


def test_what_is_attached_as_a_letter_and_is_none_is_told() -> None:
    broken = "Content-Type: message/rfc822\r\n\r\nليست رسالة\r\n"
    own, failure = items(letter_of(parts("multipart/mixed", PLAIN, broken)), "eml")
    assert found_in(own).fields["text"] == "نص بسيط"
    assert isinstance(failure, Failure)
    assert (failure.place, failure.code) == ("1", "damaged")


def test_a_letter_that_is_quoted_stays_text() -> None:
    quoted = "انظر\r\n\r\n---------- Forwarded message ---------\r\nFrom: b@x.org\r\n\r\nنص"
    (only,) = map(found_in, items(letter_of(part("text/plain", quoted)), "eml"))
    assert str(only.fields["text"]).split("\n")[2:4] == [
        "---------- Forwarded message ---------",
        "From: b@x.org",
    ]


@pytest.mark.parametrize(
    "content",
    [
        letter_of(parts("multipart/encrypted", part("application/pgp-encrypted", "Version: 1"))),
        letter_of(part("application/pkcs7-mime; smime-type=enveloped-data", "x")),
        letter_of(part("text/plain", "-----BEGIN PGP MESSAGE-----\r\n\r\nx")),
    ],
)
def test_a_locked_letter(content: bytes) -> None:
    assert refusal(content, "eml") == "encrypted"


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "damaged"),
        ("ليست رسالة".encode(), "damaged"),
        (b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "damaged"),
        (letter("Content-Type: text/plain\r\n", b""), "empty"),
        (letter_of(part("image/png", "x")), "empty"),
        (letter_of(part("text/html", "<script>x</script>")), "empty"),
        (letter_of(parts("multipart/mixed")), "empty"),
    ],
)
def test_what_has_no_text(content: bytes, code: str) -> None:
    assert refusal(content, "eml") == code


def test_parts_in_parts() -> None:
    deep = PLAIN
    for number in range(60):
        deep = parts("multipart/mixed", deep, mark=f"m{number}")
    body = parts("multipart/mixed", part("text/plain", "في الخارج"), deep, mark="out")
    found = article(letter_of(body), "eml")
    assert found.fields["text"] == "في الخارج"
    assert found.notes == ("parts in parts: not all were read",)


def test_damage() -> None:
    check_damage(eml_of(TITLE, AUTHOR, DAY, SEED[:2]), "eml")
    check_damage(letter_of(parts("multipart/alternative", PLAIN, RICH)), "eml")


@pytest.mark.parametrize("charset", ['="a\0b"', "*=a\0b''x", "*=x''y"])
def test_a_charset_that_is_none(charset: str) -> None:
    letter = f"Subject: x\nContent-Type: text/plain; charset{charset}\n\n".encode() + b"\xd8 a\n"
    with pytest.raises(SourceError) as refused:
        list(read(io.BytesIO(letter), "a.eml", Options()))
    assert refused.value.code in ("damaged", "encoding")
