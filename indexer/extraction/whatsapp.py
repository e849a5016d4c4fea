"""WhatsApp's export of a chat as text, in whatever language and order of dates the phone had.

    [24/01/2024, 21:15:00] سعاد: نص            iPhones, `_chat.txt` in a zip
    1/24/24, 9:15 PM - Souad: text             Android, `WhatsApp Chat with Souad.txt`
    ٢٤/١/٢٠٢٤، ٩:١٥ م - سعاد: نص               the same in Arabic, with its digits; marks of direction (U+200F) stand in the date

What begins otherwise goes on with the message before it. Left out is what the app itself wrote:
on Android it has no author, on iPhones a left-to-right mark before it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from itertools import chain, pairwise
from pathlib import PurePosixPath

from indexer.extraction.calendars import gregorian, hijri
from indexer.extraction.chats import Message, days
from indexer.extraction.registry import Extracted
from indexer.sources import Failure

_M = "[\u200e\u200f\u061c]*"  # marks of direction
_S = "[ \u00a0\u202f]"
_TO = rf"{_M}[/.\-]{_M}{_S}?"
_HEAD = re.compile(
    rf"^{_M}(?P<open>\[)?{_M}(\d{{1,4}}){_TO}(\d{{1,2}}){_TO}(\d{{1,4}}){_M}(?:{_S}?هـ?)?{_M}"
    rf"[,،]?{_S}(?:[^\W\d]{{1,4}}{_S})?{_M}(\d{{1,2}})[:.٫](\d{{2}})(?:[:.٫]\d{{2}})?{_M}{_S}?"
    rf"(?P<half>[aApP]\.?{_S}?[mM]\.?|[صم]\w*)?{_M}(?(open)\]|{_S}[-–]){_S}",
    re.MULTILINE,
)
_AUTHOR = re.compile(rf"(?:~{_S})?([^\n:]{{1,100}}):(?:{_S}|$)", re.MULTILINE)
_SIGNS = dict.fromkeys((0x200E, 0x200F, 0x061C, *range(0x202A, 0x202F), *range(0x2066, 0x206A)))
# Lines that stand for what was not exported, and what is put behind an edited message.
_OWN_LINE = re.compile(
    "\u200e|<[^<>]{1,60}>$|\\S+-WA\\d+\\.\\w+ \\([^()]+\\)$|"
    "(?:You deleted this message|This message was deleted|null|"
    "(?:لقد )?حذفت هذه الرسالة|تم حذف هذه الرسالة)\\.?$"
)
_EDITED = re.compile("\\s*\u200e?<(?:This message was edited|تم تعديل هذه الرسالة)>$")
_CHAT = re.compile(
    r".*?(?:whatsapp|واتساب)\b.*?(?:\b(?:with|mit|avec|con|com)|مع|-)\s+(.+)", re.IGNORECASE
)
# Where in a date year, month and day stand; what comes first is taken where all are possible.
_ORDERS = ((2, 1, 0), (2, 0, 1), (0, 1, 2))
# American phones write the month first, and so; others write 09, pm or the hour of 24.
_AMERICAN = re.compile(rf"{_M}\[?{_M}[1-9]\d?/[1-9]\d?/\d\d,{_S}\d+:\d\d(?::\d\d)?{_S}[AP]M\b")


def is_export(text: str) -> bool:
    """Tell whether a text is WhatsApp's export, by its first line."""
    return _HEAD.match(text[:400].lstrip()) is not None


def read(text: str, name: str, size: int) -> Iterator[Extracted | Failure]:
    """Yield the days of a chat, with what is said of its dates with the first."""
    text = text.replace("\r\n", "\n")
    faults = [_faults(text, order) for order in _ORDERS]
    order = _ORDERS[faults.index(min(faults))]
    notes: tuple[str, ...] = ()
    if faults[0] == faults[1] < faults[2]:  # nothing in the chat tells them apart
        american = all(_AMERICAN.match(head[0]) for head in _HEAD.finditer(text))
        order = _ORDERS[american]
        shown = "month/day/year" if american else "day/month/year"
        notes = (f"its dates are taken for {shown}",)
    for item in days(_name(text, name), "", _messages(text, order)):
        if isinstance(item, Extracted):
            item, notes = replace(item, notes=(*notes, *item.notes)), ()
        yield replace(item, size=size)
        size = 0


def _name(text: str, name: str) -> str:
    """Return the chat's name: an iPhone's first message says it, else the file's does."""
    head = _HEAD.search(text)
    first = _AUTHOR.match(text, head.end()) if head and head["open"] else None
    if first and text.startswith("\u200e", first.end()):
        return first[1].translate(_SIGNS).strip()
    stem = PurePosixPath(name).stem
    named = _CHAT.fullmatch(stem)
    return named[1] if named else stem.removeprefix("_chat")


def _faults(text: str, order: tuple[int, int, int]) -> int:
    """Return how many dates are none in this order, or before the one before."""
    faults, last = 0, date.min
    for head in _HEAD.finditer(text):
        day = _day(head, order)
        faults += day is None or day < last
        last = day or last
    return faults


def _day(head: re.Match[str], order: tuple[int, int, int]) -> date | None:
    year, month, day = (int(head[2 + place]) for place in order)
    if len(head[2 + order[0]]) == 2 and order[0]:
        year += 2_000
    return gregorian(year, month, day) if year > 1_500 else hijri(year, month, day)


def _messages(text: str, order: tuple[int, int, int]) -> Iterator[Message | str]:
    day = None
    for head, following in pairwise(chain(_HEAD.finditer(text), [None])):
        assert head is not None  # noqa: S101
        end = following.start() if following else len(text)
        day = _day(head, order) or day
        author = _AUTHOR.match(text, head.end(), end)
        said = text[author.end() : end] if author else ""
        lines = (line for line in said.split("\n") if not _OWN_LINE.match(line.strip(" ")))
        said = _EDITED.sub("", "\n".join(lines).strip())
        if not author or not any(map(str.isalnum, said)):
            yield "messages of the app or without words"
            continue
        hour, half = int(head[5]), (head["half"] or "")[:1].lower()
        if half:
            hour = hour % 12 + (12 if half in "pم" else 0)
        name = author[1].translate(_SIGNS).strip()
        yield Message(str(day or ""), f"{hour:02}:{int(head[6]):02}", name, said)
