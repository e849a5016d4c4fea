"""Every view of the page: what it offers, what axe-core says of it, and what it looks like."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from urllib.parse import quote

import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

from tests.browser.conftest import DROP, Browser, annotate, create, post
from tests.browser.test_page import address, at, results
from tests.serving import started
from tests.support import REPOSITORY

pytestmark = pytest.mark.slow

QUERY = "كتب في المكتبة"
OPEN_WHY = "const why = document.querySelector('.why'); if (!why.open) why.firstChild.click()"
KEYS = "document.getElementById('help').close(); document.getElementById('keys').click()"
OPEN_NOTE = """
document.querySelector("dialog[open]")?.close();
document.querySelectorAll(".whole > .actions .noter")[1].click();
"""
SHEET = """
const button = document.querySelector(".sheet-button");
if (button.checkVisibility() && !document.querySelector(":popover-open")) button.click();
"""
OPEN_COPIES = "document.querySelector('.copies').open = true"
REMOVE = """
const remove = document.querySelector(".searches .actions button");
if (!("asked" in remove.dataset)) remove.click(); // a second time, it would remove
remove.dataset.asked = "";
"""
GRADE = """
fetch("/v1/judgements", { method: "PUT", headers: { "Content-Type": "application/json" },
  body: JSON.stringify({ q: "من يقرأ الشعر؟", article: "library-5", grade: 3 }) })
  .then(() => document.querySelector("[data-place=judging]").click());
"""
GONE = """
window.fetch = async () => { throw new TypeError("no server"); };
q.value = "كتب";
search.requestSubmit();
"""
OPEN_SAVED = "[...document.querySelectorAll('.searches .title a')].at(-1)?.click()"
TYPE = "q.focus(); q.value = 'مكتب'; q.dispatchEvent(new Event('input', { bubbles: true }))"
# Some files, of which one is on its way for good and one waits.
UPLOAD = f"""
const {{ send }} = XMLHttpRequest.prototype;
XMLHttpRequest.prototype.send = function (form) {{
  if (form.get("file").name !== "أرشيف المجلة.zip") send.call(this, form);
  else this.upload.dispatchEvent(new ProgressEvent("progress", {{ lengthComputable: true, loaded: 62, total: 100 }}));
}};
const drop = function () {{ {DROP} }};
if (!document.querySelector(".uploads li")) drop([["المجلس.txt", "يجتمع القراء مساء كل خميس."], ["لوحة.xyz", "؟"],
  ["فارغ.txt", ""], ["أرشيف المجلة.zip", "x".repeat(3e6)], ["ملحق.docx", "x".repeat(4e4)]]);
"""


@dataclass(frozen=True)
class State:
    """A state of a view: its address, what is done in it, once or again, and what is there then."""

    parameters: dict[str, str] = field(default_factory=dict)
    script: str = ""
    there: str = "#view > *"
    site: str = "library"
    media: str = "screen"


VIEWS = {
    "home": State(),
    "empty": State(site="empty_site"),
    "loading": State({"q": "slow"}, "", ".skeleton", "slow_site"),
    "suggestions": State({"q": "مكتب"}, TYPE, "[role=option]"),
    "results": State({"q": QUERY}, OPEN_WHY, ".why[open]"),
    "narrowed": State({"q": QUERY, "source": "الوراق", "from": "2019-01-01"}, SHEET),
    "copies": State({"q": "+شوارع +بغداد"}, OPEN_COPIES, ".copies[open]", "noted_library"),
    "besides": State({"q": 'Baghdad source:"الوراق"'}, "", ".also li"),
    "meant": State({"q": "الثقفة", "mode": "keyword"}, "", ".meant"),
    "degraded": State({"q": "«كتب جديدة»"}, "", ".banner + .banner", "modelless_site"),
    "print": State({"q": QUERY, "source": "الوراق"}, media="print"),
    "articles": State({"q": QUERY, "group": "article", "sort": "newest"}),
    "context": State({"q": "كتب", "kwic": "after"}),
    "article": State({"q": "كتب", "article": "library-2", "passage": "library-2#1"}),
    "edition": State(
        {"article": "library-1", "edition": "0" * 16}, "", "article .notice", "noted_library"
    ),
    "similar": State({"similar": "library-2#1"}),
    "alike": State({"similar": "library-2", "group": "article"}),
    "nothing": State({"q": "+بغداد +قططططة", "mode": "keyword"}),
    "failure": State({"q": "x", "start": "9995"}),
    "gone": State({"q": QUERY}, GONE, ".failure"),
    "opening": State({"q": "x"}, "", ".failure", "opening_site"),
    "key": State({"view": "saved"}, "", "dialog.key", "keyed_site"),
    "add": State({"view": "add"}),
    "uploads": State({"view": "add"}, UPLOAD, "progress[value='0.62']", "noted_library"),
    "saved": State({"view": "saved"}, site="noted_library"),
    "removal": State({"view": "saved"}, REMOVE, "[data-asked]", "noted_library"),
    "matches": State({"view": "saved"}, OPEN_SAVED, ".hits", "noted_library"),
    "status": State({"view": "status"}),
    "analysis": State({"view": "analysis", "text": "يكتب عبد الله"}),
    "grading": State({"view": "judging"}, site="judging_library"),
    "graded": State({"view": "judging"}, GRADE, ".judged li", "judging_library"),
    "judging": State({"view": "judging", "q": QUERY}, site="judging_library"),
    "notes": State({"view": "notes"}, site="noted_library"),
    "note": State(
        {"article": "library-2", "passage": "library-2#1"},
        OPEN_NOTE,
        "dialog[open]",
        "noted_library",
    ),
    "keys": State({}, KEYS, "dialog[open]"),
}
# What axe-core leaves open: text on a highlighter's stroke, which is a gradient.
CONTRAST = """
const level = (c) => { c /= 255; return c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4; };
const light = ([r, g, b]) => 0.2126 * level(r) + 0.7152 * level(g) + 0.0722 * level(b);
const paint = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
const rgb = (colour) => { paint.fillStyle = colour; paint.fillRect(0, 0, 1, 1); return [...paint.getImageData(0, 0, 1, 1).data]; };
const shown = getComputedStyle(document.documentElement);
const behind = (e) => {
  if (e.matches("mark")) return rgb(shown.getPropertyValue(e.matches(".evidence") ? "--evidence" : "--match"));
  const own = getComputedStyle(e).backgroundColor;
  return own !== "rgba(0, 0, 0, 0)" ? rgb(own) : e.parentElement ? behind(e.parentElement) : rgb("white");
};
const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
const poor = [];
while (walk.nextNode()) {
  const e = walk.currentNode.parentElement;
  if (!walk.currentNode.data.trim() || !e.checkVisibility() || e.closest(".hidden, noscript")) continue;
  const [a, b] = [light(rgb(getComputedStyle(e).color)), light(behind(e))];
  const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  if (ratio < 4.5) poor.push([e.outerHTML.slice(0, 80), ratio]);
}
return poor;
"""
SCREENS = REPOSITORY / "docs" / "screens"


UNSETTLED = ("slow_site", "opening_site", "keyed_site")
PICTURED = {("ar", "light", 1440), ("en", "dark", 320)}


@pytest.mark.parametrize("name", VIEWS)
def test_axe_finds_nothing_in_either_language_light_or_dark_wide_or_narrow(
    browser: Browser, request: pytest.FixtureRequest, name: str
) -> None:
    state = VIEWS[name]
    site = request.getfixturevalue(state.site)
    for lang, width in product(("ar", "en"), (1440, 320)):
        browser.size(width, 900 if width > 500 else 640)
        if width > 500:
            browser.open(at(site, **state.parameters, lang=lang))
        browser.prefer()
        if state.site not in UNSETTLED:
            browser.settled()
            browser.until(lambda: state.site == "empty_site" or browser.one("#holdings").text)
        browser.run(state.script)
        browser.one(state.there)
        for scheme in ("light", "dark"):
            browser.prefer(state.media, prefers_color_scheme=scheme)
            corner = (lang, scheme, width)
            if corner in PICTURED:
                browser.photograph(f"{name}-{lang}", "webp")
            assert (corner, browser.axe()) == (corner, [])
            assert (corner, browser.run(CONTRAST)) == (corner, [])
            wide = browser.run("return document.documentElement.scrollWidth - innerWidth")
            assert (corner, wide) == (corner, 0)


def test_the_pictures_in_docs_are_of_every_view_and_small() -> None:
    wanted = {f"{name}-{lang}.webp" for name in VIEWS for lang in ("ar", "en")}
    there = {path.name: path.stat().st_size for path in SCREENS.iterdir()}
    assert set(there) == wanted
    assert max(there.values()) < 80_000
    page = (REPOSITORY / "docs" / "PAGE.md").read_text("utf-8")
    assert {name for name in wanted if f"(screens/{name})" not in page} == set()


def test_a_link_and_a_citation_are_copied(browser: Browser, library: str) -> None:
    browser.driver.execute_cdp_cmd(
        "Browser.grantPermissions",
        {"permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"]},
    )
    results(browser, library, q="القاهرة كتب")
    first = browser.one(".hit")
    title, text = browser.texts(".title")[0], browser.texts(".passage")[0]
    copied = "const done = arguments[0]; navigator.clipboard.readText().then(done)"
    browser.one(".actions button").click()
    browser.until(lambda: browser.one("#said").text == "نُسخ")
    link = str(browser.driver.execute_async_script(copied))
    assert link.startswith(f"{library}?article=library-")
    browser.run("document.querySelectorAll('.actions button')[1].click()")
    browser.until(lambda: browser.driver.execute_async_script(copied) != link)
    citation = str(browser.driver.execute_async_script(copied))
    assert citation.startswith(f"«{text}»\n")
    assert f"«{title}»" in citation
    assert re.fullmatch(re.escape(link) + "&edition=[0-9a-f]{16}", citation.rpartition(" ")[2])
    assert first.is_displayed()
    browser.open(link)
    assert browser.one("#here").get_property("textContent") == text
    assert browser.complaints() == []


def test_a_citation_tells_of_a_newer_edition(browser: Browser, tmp_path: Path) -> None:
    article: dict[str, object] = {"id": "1", "title": "خبر", "text": "نص عن الوراقين"}
    with started({"FIHRIS_DATA": str(tmp_path)}) as (server, _):
        post(server, [{**article, "url": "https://news.example/1"}])
        browser.open(f"{server}/?article=1")
        copy = (
            browser.one(".actions button[data-copy*='edition=']").get_attribute("data-copy") or ""
        )
        before, _, address = copy.rpartition(" ")
        assert before.endswith("https://news.example/1")
        browser.open(address)
        assert browser.one("h1").text == "خبر"
        assert browser.all("article .notice") == []
        post(server, [{**article, "text": "نص آخر"}])
        browser.open(address)
        assert "تغيّر هذا المقال" in browser.one("article .notice").text
        assert browser.texts(".text") == ["نص آخر"]
        assert browser.axe() == []
    assert browser.complaints() == []


def test_where_a_passage_stands_is_shown_and_cited(browser: Browser, tmp_path: Path) -> None:
    book: dict[str, object] = {
        "id": "1",
        "title": "كتاب",
        "text": "نص عن الوراقين",
        "fihris_places": [[0, "page", "1/12"]],
    }
    with started({"FIHRIS_DATA": str(tmp_path)}) as (server, _):
        post(server, [book, {**book, "id": "/laws/1", "text": "باب آخر فيه سوق الوراقين"}])
        results(browser, f"{server}/", q="الوراقين", mode="keyword")
        assert browser.texts(".hit .where") == ["صفحة 1/12", "صفحة 1/12"]
        cited = browser.all(".actions button")[1].get_attribute("data-copy") or ""
        assert "«كتاب»، صفحة 1/12" in cited
        browser.open(f"{server}/?q=الوراقين&kwic=relevance")
        browser.until(lambda: browser.texts(".kwic .where") == ["صفحة 1/12", "صفحة 1/12"])
        results(browser, f"{server}/", q="الوراقين", mode="keyword", collection="laws")
        assert browser.one(".chip").text.split()[:2] == ["المجموعة:", "laws"]
        assert len(browser.all(".hit")) == 1
    assert browser.complaints() == []


def test_what_has_no_room_to_break_fits_a_phone(browser: Browser, tmp_path: Path) -> None:
    word = "نص" * 45
    article: dict[str, object] = dict.fromkeys(("id", "title", "source", "author"), word)
    article |= {"text": f"كتاب {word * 3} كتاب", "tags": [word], "url": f"http://x/{word}"}
    with started({"FIHRIS_DATA": str(tmp_path)}) as (server, _):
        post(server, [article, {**article, "id": "2", "text": f"قصة {word * 3} قلم"}])
        annotate(server, word, [word], word)
        create(server, "saved", {"q": word, "tag": [word]})
        browser.size(320, 640)
        for view in (
            {"q": word, "mode": "keyword", "source": word},
            {"q": word, "group": "article"},
            {"q": word, "kwic": "after"},
            {"q": word * 10, "mode": "keyword"},  # as long as the box takes
            {"q": word * 20},  # longer than is taken
            {"q": word, "article": word, "passage": f"{word}#0"},
            {"similar": word, "group": "article"},
            {"view": "notes", "label": word},
            {"view": "saved"},
            {"view": "analysis", "text": word},
        ):
            browser.open(at(f"{server}/", **view))
            browser.settled()
            wide = browser.run("return document.documentElement.scrollWidth")
            assert (view, wide) == (view, 320)


def test_a_range_of_dates_narrows(browser: Browser, library: str) -> None:
    results(browser, library, q="مكتبة", mode="keyword")
    browser.run(
        "const from = document.querySelector('.dates [name=from]'); from.value = '2020-01-01';"
        "from.dispatchEvent(new Event('change', { bubbles: true }))"
    )
    browser.until(lambda: address(browser).get("from") == "2020-01-01")
    browser.settled()
    days = [e.get_attribute("datetime") for e in browser.all("time")]
    assert days
    assert min(map(str, days)) >= "2020-01-01"
    assert browser.texts(".chip bdi") == ["١ يناير ٢٠٢٠"]
    assert browser.one(".dates [name=from]").get_property("value") == "2020-01-01"


def test_facets_are_a_sheet_on_a_phone(browser: Browser, library: str) -> None:
    browser.size(360, 740)
    results(browser, library, q="مكتبة")
    assert not browser.one("#narrowing").is_displayed()
    browser.one(".sheet-button").click()
    assert browser.one("#narrowing").is_displayed()
    ActionChains(browser.driver).send_keys(Keys.ESCAPE).perform()
    browser.until(lambda: not browser.one("#narrowing").is_displayed())
    assert browser.run("return document.activeElement.className.includes('sheet-button')")
    browser.one(".sheet-button").click()
    browser.one(".facet a").click()
    browser.one(".chip")
    assert not browser.one("#narrowing").is_displayed()
    browser.size(1440)
    assert browser.one("#narrowing").is_displayed()
    assert not browser.one(".sheet-button").is_displayed()


def test_similar_passages_and_articles_are_found(browser: Browser, library: str) -> None:
    results(browser, library, q="بغداد", mode="keyword")
    text = browser.texts(".passage")[0]
    browser.run("document.querySelector('.actions a').click()")
    browser.one(".like")
    browser.settled()
    assert browser.texts(".like p[dir]") == [text]
    assert browser.texts(".passage")
    assert text not in browser.texts(".passage")
    browser.run("document.querySelector('.hit .title a').click()")
    browser.one(".whole")
    browser.run("document.querySelector('.whole > .actions a').click()")
    browser.until(lambda: "group" in address(browser))
    browser.one(".like")
    assert browser.one("h1").text == "مقالات تشبه هذا"
    assert browser.one(".like p").value_of_css_property("direction") == "rtl"
    assert browser.all(".hits > li")
    assert browser.complaints() == []


def test_frequencies_are_drawn_by_year(browser: Browser, library: str) -> None:
    browser.open(at(library, q="مكتبة", kwic="relevance"))
    browser.one(".plot svg")
    assert len(browser.all(".plot rect")) == 2022 - 2015 + 1  # years without any too
    label = str(browser.one(".plot svg").get_attribute("aria-label"))
    assert "٢٠١٥" in label
    assert "٢٠٢٢" in label
    first = browser.texts(".plot rect:first-child title")[0]
    assert first.startswith("٢٠١٥: ")


def test_the_page_is_numbered(browser: Browser, library: str) -> None:
    results(browser, library, q="مكتبة", mode="keyword")
    assert browser.texts(".numbers a") == ["١", "٢"]
    browser.run("document.querySelector('.numbers a:nth-child(2)').click()")
    browser.until(lambda: address(browser).get("start") == "10")
    browser.settled()
    assert browser.one(".numbers [aria-current=page]").text == "٢"
    assert not browser.all(".next")


def test_what_is_printed_is_what_was_asked_and_the_results(browser: Browser, library: str) -> None:
    results(browser, library, q="مكتبة", source="الوراق")
    browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    for asked in ("#q", ".chip", ".passage"):
        assert browser.one(asked).is_displayed(), asked
    for hidden in (
        "#search button",
        ".modes",
        ".navigation",
        ".tools",
        "#narrowing",
        ".actions",
        ".colophon",
    ):
        assert not browser.one(hidden).is_displayed(), hidden
    browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})


def test_results_are_downloaded_as_a_table_and_as_citations(browser: Browser, library: str) -> None:
    results(browser, library, q="مكتبة", source="الوراق")
    files = [link.get_attribute("href") for link in browser.all(".files a")]
    browser.open(at(library, q="مكتبة", source="الوراق", kwic="before"))
    files.append(browser.one("#view a[download]").get_attribute("href"))
    assert len(files) == 4
    for file in files:
        script = (
            "const [address, done] = arguments; fetch(address).then((a) => a.text()).then(done)"
        )
        content = browser.driver.execute_async_script(script, file)
        assert "الوراق" in content
        assert "دار الكتب" not in content
    assert quote("مكتبة") in str(file)


def test_both_languages_say_everything(browser: Browser, site: str) -> None:
    browser.open(site)
    script = """
    const done = arguments[0];
    const names = (texts, path = "") => Object.entries(texts).flatMap(([name, text]) =>
      typeof text === "object" && !Array.isArray(text) ? names(text, `${path}${name}.`) : [path + name]);
    Promise.all(["arabic", "english"].map((one) => import(`/static/${one}.js`)))
      .then((both) => done(both.map((one) => names(one.default).sort())));
    """
    arabic, english = browser.driver.execute_async_script(script)
    plural = {"zero", "one", "two", "few", "many", "other"}  # Arabic has more forms
    assert [n for n in arabic if n.split(".")[-1] not in plural] == [
        n for n in english if n.split(".")[-1] not in plural
    ]


def test_a_hit_explains_itself_and_leads_to_how_its_words_are_analysed(
    browser: Browser, library: str
) -> None:
    results(browser, library, q="المكتبات", mode="keyword")
    browser.one(".why summary").click()
    first = browser.until(lambda: browser.all(".why[open] li"), "reasons")[0]
    assert first.text.startswith("«المكتبات»: ")
    assert "فقرة، أعطت" in first.text
    browser.one(".why[open] li a").click()
    browser.one(".word")
    assert address(browser)["text"] == "المكتبات"
    said = browser.texts(".word dl div")
    assert {"الجذعمكتب", "بلا فروق الإملاءالمكتبات"} <= set(said)
    assert any(line.startswith("من أسرتها") and "كاتب" in line for line in said)
    browser.one(".ask input").clear()
    browser.one(".ask input").send_keys("عبد الله", Keys.ENTER)
    browser.until(lambda: browser.texts(".word h2") == ["عبد", "الله"])
    assert "الاسم مكتوبًا بوجه آخرعبدالله" in browser.texts(".word dl div")
    browser.driver.back()
    browser.until(lambda: browser.texts(".word h2") == ["المكتبات"])
    assert browser.complaints() == []
