"""Telegram's export as JSON, of one chat or of an account (`result.json`), streamed.

Telegram Desktop writes a value a line, indented by its depth: a message is what stands between
the brackets of one depth, so that a gigabyte is never whole in memory. JSON of another layout
is read as any other.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import BinaryIO

from indexer.extraction.chats import Message, days
from indexer.extraction.registry import Extracted
from indexer.sources import Failure
from search.errors import SourceError
from search.limits import MAX_LINE

_TEXT = rb'"(?:[^"\\]|\\.){0,2000}"'
_CHAT = (
    rb'(?:"name": (?:null|'
    + _TEXT
    + rb'),\s+)?"type": "(?:saved_messages|replies|verification_codes|'
    rb'personal_chat|bot_chat|(?:private|public)_(?:group|supergroup|channel))",'
    rb'\s+"id": -?\d+,\s+"messages": \['
)
_ACCOUNT = rb'"about": ' + _TEXT + rb',\s+"\w+": [\[{]\n(?s:.*)"(?:chats|left_chats|user_id)": '
_EXPORT = re.compile(rb"\s*\{\r?\n\s*(?:" + _CHAT + b"|" + _ACCOUNT + b")")


def is_export(head: bytes) -> bool:
    """Tell whether a file is Telegram's export, by its first MiB."""
    return _EXPORT.match(head) is not None


def read(stream: BinaryIO) -> Iterator[Extracted | Failure]:
    """Yield the days of an export's chats."""
    size = 0  # bytes that no article accounts for yet

    def counted() -> Iterator[bytes]:
        nonlocal size
        while line := stream.readline(MAX_LINE):
            size += len(line)
            yield line

    lines = counted()
    said: dict[bytes, object] = {}  # of the chat
    found = False
    for line in lines:
        key, _, value = line.strip().partition(b": ")
        if key == b"{":
            said.clear()
        elif key in (b'"name"', b'"id"'):
            said[key] = _value(value)
        elif key == b'"messages"' and value == b"[":
            name, number = (str(said.get(key) or "") for key in (b'"name"', b'"id"'))
            for item in days(name, number, _messages(lines, _depth(line))):
                found = True
                yield replace(item, size=size)
                size = 0
    if not found:
        raise SourceError("there is no chat with a text in it: nothing to index", code="empty")


def _messages(lines: Iterator[bytes], depth: int) -> Iterator[Message | str]:
    """Yield the messages of a list that was opened at this depth, up to its end."""
    held: list[bytes] = []
    for line in lines:
        if not held and line.strip().startswith(b"]"):
            return
        held.append(line)
        if line.strip().startswith(b"}") and _depth(line) == depth + 1:
            yield _message(_value(b"".join(held)))
            held.clear()
    raise SourceError("Telegram's export, but cut: export it again", code="damaged")


def _depth(line: bytes) -> int:
    return len(line) - len(line.lstrip(b" "))


def _value(written: bytes) -> object:
    try:
        return json.loads(written.strip().rstrip(b","))
    except ValueError as error:
        raise SourceError(f"Telegram's export, but broken: {error}", code="damaged") from error


def _message(found: object) -> Message | str:
    if not isinstance(found, dict) or found.get("type") != "message":
        return "service messages"
    text = _plain(found.get("text"))
    if isinstance(poll := found.get("poll"), dict):
        answers = poll.get("answers")
        shown = [_plain(each.get("text")) for each in answers] if isinstance(answers, list) else []
        text = " ".join((text, _plain(poll.get("question")), " / ".join(shown)))
    if not any(map(str.isalnum, text)):
        return "messages without words"
    day, _, time = str(found.get("date") or "").partition("T")
    author = str(found.get("from") or found.get("from_id") or "")
    if original := found.get("forwarded_from"):
        author = f"{author} ↪ {original}"
    return Message(day[:10], time[:5], author, text)


def _plain(text: object) -> str:
    """Return a text that is written as one or as a list of texts and marked ones."""
    pieces = text if isinstance(text, list) else [text]
    plain = (piece.get("text") if isinstance(piece, dict) else piece for piece in pieces)
    return "".join(piece for piece in plain if isinstance(piece, str))
