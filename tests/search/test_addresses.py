"""Which addresses may be given out as links."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.addresses import is_web_address, web_address

SCHEMES = (
    "javascript",
    "data",
    "vbscript",
    "file",
    "blob",
    "ftp",
    "about",
    "mailto",
    "urn",
    "view-source",
)
PAYLOADS = (":alert(1)", ":text/html,<script>", "://host/a", ":///etc/passwd", "://%0aalert(1)")


@pytest.mark.parametrize(
    "address",
    [
        "http://a.example",
        "HTTPS://A.EXAMPLE/x",
        "https://مثال.إختبار/مقال/عنوان طويل?س=ص#ج",
        "https://[::1]:8080/a",
        "http://user@a.example/(x)",
        "https://a.example?u=javascript:alert(1)",
    ],
)
def test_web_addresses(address: str) -> None:
    assert is_web_address(address)
    assert web_address(address) == address


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("payload", PAYLOADS)
@pytest.mark.parametrize("before", ["", " ", "\x01", "\t\n", "\u200b", "\ufeff"])
def test_other_schemes_however_they_are_written(scheme: str, payload: str, before: str) -> None:
    for written in (scheme, scheme.upper(), scheme.title(), scheme[:4] + "\n" + scheme[4:]):
        assert not is_web_address(before + written + payload)


@pytest.mark.parametrize(
    "address",
    [
        "",
        "//a.example/x",
        "/x",
        "x",
        "a.example/x",
        "http:",
        "http://",
        "http:///x",
        "http:/a.example",
        "http:a.example",
        "http:\\\\a.example",
        "http://\\a.example",
        "http://?x",
        "http://[bad",
        "https://a b/c",
        "ht\ntp://a.example",
        "http://a.example/\n",
        "http://a.example/\u2028",
        "http://a.example/\x00",
        "http://<script>",
    ],
)
def test_other_texts_are_no_web_addresses(address: str) -> None:
    assert not is_web_address(address)


@given(st.text(st.sampled_from([*string.printable, "\u200b", "ا"]), max_size=40))
def test_whatever_is_given_out_begins_with_http(text: str) -> None:
    found = web_address(text)
    assert not found or found.lower().startswith(("http://", "https://"))
    assert not set("\t\r\n\x0b\x0c") & set(found)
