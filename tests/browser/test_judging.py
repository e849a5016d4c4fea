"""What a person does who grades hits: the judging view in a real Chromium, over `fihris serve`."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

from indexer.evaluation.beir import read_judged_set
from tests.browser.conftest import FIHRIS, Browser
from tests.browser.test_page import at, results
from tests.serving import started

pytestmark = pytest.mark.slow

QUERY = "بيت"
TEXTS = {"house": "بيت كبير فيه ناس", "home": "بيت صغير في المدينة", "tent": "بيت من الشعر"}


@dataclass(frozen=True)
class Site:
    address: str
    judged: Path


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    articles = tmp_path / "articles.jsonl"
    lines = [json.dumps({"id": key, "title": text, "text": text}) for key, text in TEXTS.items()]
    articles.write_text("\n".join(lines), encoding="utf-8")
    environment = {**os.environ, "FIHRIS_DATA": str(tmp_path / "index")}
    command = [*FIHRIS, "index", "--collection", "c", "--no-embed", str(articles)]
    subprocess.run(command, env=environment, check=True, timeout=120)
    judged = tmp_path / "judged"
    with started(environment, "--judge", str(judged)) as (address, _):
        yield Site(f"{address}/", judged)


def pressed(browser: Browser) -> list[str]:
    return browser.texts("[aria-pressed=true]")


def test_hits_are_graded_by_keys_and_by_buttons(browser: Browser, site: Site) -> None:
    results(browser, site.address, q=QUERY)
    browser.one(".tabs a:last-child").click()  # beside the other forms of the results
    browser.one(".grades")
    assert browser.texts("#count") == ["قُدّر ٠ من ٣"]
    assert browser.run("return document.activeElement.matches('.hits > li:first-child')")
    ActionChains(browser.driver).send_keys(Keys.ARROW_DOWN).perform()
    assert browser.run("return document.activeElement.matches('.hits > li:nth-child(2) .open')")
    ActionChains(browser.driver).send_keys(Keys.ARROW_UP, "3").perform()
    browser.until(lambda: browser.texts("#count") == ["قُدّر ١ من ٣"])
    ActionChains(browser.driver).send_keys("٠").perform()  # as an Arabic keyboard writes it
    browser.until(lambda: browser.texts("#count") == ["قُدّر ٢ من ٣"])
    assert pressed(browser) == ["٣ هو الجواب", "٠ لا يجيب"]
    browser.all("li:first-child [data-grade='2']")[0].click()  # another grade for the first
    browser.until(lambda: pressed(browser) == ["٢ يجيب عن بعضه", "٠ لا يجيب"])
    found = read_judged_set(site.judged, corpus=False)
    assert found.queries == {"q1": QUERY}
    assert sorted(found.relevance["q1"].values()) == [0, 2]
    assert browser.complaints() == []


def test_a_judge_comes_back_to_what_was_graded(browser: Browser, site: Site) -> None:
    browser.open(at(site.address, view="judging", lang="en"))
    browser.one("#q").send_keys(QUERY, Keys.ENTER)  # stays in the view
    browser.one(".grades")
    browser.all("li:first-child [data-grade='1']")[0].click()
    browser.until(lambda: pressed(browser) == ["1 Touches it"])
    browser.one(".colophon [data-place=judging]").click()
    assert browser.one(".judged a").text == QUERY
    browser.one(".judged a").click()
    browser.until(lambda: pressed(browser) == ["1 Touches it"])
    assert browser.texts("#count") == ["1 of 3 graded"]
    assert browser.run("return document.activeElement.matches('.hits > li:nth-child(2)')")
    browser.one(".hits .open").click()
    browser.one(".whole .back a").click()
    browser.until(lambda: pressed(browser) == ["1 Touches it"])
    assert browser.complaints() == []


def test_a_server_without_judgements_says_how_to_start_one(
    browser: Browser, told_site: str
) -> None:
    results(browser, told_site, q="x")
    assert len(browser.all(".tabs a")) == 3
    assert not browser.one(".colophon [data-place=judging]").is_displayed()
    browser.open(at(told_site, view="judging"))
    assert browser.one(".notice").text == "هذا الخادم لا يأخذ تقديرات. شغّله بالأمر:"
    assert browser.one("#view pre").text == "fihris serve --judge judged/"
    assert browser.complaints() == []
