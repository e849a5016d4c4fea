"""A reader's own labels and notes on the page: written, seen, searched by, kept and removed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

from tests.browser.conftest import LIBRARY, Browser, annotate, post
from tests.browser.test_page import address, at, results
from tests.serving import started

pytestmark = pytest.mark.slow

PLACES = "return [...document.querySelectorAll('.hit, .hit a, .hit button')].map((e) => JSON.stringify(e.getBoundingClientRect()))"


@pytest.fixture
def own(tmp_path: Path) -> Iterator[str]:
    with started({"FIHRIS_DATA": str(tmp_path)}) as (address, _):
        post(address, LIBRARY[:3])
        yield f"{address}/"


def test_a_note_is_written_by_keys_and_narrows_a_search(browser: Browser, own: str) -> None:
    results(browser, own, q="مكتبة", mode="keyword")
    hits = len(browser.all(".hit"))
    first = browser.one(".hit .noter")
    target = first.get_attribute("data-note")
    browser.run("arguments[0].focus()", first)
    ActionChains(browser.driver).send_keys(Keys.ENTER).perform()
    browser.one("dialog[open]")
    ActionChains(browser.driver).send_keys(
        "شاهد، للنشر", Keys.TAB, "أول ملاحظة", Keys.TAB, Keys.ENTER
    ).perform()
    browser.until(lambda: browser.one("#said").text == "حُفظت", "it is said")
    browser.until(lambda: browser.all(f".noter[data-note='{target}'][data-written]"), "the mark")
    assert browser.run("return document.activeElement.dataset.note") == target
    assert browser.all("dialog[open]") == []
    label = browser.one(f".noter[data-note='{target}']").get_attribute("aria-label")
    assert label == "ملاحظتي: كُتب ١"
    browser.run(
        "[...document.querySelectorAll('.facet a')].find((a) => a.textContent.includes('للنشر')).click()"
    )
    browser.until(lambda: address(browser).get("label") == "للنشر", "the filter")
    browser.settled()
    assert 0 < len(browser.all(".hit")) < hits
    assert "وسمي: للنشر" in browser.texts(".chip")[0]
    assert not browser.all(".saving")
    assert browser.complaints() == []


def test_nothing_moves_when_it_is_known_what_is_written(browser: Browser, own: str) -> None:
    results(browser, own, q="مكتبة", mode="keyword")
    browser.until(lambda: browser.all(".noter"), "buttons")
    before = browser.run(PLACES)
    target = str(browser.one(".hit .noter").get_attribute("data-note"))
    annotate(own.rstrip("/"), target, [], "من بعيد")
    results(browser, own, q="مكتبة", mode="keyword")
    browser.until(lambda: browser.all(".noter[data-written]"), "the mark")
    assert browser.run(PLACES) == before


def test_notes_stay_when_an_article_is_replaced_until_they_are_removed(
    browser: Browser, own: str
) -> None:
    here = own.rstrip("/")
    annotate(here, "library-0#1", ["شاهد"], "على الفقرة")
    annotate(here, "library-0", [], "على المقال")
    browser.open(at(own, article="library-0", passage="library-0#1"))
    browser.until(lambda: len(browser.all(".notes li")) == 2, "both notes")
    post(here, [{**LIBRARY[0], "text": "نص جديد لا يشبه ما كان"}])
    browser.open(at(own, view="notes"))
    browser.until(lambda: len(browser.all(".searches > li")) == 2, "both notes")
    assert "لم تعد هذه الفقرة في المقال:" in browser.texts(".searches .note")
    browser.one(".ask input").send_keys("الفقرات", Keys.ENTER)
    browser.until(lambda: browser.texts(".written") == ["على الفقرة"], "the words are found")
    browser.one(".searches .noter").click()
    browser.one("dialog[open]")
    assert len(browser.all("dialog form")) == 3
    remove = "document.querySelector('dialog form button:not([type=submit])').click()"
    browser.run(remove)
    assert len(browser.all("dialog form")) == 3
    browser.run(remove)
    browser.until(lambda: browser.one("#said").text == "حُذفت", "it is said")
    browser.one("dialog[open], h1")
    browser.open(at(own, view="notes"))
    browser.until(lambda: len(browser.all(".searches > li")) == 1, "the other")
    assert browser.complaints() == []


def test_more_notes_come_with_a_click_and_what_fails_is_said(browser: Browser, own: str) -> None:
    for number in range(21):
        annotate(own.rstrip("/"), f"library-{number % 3}", [], f"ملاحظة {number}")
    browser.open(at(own, view="notes"))
    more = browser.one(".searches + p button")
    browser.block("*/v1/annotations*")
    more.click()
    browser.until(lambda: "تعذّر الوصول إلى الخادم" in browser.texts("#said")[0], "it is said")
    browser.block()
    more.click()
    browser.until(lambda: len(browser.all(".searches > li")) == 21, "all of them")
