"""What a person sees and does: the page in a real Chromium, over the real server."""

from __future__ import annotations

from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

from search.domain import ArticleInfo, Passage, StoredPassage, Variant
from tests.browser.conftest import Browser, Told
from tests.support import SEEDS

pytestmark = pytest.mark.slow

SEED = "/files/seeds/000_68ec81c8af20b3f5.txt"
QUERY = "ضربات جوية في العراق"
QUESTION = "Who was behind the missile attack on the base?"
PARAGRAPHS = (SEEDS / SEED.rpartition("/")[2]).read_text("utf-8").splitlines()


def at(site: str, **parameters: object) -> str:
    return f"{site}?{urlencode(parameters)}"


def address(browser: Browser) -> dict[str, str]:
    found = parse_qs(urlsplit(browser.driver.current_url).query)
    return {name: ",".join(values) for name, values in found.items()}


def ask(browser: Browser, text: str) -> None:
    box = browser.one("#q")
    box.clear()
    box.send_keys(text, Keys.ENTER)
    browser.until(lambda: address(browser).get("q") == text)
    browser.settled()


def results(browser: Browser, site: str, **parameters: object) -> None:
    browser.open(at(site, **parameters))
    browser.one(".hits")
    browser.settled()


def test_an_arabic_search(browser: Browser, site: str) -> None:
    browser.open(site)
    assert browser.one("html").get_attribute("dir") == "rtl"
    assert browser.one("html").get_attribute("lang") == "ar"
    browser.until(lambda: browser.one("#holdings").text == "في الفهرس مقال واحد، ٢١ فقرة")
    browser.photograph("home")
    ask(browser, QUERY)
    assert browser.driver.title == f"{QUERY} · فهرس"
    passages = browser.texts(".passage")
    assert passages[0] == PARAGRAPHS[0]
    assert set(passages) <= set(PARAGRAPHS)
    marks = browser.texts(".hits li:first-child .passage mark")
    assert {"ضربات", "جوية", "العراق"} <= set(marks)
    assert "فقرة" in browser.one("#count").text
    assert "CNN Arabic" in browser.one(".facts").text
    assert browser.one(".badge.keyword").text == "كما كُتبت"
    assert browser.one(".badge.semantic").text == "المعنى: ١"
    browser.one(".why summary").click()
    words = browser.texts(".hits li:first-child .why li")
    assert words[:3] == ["ضربات: كما كُتبت", "جوية: كما كُتبت", "العراق: كما كُتبت"]
    assert words[3].startswith("المرتبة ١ بين نتائج الكلمات")
    browser.photograph("results-ar")
    assert browser.complaints() == []


def test_where_no_passage_has_the_words_none_are_counted(browser: Browser, site: str) -> None:
    results(browser, site, q="snow")
    assert browser.one("#count").text.startswith("أقرب الفقرات معنى · ")
    browser.until(lambda: browser.all(".badge.semantic"))


def test_modes_are_in_the_address_and_back_goes_back(browser: Browser, site: str) -> None:
    results(browser, site, q="بغداد")
    assert browser.all(".badge.semantic")
    browser.one("input[value=keyword]").click()
    browser.until(lambda: not browser.all(".badge.semantic"))
    assert address(browser) == {"q": "بغداد", "mode": "keyword"}
    assert "فقرة واحدة" in browser.one("#count").text
    browser.one("input[value=semantic]").click()
    browser.until(lambda: browser.all(".badge.semantic"))
    assert "أقرب الفقرات معنى" in browser.one("#count").text
    browser.driver.back()
    browser.until(lambda: not browser.all(".badge.semantic"))
    assert browser.one("input[value=keyword]").is_selected()
    browser.driver.back()
    browser.until(lambda: browser.all(".badge.semantic"))
    assert browser.one("input[value=hybrid]").is_selected()
    browser.driver.forward()
    browser.until(lambda: not browser.all(".badge.semantic"))
    assert browser.complaints() == []


def test_an_english_question_is_answered_by_meaning(browser: Browser, site: str) -> None:
    results(browser, site, q=QUESTION, lang="en")
    assert browser.one("html").get_attribute("dir") == "ltr"
    assert any("كتائب حزب الله هي المسؤولة" in text for text in browser.texts(".passage")[:3])
    evidence = browser.texts(".passage mark.evidence")
    assert evidence
    assert all(any(e in paragraph for paragraph in PARAGRAPHS) for e in evidence)
    assert "meaning #1" in " ".join(browser.texts(".badge"))
    first = browser.one(".passage")
    assert first.value_of_css_property("direction") == "rtl"  # its own, not the page's
    browser.photograph("results-en")
    assert browser.complaints() == []


def test_what_the_readme_shows(browser: Browser, site: str, library: str) -> None:
    browser.size(1000, 760)
    browser.prefer(prefers_color_scheme="light")
    for _ in range(2):  # the first of a kind takes longer, which need not be in the picture
        results(browser, site, q="Why did the United States strike targets in Iraq?")
    assert {"الولايات", "المتحدة", "العراق"} <= set(browser.texts(".passage mark"))
    browser.photograph("search-page")  # is docs/search-page.png
    browser.size(1440)
    results(browser, library, q="كتب في المكتبة")  # as docs/screens/results-ar.webp
    assert set(browser.texts(".narrowing h2")) >= {"التاريخ", "المصدر", "الكاتب", "الوسم"}
    browser.one(".why summary").click()
    assert browser.until(lambda: browser.texts(".why[open] li"))
    assert browser.complaints() == []


def test_the_whole_article_opens_at_the_paragraph(browser: Browser, site: str) -> None:
    results(browser, site, q="السوداني")
    wanted = browser.texts(".hits li:first-child .passage")[0]
    browser.run("document.querySelector('.hits li:first-child a').click()")
    here = browser.one("#here")
    browser.settled()
    assert here.get_property("textContent") == wanted
    assert here.get_attribute("aria-current") == "true"
    assert browser.run(
        "const r = arguments[0].getBoundingClientRect(); return r.top >= 0 && r.bottom <= innerHeight",
        here,
    )
    assert browser.run("return document.activeElement.id") == "here"
    assert browser.texts(".text p") == PARAGRAPHS
    assert address(browser)["article"] == SEED
    assert "CNN Arabic" in browser.one(".facts").text
    browser.photograph("article")
    browser.run("document.querySelector('.back a').click()")
    browser.one(".hits")
    assert address(browser) == {"q": "السوداني"}
    browser.driver.forward()
    browser.one("#here")
    browser.driver.refresh()
    assert browser.one("#here").get_property("textContent") == wanted
    assert browser.complaints() == []


def test_an_article_leads_from_one_marked_word_to_the_next(browser: Browser, site: str) -> None:
    results(browser, site, q="العراق")
    browser.run("document.querySelector('.title a').click()")
    steps = browser.one(".steps")
    count = len(browser.all(".text mark"))
    assert count > 5
    previous, following = browser.all(".steps button")
    following.click()
    first = browser.run(
        "return document.querySelector('mark.current') === document.querySelector('.text mark')"
    )
    assert first is True
    previous.click()
    assert (
        browser.run(
            "const all = document.querySelectorAll('.text mark'); return all[all.length - 1].className"
        )
        == "current"
    )
    assert "من" in steps.text
    browser.photograph("steps")
    assert browser.complaints() == []


def test_the_language_is_switched_and_remembered(browser: Browser, site: str) -> None:
    results(browser, site, q="بغداد")
    browser.one("#language").click()
    browser.until(lambda: browser.one("html").get_attribute("lang") == "en")
    assert browser.one("html").get_attribute("dir") == "ltr"
    assert address(browser) == {"q": "بغداد", "lang": "en"}
    assert browser.one("button[type=submit]").text == "Search"
    assert browser.one("#holdings").text == "The index holds 1 article, 21 passages"
    browser.settled()
    browser.open(site)
    assert browser.one("html").get_attribute("lang") == "en"
    browser.one("#language").click()
    browser.until(lambda: browser.one("html").get_attribute("lang") == "ar")
    browser.open(site)
    assert browser.one("html").get_attribute("lang") == "ar"


def test_what_was_searched_besides_is_shown(browser: Browser, site: str) -> None:
    results(browser, site, q="al3iraq", mode="keyword")
    assert "بحثنا أيضًا عن:" in browser.one(".also").text
    assert "العراق" in browser.one(".also").text
    assert "العراق" in browser.texts(".passage mark")
    browser.photograph("searched-also")
    browser.one(".also a").click()
    browser.one(".notice")
    assert "literal" in browser.driver.current_url
    ask(browser, "Baghdad")
    assert "Baghdad: " in browser.one(".also").text
    assert browser.complaints() == []


def test_pages(browser: Browser, site: str) -> None:
    results(browser, site, q=QUERY)
    first = browser.texts(".passage")
    assert len(first) == 10
    assert not browser.all(".prev")
    browser.run("const next = document.querySelector('.next'); next.scrollIntoView(); next.click()")
    browser.until(lambda: address(browser).get("start") == "10")
    browser.until(lambda: browser.all(".prev"))
    assert not set(first) & set(browser.texts(".passage"))
    assert browser.run("return scrollY") == 0
    browser.driver.back()
    browser.until(lambda: browser.texts(".passage") == first)
    browser.until(lambda: browser.run("return scrollY > 300"), "the place left")
    assert browser.complaints() == []


def test_back_forward_and_reload_keep_the_place_in_an_article(browser: Browser, site: str) -> None:
    results(browser, site, q="العراق")
    browser.run("document.querySelector('.hits li:last-child a').click()")
    browser.one("#here")
    browser.settled()
    browser.run("scrollTo(0, document.documentElement.scrollHeight)")
    left = browser.until(lambda: browser.run("return history.state.scroll === scrollY && scrollY"))
    browser.driver.back()
    browser.one(".hits")
    browser.driver.forward()
    browser.one("#here")
    browser.until(lambda: browser.run("return scrollY") == left, "the place left")
    browser.driver.refresh()
    browser.one("#here")
    browser.until(lambda: browser.run("return scrollY") == left, "the place before")
    assert browser.complaints() == []


def test_a_view_keeps_its_title_and_a_dialog_goes_with_what_it_is_of(
    browser: Browser, site: str
) -> None:
    browser.open(at(site, view="status", lang="en"))
    browser.one(".status")
    browser.until(lambda: browser.one("#holdings").text)
    assert browser.driver.title == "Status of the index · Fihris"
    browser.one("[data-place=add]").click()
    browser.one(".drop")
    ActionChains(browser.driver).send_keys("?").perform()
    browser.one("#help[open]")
    browser.driver.back()
    browser.one(".status")
    assert not browser.all("dialog[open]")


def test_a_source_narrows_and_is_taken_off(browser: Browser, site: str) -> None:
    results(browser, site, q="بغداد")
    browser.run("document.querySelector('.about a:not(.place)').click()")
    browser.until(lambda: browser.all(".chip"))
    assert address(browser)["source"] == "CNN Arabic"
    assert "CNN Arabic" in browser.one(".chip").text
    browser.one(".chip").click()
    browser.until(lambda: not browser.all(".chip"))
    assert "source" not in address(browser)


def test_a_facet_narrows_and_widens_again(browser: Browser, site: str) -> None:
    results(browser, site, q="العراق", mode="keyword", source="CNN Arabic")
    amount = browser.one("#count").text.split()[0]
    assert browser.one(".facet").text.split() == ["المصدر", "CNN", "Arabic", amount]
    assert browser.one(".facet a").get_attribute("aria-current") == "true"
    browser.photograph("facets")
    browser.one(".facet a").click()
    browser.until(lambda: "source" not in address(browser))
    assert browser.complaints() == []


def test_the_passages_of_an_article_are_put_together(browser: Browser, site: str) -> None:
    results(browser, site, q="العراق", mode="keyword")
    amount = browser.one("#count").text.split(" · ")[0]
    browser.one(".tabs a:nth-child(2)").click()
    browser.until(lambda: address(browser).get("group") == "article")
    browser.until(lambda: len(browser.all(".hits > li")) == 1)
    assert len(browser.texts(".passage")) == 3
    assert browser.one("#count").text.startswith(f"مقال واحد · {amount}")
    assert browser.one(".more").text.startswith(amount)
    browser.photograph("groups")
    assert browser.complaints() == []


def test_words_in_context(browser: Browser, site: str) -> None:
    results(browser, site, q="العراق")
    browser.one(".tabs a:last-child").click()
    browser.one(".kwic")
    assert address(browser)["kwic"] == "relevance"
    assert browser.one("#count").text.split(" · ")[0].endswith(("مواضع", "موضعًا", "موضع"))
    for words in browser.texts(".line"):
        assert any(words in paragraph for paragraph in PARAGRAPHS)
    line, mark = browser.one(".line"), browser.one(".line mark")
    assert line.value_of_css_property("direction") == "rtl"
    before, after = (browser.one(f".line .{side}").rect["x"] for side in ("after", "before"))
    assert before < mark.rect["x"] < after  # what is read first is on the right
    rows = browser.texts(".frequencies tbody tr")
    assert any(row.startswith("CNN Arabic") for row in rows)
    assert browser.one("meter").get_attribute("value") == browser.one("meter").get_attribute("max")
    browser.photograph("kwic-ar")
    browser.one(".sorts a:last-child").click()
    browser.until(lambda: address(browser)["kwic"] == "after")
    browser.settled()
    browser.one(".frequencies a").click()  # the source: a filter
    browser.until(lambda: address(browser).get("source") == "CNN Arabic")
    browser.settled()
    browser.one("#language").click()
    browser.until(lambda: "occurrence" in browser.one("#count").text)
    browser.prefer(prefers_color_scheme="dark")
    browser.photograph("kwic-en")
    assert not browser.all(".about > bdi")  # a dot would follow it on its side, not the page's
    browser.one(".from a").click()
    browser.one("#here mark")
    browser.driver.back()
    browser.one(".kwic")
    browser.one(".tabs a").click()
    browser.one(".hits")
    assert "kwic" not in address(browser)
    browser.open(at(site, q="كلمةلاتوجد", kwic="before"))
    browser.one(".notice")
    assert browser.complaints() == []


def test_each_kind_of_what_was_searched_besides_is_switched_off(
    browser: Browser, told_site: str, told: Told
) -> None:
    told.besides = (
        Variant("Baghdad", ("بغداد", "البغدادي")),
        Variant("الخليج", ("الجزيرة",), "synonym"),
    )
    results(browser, told_site, q="Baghdad الخليج", lang="en")
    assert [line.split(" · ")[0] for line in browser.texts(".also li")] == [
        "Baghdad: بغداد, البغدادي",
        "الخليج: الجزيرة",
    ]
    browser.photograph("searched-also-kinds")
    browser.all(".also li a")[1].click()  # without synonyms
    browser.until(lambda: address(browser).get("also") == "latin")
    browser.until(lambda: browser.texts(".also li") == ["Baghdad: بغداد, البغدادي"])
    browser.driver.back()
    browser.until(lambda: len(browser.texts(".also li")) == 2)
    assert browser.complaints() == []


def test_how_operators_were_read_is_said(browser: Browser, site: str) -> None:
    results(browser, site, q='مصدر:"cnn arabic" العراق NEAR/50 بغداد', lang="en")
    read = "Read as: Source: cnn arabic · العراق NEAR/50 بغداد (50 words between at most)"
    assert read in browser.texts(".also")
    browser.open(at(site, q="العراق -source:CNN", mode="keyword"))
    browser.until(lambda: "فُهم البحث: ليس المصدر: CNN" in browser.texts(".also"))
    assert browser.complaints() == []


def test_the_order_by_date_is_chosen(browser: Browser, site: str) -> None:
    results(browser, site, q="العراق")
    browser.one(".order option[value=oldest]").click()
    browser.until(lambda: address(browser).get("sort") == "oldest")
    browser.until(lambda: not browser.all(".badge.semantic"))  # nothing has a rank
    assert browser.one(".order select").get_attribute("value") == "oldest"
    places = [str(link.get_attribute("href")) for link in browser.all(".hit .place")]
    assert places == sorted(places, key=lambda place: place.partition("%23")[0])
    assert " · فيها كلمات البحث · " in browser.one("#count").text
    browser.photograph("by-date")
    assert browser.complaints() == []


def test_the_keyboard_is_enough(browser: Browser, site: str) -> None:
    results(browser, site, q="بغداد")
    keys = ActionChains(browser.driver)
    keys.send_keys("/").perform()
    assert browser.run("return document.activeElement.id") == "q"
    assert browser.run("return getSelection().toString() || q.value.length === q.selectionEnd")
    keys.send_keys("العراق/سوريا", Keys.ENTER).perform()  # a slash while typing is a slash
    browser.until(lambda: address(browser).get("q") == "العراق/سوريا")
    browser.settled()
    visited = []
    for _ in range(6):
        keys = ActionChains(browser.driver)
        keys.send_keys(Keys.TAB).perform()
        visited.append(
            browser.run(
                "const e = document.activeElement; return e.type || e.closest('h2')?.className"
            )
        )
    assert visited[:2] == ["submit", "radio"]
    assert visited[5] == "select-one"  # after the three forms of the results
    outline = browser.run("return getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"


def test_the_first_stop_skips_to_the_content(browser: Browser, site: str) -> None:
    results(browser, site, q="بغداد")
    browser.run("document.activeElement.blur(); scrollTo(0, 0)")
    ActionChains(browser.driver).send_keys(Keys.TAB).perform()
    assert browser.run("return document.activeElement.className") == "skip"
    assert browser.run("return document.activeElement.getBoundingClientRect().top >= 0")
    browser.run("document.querySelector('.hits').dataset.old = ''")
    ActionChains(browser.driver).send_keys(Keys.ENTER).perform()
    browser.until(lambda: browser.run("return location.hash") == "#main")
    browser.settled()
    assert browser.run("return document.activeElement.id") == "main"
    assert browser.all(".hits[data-old]"), "the results were loaded again"


def test_nothing_asked_shows_how_to_ask(browser: Browser, site: str) -> None:
    browser.open(site)
    assert len(browser.until(lambda: browser.all(".tips dt a"))) == 4
    browser.run("document.querySelectorAll('.tips dt a')[1].click()")
    browser.one(".hits")
    assert browser.texts(".hits li:first-child mark")
    assert browser.one("#q").get_property("value") == "«كتائب حزب الله»"
    assert browser.complaints() == []


def test_nothing_found_says_what_to_try(browser: Browser, site: str) -> None:
    browser.open(at(site, q="قططططة", mode="keyword"))
    notice = browser.one(".notice")
    assert "لا نتائج" in notice.text
    assert browser.one("#count").get_property("textContent") == "لا نتائج لهذا البحث"  # announced
    browser.photograph("none")
    browser.run("document.querySelector('.notice a').click()")
    browser.one(".hits")
    assert address(browser)["mode"] == "semantic"


def test_nothing_found_says_which_word_is_missing_and_what_the_others_find(
    browser: Browser, site: str
) -> None:
    browser.open(at(site, q="+بغداد +قططططة", mode="keyword"))
    notice = browser.one(".notice")
    assert "قططططة: ليست في أي فقرة" in notice.text
    browser.photograph("none-of-two")
    browser.run("document.querySelector('.notice a').click()")
    browser.one(".hits")
    assert address(browser)["q"] == "+بغداد"


def test_a_server_that_is_gone_is_told_and_tried_again(browser: Browser, site: str) -> None:
    results(browser, site, q="بغداد")
    browser.block("*/v1/search*")
    browser.one("input[value=keyword]").click()
    failure = browser.one(".failure")
    assert failure.get_attribute("role") == "alert"
    assert "تعذّر الوصول إلى الخادم" in failure.text
    browser.photograph("error")
    browser.block()
    browser.one(".failure button").click()
    browser.one(".hits")


def test_a_refusal_is_told_with_its_request_id(browser: Browser, site: str) -> None:
    browser.open(at(site, q="x", start=9995))
    failure = browser.one(".failure")
    assert "١٠٬٠٠٠" in failure.text
    assert "10,000" in browser.one(".detail").text
    assert len(browser.one(".failure code").text) == 32
    browser.open(at(site, article="nothing"))
    assert "لا يوجد هذا في الفهرس" in browser.one(".failure").text


def test_texts_are_never_markup(browser: Browser, told_site: str, told: Told) -> None:
    results(browser, told_site, q="x")
    assert browser.texts(".passage") == [told.engine.passage.text]
    assert browser.texts(".title") == [told.engine.passage.text]
    assert not browser.all("#view img, #view b")
    browser.open(at(told_site, article="a", passage="a#0"))
    assert browser.one("#here").get_property("textContent") == told.engine.passage.text
    assert not browser.all("#view img, #view b")
    assert browser.complaints() == []


def test_a_server_that_is_still_opening_is_waited_for(
    browser: Browser, opening_site: str, told: Told
) -> None:
    browser.open(at(opening_site, q="x"))
    assert "الخادم يفتح الفهرس" in browser.one(".failure").text
    told.open.set()
    browser.one(".hits")
    browser.until(lambda: "مقال واحد" in browser.one("#holdings").text)


def test_near_copies_stand_under_a_result_until_they_are_opened(
    browser: Browser, told_site: str, told: Told
) -> None:
    info = ArticleInfo("b", title="عاجل: <b>نص</b>", source="رويترز")
    told.copies = (StoredPassage(Passage("b", 2, 0, 2, "نص"), info),) * 3
    results(browser, told_site, q="x")
    assert browser.texts(".copies summary") == ["و٣ نسخ قريبة"]
    assert not browser.one(".copies a").is_displayed()
    browser.one(".copies summary").click()
    link = browser.one(".copies .about a")  # with a dot between it and its source
    assert link.is_displayed()
    assert link.text == "عاجل: <b>نص</b>"
    assert "article=b&passage=b%232" in str(link.get_attribute("href"))
    browser.photograph("copies")
    browser.one(".narrowing section:has(h2):not(.facet, .saving) a").click()
    browser.until(lambda: "apart" in browser.driver.current_url)
    browser.settled()
    browser.until(lambda: not browser.all(".copies"))
    results(browser, told_site, q="x", lang="en")
    assert browser.texts(".copies summary") == ["and 3 near copies"]
    assert browser.complaints() == []


def test_what_is_degraded_is_said(browser: Browser, told_site: str, told: Told) -> None:
    told.degraded = ("semantic",)
    results(browser, told_site, q="x")
    assert "البحث بالمعنى غير متاح" in browser.one(".banner").text
    browser.photograph("degraded")


def test_loading_is_shown_and_a_late_answer_is_not(
    browser: Browser, told_site: str, told: Told
) -> None:
    told.open.clear()
    browser.open(at(told_site, q="slow"))
    assert browser.one(".skeleton").get_attribute("aria-label") == "جارٍ البحث"
    assert browser.one("main").get_attribute("aria-busy") == "true"
    browser.photograph("loading")
    ask(browser, "quick")
    assert browser.all(".hits")
    told.open.set()
    browser.until(lambda: len(told.asked) == 2)
    assert browser.driver.title.startswith("quick")
    assert not browser.all(".skeleton")


def test_everything_has_a_name_and_a_role(browser: Browser, site: str) -> None:
    results(browser, site, q=QUERY)
    for element in browser.all("a, button, input, nav, form"):
        if element.is_displayed() and element.get_attribute("class") != "skip":
            assert element.accessible_name or element.tag_name == "form", element.get_attribute(
                "outerHTML"
            )
    assert browser.one("#q").accessible_name == "نص البحث"
    assert browser.one("form").aria_role == "search"
    assert browser.one(".modes").aria_role in ("group", "radiogroup")
    assert browser.one("#count").get_attribute("role") == "status"
    assert [len(browser.all(s)) for s in ("main", "h1", "header.masthead")] == [1, 1, 1]
    assert len(browser.all(".hit h2")) == len(browser.all(".hit"))
    assert all(e.get_attribute("dir") == "auto" for e in browser.all(".passage, .hit h2"))


@pytest.mark.parametrize("width", [320, 768])
def test_nothing_is_wider_than_the_screen(browser: Browser, site: str, width: int) -> None:
    browser.size(width, 800)
    for name, parameters in {
        "home": {},
        "results": {"q": QUERY, "source": "CNN Arabic"},
        "article": {"q": "x", "article": SEED, "passage": f"{SEED}#3"},
    }.items():
        browser.open(at(site, **parameters))
        browser.settled()
        assert browser.run("return document.documentElement.scrollWidth") == width
        browser.photograph(f"{width}-{name}")


def test_motion_is_reduced_when_asked(browser: Browser, told_site: str, told: Told) -> None:
    told.open.clear()
    browser.prefer(prefers_reduced_motion="reduce")
    browser.open(at(told_site, q="slow"))
    assert browser.one(".skeleton .bar").value_of_css_property("animation-name") == "none"
