"""What goes wrong with test servers."""

from __future__ import annotations


class Unavailable(Exception):
    """A server cannot be had here; the message says what it would need."""


class NotStarted(Exception):
    """A server was there to be started and did not come up; the message has its log's tail."""
