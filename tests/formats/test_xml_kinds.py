"""XML by its root: feeds, WordPress's export, TEI and JATS."""

from __future__ import annotations

from itertools import chain
from pathlib import Path

import pytest

from indexer.extraction.registry import Extracted, Options
from indexer.ingestion.records import article_from
from indexer.sources import Failure
from tests.formats.parts import articles_of, broken_of
from tests.formats.reading import article, check_damage, items, lines, refusal
from tests.support import REPOSITORY

TEXTS = REPOSITORY / "tests" / "fixtures" / "texts"
WXR = (TEXTS / "wordpress.xml").read_bytes()


def read(content: bytes | str) -> list[Extracted | Failure]:
    return items(content.encode() if isinstance(content, str) else content, "xml_kinds")


def rss(*parts: str, channel: str = "") -> str:
    inner = "".join(f"<item>{part}</item>" for part in parts)
    return f'<rss version="2.0"><channel>{channel}{inner}</channel></rss>'


def tei(body: str, header: str = "", attributes: str = "") -> str:
    head = f"<teiHeader><fileDesc>{header}</fileDesc></teiHeader>"
    return f'<TEI xmlns="http://www.tei-c.org/ns/1.0">{head}<text{attributes}>{body}</text></TEI>'


@pytest.mark.parametrize("suffix", ["rss", "atom"])
def test_what_feedgen_writes(suffix: str) -> None:
    found = read((TEXTS / f"feedgen.{suffix}").read_bytes())
    first, second = articles_of(found)
    assert first.fields == {
        "id": "https://news.example/1",
        "title": "خبر رقم 1",
        "text": "ضربات في العراق & سوريا 1\nمطر في عمان",
        "url": "https://news.example/1.html",
        "published": "2024-01-30",
        "author": "سعاد حسن",
        "tags": ["سياسة", "العراق"],
        "source": 'أخبار "اليوم" & غدا',
        "language": "ar",
    }
    assert second.fields["id"] == "https://news.example/2"
    assert (first.place, second.place, first.notes) == ("1", "2", ())


def test_an_export_of_wordpress() -> None:
    blocks, classic, page = articles_of(read(WXR))
    assert blocks.fields == {
        "id": "https://news.example/?p=11",
        "title": "ضربات «جوية» & مطر",
        "text": "ضربات في العراق أمس.\nأولا\nثانيا\nتعليق الصورة",
        "url": "https://news.example/2024/01/strikes/",
        "published": "2024-01-31",
        "author": "سعاد حسن",
        "tags": ["سياسة", "العراق & سوريا"],
        "source": "أخبار اليوم",
        "language": "ar",
    }
    assert classic.fields["text"] == "الفقرة الأولى\nمع رابط فيها.\nتعليق\nالفقرة [الثانية]."
    assert page.fields["title"] == "من نحن"
    assert blocks.notes == ()
    (note,) = page.notes
    assert note.startswith("left out of it: ")
    for kind in ("1 draft", "1 attachment", "1 locked", "1 nav_menu_item"):
        assert kind in note


def test_an_export_in_which_nothing_is_published() -> None:
    assert refusal(WXR.replace(b"publish]", b"private]"), "xml_kinds") == "empty"


@pytest.mark.parametrize(
    ("item", "known"),
    [
        ("<title>عنوان فقط</title>", {"title": "عنوان فقط", "text": "عنوان فقط"}),
        ("<description>نص</description><author>a@b.example (سعاد)</author>", {"author": "سعاد"}),
        ("<guid>https://a.example/1</guid><description>نص</description>",
         {"url": "https://a.example/1", "id": "https://a.example/1"}),
        ("<description>&lt;p&gt;أول&lt;/p&gt;&lt;!-- x --&gt;ثان&amp;nbsp;له</description>",
         {"text": "أول\nثان له"}),
        ("<title>قال &amp;quot;نعم&amp;quot;</title><description>نص</description>",
         {"title": 'قال "نعم"'}),
        ("<description>نص&nbsp;آخر \x0b&hellip;</description>", {"text": "نص\u00a0آخر …"}),
        ("<description>نص</description><pubDate>قريبا</pubDate>", {"text": "نص"}),
        ('<x:title xmlns:x="http://search.yahoo.com/mrss/">لا</x:title><title>نعم</title>',
         {"title": "نعم"}),
    ],
)  # fmt: skip
def test_an_item(item: str, known: dict[str, object]) -> None:
    (found,) = articles_of(read("\n " + rss(item)))
    assert known.items() <= found.fields.items()
    assert article_from({"id": "a", **found.fields}).text


def test_an_atom_entry_of_xhtml() -> None:
    content = """<feed xmlns="http://www.w3.org/2005/Atom"><title>ن</title><entry><id>urn:x:1</id>
    <title type="html">عنوان &amp;amp; آخر</title><link rel="edit" href="https://a.example/edit"/>
    <link href="https://a.example/1"/><author><name>سعاد</name><uri>https://x.example</uri></author>
    <content type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml"><p>أ <b>ب</b> &lt; ج</p><p>د</p>
    </div></content></entry></feed>"""
    (found,) = articles_of(read(content))
    assert (found.fields["text"], found.fields["title"]) == ("أ ب < ج\nد", "عنوان & آخر")
    assert (found.fields["url"], found.fields["author"]) == ("https://a.example/1", "سعاد")


def test_what_is_before_a_broken_place_is_kept() -> None:
    told = rss(*(f"<guid>{n}</guid><description>نص {n}</description>" for n in range(3)))
    found = items_until_refusal(told[:-40])
    assert [item.fields["id"] for item in found] == ["0", "1"]


def items_until_refusal(content: str) -> list[Extracted]:
    from io import BytesIO

    from indexer.extraction import xml_kinds
    from search.errors import SourceError

    found: list[Extracted] = []
    with pytest.raises(SourceError, match="not XML that can be read"):  # noqa: PT012
        for item in xml_kinds.read(BytesIO(content.encode()), "a.xml", Options()):
            assert isinstance(item, Extracted)
            found.append(item)
    return found


PANDOC = [
    "باب الكلب",
    "قال الجاحظ في كتابه إن الكلب أوفى الحيوان، وهو أليف لصاحبه.",
    "فصل في الوفاء",
    "وللكلب عند الناس فضل ومنة",
    "أولا: الحراسة",
    "ثانيا: الصيد",
    "البيت | الشاعر",
    "قفا نبك | امرؤ القيس",
    "قفا نبك من ذكرى حبيب ومنزل بسقط اللوى بين الدخول فحومل",
    "طبعة دار الجيل، بيروت.",
]


@pytest.mark.parametrize(
    ("name", "before"), [("pandoc.xml", ()), ("pandoc.jats.xml", ("ملخص الكتاب في سطر واحد.",))]
)
def test_what_pandoc_writes(name: str, before: tuple[str, ...]) -> None:
    found = article((TEXTS / name).read_bytes(), "xml_kinds")
    assert str(found.fields["text"]).split("\n") == [*before, *PANDOC]
    assert found.fields["title"] == "الحيوان: باب في الكلاب"
    assert found.fields["author"] == "الجاحظ، عبد السلام هارون"
    assert found.fields["published"] == "2024-01-31"
    assert (found.place, found.inside) == ("", "")


def test_an_edition() -> None:
    header = """<titleStmt><title>ديوان</title><author><persName>المتنبي</persName></author>
    </titleStmt><publicationStmt><publisher>دار صادر</publisher><date when="1983-05-01">١٩٨٣</date>
    <idno type="URL">https://a.example/diwan</idno></publicationStmt>"""
    body = """<front><head>مقدمة</head></front><body><pb n="1"/><fw>رأس</fw><lg><l>على قدر أهل
    العزم<caesura/>تأتي العزائم</l><l>وتأتي</l></lg><p>كت<pb n="2"/>اب وكت<lb break="no"/>
    اب و<choice><sic>خطا</sic><corr>خطأ</corr></choice><lb/>آخر<note>حاشية</note>.</p>
    <sp><speaker>قيس</speaker><l>ليلى</l></sp><app><lem>نص</lem><rdg>نض</rdg></app></body>"""
    found = article(tei(body, header, ' xml:lang="ar"').encode(), "xml_kinds")
    assert str(found.fields["text"]).split("\n") == [
        "مقدمة",
        "على قدر أهل العزم تأتي العزائم",
        "وتأتي",
        "كتاب وكتاب وخطأ آخر.",
        "قيس",
        "ليلى",
        "نص",
        "حاشية",
    ]
    known = {key: found.fields[key] for key in ("title", "author", "source", "published", "url")}
    assert known == {
        "title": "ديوان",
        "author": "المتنبي",
        "source": "دار صادر",
        "published": "1983-05-01",
        "url": "https://a.example/diwan",
    }
    assert found.fields["language"] == "ar"


def test_a_corpus_is_an_article_each_of_its_texts() -> None:
    one = tei("<body><p>نص أول</p></body>").replace("<TEI", '<TEI xml:id="t1"')
    two = tei("<body><p>نص ثان</p></body>")
    empty = tei("<body/>")
    corpus = f"<teiCorpus><teiHeader><p>الكل</p></teiHeader>{one}{two}{empty}</teiCorpus>"
    found = read(corpus)
    first, second = articles_of(found)
    assert first.fields == {"id": "t1", "text": "نص أول"}
    assert second.fields["text"] == "نص ثان"
    assert second.inside.startswith("/:")
    assert [(item.place, item.code) for item in broken_of(found)] == [("3", "empty")]


def test_a_paper() -> None:
    content = """<article xml:lang="ar"><front><journal-meta><journal-title-group><journal-title>
    مجلة اللغة</journal-title></journal-title-group></journal-meta><article-meta>
    <article-id pub-id-type="pmid">1</article-id><article-id pub-id-type="doi">10.1/x</article-id>
    <title-group><article-title>في <italic>النحو</italic></article-title></title-group>
    <contrib-group><contrib contrib-type="author"><name><surname>حسن</surname><given-names>سعاد
    </given-names></name></contrib><contrib contrib-type="editor"><name><surname>محرر</surname>
    </name></contrib></contrib-group><pub-date><year>2023</year></pub-date><pub-date><day>5</day>
    <month>3</month><year>2024</year></pub-date><abstract><p>ملخص</p></abstract><kwd-group>
    <kwd>نحو</kwd></kwd-group></article-meta></front><body><sec><title>مقدمة</title><p>نص<sup>
    <xref ref-type="bibr">1</xref></sup>.</p></sec></body><back><ref-list><ref>مرجع</ref></ref-list>
    </back><sub-article><body><p>ترجمة</p></body></sub-article></article>"""
    found = article(content.encode(), "xml_kinds")
    assert found.fields == {
        "id": "a/b.xml_kinds",
        "title": "في النحو",
        "author": "سعاد حسن",
        "source": "مجلة اللغة",
        "language": "ar",
        "published": "2024-03-05",
        "tags": ["نحو"],
        "url": "https://doi.org/10.1/x",
        "text": "ملخص\nمقدمة\nنص .",
    }


def test_other_roots_encodings_and_entities() -> None:
    assert refusal(b"<html><body>x</body></html>", "xml_kinds") == "unsupported"
    assert refusal(b"no xml", "xml_kinds") == "damaged"
    assert refusal(b'<!DOCTYPE rss [<!ENTITY a "b">]><rss/>', "xml_kinds") == "bomb"
    told = rss("<description>قال المسؤولون إن القوات نفذت ضربات</description>")
    for encoding in ("windows-1256", "utf-16", "utf-8"):
        declared = f'<?xml version="1.0" encoding="{encoding}"?>{told}'.encode(encoding)
        assert lines(declared, "xml_kinds") == ["قال المسؤولون إن القوات نفذت ضربات"]
    said = Options(encoding="windows-1256")
    assert lines(told.encode("cp1256"), "xml_kinds", said)[0].startswith("قال")


def test_names_of_characters_that_pieces_cut() -> None:
    text = "نص&hellip;" * 20_000
    (found,) = articles_of(read(rss(f"<description>{text}</description>")))
    assert found.fields["text"] == "نص…" * 20_000


def test_a_long_feed_takes_no_memory(tmp_path: Path) -> None:
    from resource import RUSAGE_SELF, getrusage

    from indexer.extraction import xml_kinds

    path = tmp_path / "long.xml"
    item = f"<item><description>{'كلمة ' * 2_000}</description></item>"
    with path.open("w", encoding="utf-8") as out:
        out.writelines(chain(["<rss><channel>"], [item] * 3_000, ["</channel></rss>"]))
    before = getrusage(RUSAGE_SELF).ru_maxrss
    with path.open("rb") as stream:
        count = sum(1 for _ in xml_kinds.read(stream, "long.xml", Options()))
    assert count == 3_000
    assert getrusage(RUSAGE_SELF).ru_maxrss - before < 40_000  # KiB, of a file of 54 MB


@pytest.mark.parametrize("name", ["feedgen.rss", "wordpress.xml", "pandoc.xml", "pandoc.jats.xml"])
def test_damage(name: str) -> None:
    check_damage((TEXTS / name).read_bytes(), "xml_kinds")
