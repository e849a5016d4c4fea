"""Names of an archive's members: bytes to letters, and which of them are not to be trusted."""

from __future__ import annotations

import re
import zlib

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_DRIVE = re.compile(r"[A-Za-z]:")
_ARABIC = re.compile(r"[\u0621-\u064a]")
_MAX_NAME = 512  # characters; an id may have no more
_MAX_SHOWN = 200


def decoded(raw: bytes) -> str:
    """Return a name whose encoding is not said, always the same.

    UTF-8 where it is that; else what makes most letters Arabic of Windows' and DOS's Arabic
    code pages; else what the zip format says.
    """
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        pass
    foreign = sum(byte > 0x7F for byte in raw)
    best, found = 0.5, raw.decode("cp437")
    for encoding in ("cp1256", "cp720"):
        try:
            name = raw.decode(encoding)
        except UnicodeDecodeError:
            continue
        share = len(_ARABIC.findall(name)) / foreign
        if share > best:
            best, found = share, name
    return found


def unicode_path(extra: bytes, raw: bytes) -> str:
    """Return the name in a zip's Unicode path field (Info-ZIP's 0x7075), "" if it has none."""
    place = 0
    while place + 4 <= len(extra):
        kind = int.from_bytes(extra[place : place + 2], "little")
        size = int.from_bytes(extra[place + 2 : place + 4], "little")
        field = extra[place + 4 : place + 4 + size]
        if kind == 0x7075 and field[:1] == b"\1":
            if int.from_bytes(field[1:5], "little") == zlib.crc32(raw):
                return field[5:].decode("utf-8", "replace")
            return ""
        place += 4 + size
    return ""


def problem_of(name: str) -> tuple[str, str] | None:
    """Return (code, reason) of a name that leads outside or hides what it is, else None."""
    if name.startswith("/") or _DRIVE.match(name) or ".." in name.split("/"):
        return "unsafe-name", "its name leads outside of its archive"
    if "\\" in name or _CONTROL.search(name) or "\ufffd" in name:
        return "unsafe-name", "its name has a backslash, a control character or broken letters"
    if len(name) > _MAX_NAME:
        return "unsafe-name", f"its name has {len(name):,} characters, and {_MAX_NAME} are the most"
    return None


def in_archive(name: str) -> str:
    """Return a name as a path inside of its archive: `./a//b` is `a/b`."""
    return "/".join(part for part in name.split("/") if part not in ("", "."))


def shown(name: str) -> str:
    """Return a name as people may read it."""
    name = in_archive(name) or name
    escaped = _CONTROL.sub(lambda match: f"\\u{ord(match[0]):04x}", name)
    return escaped if len(escaped) <= _MAX_SHOWN else escaped[: _MAX_SHOWN - 1] + "…"
