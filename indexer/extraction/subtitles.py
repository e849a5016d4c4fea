"""Subtitles, SubRip's and WebVTT: what is said, without numbers, times, tags and settings.

Cues cut sentences: those that follow each other are one paragraph, until one of them ends a
sentence, nothing is said for a while, or somebody else speaks. What a cue repeats of the one
before it (rolling captions) is taken once.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import BinaryIO

from indexer.extraction.documents import Facts, article, encoding_notes, mark, whole
from indexer.extraction.encodings import decode
from indexer.extraction.registry import Extracted, Options
from indexer.sources import Failure
from search.errors import SourceError

_PAUSE = 2.0  # seconds in which nothing is said
_MAX_PARAGRAPH = 600  # characters after which a cue ends it: many Arabic subtitles have no stops
_ROLLING = 0.05  # seconds between cues of which the second repeats the first
_UNSHOWN = ("NOTE", "STYLE", "REGION")  # blocks of WebVTT
_TIME = r"(?:(\d{1,4}):)?(\d{1,2}):(\d{2})[,.:](\d{1,3})"
_TIMES = re.compile(rf"\s*{_TIME}\s*-+>\s*{_TIME}(?:\s.*)?")
_NUMBER = re.compile(r"\s*\d{1,6}\s*")
_TAGS = re.compile(
    r"</?[a-zA-Z][^<>]{0,200}>|<[\d:.]{5,16}>|\{\\[^{}]{0,200}\}|\{[yYcC]:[^{}]{0,50}\}"
)
_LANGUAGE = re.compile(r"Language:\s*([\w-]{2,20})\s*")
_STOPS = re.compile(r"""[.!?؟…۔。]["'»”’)\]]*\Z""")
_SPEAKER = re.compile(r"\A(?:[-–—]\s*(?=\S)|>>\s*)")


def read(stream: BinaryIO, name: str, options: Options) -> Iterator[Extracted | Failure]:  # noqa: ARG001
    """Yield the article of a file of subtitles."""
    content = whole(stream)
    decoded, encoding = decode(content, said=options.encoding)
    lines = decoded.splitlines()
    starts = [(n, found) for n, line in enumerate(lines) if (found := _TIMES.fullmatch(line))]
    if not starts:
        raise SourceError("these are no subtitles: there is no time in them", code="damaged")
    paragraphs: list[str] = []
    times: list[str] = []  # at which they begin
    shown: Sequence[str] = ()  # the lines of the cue before
    ended = -_PAUSE
    nexts = [*(number for number, _ in starts[1:]), len(lines)]
    for (number, found), following in zip(starts, nexts, strict=True):
        begins = _seconds(found.groups()[:4])
        of_it = _of_cue(lines[number + 1 : following], last=following == len(lines))
        cue = [_plain(line) for line in of_it]
        new = [line for line in cue if line and not (line in shown and begins - ended < _ROLLING)]
        apart = begins - ended >= _PAUSE
        for line in new:
            said = _SPEAKER.sub("", line, count=1)
            last = paragraphs[-1] if paragraphs else "."
            if apart or said != line or _STOPS.search(last[-9:]) or len(last) > _MAX_PARAGRAPH:
                paragraphs.append(said)
                times.append(mark("time", timedelta(seconds=int(begins))))
            else:
                paragraphs[-1] = f"{last} {said}"
            apart = False
        shown, ended = cue, _seconds(found.groups()[4:])
    head = next(filter(None, map(_LANGUAGE.fullmatch, lines[: starts[0][0]])), None)
    facts = Facts(language=head[1] if head else "")
    timed = map("".join, zip(times, paragraphs, strict=True))
    yield article(timed, facts, size=len(content), notes=encoding_notes(encoding))


def _of_cue(lines: Sequence[str], *, last: bool) -> Sequence[str]:
    """Return the lines of a cue, without the next one's number or name and what nobody is shown."""
    if (
        lines
        and not last
        and (_NUMBER.fullmatch(lines[-1]) or not "".join(lines[-2:-1] or "x").strip())
    ):
        lines = lines[:-1]
    for number, line in enumerate(lines):
        if not line.strip() and "".join(lines[number + 1 : number + 2]).startswith(_UNSHOWN):
            return lines[:number]
    return lines


def _plain(line: str) -> str:
    return " ".join(html.unescape(_TAGS.sub("", line)).split())


def _seconds(parts: Sequence[str | None]) -> float:
    hours, minutes, seconds, fraction = (int(part or 0) for part in parts)
    return hours * 3_600 + minutes * 60 + seconds + fraction / 1_000
