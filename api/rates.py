"""How many requests each client may make, remembered in bounds."""

from __future__ import annotations

import ipaddress
import math
import time
from collections.abc import Callable

from api.problems import TOO_MANY_REQUESTS, Refused

MAX_CLIENTS = 10_000  # remembered, those seen last: 2 MB
MINUTE = 60.0


class Rate:
    """Lets each client make so many requests at once, and as many more in each minute.

    Of each it keeps one number (GCRA): when all that it asked for would be due at an even pace.
    """

    def __init__(self, a_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        """`a_minute` 0: any number."""
        self._pace = MINUTE / a_minute if a_minute else 0.0
        self._clock = clock
        self._due: dict[str, float] = {}

    def take(self, client: str) -> None:
        """Count a request. Raises Refused, saying when to come again."""
        if not self._pace:
            return
        now = self._clock()
        due = max(self._due.pop(client, now), now)
        wait = due + self._pace - now - MINUTE
        self._due[client] = due if wait > 0 else due + self._pace
        if len(self._due) > MAX_CLIENTS:
            del self._due[next(iter(self._due))]
        if wait > 0:
            seconds = math.ceil(wait)
            again = (
                f"{MINUTE / self._pace:.0f} requests a minute are taken; try again in {seconds} s."
            )
            raise Refused(TOO_MANY_REQUESTS, again, retry_after=seconds)


def client_of(host: str) -> str:
    """Return what is counted as one client, "" for this machine: IPv6 gives each many addresses."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host[:64]
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is None:
            return (
                ""
                if address.is_loopback
                else str(ipaddress.ip_network((address, 64), strict=False))
            )
        address = address.ipv4_mapped
    return "" if address.is_loopback else str(address)
