"""Why a file, a part of it or an article was set aside: one word each, stable for programs."""

from __future__ import annotations

from collections.abc import Mapping

CODES: Mapping[str, str] = {
    # the file itself
    "not-found": "there is no such file or folder",
    "no-permission": "it may not be read",
    "not-regular": "a device, a pipe or a socket, not a file",
    "unsupported": "not a kind of file that is read",
    "changed": "it changed while it was being read; try again when it is complete",
    "too-large": "larger than what is read",
    "unreadable": "it cannot be read",
    # what is in it
    "empty": "no text",
    "encoding": "its bytes are in no encoding that can be told for certain",
    "not-text": "binary where a text should be",
    "not-json": "not JSON, or not an object",
    "bad-field": "a field is missing, of another type, too long, or there twice",
    "duplicate-id": "its id is that of another article of this run",
    "encrypted": "locked with a password",
    "damaged": "not what its name says, or broken",
    "no-text-layer": "pictures of pages: it needs text recognition (OCR) first",
    "garbled": "its text came out broken beyond certain repair",
    # attacks, or what looks like one
    "bomb": "it unpacks to far more than its size",
    "nested": "archives in archives in archives",
    "unsafe-name": "a name that points outside of its archive",
    # what parsing it took
    "timeout": "parsing it took too long",
    "memory": "parsing it took too much memory",
    "crashed": "parsing it ended its process",
    # later
    "model": "the model failed on its text",
    "refused": "the engine refused it",
}

# Not of the file's content: it may be read another time, and until then what it gave stays.
TRANSIENT = frozenset({"changed", "no-permission", "not-found", "unreadable", "model", "refused"})
