"""Which addresses are given out as links: those of the web, and no others.

`javascript:`, `data:` and their like are programs, `file:` is somebody's own machine, and
`//host` and `/path` are of a page that nobody knows here.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

# Browsers pass over tabs and line ends within an address (java\nscript:), so that none may
# stand in it; a host has a letter or a digit, and no sign that browsers take for a slash.
_WEB = re.compile(
    r"https?://(?=[^/?#]*\w)[^\s/?#\\<>\"\x00-\x20\x7f-\x9f]+(?:[/?#][^\x00-\x1f\x7f-\x9f\u2028\u2029]*)?",
    re.IGNORECASE,
)


def is_web_address(address: str) -> bool:
    """Tell whether a text is an absolute http or https address."""
    try:
        return _WEB.fullmatch(address) is not None and bool(urlsplit(address).hostname)
    except ValueError:  # http://[bad
        return False


def web_address(address: str) -> str:
    """Return an address that may be given out, "" where it is none of the web."""
    return address if is_web_address(address) else ""
