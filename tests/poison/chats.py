"""Hostile mailboxes."""

from __future__ import annotations

from tests.poison.kinds import ARABIC, MEBIBYTE, Poison, of, sparse
from tests.poison.pages import HEAD, TEXT, letters

FROM = "From a@example.org Wed Jan 24 10:00:00 2024\n"
LETTER = f"{FROM}{HEAD}{TEXT}\n"

POISON: tuple[Poison, ...] = (
    of("empty.mbox", "empty", b""),
    of("no-mailbox.mbox", "damaged", ARABIC),
    of("pdf.mbox", "damaged", b"%PDF-1.7\n\0\1\2\3" + bytes(range(256)) * 9),
    of("begins-only.mbox", "damaged", f"{FROM}\n" * 20_000),
    of("cut.mbox", "damaged+read", LETTER * 2 + FROM + "Subj"),
    of("nul.mbox", "not-text+read", LETTER + LETTER.replace(ARABIC, f"{ARABIC}\0")),
    of("many.mbox", "read", LETTER * 5_000),
    of("letters.mbox", "damaged+read", LETTER + FROM + letters(10_000) + f"\n{LETTER}"),
    of(
        "letters-inside.mbox",
        "read",
        FROM + f"{HEAD}Content-Type: message/rfc822\r\n\r\n" * 90 + HEAD + TEXT,
    ),
    of("no-end.mbox", "read", LETTER + "x" * 5_000_000),
    sparse("zeros-behind.mbox", "not-text", 30 * MEBIBYTE, LETTER.encode()),
)
