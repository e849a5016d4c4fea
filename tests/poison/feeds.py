"""Hostile .xml, .rss and .atom files."""

from __future__ import annotations

import gzip

from tests.poison.kinds import ARABIC, MEBIBYTE, Poison, of, sparse

ITEM = f"<item><guid>جيد</guid><description>{ARABIC}</description></item>"
LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
ATTRIBUTES = " ".join(f"a{n}='x'" for n in range(50_000))


def rss(inner: str) -> str:
    return f'<rss version="2.0"><channel>{inner}</channel></rss>'


def tei(inner: str) -> str:
    return f"<TEI><teiHeader/><text><body>{inner}</body></text></TEI>"


POISON: tuple[Poison, ...] = (
    of("empty.xml", "empty", b""),
    of("blank.rss", "damaged", b" \n" * 100_000),
    of("no-items.atom", "empty", '<feed xmlns="http://www.w3.org/2005/Atom"/>'),
    of("not-xml.xml", "damaged", ARABIC),
    of("unknown-root.xml", "unsupported", "<svg><text>x</text></svg>"),
    of("long-root.xml", "damaged", f"<{'x' * 100_000}/>"),
    of("laughs.rss", "bomb", f'<!DOCTYPE rss [<!ENTITY l0 "x">{LAUGHS}]>' + rss(ITEM + "&l9;")),
    of("laughs.xml", "bomb", f'<!DOCTYPE TEI [<!ENTITY l0 "x">{LAUGHS}]>' + tei('<p n="&l9;"/>')),
    of(
        "late-laughs.xml",
        "damaged",
        f'<!--{" " * 70_000}--><!DOCTYPE TEI [<!ENTITY l0 "{"x" * 9_999}">{LAUGHS}]>'
        + tei(f'<p n="&l9;">{ARABIC}</p>'),
    ),
    of(
        "passwd.xml",
        "bomb",
        '<!DOCTYPE TEI [<!ENTITY x SYSTEM "file:///etc/passwd">]>' + tei("<p>&x;</p>"),
    ),
    of(
        "external.xml",
        "read",
        f'<!DOCTYPE TEI SYSTEM "file:///etc/passwd">{tei(f"<p>{ARABIC}&x;</p>")}',
    ),
    of("include.xml", "read", tei(f'<p>{ARABIC}</p><include href="file:///etc/passwd"/>')),
    of("deep.xml", "damaged", tei("<div>" * 100_000)),
    of("deep.rss", "damaged+read", rss(ITEM + "<item>" * 100_000)),
    of("cut.rss", "damaged+read", rss(ITEM * 2)[:-60]),
    of("broken-item.rss", "damaged+read", rss(ITEM + "<item><a></b></item>" + ITEM)),
    of("no-text.rss", "empty+read", rss(ITEM + "<item><guid>2</guid></item>")),
    of(
        "long-text.atom.gz",
        "damaged",
        lambda: gzip.compress(b"<feed><entry><content>" + b"x" * 11_000_000),
    ),
    of("attributes.xml", "read", tei(f"<p {ATTRIBUTES}>{ARABIC}</p>")),
    of("elements.xml", "read", tei(f"<p>{ARABIC}</p>" + "<p/>" * 100_000)),
    of("headers.xml", "read", "<TEI>" + "<teiHeader><a/></teiHeader>" * 20_000 + tei(ARABIC)[5:]),
    of("notes.xml", "read", tei("<note>ن" * 200 + ARABIC + "</note>" * 200)),
    of("rows.xml", "read", tei("<row><cell>خ" * 100 + "</cell></row>" * 100 + ARABIC)),
    of("many.rss", "read", rss("".join(f"<item><title>{n}</title></item>" for n in range(20_000)))),
    of("latin.rss", "damaged", b"<?xml version='1.0'?>" + rss(ITEM).encode("cp1256")),
    of("no-such.xml", "damaged", "<?xml version='1.0' encoding='x-none'?>" + rss(ITEM)),
    of("controls.rss", "read", rss(f"<item><title>{ARABIC}\x01\x0b\x1f</title></item>")),
    of("marked.rss", "read", rss(f"<item><description>{ARABIC}{'&lt;' * 200_000}</description></item>")),
    of("html-deep.rss", "damaged",
       rss(f"<item><title>{ARABIC}</title><description>{'&lt;foo&gt;' * 5_000}</description></item>")),
    sparse("zeros.xml", "damaged", 60 * MEBIBYTE),
    sparse("zeros-behind.rss", "damaged", 200 * MEBIBYTE, b"<rss><channel>"),
)  # fmt: skip
