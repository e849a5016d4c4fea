"""Hostile mailboxes, chats and scans."""

from __future__ import annotations

from tests.poison.kinds import ARABIC, MEBIBYTE, Poison, of, sparse
from tests.poison.pages import HEAD, TEXT, letters

FROM = "From a@example.org Wed Jan 24 10:00:00 2024\n"
LETTER = f"{FROM}{HEAD}{TEXT}\n"
CHAT = '{\n "name": "x",\n "type": "private_group",\n "id": 1,\n "messages": [\n'
MESSAGE = f'''  {{
   "id": 1,
   "type": "message",
   "date": "2024-01-24T10:00:00",
   "from": "x",
   "text": "{ARABIC}"
  }}'''
WHATSAPP = f"[24/01/2024, 21:15:00] x: {ARABIC}\n"
HOCR = "<html><body><div class='ocr_page'><span class='ocr_line'>"
ALTO = "<alto><Layout><Page><TextBlock><TextLine>"
ALTO_END = "</TextLine></TextBlock></Page></Layout></alto>"

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
    of("telegram-cut.json", "damaged", CHAT + MESSAGE),
    of("telegram-end.json", "read", f"{CHAT}{MESSAGE}\n ]\n}}"),
    of("telegram-none.json", "empty", CHAT + " ]\n}"),
    of("telegram-broken.json", "damaged", f"{CHAT}{MESSAGE[:90]}\n  }}\n ]\n}}"),
    of("telegram-deep.json", "damaged", CHAT + "  {\n" + '"a": [\n' * 100_000 + "  }\n ]\n}"),
    of("telegram-odd.json", "empty", CHAT + '  {\n "type": "message", "text": {}\n  }\n ]\n}'),
    of("telegram-date.json", "read", CHAT + MESSAGE.replace("2024-01-24T", "9" * 99) + "\n ]\n}"),
    of("telegram-latin.json", "damaged", (CHAT + MESSAGE).encode("cp1256") + b"\n ]\n}"),
    of("telegram-nul.json", "read", CHAT + MESSAGE.replace(ARABIC, f"{ARABIC}\\u0000") + "\n ]\n}"),
    of(
        "telegram-half.json",
        "read",
        CHAT + MESSAGE.replace(ARABIC, f"{ARABIC}\\ud800") + "\n ]\n}",
    ),
    of(
        "telegram-many.json",
        "read",
        f"{CHAT}{f'{MESSAGE},' * 20_000}\n ]\n}}".replace(",  {", ",\n  {"),
    ),
    of("telegram-line.json", "damaged", f'{CHAT}  {{\n "text": "{"x" * 20_000_000}\n'),
    of("whatsapp-many.txt", "read", WHATSAPP * 50_000),
    of("whatsapp-heads.txt", "empty", "[24/01/2024, 21:15:00] " * 50_000),
    of("whatsapp-no-day.txt", "read", WHATSAPP.replace("24/01/2024", "99/99/9999")),
    of("whatsapp-digits.txt", "read", "1" * 1_000_000),
    of("whatsapp-marks.txt", "read", WHATSAPP + "\u200f" * 200_000 + WHATSAPP),
    of("whatsapp-author.txt", "empty", "[24/01/2024, 21:15:00] " + "a" * 1_000_000),
    of("empty.hocr", "empty", b""),
    of("no-ocr.hocr", "read", f"<p>{ARABIC}</p>"),
    of("cut.hocr", "read", f"{HOCR}{ARABIC}"),
    of("deep.hocr", "read", HOCR + "<span>" * 10_000 + ARABIC),
    of("lines.hocr", "read", HOCR + f"{ARABIC}</span><span class='ocr_line'>" * 20_000),
    of("pages.hocr", "empty", "<div class='ocr_page'>" * 200 + "</div>" * 200),
    of("alto-cut.xml", "damaged", f'{ALTO}<String CONTENT="{ARABIC}"/>'),
    of("alto-many.xml", "read", f'{ALTO}{f"""<String CONTENT="{ARABIC}"/>""" * 50_000}{ALTO_END}'),
    of("alto-bomb.xml", "bomb", f'<!DOCTYPE alto [<!ENTITY x "{ARABIC}">]>{ALTO}{ALTO_END}'),
    of("alto-empty.xml", "empty", f"{ALTO}{ALTO_END}"),
    of("page-deep.xml", "damaged", "<PcGts><Page>" + "<TextRegion>" * 10_000),
    of(
        "page-order.xml",
        "empty",
        f"<PcGts><Page>{'<RegionRefIndexed/>' * 100_000}<TextRegion/></Page></PcGts>",
    ),
)
