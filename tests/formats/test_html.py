"""Web pages: the main text in the page's own letters, and what the page says of itself."""

from __future__ import annotations

import time

import pytest

from indexer.extraction.registry import Options
from search.limits import MAX_FILE
from tests.formats.building import html_of
from tests.formats.reading import (
    AUTHOR,
    DAY,
    FRAGILE,
    SEED,
    TITLE,
    article,
    check_damage,
    lines,
    refusal,
)

MENU = "<ul>" + "".join(f'<li><a href="/{n}">باب {n}</a></li>' for n in range(12)) + "</ul>"
TEXT = "".join(f"<p>{paragraph}</p>" for paragraph in SEED)


def page(body: str, head: str = "", attributes: str = 'lang="ar" dir="rtl"') -> bytes:
    return (
        f"<!DOCTYPE html><html {attributes}><head>{head}</head><body>{body}</body></html>".encode()
    )


@pytest.mark.parametrize(
    "body",
    [
        f"<nav>{MENU}</nav><article>{TEXT}</article>",
        f"<div>{MENU}</div><div class='content'>{TEXT}</div><div>{MENU}</div>",
        f"<div>{MENU}</div><div>{'<br>'.join(SEED)}</div>",
        f"<div>{MENU}</div><div>{'<br/><br/>'.join(SEED)}</div>",
        f"<table><tr><td>{MENU}</td><td><font>{'<br><br>'.join(SEED)}</font></td></tr></table>",
        MENU + "".join(f"<div><span>{p[:9]}<span>{p[9:]}</span></span></div>" for p in SEED),
        f"<script>var x = '{SEED[0]}';</script>{TEXT}<style>p {{ color: red }}</style>",
        TEXT.replace(" ", "&nbsp;"),
        TEXT.replace("ا", "&#1575;").replace("ل", "&#x644;"),
        TEXT.replace("و", "<b><i>و</i></b>"),
        "".join(f"<p>\n  {p.replace(' ', '  ')}\n</p>" for p in SEED),
        "".join(f"<p>{p}" for p in SEED),
    ],
)
def test_the_main_text_however_it_is_marked_up(body: str) -> None:
    assert lines(page(body), "html") == SEED


def test_no_letter_of_a_long_page_is_changed() -> None:
    paragraphs = [f"{FRAGILE} {paragraph}" for paragraph in SEED] * 40
    assert lines(html_of(TITLE, AUTHOR, DAY, paragraphs), "html") == paragraphs


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("<p>خبر قصير.</p><p>سطر ثان</p>", ["خبر قصير.", "سطر ثان"]),
        (f"<nav>{MENU}</nav><p>خبر قصير.</p>", ["خبر قصير."]),
        (f"<div>{MENU}</div><p>خبر قصير.</p>", ["خبر قصير."]),
        ("<p>خبر <a href='/'>مع رابط</a></p>", ["خبر مع رابط"]),
        ("<p hidden>سر</p><p style='display: none'>سر</p><p>خبر</p>", ["خبر"]),
        ("<p>أ</p><!-- سر --><noscript>سر</noscript><p>ب</p>", ["أ", "ب"]),
        ("<p>ال<wbr>كتاب</p>", ["الكتاب"]),
        ("<pre>سطر\n  سطر آخر</pre>", ["سطر", "سطر آخر"]),
        ("<ul><li>بند<li>بند آخر</ul>", ["بند", "بند آخر"]),
        ("<dl><dt>كلمة<dd>معناها</dl>", ["كلمة", "معناها"]),
        ("<table><tr><th>البلد<th>العاصمة<tr><td>مصر<td>القاهرة</table>",
         ["البلد | العاصمة", "مصر | القاهرة"]),
        ("<table><tr><td>أ<br>ب<td>ج</table>", ["أ", "ب", "ج"]),
        ("<h1>عنوان</h1><p>خبر</p>", ["خبر"]),
        ("<h1>عنوان</h1>", ["عنوان"]),
        ("نص بلا وسوم", ["نص بلا وسوم"]),
    ],
)  # fmt: skip
def test_a_short_page(body: str, expected: list[str]) -> None:
    assert lines(page(body), "html") == expected


def test_tables_and_lists_of_a_long_page_are_kept() -> None:
    rows = [f"سلعة {n} | {n * 3} دينارا" for n in range(60)]
    cells = "".join(f"<tr><td>{row.replace(' | ', '</td><td>')}</td></tr>" for row in rows)
    points = [f"البند رقم {n} من الاتفاق الذي أعلن أمس" for n in range(30)]
    points_list = "".join(f"<li>{point}</li>" for point in points)
    body = f"<nav>{MENU}</nav><article>{TEXT}<table>{cells}</table><ul>{points_list}</ul></article>"
    assert lines(page(body), "html") == SEED + rows + points


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"   ",
        b"<!-- -->",
        page(""),
        page(f"<nav>{MENU}</nav><footer>جميع الحقوق محفوظة</footer>"),
        page(f"<div>{MENU * 4}</div>"),
        page(f"<script>{SEED[0]}</script><style>{SEED[1]}</style><template>{TEXT}</template>"),
    ],
)
def test_a_page_of_no_text(content: bytes) -> None:
    assert refusal(content, "html") == "empty"


# What a page says of itself.


def known(head: str, body: str = "", attributes: str = "") -> dict[str, object]:
    fields = dict(article(page(body + TEXT, head, attributes), "html").fields)
    del fields["id"], fields["text"]
    return fields


@pytest.mark.parametrize(
    ("head", "body", "expected"),
    [
        ('<meta property="og:title" content="عنوان  النص">', "", "عنوان النص"),
        ("<title>عنوان النص</title>", "", "عنوان النص"),
        ("<title>عنوان آخر</title>", "<h1>عنوان النص</h1>", "عنوان النص"),
        ('<title>عنوان النص | الجريدة</title><meta property="og:site_name" content="الجريدة">', "",
         "عنوان النص"),
        ('<title>طبعة</title><meta name="DC.Title" content="عنوان &quot;نص&quot;">', "",
         'عنوان "نص"'),
    ],
)  # fmt: skip
def test_the_title(head: str, body: str, expected: str) -> None:
    assert known(head, body)["title"] == expected


@pytest.mark.parametrize(
    ("head", "body", "expected"),
    [
        (f'<meta name="author" content="{AUTHOR}">', "", AUTHOR),
        ('<meta name="author" content="فيروز">', "", "فيروز"),
        ('<meta name="author" content="سعاد"><meta name="author" content="منى">', "", "سعاد، منى"),
        ('<meta property="article:author" content="https://x.example/a">', "", None),
        ("", '<span class="author">بقلم: محمد علي</span>', "محمد علي"),
        ("", '<a rel="author" href="/m">كتب محمد علي</a>', "محمد علي"),
        ("", '<aside><span class="author">آخر</span></aside>', None),
    ],
)
def test_the_author(head: str, body: str, expected: str | None) -> None:
    assert known(head, body).get("author") == expected


@pytest.mark.parametrize(
    ("head", "body", "expected"),
    [
        ('<meta property="article:published_time" content="2024-01-31T23:59:00Z">', "",
         "2024-01-31"),
        ('<meta name="DC.date.issued" content="2023/5/9">', "", "2023-05-09"),
        ('<meta name="pubdate" content="20230509">', "", "2023-05-09"),
        ("", '<time datetime="2023-10-07T10:00">قبل ساعة</time>', "2023-10-07"),
        ("", "<article><header><time>7 أكتوبر 2023</time></header></article>", "2023-10-07"),
        ("", '<div class="byline">محمد علي - 7 أكتوبر 2023</div>', "2023-10-07"),
        # not the article's own
        ("", '<header><div class="post-date">7 أكتوبر 2023</div></header>', None),
        ("", '<aside><time datetime="2020-01-01">أمس</time></aside>', None),
        ("", "<footer>© 2024 جميع الحقوق محفوظة</footer><p>© 2024</p>", None),
        ("", '<p class="published">حقوق النشر 7 أكتوبر 2023</p>', None),
        ('<meta name="date" content="أمس">', "", None),
        ('<meta name="date" content="2023-13-45">', "", None),
        ('<meta property="article:modified_time" content="2024-01-31">', "", None),
    ],
)  # fmt: skip
def test_the_date(head: str, body: str, expected: str | None) -> None:
    assert known(head, body).get("published") == expected


@pytest.mark.parametrize(
    ("head", "url", "source"),
    [
        ('<link rel="canonical" href="https://www.example.org/a?b=1">',
         "https://www.example.org/a?b=1", "example.org"),
        ('<meta property="og:url" content="http://example.org/خبر">', "http://example.org/خبر",
         "example.org"),
        (
            '<link rel="canonical" href="/a"><meta property="og:url" content="https://e.org/a">'
            '<meta property="og:site_name" content="الجريدة">',
            "https://e.org/a",
            "الجريدة",
        ),
        ('<link rel="canonical" href="javascript:alert(1)">', None, None),
        ('<link rel="canonical" href="https://[bad">', None, None),
    ],
)  # fmt: skip
def test_the_address_and_the_source(head: str, url: str | None, source: str | None) -> None:
    found = known(head)
    assert (found.get("url"), found.get("source")) == (url, source)


def test_the_tags() -> None:
    found = known(
        '<meta property="article:tag" content="العراق"><meta name="keywords" content="اليمن، إيران,العراق">'
        '<meta property="article:section" content="سياسة">'
    )
    assert found["tags"] == ["العراق", "سياسة", "اليمن", "إيران"]


@pytest.mark.parametrize(
    ("attributes", "head", "language", "notes"),
    [
        ('lang="ar-EG"', "", "ar-EG", ()),
        ('xml:lang="ar"', "", "ar", ()),
        ("", '<meta http-equiv="content-language" content="ar">', "ar", ()),
        ("", '<meta property="og:locale" content="ar_AR">', "ar-AR", ()),
        ('lang="en-US"', "", None, ("not in the language it names: en-US",)),
        ('lang="العربية"', "", None, ("language left out: no code of a language: العربية",)),
    ],
)
def test_the_language(
    attributes: str, head: str, language: str | None, notes: tuple[str, ...]
) -> None:
    found = article(page(TEXT, head, attributes), "html")
    assert found.fields.get("language") == language
    assert found.notes == notes


def test_json_ld() -> None:
    found = known(
        """<script type="application/ld+json">{"@context": "https://schema.org", "@graph": [
        {"@type": "WebSite", "name": "موقع"},
        {"@type": ["NewsArticle"], "headline": "عنوان\\u064c", "datePublished": "2024-01-24T10:00",
         "author": [{"@type": "Person", "name": "د. سعاد"}, "منى"], "keywords": ["أ", "ب"],
         "publisher": {"name": "الجريدة"}, "articleSection": "سياسة", "inLanguage": "ar",
         "articleBody": "نص لا يفهرس"}]}</script>"""
    )
    assert found == {
        "title": "عنوانٌ",
        "author": "د. سعاد، منى",
        "published": "2024-01-24",
        "source": "الجريدة",
        "language": "ar",
        "tags": ["أ", "ب", "سياسة"],
    }


@pytest.mark.parametrize("json", ["{", "[" * 100_000, '"نص"', "[null, 1, {}]", '{"@type": 1}'])
def test_json_ld_that_is_no_good(json: str) -> None:
    assert known(f'<script type="application/ld+json">{json}</script>') == {}


def test_facts_that_do_not_fit_are_cut_or_left_out() -> None:
    found = known(
        f'<meta property="og:title" content="{"كلمة " * 900}">'
        f'<meta name="author" content="{"اسم " * 900}">'
        f'<meta property="og:url" content="https://e.org/{"a" * 3000}">'
        f'<meta name="keywords" content="{",".join(f"وسم {n}" for n in range(90))},{"ط" * 200}">'
        '<meta name="date" content="قريبا">'
    )
    assert len(str(found["title"])) <= 1_000
    assert str(found["title"]).endswith("كلمة…")
    assert len(str(found["author"])) <= 200
    assert "url" not in found
    assert found["tags"] == [f"وسم {n}" for n in range(64)]


# Bytes.


@pytest.mark.parametrize("encoding", ["windows-1256", "iso-8859-6", "utf-8", "utf-16"])
def test_the_declared_charset(encoding: str) -> None:
    paragraphs = [line.replace("“", '"').replace("”", '"') for line in SEED]
    content = html_of(TITLE, AUTHOR, DAY, paragraphs, encoding=encoding)
    found = article(content, "html")
    assert found.fields["text"] == "\n".join(paragraphs)
    assert found.fields["title"] == TITLE
    if encoding.startswith(("windows", "iso")):
        assert found.notes


def test_a_charset_that_the_page_declares_wrongly() -> None:
    content = html_of(TITLE, AUTHOR, DAY, SEED).replace(
        b'charset="utf-8"', b'charset="windows-1256"'
    )
    assert lines(content, "html") == SEED


def test_the_charset_that_a_person_says() -> None:
    content = page(TEXT).decode().encode("cp1256", "xmlcharrefreplace")
    assert lines(content, "html", Options(encoding="windows-1256")) == SEED


def test_xhtml_whose_empty_elements_end_themselves() -> None:
    body = "".join(f'<p><a id="p{n}"/>{text}</p>' for n, text in enumerate(SEED))
    content = (
        '<?xml version="1.0" encoding="utf-8"?><html xmlns="http://www.w3.org/1999/xhtml">'
        f'<head><title/><script src="x"/></head><body>{body}</body></html>'
    )
    assert lines(content.encode(), "html") == SEED


# Hostile pages.


@pytest.mark.parametrize("opened", ["<div>", "<span>", "<table><tr><td>", "<ul><li>", "<b>"])
@pytest.mark.parametrize("depth", [300, 100_000])
def test_elements_in_elements(opened: str, depth: int) -> None:
    found = article(page(opened * depth + "نص في العمق"), "html")
    assert found.fields["text"] == "نص في العمق"
    assert found.notes in ((), ("nested too deeply: read without its layout",))


def test_elements_in_elements_of_no_known_kind() -> None:
    assert refusal(page("<x-y>" * 300 + "نص"), "html") == "damaged"


def test_a_deep_page_keeps_its_text() -> None:
    content = page("<div>" * 300 + TEXT + "</div>" * 300 + "<p>خاتمة</p>")
    assert lines(content, "html") == [*SEED, "خاتمة"]


def test_one_text_of_more_than_10_megabytes_is_refused_and_not_cut() -> None:
    assert refusal(page("<p>" + "ن" * 6_000_000 + "</p><p>بعد</p>"), "html") == "too-large"


def test_more_than_a_file_may_have() -> None:
    assert refusal(b"<p>" + b"a" * MAX_FILE, "html") == "too-large"


@pytest.mark.parametrize("unit", ["<", "<div ", "<p", "&", "<!--", "<a href='", "<?xml ", "</p>"])
def test_a_hostile_page_takes_no_more_than_linear_time(unit: str) -> None:
    began = time.process_time()
    try:
        article(page("<p>نص</p>" + unit * 200_000), "html")
    except Exception as error:
        assert getattr(error, "code", "") in ("empty", "damaged"), error  # noqa: PT017
    assert time.process_time() - began < 5


def test_a_very_long_page_is_read_whole() -> None:
    content = page(f"<nav>{MENU}</nav>" + "<p>سطر من السطور</p>" * 60_000)
    found = article(content, "html")
    assert found.fields["text"] == "\n".join(["سطر من السطور"] * 60_000)
    assert found.notes == ("a very long page: all of it was taken but its menus",)


def test_entities_are_not_expanded() -> None:
    content = (
        b'<!DOCTYPE html [<!ENTITY a "bomb"><!ENTITY x SYSTEM "file:///etc/passwd">]>'
        + "<html><body><p>نص &a; &x;</p></body></html>".encode()
    )
    text = str(article(content, "html").fields["text"])
    assert "bomb" not in text
    assert "root:" not in text


def test_damage() -> None:
    check_damage(html_of(TITLE, AUTHOR, DAY, SEED[:4]), "html")
