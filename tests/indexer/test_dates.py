"""Dates as documents have them: one line a way of writing them."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from indexer.dates import find_date, parse_published
from search.errors import SourceError
from search.lexicon import read_lists

ARABIC_DIGITS = str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")
PERSIAN_DIGITS = str.maketrans("0123456789", "۰۱۲۳۴۵۶۷۸۹")
MONTHS = [
    (number, name.replace("_", " ")) for number, names in read_lists("months.txt") for name in names
]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # numbers
        ("2024-01-31", "2024-01-31"),
        ("2024-01-31T10:00:00+03:00", "2024-01-31"),
        ("2024-01-31T23:59:59.123Z", "2024-01-31"),
        ("2024-01-31 08:00", "2024-01-31"),
        ("20240131", "2024-01-31"),
        ("20240131T100000Z", "2024-01-31"),
        ("20240131100000", "2024-01-31"),
        ("31/01/2024", "2024-01-31"),
        ("31-1-2024", "2024-01-31"),
        ("31.01.2024", "2024-01-31"),
        ("2024/1/31", "2024-01-31"),
        ("٣١/١/٢٠٢٤", "2024-01-31"),
        ("۲۰۲۴/۱/۳۱", "2024-01-31"),
        ("31 / 1 / 2024", "2024-01-31"),
        ("\u200f31\u200f/1\u200f/2024", "2024-01-31"),
        ("03/04/2024", "2024-04-03"),  # day first
        ("01/31/2024", "2024-01-31"),  # nothing else is possible
        ("آخر تحديث: 31/01/2024 - 10:45", "2024-01-31"),
        # names
        ("نشر في 12 تشرين الأول/أكتوبر 2023", "2023-10-12"),
        ("12 أكتوبر (تشرين الأول) 2023", "2023-10-12"),
        ("12 أكتوبر / تشرين الأول 2023م", "2023-10-12"),
        ("الثلاثاء ٣ شباط ٢٠٢٤", "2024-02-03"),
        ("الثلاثاء، 3 فبراير، 2024", "2024-02-03"),
        ("الثلاثاء 3 من شهر فبراير من عام 2024", "2024-02-03"),
        ("3 كانون الثانى 2024", "2024-01-03"),
        ("3 كانون ثاني 2024", "2024-01-03"),
        ("3 يَنَايِر 2024", "2024-01-03"),
        ("3 اكتوبر 2024", "2024-10-03"),
        ("3 إبريل 2024", "2024-04-03"),
        ("3 جويلية 2024", "2024-07-03"),
        ("3 أوت 2024", "2024-08-03"),
        ("3 غشت 2024", "2024-08-03"),
        ("3 دجنبر 2024", "2024-12-03"),
        ("3 يونيه 2024", "2024-06-03"),
        ("أكتوبر 12, 2023", "2023-10-12"),
        ("2023 أكتوبر 12", "2023-10-12"),
        ("3فبراير2024", "2024-02-03"),
        ("ﻓﺒﺮﺍﻳﺮ 3, 2024", "2024-02-03"),  # presentation forms
        ("Jan 31, 2024", "2024-01-31"),
        ("January 31st, 2024", "2024-01-31"),
        ("31 Jan. 2024", "2024-01-31"),
        ("31-Jan-2024", "2024-01-31"),
        ("Published on 1st of May 2024", "2024-05-01"),
        ("31 janvier 2024", "2024-01-31"),
        ("1er août 2024", "2024-08-01"),
        ("jeudi 1er février 2024 à 10h", "2024-02-01"),
        ("3. März 2024", "2024-03-03"),
        ("3 de enero de 2024", "2024-01-03"),
        ("3 Şubat 2024", "2024-02-03"),
        ("3 جنوری 2024", "2024-01-03"),
        ("3 ژانویه 2024", "2024-01-03"),
        # letters and programs
        ("Wed, 31 Jan 2024 10:00:00 +0300", "2024-01-31"),
        ("31 Jan 2024 08:00 GMT", "2024-01-31"),
        ("Wed Jan 31 10:00:00 2024", "2024-01-31"),
        ("Wed Jan 31 10:00:00 AST 2024", "2024-01-31"),
        # Hijri
        ("15 رجب 1445هـ", "2024-01-27"),
        ("١٥ رجب ١٤٤٥ هـ", "2024-01-27"),
        ("15 من شهر رجب لعام 1445", "2024-01-27"),
        ("1445/7/15 هـ", "2024-01-27"),
        ("15/7/1445هـ", "2024-01-27"),
        ("15-07-1445 هجري", "2024-01-27"),
        ("1 محرم الحرام 1445", "2023-07-19"),
        ("1 رمضان المبارك 1445", "2024-03-11"),
        ("1 ربيع الآخر 1445", "2023-10-16"),
        ("1 ربيع الثاني 1445", "2023-10-16"),
        ("1 جمادى الأولى 1445", "2023-11-15"),
        ("1 جمادى الآخرة 1445", "2023-12-14"),
        ("1 ذو القعدة 1445", "2024-05-09"),
        ("1 ذي الحجة 1445", "2024-06-07"),
        ("15 رجب 1445هـ الموافق 27 يناير 2024م", "2024-01-27"),
        ("15 رجب 1445هـ الموافق 28 يناير 2024م", "2024-01-28"),  # the Gregorian one is sure
        ("27/1/2024 - 15/7/1445 هـ", "2024-01-27"),
        # two dates
        ("Published Jan 31, 2024, updated Feb 2, 2024", "2024-01-31"),
        # none
        ("", None),
        ("أمس", None),
        ("yesterday", None),
        ("أكتوبر 2023", None),
        ("2023", None),
        ("3/4/24", None),  # a year of two digits
        ("Wednesday, 31-Jan-24", None),
        ("31 فبراير 2024", None),
        ("2023-13-45", None),
        ("29 Feb 2023", None),
        ("99 Jan 2024", None),
        (
            "30 رجب 1445 هـ",
            "2024-02-11",
        ),  # 29 days in the calendar, 30 where the moon was seen later
        ("31 رجب 1445 هـ", None),
        ("15 رجب 1600 هـ", None),  # after the tables end
        ("15 رجب 1300 هـ", None),
        ("1445-07-15", None),  # whose years?
        ("1402/10/12", None),
        ("15 رجب 2024", None),
        ("15 يناير 1445", None),
        ("12 تشرين الأول/نوفمبر 2023", None),
        ("0001-01-01", None),
        ("1706659200", None),  # only who knows may say that these are seconds
        ("+966 12 345 6789", None),
        ("192.168.1.2024", None),
    ],
)
def test_one_way(text: str, expected: str | None) -> None:
    assert find_date(text) == (date.fromisoformat(expected) if expected else None)


@pytest.mark.parametrize(("number", "name"), MONTHS)
def test_every_month_of_the_list(number: str, name: str) -> None:
    year = 1445 if number.startswith("h") else 2024
    found = find_date(f"5 {name} {year}")
    assert found is not None
    if year == 2024:
        assert found == date(2024, int(number), 5)
    else:
        assert found == find_date(f"5/{number.removeprefix('h')}/1445 هـ")


@given(st.dates(date(1600, 1, 1), date(2199, 12, 31)), st.sampled_from(["-", "/", "."]))
def test_every_day_in_every_digits(day: date, separator: str) -> None:
    iso = day.isoformat()
    written = separator.join(reversed(iso.split("-")))
    for text in (iso, written, f"{day.day} يناير {day.year}"):
        same = {
            find_date(t)
            for t in (text, text.translate(ARABIC_DIGITS), text.translate(PERSIAN_DIGITS))
        }
        assert len(same) == 1
    assert find_date(iso) == find_date(written) == day


@example(1343, 9, 28)  # a month of 28 days in the official calendar
@given(st.integers(1343, 1500), st.integers(1, 12), st.integers(1, 29))
def test_hijri_days_follow_each_other(year: int, month: int, day: int) -> None:
    found = find_date(f"{day}/{month}/{year} هـ")
    assert found is not None
    assert find_date(f"{day + 1}/{month}/{year} هـ") == found + timedelta(days=1)


@given(
    st.text(st.sampled_from("0123456789٣/-. :,،()هـممنيناير رجبJanof\u200f\x00\ud800"), max_size=60)
)
def test_nothing_makes_it_fail(text: str) -> None:
    find_date(text)


def test_a_long_value_takes_no_time() -> None:
    assert find_date("1 " * 100_000) is None
    assert find_date("1 من " * 60) is None


def test_published() -> None:
    assert parse_published("31 يناير 2024") == date(2024, 1, 31)
    with pytest.raises(SourceError, match="not 'yesterday'") as error:
        parse_published("yesterday")
    assert error.value.code == "bad-field"
