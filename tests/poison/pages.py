"""Hostile .html, .xhtml and .eml files."""

from __future__ import annotations

import base64

from tests.poison.kinds import ARABIC, Poison, of

ENTITIES = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10 if n else "لول" * 10}">' for n in range(12))
LAUGHS = f"<!DOCTYPE html [{ENTITIES}]>"
EXTERNAL = '<!DOCTYPE html [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
PARAMETERS = '<!DOCTYPE html [<!ENTITY % p SYSTEM "http://127.0.0.1:9/x.dtd"> %p;]>'
QUADRATIC = f'<!DOCTYPE html [<!ENTITY q "{"ا" * 100_000}">]>'
XHTML = '<html xmlns="http://www.w3.org/1999/xhtml"><body>{}</body></html>'


def page(body: str, head: str = "") -> str:
    return f"<!doctype html><html><head>{head}</head><body>{body}</body></html>"


PARAGRAPH = f"<p>{ARABIC}. {ARABIC}.</p>"

PAGES = (
    of("empty.html", "empty", b""),
    of("empty.htm", "empty", b"<html></html>"),
    of("empty.xhtml", "empty", b""),
    of("deep.html", "read", page("<div>" * 200_000 + ARABIC)),
    of("deep-inline.html", "read", page("<b><i>" * 100_000 + ARABIC)),
    of("deep-tables.html", "read", page("<table><tr><td>" * 30_000 + ARABIC)),
    of("deep-lists.html", "read", page("<ul><li>" * 50_000 + ARABIC)),
    of("attributes.html", "read",
       page(f"<p {' '.join(f'a{n}=1' for n in range(10_000))}>{ARABIC}</p>")),
    of("attribute.html", "read", page(f'<p title="{"x" * 500_000}">{ARABIC}</p>')),
    of("siblings.html", "read", page(PARAGRAPH + "<p>x</p>" * 60_000)),
    of("elements.html", "read", page("<br>" * 200_000 + PARAGRAPH)),
    of("links.html", "read", page(PARAGRAPH + "<a href=x>كلمة</a> " * 20_000)),
    of("entities.html", "read", page(PARAGRAPH + "&amp;&lt;&nbsp;&#1575;" * 20_000)),
    of("bad-entities.html", "garbled", page(PARAGRAPH + "&#99999999999;&#xD800;&#0;&;&&" * 20_000)),
    of("endless-entity.html", "read", page(PARAGRAPH + "&" + "a" * 500_000)),
    of("comment.html", "read", page(PARAGRAPH + "<!--" + "-" * 500_000)),
    of("comments.html", "read", page("<!-- x -->" * 50_000 + PARAGRAPH)),
    of("angles.html", "read", page(PARAGRAPH) + "<" * 300_000),
    of("script-only.html", "empty", page(f"<script>{'x=1;' * 100_000}</script>")),
    of("open-script.html", "empty", page("<script>" + ARABIC)),
    of("laughs.html", "read", LAUGHS + page("&e11;" + PARAGRAPH)),
    of("laughs.xhtml", "read", LAUGHS + XHTML.format(f"<p>&e11;</p>{PARAGRAPH}")),
    of("external.xhtml", "read", EXTERNAL + XHTML.format(f"<p>&x;</p>{PARAGRAPH}")),
    of("parameters.xhtml", "read", PARAMETERS + XHTML.format(PARAGRAPH)),
    of("quadratic.xhtml", "read", QUADRATIC + XHTML.format(f"<p>{'&q;' * 20_000}</p>")),
    of("deep.xhtml", "read", XHTML.format("<div>" * 50_000 + ARABIC + "</div>" * 50_000)),
    of("unclosed.xhtml", "read", XHTML.format(f"<p>{ARABIC}")),
    of(
        "refresh.html",
        "read",
        page(
            PARAGRAPH,
            '<meta http-equiv=refresh content="0;file:///etc/passwd"><base href="http://127.0.0.1:9/">',
        ),
    ),
    of("objects.html", "read",
       page(f'<iframe src="file:///etc/passwd"></iframe><object data=x></object>{PARAGRAPH}')),
    of("charsets.html", "read", page(PARAGRAPH, "<meta charset=utf-7><meta charset=x-nothing>")),
    of("wrong-charset.html", "read", page(PARAGRAPH, "<meta charset=windows-1252>")),
    of("json-ld.html", "read",
       page(PARAGRAPH, f'<script type="application/ld+json">{"[" * 100_000}</script>')),
    of(
        "json-ld-loop.html",
        "read",
        page(
            PARAGRAPH,
            '<script type="application/ld+json">{"@graph": ['
            + '{"author": [' * 400
            + "]}" * 400
            + "]}</script>",
        ),
    ),
    of("titles.html", "read", page(PARAGRAPH, "<title>" + "عنوان " * 20_000 + "</title>")),
    of("metas.html", "read", page(PARAGRAPH, '<meta name="author" content="x">' * 20_000)),
    of("date.html", "read",
       page(PARAGRAPH, f'<meta property="article:published_time" content="{"9-" * 100_000}">')),
    of("zip.html", "not-text", b"PK\x03\x04" + bytes(range(256)) * 100),
    of("png.html", "not-text", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(999)),
    of("nul.html", "not-text", page(PARAGRAPH).encode() + b"\0"),
    of("styles.html", "read", page(PARAGRAPH, "<style>" + "a{b:c}" * 50_000 + "</style>")),
    of("svg.html", "read", page("<svg>" + "<g>" * 200 + "</g>" * 200 + f"</svg>{PARAGRAPH}")),
    of("regex.html", "read",
       page(f'<p>{"a" * 50_000}!</p><p class="{"byline-" * 20_000}">x</p>{PARAGRAPH}')),
)  # fmt: skip

HEAD = "From: a@example.org\r\nSubject: =?utf-8?B?2LnZhtmI2KfZhg==?=\r\nDate: Mon, 1 Jan 2024 00:00:00 +0000\r\nMIME-Version: 1.0\r\n"
TEXT = 'Content-Type: text/plain; charset="utf-8"\r\n\r\n' + ARABIC + "\r\n"


def nested(depth: int) -> str:
    """Return multiparts in multiparts."""
    opened = "".join(
        f'Content-Type: multipart/mixed; boundary="b{n}"\r\n\r\n--b{n}\r\n' for n in range(depth)
    )
    return HEAD + opened + TEXT + "".join(f"\r\n--b{n}--" for n in reversed(range(depth)))


def letters(depth: int) -> str:
    """Return letters in letters."""
    return HEAD + "Content-Type: message/rfc822\r\n\r\n" * depth + TEXT


def parts(number: int) -> str:
    part = f"--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n{ARABIC}\r\n"
    return f'{HEAD}Content-Type: multipart/mixed; boundary="b"\r\n\r\n{part * number}--b--'


LETTERS = (
    of("empty.eml", "empty", b""),
    of("head-only.eml", "empty", HEAD),
    of("nested.eml", "damaged", nested(10_000)),
    of("letters.eml", "damaged", letters(10_000)),
    of("parts.eml", "read", parts(5_000)),
    of("headers.eml", "read", "".join(f"X-{n}: y\r\n" for n in range(50_000)) + HEAD + TEXT),
    of("header.eml", "read", f"X-Long: {'x' * 500_000}\r\n" + HEAD + TEXT),
    of("folded.eml", "read", "Subject: x\r\n" + " y\r\n" * 50_000 + HEAD + TEXT),
    of("words.eml", "read", "Subject: " + "=?utf-8?B?2LnZhg==?= " * 40_000 + "\r\n" + TEXT),
    of("bad-words.eml", "read", "Subject: =?nothing?Q?=ZZ?= =?utf-8?B?!!!?=\r\n" + TEXT),
    of("addresses.eml", "read", "From: " + "(" * 100_000 + "<" * 10_000 + "\r\n" + HEAD + TEXT),
    of("date.eml", "read", "Date: " + "9" * 100_000 + "\r\n" + TEXT),
    of("charset.eml", "read", HEAD + f"Content-Type: text/plain; charset=no-such\r\n\r\n{ARABIC}"),
    of("charset-bytes.eml", "read",
       HEAD + f"Content-Type: text/plain; charset=hex\r\n\r\n{ARABIC}"),
    of("parameters.eml", "read",
       HEAD + "Content-Type: text/plain" + "; a*0*=x" * 50_000 + f"\r\n\r\n{ARABIC}"),
    of(
        "base64.eml",
        "empty",
        HEAD
        + "Content-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        + "!@#$" * 100_000,
    ),
    of(
        "base64-nul.eml",
        "not-text",
        HEAD
        + "Content-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        + base64.b64encode(bytes(99)).decode(),
    ),
    of(
        "quoted.eml",
        "read",
        HEAD
        + f"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n{'=ZZ=' * 100_000}{ARABIC}",
    ),
    of(
        "uuencoded.eml",
        "encoding",
        HEAD
        + "Content-Type: text/plain\r\nContent-Transfer-Encoding: x-uuencode\r\n\r\nbegin 644 /etc/passwd\r\n"
        + "M" * 999,
    ),
    of(
        "attachment.eml",
        "empty",
        HEAD
        + 'Content-Type: application/pdf; name="../../x.pdf"\r\nContent-Disposition: attachment; filename="/etc/passwd"\r\n\r\n%PDF',
    ),
    of("boundary.eml", "empty",
       HEAD + f'Content-Type: multipart/mixed; boundary="{"b" * 100_000}"\r\n\r\n{ARABIC}'),
    of("no-boundary.eml", "empty", HEAD + f"Content-Type: multipart/mixed\r\n\r\n{ARABIC}"),
    of("open-boundary.eml", "read",
       HEAD + f'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\n{TEXT}'),
    of("deep-html.eml", "read",
       HEAD + "Content-Type: text/html; charset=utf-8\r\n\r\n" + "<div>" * 200_000 + ARABIC),
    of(
        "encrypted.eml",
        "encrypted",
        HEAD
        + 'Content-Type: multipart/encrypted; protocol="application/pgp-encrypted"; boundary="b"\r\n\r\n--b\r\nContent-Type: application/pgp-encrypted\r\n\r\nVersion: 1\r\n--b--',
    ),
    of("pdf.eml", "damaged", b"%PDF-1.7\n\0\1\2\3" + bytes(range(256)) * 9),
)  # fmt: skip

POISON: tuple[Poison, ...] = (*PAGES, *LETTERS)
