"""The matches of a saved search as an Atom feed (RFC 4287)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from xml.sax.saxutils import escape, quoteattr

from search.addresses import web_address
from search.saved.domain import SavedSearch, ShownMatch

MEDIA_TYPE = "application/atom+xml; charset=utf-8"
# What XML 1.0 has no way to write.
_UNFIT = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def atom(search: SavedSearch, matches: Sequence[ShownMatch]) -> str:
    """Return the feed; its entries and itself are known by ids that stay."""
    updated = matches[0].match.when if matches else search.created
    entries = "".join(map(_entry, matches))
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n<feed xmlns="http://www.w3.org/2005/Atom">\n'
        f"<id>urn:uuid:{search.id}</id>\n<title>{_text(search.name)}</title>\n"
        f"<updated>{updated}</updated>\n<author><name>Fihris</name></author>\n{entries}</feed>\n"
    )


def _entry(shown: ShownMatch) -> str:
    match, stored = shown
    info, text = stored.article, stored.passage.text
    address = web_address(info.url)
    link = f"<link href={quoteattr(_UNFIT.sub('', address))}/>" if address else ""
    author = f"<author><name>{_text(info.author)}</name></author>" if info.author else ""
    return (
        f"<entry><id>urn:uuid:{match.id}</id><title>{_text(info.title or text[:80])}</title>"
        f"<updated>{match.when}</updated>{link}{author}<summary>{_text(text)}</summary></entry>\n"
    )


def _text(text: str) -> str:
    return escape(_UNFIT.sub("\ufffd", text))
