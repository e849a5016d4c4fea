"""Dates as documents have them: one line a way of writing them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from indexer.extraction.calendars import iranian
from indexer.extraction.dates import Reading, find_date, parse_published, read_date
from search.analysis.lexicon import read_lists
from search.errors import SourceError

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
        ("15/7/1445H", "2024-01-27"),
        ("15-7-1445 AH", "2024-01-27"),
        ("15/7/1445 A.H.", "2024-01-27"),
        ("15/7/1445 للهجرة", "2024-01-27"),
        ("15/7/1445 هـ.ق", "2024-01-27"),
        ("1445هـ/7/15", "2024-01-27"),
        ("(15/7/1445) هـ", "2024-01-27"),
        ("هـ15/7/1445", "2024-01-27"),
        ("كله15/7/1445", None),
        ("التاريخ الهجري: 15/7/1445", "2024-01-27"),
        ("هـ 1445/7/15", "2024-01-27"),
        ("15/7/1445 هـ - 27/1/2024", "2024-01-27"),
        ("1 رمضان 1446", "2025-03-01"),  # days that Saudi Arabia announced
        ("1 شوال 1445", "2024-04-10"),
        ("9 ذو الحجة 1445", "2024-06-15"),
        ("1/1/1446 هـ", "2024-07-07"),
        ("1/1/1447 هـ", "2025-06-26"),
        # Iran's calendar
        ("1402/10/12 ش", "2024-01-02"),
        ("1402/10/12 هـ.ش", "2024-01-02"),
        ("۱۴۰۲/۱۰/۱۲ هجری شمسی", "2024-01-02"),
        ("12/10/1402 شمسي", "2024-01-02"),
        ("1402/10/12 SH", "2024-01-02"),
        ("۱۲ دی ۱۴۰۲", "2024-01-02"),
        ("۱۲ دی‌ماه ۱۴۰۲", "2024-01-02"),
        ("12 دی ماه سال 1402", "2024-01-02"),
        ("12 Dey 1402", "2024-01-02"),
        ("3 حمل 1402", "2023-03-23"),
        ("3 مهر 2024", None),
        ("1402/12/30 ش", None),  # no leap year
        ("1403/12/30 ش", "2025-03-20"),
        ("1402/13/1 ش", None),
        # manuscripts
        ("0850-05-01", "0850-05-01"),
        ("1258-02-10", "1258-02-10"),
        ("10 شباط 1258", "1258-02-10"),
        ("10 شباط 1377م", "1377-02-10"),
        ("850/5/1 م", "0850-05-01"),
        ("850/5/1", None),
        ("0599-12-31", None),
        ("2199-12-31", "2199-12-31"),
        ("2200-01-01", None),
        # clocks and programs
        ("Wed Oct 10 20:19:24 +0000 2018", "2018-10-10"),
        ("Jan 31, 2024 at 5:00pm", "2024-01-31"),
        ("January 31 at 5:00 PM 2024", "2024-01-31"),
        ("Wed Jan 31 2024 10:00:00 GMT+0300 (Arabian Standard Time)", "2024-01-31"),
        ("5:00 م · ٣١ يناير ٢٠٢٤", "2024-01-31"),
        ("31/01/2024 10:30 ص", "2024-01-31"),
        ("31 يناير، 2024 الساعة 10:30 م", "2024-01-31"),
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
    year = {"h": 1445, "j": 1402}.get(number[0], 2024)
    found = find_date(f"5 {name} {year}")
    assert found is not None
    if year == 2024:
        assert found == date(2024, int(number), 5)
    else:
        mark = {"h": "هـ", "j": "ش"}[number[0]]
        assert found == find_date(f"5/{number[1:]}/{year} {mark}")


@given(
    st.dates(date(1501, 1, 1), date(2199, 12, 31)) | st.dates(date(600, 1, 1), date(1342, 12, 31)),
    st.sampled_from(["-", "/", "."]),
)
def test_every_day_in_every_digits(day: date, separator: str) -> None:
    iso = day.isoformat()
    written = separator.join(reversed(iso.split("-")))
    for text in (iso, written, f"{day.day} يناير {day.year:04}"):
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


NUMBERED = [
    (name, digit, number)
    for number, names in read_lists("months.txt")
    for written in names
    if (digit := written[-1]).isdecimal()
    for name in [written[:-2]]
]


@pytest.mark.parametrize("digits", ["0123456789", "٠١٢٣٤٥٦٧٨٩", "۰۱۲۳۴۵۶۷۸۹"])
@pytest.mark.parametrize("between", [" ", "", "-", " (", "/", "\u00a0"])
@pytest.mark.parametrize(("name", "digit", "number"), NUMBERED)
def test_a_month_followed_by_its_number(
    name: str, digit: str, number: str, between: str, digits: str
) -> None:
    year = 1445 if number.startswith("h") else 2024
    month = name + between + digits[int(digit)] + (")" if "(" in between else "")
    bare = number.removeprefix("h")
    wanted = find_date(f"12/{bare}/{year} {'هـ' if year == 1445 else ''}")
    assert wanted is not None
    for text in (f"12 {month} {year}", f"12 {month}، {year}", f"{year} {month} 12"):
        assert find_date(text) == wanted, text
    assert find_date(f"{month} {year}") is None


@given(st.integers(315_532_800, 1_893_456_000))  # 1980 to 2029
def test_a_number_is_seconds_or_parts_of_them_since_1970(seconds: int) -> None:
    moment = datetime.fromtimestamp(seconds, UTC)
    for unit in (1, 10**3, 10**6, 10**9):
        number = seconds * unit
        assert read_date(number) == Reading(moment.date()), number
        assert read_date(str(number)) == Reading(moment.date())
        assert read_date(str(number).translate(ARABIC_DIGITS)) == Reading(moment.date())
    assert read_date(moment.timestamp()).day == moment.date()
    assert read_date(f"{moment.timestamp():.3f}").day == moment.date()
    assert read_date(f"/Date({seconds * 1000}+0300)/").day == moment.date()


@pytest.mark.parametrize(
    "value", [-1, 0, 7, 45_322, 9e7, 1e30, float("nan"), float("inf"), True, None, [], {}, "12345"]
)
def test_other_numbers_and_values_are_no_dates(value: object) -> None:
    assert read_date(value) == Reading()


@pytest.mark.parametrize("value", [20240131, 20240131100000])
def test_a_number_may_be_a_day_written_together(value: int) -> None:
    assert read_date(value) == Reading(date(2024, 1, 31))


@pytest.mark.parametrize(
    ("value", "note"),
    [
        ("2200-01-01", "years are taken from 600 to 2199"),
        ("14020512", "of which calendar"),
        ("1402/10/12", "of which calendar"),
        ("1445-07-15", "of which calendar"),
        ("15 رجب 850", "years are taken from 1343 to 1500"),
        ("29/02/2023", "there is no such day"),
        ("0000-00-00", "years are taken from 600 to 2199"),
        ("2024-00-10", "there is no such day"),
        ("12 تشرين الأول/نوفمبر 2023", "two months"),
        ("2024", "names no day"),
        ("January 2024", "names no day"),
        ("أكتوبر 2023", "names no day"),
        ("3/4/24", "names no day"),
        (2024, "names no day"),
        (202401311000, "a day and hours, or a time since 1970"),
    ],
)
def test_a_date_that_cannot_be_kept_says_why(value: object, note: str) -> None:
    found = read_date(value)
    assert found.day is None
    assert note in found.note
    with pytest.raises(SourceError, match=note):
        parse_published(value)


def test_which_is_the_day_is_said_where_it_may_be_the_month() -> None:
    assert read_date("03/04/2024") == Reading(
        date(2024, 4, 3), "03/04/2024: taken for 2024-04-03, the day before the month"
    )
    for plain in ("04/04/2024", "13/04/2024", "04/13/2024", "2024/03/04"):
        assert read_date(plain).note == ""


# The first days of years, from the tables of the Calendar Center of the University of Tehran.
NEW_YEARS = {
    1300: "1921-03-21",
    1350: "1971-03-21",
    1357: "1978-03-21",
    1370: "1991-03-21",
    1371: "1992-03-21",
    1375: "1996-03-20",
    1376: "1997-03-21",
    1399: "2020-03-20",
    1400: "2021-03-21",
    1402: "2023-03-21",
    1403: "2024-03-20",
    1404: "2025-03-21",
    1408: "2029-03-20",
}


@pytest.mark.parametrize(("year", "first"), NEW_YEARS.items())
def test_iranian_years_begin_where_the_tables_say(year: int, first: str) -> None:
    assert iranian(year, 1, 1) == date.fromisoformat(first)


def test_every_day_of_iran_follows_the_one_before() -> None:
    days = [
        found
        for year in range(1200, 1501)
        for month in range(1, 13)
        for day in range(1, 32)
        if (found := iranian(year, month, day))
    ]
    assert all(later - earlier == timedelta(days=1) for earlier, later in pairwise(days))
