"""Subtitles, SubRip's and WebVTT: what is said, without numbers, times, tags and settings.

Cues cut sentences: those that follow each other are one paragraph, until one of them ends a
sentence, nothing is said for a while, or somebody else speaks. What a cue repeats of the one
before it (rolling captions) is taken once.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Sequence
from typing import BinaryIO

from indexer.extraction.documents import Facts, article, encoding_notes, whole
from indexer.extraction.encodings import decode
from indexer.extraction.registry import Extracted, Options
from indexer.sources import Failure
from search.errors import SourceError

_PAUSE = 2.0  # seconds in which nothing is said
_MAX_PARAGRAPH = 600  # characters after which a cue ends it: many Arabic subtitles have no stops
_TIME = r"(?:(\d{1,4}):)?(\d{1,2}):(\d{2})[,.:](\d{1,3})"
_TIMES = re.compile(rf"\s*{_TIME}\s*-+>\s*{_TIME}(?:\s.*)?")
_NUMBER = re.compile(r"\s*\d{1,6}\s*")
_TAGS = re.compile(r"</?[a-zA-Z][^<>]{0,200}>|<[\d:.]{5,16}>|\{\\[^{}]{0,200}\}|\{[yYcC]:[^{}]{0,50}\}")
_LANGUAGE = re.compile(r"Language:\s*([\w-]{2,20})\s*")
_STOPS = re.compile(r"""[.!?؟…۔。]["'»”’)\]]*\Z""")
_SPEAKER = re.compile(r"[-–—]\s*(?=\S)|>>\s*")


def read(stream: BinaryIO, name: str, options: Options) -> Iterator[Extracted | Failure]:  # noqa: ARG001
    """Yield the article of a file of subtitles."""
    content = whole(stream)
    decoded, encoding = decode(content, said=options.encoding)
    lines = decoded.splitlines()
    times = [_TIMES.fullmatch(line) for line in lines]
    starts = [number for number, found in enumerate(times) if found]
    if not starts:
        raise SourceError("these are no subtitles: there is no time in them", code="damaged")
    paragraphs: list[str] = []
    shown: Sequence[str] = ()  # the lines of the cue before
    ended = -_PAUSE
    for start, following in zip(starts, [*starts[1:], len(lines) + 1], strict=True):
        cue = [_plain(line) for line in _of_cue(lines[start + 1 : following - 1])]
        found = times[start]
        assert found is not None
        begins, ends = _seconds(found.groups()[:4]), _seconds(found.groups()[4:])
        new = [line for line in cue if line and line not in shown]
        for line in new:
            said = _SPEAKER.sub("", line, count=1) if _SPEAKER.match(line) else line
            last = paragraphs[-1] if paragraphs else ""
            if (
                said != line
                or not last
                or _STOPS.search(last)
                or (line is new[0] and begins - ended >= _PAUSE)
                or (line is new[0] and len(last) > _MAX_PARAGRAPH)
            ):
                paragraphs.append(said)
            else:
                paragraphs[-1] = f"{last} {said}"
        shown, ended = cue, ends
    head = next(filter(None, map(_LANGUAGE.fullmatch, lines[: starts[0]])), None)
    facts = Facts(language=head[1] if head else "")
    yield article(paragraphs, facts, size=len(content), notes=encoding_notes(encoding))


def _of_cue(lines: Sequence[str]) -> Sequence[str]:
    """Return the lines of a cue: up to a blank one behind which none of it can stand."""
    for number, line in enumerate(lines):
        if not line.strip() and (rest := lines[number + 1 :]) and rest[0].startswith(_BLOCKS):
            return lines[:number]
    return lines


_BLOCKS = ("NOTE", "STYLE", "REGION")  # of WebVTT, which nobody is shown


def _plain(line: str) -> str:
    return " ".join(html.unescape(_TAGS.sub("", line)).split())


def _seconds(parts: Sequence[str | None]) -> float:
    hours, minutes, seconds, fraction = (int(part or 0) for part in parts)
    return hours * 3_600 + minutes * 60 + seconds + fraction / 1_000
