"""Days of three calendars: Gregorian, Hijri (Umm al-Qura), and Iran's, which is Afghanistan's too.

Hijri dates are those of the Umm al-Qura calendar of 1343 to 1500, by `hijridate`; where the
moon was sighted they may be a day off. Iran's leap years are those of the 33-year cycle, which
is right for 1178 to 1633 (Borkowski, "The Persian calendar for 3000 years", 1996).
"""

from __future__ import annotations

from datetime import date, timedelta

from search.article_lines import UNCLEAR_YEARS

# Manuscripts and chronicles are of 600 and later; a year before it mostly stands for "unknown",
# as calibre's 0101-01-01 does, and one of 2200 or later is a mistake.
GREGORIAN_YEARS = range(600, 2200)
HIJRI_YEARS = UNCLEAR_YEARS
IRANIAN_YEARS = range(1200, 1501)

_EPOCH = date(622, 3, 21)  # 1 Farvardin 1 by that cycle; 1 Farvardin 1403 is 2024-03-20
_LEAP_YEARS = (1, 5, 9, 13, 17, 22, 26, 30)  # of 33


def gregorian(year: int, month: int, day: int) -> date | None:
    """Return a day, None if there is none or it is out of `GREGORIAN_YEARS`."""
    try:
        return date(year, month, day) if year in GREGORIAN_YEARS else None
    except ValueError:
        return None


def hijri(year: int, month: int, day: int) -> date | None:
    """Return a Hijri date's day, None if there is none or it is out of `HIJRI_YEARS`.

    The 30th of any month is one: where the moon was sighted a month of 29 days there has 30 here.
    """
    from hijridate import Hijri

    try:
        first = Hijri(year, month, 1)
    except (ValueError, OverflowError):
        return None
    if not 1 <= day <= max(30, first.month_length()):
        return None
    return date(*first.to_gregorian().datetuple()) + timedelta(days=day - 1)


def iranian(year: int, month: int, day: int) -> date | None:
    """Return the day of a date of Iran's calendar, None if there is none or it is out of range."""
    if year not in IRANIAN_YEARS or not 1 <= month <= 12:
        return None
    longest = 31 if month <= 6 else 30 if month <= 11 or year % 33 in _LEAP_YEARS else 29
    if not 1 <= day <= longest:
        return None
    cycles, rest = divmod(year - 1, 33)
    leaps = 8 * cycles + sum(leap <= rest for leap in _LEAP_YEARS)
    before = 31 * min(month - 1, 6) + 30 * max(month - 7, 0)
    return _EPOCH + timedelta(days=365 * (year - 1) + leaps + before + day - 1)
