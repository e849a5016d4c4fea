"""The day that a date field of a document means: Arabic months of every country, Hijri too.

    12 تشرين الأول/أكتوبر 2023      ١٥ رجب ١٤٤٥هـ      31/01/2024      Jan 31, 2024
    2024-01-31T10:00:00+03:00      1445/7/15 هـ       Wed, 31 Jan 2024 10:00:00 +0300

The day is the one written, in whatever time zone. 03/04/2024 is the 3rd of April, as Arabs
write it, and so is 04-03-2024 the 4th of March; 01/31/2024 can only be January. Years of two
digits say too little, and so do 1445 and 1402 alone (Hijri, or Iran's). Hijri dates are those
of the Umm al-Qura calendar, by `hijridate`; where the moon was sighted it may be a day off.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from datetime import date, timedelta
from functools import cache

from pyarabic.araby import TATWEEL

from search.errors import SourceError
from search.folding import fold_arabic, fold_other, unify_letters
from search.lexicon import read_lists

_MAX_LENGTH = 300  # code points that are looked at
# Newspapers are no older; and 1343 to 1500 are Hijri years, which nobody dates articles of.
_YEARS = range(1600, 2200)

_SEPARATOR = r"\s*[/.\\\-\u2010-\u2015]\s*"
_NUMERIC = re.compile(
    rf"(?<![\w/.\-])(?:(?P<year>\d{{4}})(?P<a>{_SEPARATOR})(?P<month>\d\d?)(?P=a)(?P<day>\d\d?)"
    rf"|(?P<first>\d\d?)(?P<b>{_SEPARATOR})(?P<second>\d\d?)(?P=b)(?P<last>\d{{4}}))(?!\d)"
)
_COMPACT = re.compile(r"\s*(\d{4})(\d\d)(\d\d)(?:\d{6})?(?!\d)")
_HIJRI_MARK = re.compile(r"\s*\(?(?:ه|هجري\w*|ah)(?!\w)")


def find_date(text: str) -> date | None:
    """Return the day a value means, None if it names none, an impossible one, or says too little.

    The first date in it decides; a Gregorian one before a Hijri one.
    """
    plain = _plain(text[:_MAX_LENGTH])
    if match := _COMPACT.match(plain):
        return _gregorian(*map(int, match.groups()))
    hijri: date | None = None
    found = [*_NUMERIC.finditer(plain), *_named().finditer(plain)]
    for match in sorted(found, key=re.Match.start):
        year, month, day = _parts(match)
        marked = bool(_HIJRI_MARK.match(plain, match.end()))
        if marked or month.startswith("h"):
            hijri = hijri or _hijri(year, month.removeprefix("h"), day)
        elif year in _YEARS:
            return _gregorian(year, int(month), day) if month else None
    return hijri


def parse_published(value: str) -> date:
    """Return the day of a field `published`.

    Raises:
        SourceError: it names no day; the message has the value.
    """
    found = find_date(value)
    if found is None:
        raise SourceError(
            f'"published" must be a date such as "2024-01-31", not {value[:40]!r}', code="bad-field"
        )
    return found


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


def _parts(match: re.Match[str]) -> tuple[int, str, int]:
    """Return year, month and day; the month is "" where two names are of different months."""
    found: Mapping[str, str | None] = match.groupdict()
    if "first" in found:
        if found["year"]:
            return int(match["year"]), match["month"], int(match["day"])
        day, month = int(match["first"]), int(match["second"])
        if month > 12:
            day, month = month, day
        return int(match["last"]), str(month), day
    year = next(match[name] for name in ("y1", "y2", "y3") if found[name])
    day = int(next(match[name] for name in ("d1", "d2", "d3") if found[name]))
    names = [re.sub(r"\s+", " ", name) for key, name in found.items() if key[0] in "mn" and name]
    months = {_months()[name] for name in names}
    return int(year), months.pop() if len(months) == 1 else "", day


@cache
def _months() -> dict[str, str]:
    """Folded name -> "1" to "12", "h1" to "h12"."""
    return {
        _plain(name.replace("_", " ")): number
        for number, names in read_lists("months.txt")
        for name in names
    }


@cache
def _named() -> re.Pattern[str]:
    """Return what finds day, month's name or two, and year, in each of their orders."""
    names = sorted(_months(), key=len, reverse=True)
    name = "|".join(re.escape(n).replace(r"\ ", r"\s+") for n in names)
    pair = (
        r"(?<![^\W\d_])(?P<m{0}>{1})(?![^\W\d_])\.?(?:\s+(?:الحرام|المبارك|المعظم|المكرم)(?!\w))?"
        r"(?:\s*[/(\-]\s*(?P<n{0}>{1})(?!\w)\s*\)?)?"
    )
    day, year = r"(?<![\d/.:\-])(?P<d{0}>\d\d?)(?!\d)", r"(?<!\d)(?P<y{0}>\d{{4}})(?!\d)"
    to_month = r"(?:st|nd|rd|th|er|\.|o)?\s*(?:[,،/\-]\s*)?(?:(?:من|of|de|شهر)\s+)*"
    to_year = r"\s*(?:[,،/\-]\s*)?(?:(?:من|de|del|عام|لعام|سنه|لسنه|في|of)\s+)*"
    clock = r"(?:\d\d?:\d\d(?::\d\d)?\s+)?(?:[a-z]{3,4}\s+)?"
    return re.compile(
        f"{day.format(1)}{to_month}{pair.format(1, name)}{to_year}{year.format(1)}"
        f"|{pair.format(2, name)}\\s*{day.format(2)}(?:st|nd|rd|th)?{to_year}{clock}{year.format(2)}"
        f"|{year.format(3)}\\s*[,،/\\-]?\\s*{pair.format(3, name)}\\s*[,،/\\-]?\\s*{day.format(3)}"
    )


def _gregorian(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day) if year in _YEARS else None
    except ValueError:
        return None


def _hijri(year: int, month: str, day: int) -> date | None:
    """Return a Hijri date's day, None outside of 1343 to 1500, which the calendar covers.

    The 30th of any month is one: where the moon was sighted a month of 29 days there has 30 here.
    """
    from hijridate import Hijri

    try:
        first = Hijri(year, int(month), 1)
    except (ValueError, OverflowError):
        return None
    if not 1 <= day <= max(30, first.month_length()):
        return None
    return date(*first.to_gregorian().datetuple()) + timedelta(days=day - 1)
