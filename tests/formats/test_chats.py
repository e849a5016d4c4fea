"""Chats that Telegram and WhatsApp exported: a day is an article, a message a paragraph.

Made here by the layout that the apps write: neither can be run without a telephone.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Sequence

import pytest

from indexer.extraction import chats
from indexer.extraction.objects import read
from indexer.extraction.registry import Extracted, Options
from indexer.sources import Failure
from search.article_lines import PLACES
from search.errors import SourceError
from tests.formats.parts import articles_of, items_of
from tests.formats.reading import check_damage

IPHONE = (
    "\u200e[24/01/2024, 21:15:00] العائلة: \u200eMessages and calls are end-to-end encrypted.\r\n"
    "[24/01/2024, 21:15:10] سعاد: نص أول\r\nيتبع\r\n"
    "\u200e[24/01/2024, 21:16:10] عمر: \u200eimage omitted\r\n"
    "[25/01/2024, 00:17:10] ~\u202fعمر: انتهى \u200e<This message was edited>\r\n"
)
ARABIC = (
    "\u200f٢٤\u200f/١\u200f/٢٠٢٤، ٩:١٥ م - الرسائل والمكالمات مشفرة تماما بين الطرفين.\n"
    "\u200f٢٤\u200f/١\u200f/٢٠٢٤، ٩:١٥ م - سعاد: نص أول\nيتبع\n"
    "\u200f٢٤\u200f/١\u200f/٢٠٢٤، ٩:١٦ م - عمر: <تم استبعاد الوسائط>\n"
    "\u200f٢٥\u200f/١\u200f/٢٠٢٤، ١٢:١٧ ص - عمر: انتهى <تم تعديل هذه الرسالة>\n"
)
AMERICAN = (
    "1/24/24, 9:15\u202fPM - Messages and calls are end-to-end encrypted.\n"
    "1/24/24, 9:15\u202fPM - سعاد: نص أول\nيتبع\n"
    "1/24/24, 9:16\u202fPM - عمر: IMG-20240124-WA0001.jpg (file attached)\n"
    "1/25/24, 12:17\u202fAM - عمر: انتهى\n"
)


def message(number: int, date: str, text: object, **more: object) -> dict[str, object]:
    return {"id": number, "type": "message", "date": date, "from": "سعاد", "text": text, **more}


def chat(
    number: int, messages: Sequence[object], name: str | None = "العائلة"
) -> dict[str, object]:
    return {"name": name, "type": "private_group", "id": number, "messages": messages}


def written(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, indent=1).encode()  # as Telegram Desktop does


def account(*chats: object) -> bytes:
    return written(
        {
            "about": "Here is the data you requested.",
            "personal_information": {"user_id": 1, "first_name": "سعاد"},
            "contacts": {"about": "", "list": [{"first_name": "عمر", "date": "2024-01-01"}]},
            "chats": {"about": "", "list": chats},
        }
    )


TWO_DAYS = [
    {"id": 1, "type": "service", "date": "2024-01-24T09:00:00", "action": "create_group"},
    message(2, "2024-01-24T21:15:10", ["انظر ", {"type": "bold", "text": "هنا"}, " يا\nعمر"]),
    message(3, "2024-01-24T21:16:00", "", photo="photo.jpg"),
    message(4, "2024-01-25T00:17:00", "انتهى", forwarded_from="الجزيرة"),
]


def texts(found: Sequence[Extracted | Failure]) -> dict[str, object]:
    return {item.inside: item.fields["text"] for item in articles_of(found)}


@pytest.mark.parametrize("text", [IPHONE, ARABIC, AMERICAN])
def test_whatsapp_in_each_locale(text: str) -> None:
    found = articles_of(items_of("WhatsApp Chat with العائلة.txt", text.encode()))
    assert texts(found) == {
        "/2024-01-24": "21:15 سعاد: نص أول يتبع",
        "/2024-01-25": "00:17 عمر: انتهى",
    }
    assert found[0].fields["title"] == "العائلة – 2024-01-24"
    assert found[0].fields["source"] == "العائلة"
    assert found[0].fields["author"] == "سعاد"
    assert found[0].fields["published"] == "2024-01-24"
    assert found[1].notes == ("left out of the chat: messages of the app or without words (2)",)
    assert sum(item.size for item in found) == len(text.encode())


@pytest.mark.parametrize(
    ("line", "day", "time"),
    [
        ("24.01.24, 21:15 - ", "2024-01-24", "21:15"),
        ("24/1/2024 21:15 - ", "2024-01-24", "21:15"),
        ("[2024/01/24, 21:15:00] ", "2024-01-24", "21:15"),
        ("2024-01-24, 9:15 p. m. - ", "2024-01-24", "21:15"),
        ("[24.1.2024 klo 9.15.18] ", "2024-01-24", "09:15"),
        ("۱۴۴۵/۷/۱۲, 9:15 - ", "2024-01-24", "09:15"),
        ("١٢‏/٧‏/١٤٤٥ هـ، ١٢:١٥ ص - ", "2024-01-24", "00:15"),
        ("5/6/24, 12:15 pm - ", "2024-06-05", "12:15"),
        ("٢٤‏/١‏/٢٠٢٤، ١٢:١٥ م - ", "2024-01-24", "12:15"),
    ],
)
def test_how_whatsapp_writes_a_time(line: str, day: str, time: str) -> None:
    (found,) = articles_of(items_of("_chat.txt", f"{line}سعاد: نص".encode()))
    assert (found.inside, found.fields["text"]) == (f"/{day}", f"{time} سعاد: نص")


def test_whether_the_day_or_the_month_is_first_is_told_from_all_dates() -> None:
    lines = [f"{month}/{day}/24, 10:00 - سعاد: نص" for month, day in ((5, 6), (5, 9), (6, 2))]
    found = articles_of(items_of("a.txt", "\n".join(lines).encode()))
    assert [item.inside for item in found] == ["/2024-05-06", "/2024-05-09", "/2024-06-02"]
    (unclear,) = articles_of(items_of("a.txt", lines[0].encode()))
    assert unclear.notes == ("its dates are taken for day/month/year",)
    # A number past 12 however far behind decides for all, before it too.
    many = ["[05/06/2024, 10:00:00] سعاد: نص"] * 30_000 + ["[07/13/2024, 10:00:00] سعاد: نص"]
    found = articles_of(items_of("_chat.txt", "\n".join(many).encode()))
    assert found[0].inside == "/2024-05-06"
    assert all("dates are taken" not in note for item in found for note in item.notes)


@pytest.mark.parametrize(
    ("line", "day", "order"),
    [
        ("5/6/24, 9:15 PM - سعاد: نص", "2024-05-06", "month/day/year"),
        ("[5/6/24, 9:15:00\u202fPM] سعاد: نص", "2024-05-06", "month/day/year"),
        ("05/06/24, 9:15 PM - سعاد: نص", "2024-06-05", "day/month/year"),
        ("5/6/24, 21:15 - سعاد: نص", "2024-06-05", "day/month/year"),
    ],
)
def test_where_no_date_tells_the_way_it_is_written_does(line: str, day: str, order: str) -> None:
    (found,) = articles_of(items_of("_chat.txt", line.encode()))
    assert (found.inside, found.notes) == (f"/{day}", (f"its dates are taken for {order}",))


def test_a_message_stands_at_its_time() -> None:
    (found, _) = articles_of(items_of("result.json", written(chat(77, TWO_DAYS))))
    assert found.fields[PLACES] == [(0, "time", "21:15")]


def test_whatsapp_in_the_zip_it_comes_in() -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("_chat.txt", IPHONE)
        archive.writestr("00000012-PHOTO.jpg", b"x")
    found = articles_of(items_of("WhatsApp Chat - X.zip", stream.getvalue()))
    assert [item.inside for item in found] == ["/_chat.txt/2024-01-24", "/_chat.txt/2024-01-25"]
    assert found[0].fields["source"] == "العائلة"


@pytest.mark.parametrize("name", ["دردشة واتساب مع سعاد.txt", "WhatsApp Chat with سعاد.txt",
                                  "Discussion WhatsApp avec سعاد.txt"])  # fmt: skip
def test_the_name_of_a_chat_is_in_that_of_its_file(name: str) -> None:
    (found,) = articles_of(items_of(name, b"1/2/24, 10:00 - x: abc"))
    assert found.fields["source"] == "سعاد"


def test_a_text_that_only_names_a_time_stays_a_text() -> None:
    (found,) = articles_of(
        items_of("a.txt", "24/1/2024 اجتماع\n24/1/2024, 10:00 - سعاد: نص".encode())
    )
    assert found.inside == ""


def test_telegram_one_chat() -> None:
    found = articles_of(items_of("result.json", written(chat(77, TWO_DAYS))))
    assert texts(found) == {
        "/77/2024-01-24": "21:15 سعاد: انظر هنا يا عمر",
        "/77/2024-01-25": "00:17 سعاد ↪ الجزيرة: انتهى",
    }
    assert found[0].fields["title"] == "العائلة – 2024-01-24"
    assert found[1].notes == (
        "left out of the chat: service messages (1), messages without words (1)",
    )


def test_telegram_a_whole_account() -> None:
    saved = {**chat(6, [message(1, "2024-01-24T08:00:00", "تذكير")]), "type": "saved_messages"}
    del saved["name"]
    found = articles_of(items_of("result.json", account(chat(77, TWO_DAYS), saved)))
    assert [item.inside for item in found] == ["/77/2024-01-24", "/77/2024-01-25", "/6/2024-01-24"]
    assert "source" not in found[2].fields


def test_what_is_exported_again_with_more_keeps_its_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chats, "_PART", 40)
    messages = [message(n, f"2024-01-24T{n:02}:00:00", f"نص رقم {n}") for n in range(12)]
    before = texts(items_of("result.json", written(chat(77, messages[:9]))))
    after = texts(items_of("result.json", written(chat(77, messages))))
    assert list(before) == ["/77/2024-01-24", "/77/2024-01-24/2"]
    assert list(after)[:2] == list(before)
    assert after["/77/2024-01-24"] == before["/77/2024-01-24"]
    assert str(after["/77/2024-01-24/2"]).startswith(str(before["/77/2024-01-24/2"]))


def test_a_day_that_comes_back_is_not_lost() -> None:
    days = ("2024-01-24", "2024-01-25", "2024-01-24")
    messages = [message(n, f"{day}T10:00:00", f"نص {n}") for n, day in enumerate(days)]
    found = texts(items_of("result.json", written(chat(77, messages))))
    assert list(found) == ["/77/2024-01-24", "/77/2024-01-25", "/77/2024-01-24/2"]


def test_question_marks_of_people_are_no_lost_letters() -> None:
    messages = [message(n, "2024-01-24T10:00:00", "أين ????") for n in range(9)]
    (found,) = articles_of(items_of("result.json", written(chat(77, messages))))
    assert str(found.fields["text"]).split("\n")[0] == "10:00 سعاد: أين ?"


def test_polls_are_read() -> None:
    poll = {"question": "متى نلتقي", "answers": [{"text": "غدا"}, {"text": "بعد غد"}]}
    found = articles_of(
        items_of("a.json", written(chat(1, [message(1, "2024-01-24T10:00:00", "", poll=poll)])))
    )
    assert found[0].fields["text"] == "10:00 سعاد: متى نلتقي غدا / بعد غد"


def test_a_chat_that_was_cut_gives_what_came_before() -> None:
    content = account(chat(77, TWO_DAYS), chat(78, TWO_DAYS))[:-300]
    found: list[str] = []
    with pytest.raises(SourceError, match="cut"):
        found.extend(item.place for item in read(io.BytesIO(content), "result.json", Options()))
    assert found == ["77/2024-01-24", "77/2024-01-25"]


def test_a_chat_of_nothing_but_pictures_is_empty() -> None:
    with pytest.raises(SourceError) as refused:
        items_of("result.json", written(chat(77, TWO_DAYS[::2])))
    assert refused.value.code == "empty"


def test_telegram_as_html_is_set_aside_with_what_to_do() -> None:
    page = '<html><head></head><body onload="CheckLocation();"><div class="page_wrap">x</div></body></html>'
    with pytest.raises(SourceError, match="export it as JSON"):
        items_of("messages.html", page.encode())


def test_damage() -> None:
    check_damage(written(chat(77, TWO_DAYS)), "json")
    check_damage(ARABIC.encode(), "txt")
