"""Subtitles: .srt and .vtt."""

from __future__ import annotations

import pytest

from tests.formats.reading import article, check_damage, lines, refusal
from tests.support import REPOSITORY

TEXTS = REPOSITORY / "tests" / "fixtures" / "texts"


def cues(*said: tuple[float, float, str]) -> bytes:
    def time(seconds: float) -> str:
        return f"00:{int(seconds) // 60:02}:{seconds % 60:06.3f}".replace(".", ",")

    texts = (f"{n}\n{time(a)} --> {time(b)}\n{text}\n" for n, (a, b, text) in enumerate(said, 1))
    return "\n".join(texts).encode()


@pytest.mark.parametrize("suffix", ["srt", "vtt"])
def test_what_pysubs2_writes(suffix: str) -> None:
    content = (TEXTS / f"pysubs2.{suffix}").read_bytes()
    assert lines(content, "subtitles") == [
        "ضربات في العراق وسقوط قتلى بينهم مدنيون.",
        "من قال هذا؟",
        "المتحدث باسم الوزارة",
        "مطر في عمان 1948",
    ]
    assert lines(content.replace(b"\n", b"\r\n"), "subtitles")[-1] == "مطر في عمان 1948"


def test_a_webvtt_with_all_it_may_have() -> None:
    content = """\ufeffWEBVTT - عنوان
Kind: captions
Language: ar

STYLE
::cue { color: red }

NOTE ملاحظة

مقدمة
01.000 --> 02.000
سطر ليس فيه وقت

intro
00:01.000 --> 00:02.500 align:start position:0%
<v سعاد>قالت <c.yellow>الوزيرة</c> &amp; الوزير

NOTE
ملاحظة أخرى

00:02.500 --> 00:04.000
<00:00:02.600><c>إن</c> القرار صدر
"""
    found = article(content.encode(), "subtitles")
    assert found.fields["text"] == "قالت الوزيرة & الوزير إن القرار صدر"
    assert found.fields["language"] == "ar"


def test_rolling_captions_are_taken_once_and_repeated_words_twice() -> None:
    rolling = cues((1, 3, "أول"), (3, 3.01, "أول"), (3.01, 6, "أول\nثان"), (6, 8, "ثان\nثالث"))
    assert lines(rolling, "subtitles") == ["أول ثان ثالث"]
    assert lines(cues((1, 2, "لا"), (2.5, 3, "لا")), "subtitles") == ["لا لا"]


def test_without_stops_a_paragraph_ends_at_a_pause_or_at_its_bound() -> None:
    told = [(n * 2.0, n * 2 + 1.9, f"كلمة-رقم {n}") for n in range(200)]
    found = lines(cues(*told, (410, 411, "بعد سكوت")), "subtitles")
    assert found[-1] == "بعد سكوت"
    assert len(found) > 3
    assert max(map(len, found)) < 700
    assert " ".join(found[:-1]) == " ".join(text for *_, text in told)


def test_cues_without_blank_lines_numbers_or_hours() -> None:
    content = "00:01,5 --> 00:02,5\nنص\n100\n2\n00:02,6 --> 00:03,5\n3 رجال\nو5\n"
    assert lines(content.encode(), "subtitles") == ["نص 100 3 رجال و5"]


def test_windows_1256() -> None:
    content = cues((1, 2, "قال المسؤولون إن القوات نفذت ضربات على مواقع في العراق"))
    found = article(content.decode().encode("cp1256"), "subtitles")
    assert found.fields["text"] == "قال المسؤولون إن القوات نفذت ضربات على مواقع في العراق"
    assert found.notes


def test_damage() -> None:
    assert refusal(b"1\n2\n3\n", "subtitles") == "damaged"
    check_damage((TEXTS / "pysubs2.srt").read_bytes(), "subtitles")
