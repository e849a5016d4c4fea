"""What goes wrong with test servers."""

from __future__ import annotations


class Unavailable(Exception):
    """A server cannot be had here; the message says what it would need."""


class NotStarted(Unavailable):
    """A server was there to be started and did not come up.

    The message's first line says what happened, the others are its log's tail.
    """
