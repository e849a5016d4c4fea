"""Shared by the readers of chats: a day of a chat is an article, a message a paragraph of it.

People look for a conversation, and most messages say nothing alone. A day keeps its id when the
chat is exported again with more messages; a long one is cut from its beginning on, so that its
parts do too.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from indexer.extraction.documents import Facts, article, mark, noted_at_the_end
from indexer.extraction.registry import Extracted
from indexer.sources import Failure
from search.errors import SourceError
from search.limits import MAX_LENGTH

_PART = 100_000  # characters of a day after which the rest of it is an article of its own
# People write them; in a text they stand for letters that were lost (`mojibake`).
_QUESTION_MARKS = re.compile(r"\?{2,}")


@dataclass(frozen=True, slots=True)
class Message:
    """What somebody wrote: on a day (2024-01-31), at a time (23:59)."""

    day: str
    time: str
    author: str
    text: str

    @property
    def line(self) -> str:
        """The paragraph that it becomes."""
        text = _QUESTION_MARKS.sub("?", " ".join(self.text.split()))
        return f"{self.time} {self.author}: {text}"


def days(chat: str, key: str, messages: Iterable[Message | str]) -> Iterator[Extracted | Failure]:
    """Yield the days of a chat, and with the last what was left out.

    Args:
        chat: its name.
        key: what ids have of it, "" where it is a file's only one.
        messages: in their order; a text stands for one that is left out, and says what it is.
    """
    left_out: Counter[str] = Counter()

    def notes() -> Sequence[str]:
        kinds = ", ".join(f"{kind} ({number:,})" for kind, number in left_out.most_common())
        return (f"left out of the chat: {kinds}",) if left_out else ()

    return noted_at_the_end(_days(chat, key, _said(messages, left_out)), notes)


def _days(chat: str, key: str, messages: Iterable[Message]) -> Iterator[Extracted | Failure]:
    parts: Counter[str] = Counter()
    for day, its in groupby(messages, key=lambda message: message.day):
        for part in _parts(its):
            parts[day] += 1
            place = "/".join(filter(None, (key, day, str(parts[day]) if parts[day] > 1 else "")))
            yield _article(chat, place, part)


def _said(messages: Iterable[Message | str], left_out: Counter[str]) -> Iterator[Message]:
    for message in messages:
        if isinstance(message, Message):
            yield message
        else:
            left_out[message] += 1


def _parts(messages: Iterable[Message]) -> Iterator[Sequence[Message]]:
    part: list[Message] = []
    length = 0
    for message in messages:
        if part and length + len(message.text) > _PART:
            yield part
            part, length = [], 0
        part.append(message)
        length += len(message.text)
    yield part


def _article(chat: str, place: str, messages: Sequence[Message]) -> Extracted | Failure:
    authors = "، ".join(dict.fromkeys(message.author for message in messages))
    facts = Facts(
        title=" – ".join(filter(None, (chat, messages[0].day))),
        author=authors if len(authors) <= MAX_LENGTH["author"] else "",
        source=chat,
        published=messages[0].day,
    )
    try:
        lines = (f"{mark('time', message.time)} {message.line}".strip() for message in messages)
        found = article(lines, facts, size=0)
    except SourceError as error:
        return Failure(place, error.code, str(error))
    return replace(found, place=place, inside=f"/{place}")
