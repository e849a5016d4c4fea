"""The day that a date field of a document means: Arabic months of every country, Hijri too.

    12 تشرين الأول/أكتوبر 2023      ١٥ رجب ١٤٤٥هـ      31/01/2024      Jan 31, 2024
    12 تشرين 1 2023                 1445/7/15 هـ       2024-01-31T10:00:00+03:00
    Wed Oct 10 20:19:24 +0000 2018  1402/10/12 ش       1706659200 (seconds), 1706659200000

The day is the one written, in whatever time zone; of a number it is that in UTC. 03/04/2024
is the 3rd of April, as Arabs write it, and so is 04-03-2024 the 4th of March; 01/31/2024 can
only be January. Years of two digits say too little, and so do 1445 and 1402 without a mark
(Hijri, or Iran's). `indexer.extraction.calendars` has the calendars and the years that are taken.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache

from pyarabic.araby import TATWEEL

from indexer.extraction.calendars import (
    GREGORIAN_YEARS,
    HIJRI_YEARS,
    IRANIAN_YEARS,
    gregorian,
    hijri,
    iranian,
)
from search.analysis.folding import fold_arabic, fold_other, unify_letters
from search.analysis.lexicon import read_lists
from search.article_lines import UNCLEAR_YEARS
from search.errors import SourceError

_MAX_LENGTH = 300  # code points that are looked at
_TWO_MONTHS = -1

_SEPARATOR = r"\s*[/.\\\-\u2010-\u2015]\s*"
_NUMERIC = re.compile(
    rf"(?:(?<![\w/.\-])|(?<=(?<!\w)[هشم]))(?:(?P<year>\d{{3,4}})\s?(?P<mid>[هشم])?"
    rf"(?P<a>{_SEPARATOR})(?P<month>\d\d?)(?P=a)(?P<day>\d\d?)"
    rf"|(?P<first>\d\d?)(?P<b>{_SEPARATOR})(?P<second>\d\d?)(?P=b)(?P<last>\d{{3,4}}))(?!\d)"
)
_COMPACT = re.compile(r"\s*(\d{4})(\d\d)(\d\d)(?:t?\d{6})?(?!\d)")
_COMPACT_HOURS = re.compile(r"((?:19|2[01])\d\d)(\d\d)(\d\d)(?:[01]\d|2[0-3])(?:[0-5]\d)?")

# What a year is marked with, folded: behind the date (1445/7/15 هـ), or before it.
_IRANIAN_MARK = r"ه?[\s.]*ش(?!\w)|(?:هجري\s+)?(?:شمسي\w*|خورشيدي)|s\.?h(?!\w)"
_HIJRI_MARK = (
    r"ه(?:[\s.]*ق)?(?!\w)|(?:ال)?هجري\w*|(?:من\s+)?(?:ال|لل)هجره|قمري\w*|a\.?h(?!\w)|h(?!\w)"
)
_GREGORIAN_MARK = r"م(?!\w)|(?:ال)?ميلادي\w*|للميلاد|a\.?d(?!\w)|c\.?e(?!\w)"
_MARKS = f"(?P<j>{_IRANIAN_MARK})|(?P<h>{_HIJRI_MARK})|(?P<g>{_GREGORIAN_MARK})"
_MARK_BEHIND = re.compile(rf"[\s()\[\]]*(?:{_MARKS})")
_MARK_BEFORE = re.compile(rf"(?<!\w)(?:{_MARKS})[\s:()\[\]]*\Z")
_MARK_LENGTH = 24  # code points in which a mark before a date stands
_OF_SIGN = {"ه": "h", "ش": "j", "م": "g"}

# Seconds since 1970 from 1973 to 2199, and the same in thousandths, millionths and billionths:
# the four do not meet. Sooner is a number of something else (a day, an id).
_SECONDS = (100_000_000, 7_258_118_400)
_UNITS = (1, 1_000, 1_000_000, 1_000_000_000)
_STAMP = re.compile(r"\s*(?:/date\()?(\d{9,19})(?:\.\d+)?(?:[+-]\d{4})?(?:\)/)?\s*")
_PARTIAL = re.compile(
    r"\s*(?:\d{4}(?:[-/.]\d\d?)?|\d\d?[-/.]\d{4}|\d\d?([-/.])\d\d?\1\d\d)"
    rf"\s*(?:{_MARKS})?\s*"
)


@dataclass(frozen=True, slots=True)
class Reading:
    """What a value says of a day.

    day   the day it means, None if it names none that can be kept
    note  why it is not kept though it is a date, or how it was taken where two ways are
          possible; "" where it is plain, and where it is no date at all
    """

    day: date | None = None
    note: str = ""


_NO_DATE = Reading()
_NO_DAY = Reading(None, "it names no day")
_NO_SUCH_DAY = Reading(None, "there is no such day")


def read_date(value: object) -> Reading:
    """Return what the value of a date field means, a text or a number."""
    if isinstance(value, str):
        plain = _plain(value[:_MAX_LENGTH])
        if (stamp := _STAMP.fullmatch(plain)) and not _COMPACT.fullmatch(plain):
            return _of_number(int(stamp[1]))
        found = _found(plain)
        shown = " ".join(value[:40].split())
        return Reading(found.day, f"{shown}: {found.note}") if found.note else found
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        found = _of_number(value)
        return Reading(found.day, f"{value:.0f}: {found.note}") if found.note else found
    return _NO_DATE


def find_date(text: str) -> date | None:
    """Return the day a text means, None if it names none, an impossible one, or says too little.

    The first date in it decides; a Gregorian one before one of another calendar.
    """
    return _found(_plain(text[:_MAX_LENGTH])).day


def parse_published(value: object) -> date:
    """Return the day of a field `published`.

    Raises:
        SourceError: it names no day that can be kept; the message has the value and why.
    """
    found = read_date(value)
    if found.day is not None:
        return found.day
    said = found.note or repr(value[:40] if isinstance(value, str) else value)[:60]
    raise SourceError(
        f'"published" must be a date such as "2024-01-31", not {said}', code="bad-field"
    )


def _of_number(number: float) -> Reading:
    digits = str(int(number))
    if len(digits) in (8, 14) and _COMPACT.fullmatch(digits):
        return _found(digits)
    if len(digits) == 4:
        return _NO_DAY if int(digits) in GREGORIAN_YEARS else _NO_DATE
    first, end = _SECONDS
    for unit in _UNITS:
        if first * unit <= number < end * unit:
            if (hours := _COMPACT_HOURS.fullmatch(digits)) and gregorian(*map(int, hours.groups())):
                return Reading(None, "a day and hours, or a time since 1970")
            return Reading(date(1970, 1, 1) + timedelta(days=int(number // (86_400 * unit))))
    return _NO_DATE


def _found(plain: str) -> Reading:
    """Return what a folded text means."""
    if match := _COMPACT.match(plain):
        year, month, day = map(int, match.groups())
        compact = _in_calendar("", year, month, day)
        if compact.day:
            return compact
        if match.end() == len(plain):  # of eight digits few are a date at all
            return compact if gregorian(2000, month, day) else _NO_DATE
    other = _NO_DATE
    for match in sorted((*_NUMERIC.finditer(plain), *_named().finditer(plain)), key=re.Match.start):
        calendar, written, month, day, swappable = _parts(match)
        year = int(written)
        calendar = calendar or _mark(plain, match, year)
        if len(written) < 4 and not calendar:
            continue
        if month == _TWO_MONTHS:
            found = Reading(None, "it names two months")
        else:
            found = _in_calendar(calendar, year, month, day)
        if calendar in ("", "g"):
            if found.day and swappable:
                return Reading(found.day, f"taken for {found.day}, the day before the month")
            return found
        if other.day is None:
            other = found
    if other is _NO_DATE and (_PARTIAL.fullmatch(plain) or _month_alone().search(plain)):
        return _NO_DAY
    return other


def _in_calendar(calendar: str, year: int, month: int, day: int) -> Reading:
    """Return the day of a date; of one without a calendar only where its year says which."""
    if calendar == "h":
        years, found = HIJRI_YEARS, hijri(year, month, day)
    elif calendar == "j":
        years, found = IRANIAN_YEARS, iranian(year, month, day)
    elif not calendar and year in UNCLEAR_YEARS:
        return Reading(None, "of which calendar? Mark the year: هـ, ش, م")
    else:
        years, found = GREGORIAN_YEARS, gregorian(year, month, day)
    if year not in years:
        return Reading(None, f"years are taken from {years[0]} to {years[-1]}")
    return Reading(found) if found else _NO_SUCH_DAY


def _mark(plain: str, match: re.Match[str], year: int) -> str:
    """Return the calendar that a date is marked with: "h", "j", "g", "" for none."""
    mark = _MARK_BEHIND.match(plain, match.end())
    if mark is None and year not in range(UNCLEAR_YEARS.stop, GREGORIAN_YEARS.stop):
        mark = _MARK_BEFORE.search(plain[max(0, match.start() - _MARK_LENGTH) : match.start()])
    return (mark.lastgroup or "") if mark else ""


def _plain(text: str) -> str:
    """Return a text folded: digits 0-9, no marks, hamzas and accents, small letters."""
    parts = []
    for char in unicodedata.normalize("NFKC", text):
        category = unicodedata.category(char)
        if category == "Nd":
            parts.append(str(unicodedata.decimal(char)))
        elif char != TATWEEL and category not in ("Mn", "Cf"):
            parts.append(char)
    return fold_other(fold_arabic(unify_letters("".join(parts))).casefold())


def _parts(match: re.Match[str]) -> tuple[str, str, int, int, bool]:
    """Return calendar ("" is unsaid), year as written, month, day, and whether day and month may be swapped.

    The month is `_TWO_MONTHS` where two names are of different months.
    """
    found: Mapping[str, str | None] = match.groupdict()
    if "first" in found:
        if found["year"]:
            calendar = _OF_SIGN.get(found["mid"] or "", "")
            return calendar, match["year"], int(match["month"]), int(match["day"]), False
        day, month = int(match["first"]), int(match["second"])
        swappable = day <= 12 and month <= 12 and day != month
        if month > 12:
            day, month = month, day
        return "", match["last"], month, day, swappable
    year = next(match[name] for name in ("y1", "y2", "y3") if found[name])
    day = int(next(match[name] for name in ("d1", "d2", "d3") if found[name]))
    names = [_name(name) for key, name in found.items() if key[0] in "mn" and name]
    months = {_months()[name] for name in names}
    number = months.pop()
    calendar = number[0] if number[0] in "hj" else ""
    return calendar, year, _TWO_MONTHS if months else int(number.lstrip("hj")), day, False


def _name(written: str) -> str:
    """Return a month's name as `_months` has it: تشرين(2) is تشرين 2."""
    return re.sub(r"(?<=[^\W\d])[\s\-/(]*(\d)$", r" \1", " ".join(written.split()))


@cache
def _months() -> dict[str, str]:
    """Folded name -> "1" to "12", "h1" to "h12", "j1" to "j12"."""
    months = {
        _plain(name.replace("_", " ")): number
        for number, names in read_lists("months.txt")
        for name in names
    }
    return months | {f"{name}ماه": number for name, number in months.items() if number[0] == "j"}


@cache
def _any_month() -> str:
    return "|".join(_month_patterns())


def _month_patterns() -> Iterator[str]:
    for name in sorted(_months(), key=len, reverse=True):
        if name[-1].isdecimal():
            yield re.escape(name[:-2]) + rf"\s*[\-/(]?\s*{name[-1]}(?!\d)"
        else:
            yield re.escape(name).replace(r"\ ", r"\s+") + r"(?![^\W\d_])"


@cache
def _month_alone() -> re.Pattern[str]:
    """Return what finds a month and a year without a day."""
    return re.compile(rf"(?<![^\W\d_])(?:{_any_month()})\W{{0,3}}\d{{4}}(?!\d)")


@cache
def _named() -> re.Pattern[str]:
    """Return what finds day, month's name or two, and year, in each of their orders."""
    pair = (
        r"(?<![^\W\d_])(?P<m{0}>{1})\)?\.?(?:\s+(?:الحرام|المبارك|المعظم|المكرم)(?!\w))?"
        r"(?:\s*[/(\-]\s*(?P<n{0}>{1})(?!\w)\s*\)?)?"
    )
    name = _any_month()
    day, year = r"(?<![\d/.:\-])(?P<d{0}>\d\d?)(?!\d)", r"(?<!\d)(?P<y{0}>\d{{3,4}})(?!\d)"
    to_month = r"(?:st|nd|rd|th|er|\.|o)?\s*(?:[,،/\-]\s*)?(?:(?:من|of|de|شهر)\s+)*"
    words = "من|de|del|عام|لعام|سنه|لسنه|في|of|ماه|سال"
    to_year = rf"\s*(?:[,،/\-]\s*)?(?:(?:{words})\s+)*"
    clock = (
        r"(?:(?:at\s+|في\s+|الساعه\s+)*\d\d?:\d\d(?::\d\d)?(?:\.\d+)?\s*(?:[ap]\.?m\.?|[صم](?!\w))?"
        r"[,،]?\s+)?(?:[a-z]{3,4}\s+)?(?:[+\-]\d\d:?\d\d\s+)?"
    )
    return re.compile(
        f"{day.format(1)}{to_month}{pair.format(1, name)}{to_year}{year.format(1)}"
        f"|{pair.format(2, name)}\\s*{day.format(2)}(?:st|nd|rd|th)?{to_year}{clock}{year.format(2)}"
        f"|{year.format(3)}\\s*[,،/\\-]?\\s*{pair.format(3, name)}\\s*[,،/\\-]?\\s*{day.format(3)}"
    )
