"""An index that is empty, filled and followed from the page, in a real Chromium."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import cast

import pytest
from selenium.webdriver.remote.webelement import WebElement

from api.app import create_app
from search.keys import KeyFile
from search.ranking.searcher import Searcher
from search.settings import Settings
from tests.browser.conftest import DROP, LIBRARY, Browser, Told, post, serving
from tests.browser.test_page import address, at, results

pytestmark = pytest.mark.slow


def test_from_an_empty_index_to_a_search_that_is_followed(
    browser: Browser, empty_site: str, tmp_path: Path
) -> None:
    """The path of a newcomer, on one server: what one step leaves the next one needs."""
    browser.open(empty_site)
    browser.until(lambda: "الفهرس خالٍ بعد" in browser.texts("h1"))
    assert "fihris index articles/" in browser.texts("pre")[0]
    assert empty_site in browser.texts("pre")[1]
    assert browser.axe() == []
    browser.photograph("empty")

    # The example is added, and searched by meaning.
    browser.run(
        "[...document.querySelectorAll('button')].find((b) => b.textContent === 'أضف المثال').click()"
    )
    browser.until(lambda: "أُضيف المثال" in browser.one("#view").text)
    browser.one("#view .way [role=status] a").click()
    browser.one(".hits")
    assert "حنين بن إسحاق" in browser.texts(".passage")[0]

    # Files are dropped: each says what became of it.
    browser.open(at(empty_site, view="add"))
    browser.one(".drop")
    browser.run(
        DROP,
        [["خبر.txt", "نص أول عن المكتبات القديمة في بغداد."], ["صورة.xyz", "؟"], ["فارغ.txt", ""]],
    )
    browser.until(lambda: "٢" in browser.one(".upload-end").text)
    rows = browser.texts(".uploads > li")
    assert "مقال واحد: جديد ١" in rows[0]
    assert "هذا النوع من الملفات لا يُقرأ" in rows[1]
    assert "ليس في الملف نص" in rows[2]
    assert browser.axe() == []
    browser.photograph("uploads")
    chosen = tmp_path / "chosen.txt"
    chosen.write_text("نص آخر عن الكتب والقراءة.", "utf-8")
    browser.one("input[type=file]").send_keys(str(chosen))
    browser.until(lambda: len(browser.all(".uploads > li.stored")) == 2)

    # A search is saved; what comes later and matches is gathered.
    results(browser, empty_site, q="مكتبة عامة", mode="keyword")
    browser.one(".saving button").click()
    browser.one(".saving a").click()
    browser.one(".searches")
    assert browser.texts(".searches .title") == ["مكتبة عامة"]
    assert "لا شيء جديد بعد" in browser.one(".searches").text
    post(empty_site.rstrip("/"), LIBRARY[:6])
    browser.driver.refresh()
    browser.until(lambda: "موافقتان" in browser.one(".searches").text)
    assert browser.axe() == []
    browser.one(".searches .title a").click()
    browser.until(lambda: len(browser.all(".hit")) == 2)
    assert "بالكلمات" in browser.one(".reasons").text
    assert browser.axe() == []
    browser.photograph("matches")
    browser.driver.back()
    browser.one(".searches .actions button").click()  # asks once more
    browser.one(".searches .actions button").click()
    browser.until(lambda: not browser.all(".searches li"))

    # The example goes as it came, and the status says what is left.
    browser.open(at(empty_site, view="add"))
    browser.one(".drop")
    browser.run(
        "[...document.querySelectorAll('button')].find((b) => b.textContent === 'احذف المثال').click()"
    )
    browser.until(lambda: "حُذف المثال" in browser.one("#view").text)
    browser.open(at(empty_site, view="status", lang="en"))
    browser.until(lambda: browser.all(".status div"))
    assert browser.texts(".status div")[:2] == ["StateEverything works", "Articles8"]
    assert address(browser)["view"] == "status"


def test_a_server_that_only_searches_says_so(browser: Browser, told_site: str) -> None:
    browser.open(at(told_site, view="add", lang="en"))
    browser.one(".drop")
    browser.run(DROP, [["a.txt", "نص"]])
    browser.until(lambda: "This server only searches" in browser.one(".uploads").text)
    assert browser.one(".uploads li").get_attribute("class") == "failed"
    results(browser, told_site, q="x", lang="en")
    browser.one(".saving button").click()
    assert "This server only searches" in browser.one(".saving [role=alert]").text


def test_a_server_that_wants_a_key_asks_for_it(
    browser: Browser, told: Told, tmp_path: Path
) -> None:
    keys = KeyFile(tmp_path / "keys.json")
    reader = keys.create("reader", ["search"])[1]
    admin = keys.create("admin", ["search", "admin"])[1]
    with serving(create_app(cast("Searcher", told), Settings(keys=keys.path))) as site:
        browser.open(at(site, view="saved"))
        assert "مفتاح" in browser.one("dialog.key").text
        assert browser.axe() == []
        for given, then in (("wrong", "يطلب هذا الخادم"), (reader, "ليس لهذا")):
            asking = browser.all("dialog.key")
            browser.one("dialog.key input").send_keys(given)
            browser.one("dialog.key [type=submit]").click()
            browser.until(partial(_another, browser, asking))
            browser.until(partial(_says, browser, "dialog.key .note", then))
        browser.one("dialog.key input").send_keys(admin)
        browser.one("dialog.key [type=submit]").click()
        browser.until(lambda: not browser.all("dialog.key"))
        browser.until(lambda: not browser.all(".failure"))
        # Forgotten with the page; who gives none is told why nothing is shown.
        browser.open(at(site, view="saved"))
        browser.one("dialog.key [type=button]").click()
        browser.until(lambda: _says(browser, ".failure", "يطلب هذا الخادم"))


def _another(browser: Browser, dialogs: list[WebElement]) -> bool:
    return browser.all("dialog.key") not in ([], dialogs)


def _says(browser: Browser, selector: str, said: str) -> bool:
    return any(said in text for text in browser.texts(selector))


def test_a_fault_of_the_page_is_told(browser: Browser, told_site: str) -> None:
    browser.open(told_site)
    browser.one(".tips")
    browser.run("Array.prototype.toSorted = () => { throw new Error('a fault'); }")
    browser.one("#q").send_keys("x")
    assert "الصفحة نفسها" in browser.one(".failure").text
    assert any("a fault" in complaint for complaint in browser.complaints())
