"""README's table of queries: each is typed on the page, and finds what the table says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.browser.conftest import Browser, post
from tests.browser.test_page import ask, at
from tests.serving import started
from tests.support import REPOSITORY

pytestmark = pytest.mark.slow

TEXTS = {
    "strikes": "ضربات جوية على الحدود",
    "forms": "رحل وبالعراق مرّ، والصحف العراقية كتبت عنه",
    "coalition": "أعلنت وقوات التحالف أنها هناك",
    "apart": "التحالف له قوات",
    "hamza": "نزل المسافرون في فندق الاسلام القديم",
    "both": "بين العراق وسوريا طريق",
    "basra": "ميناء البصرة",
    "baghdad": "مقاهي بغداد",
    "writers": "مكتب فيه كاتب وهم يكتبون",
    "books": "الكتاب على الرف، وكتابة أخرى",
    "near": "في العراق حقول من النفط",
    "far": "العراق بلد عريق فيه جبال وأنهار وسهول ومدن كثيرة، ويُستخرج منه أيضًا النفط",
    "bombed": "قصف جوي على بغداد",
    "reversed": "بغداد بعد قصف",
    "syrian": "الحدود السورية",
    "jazeera": "خبر من المراسل",
    "sport": "خبر عن المباراة",
}
ABOUT: dict[str, dict[str, object]] = {
    "jazeera": {"source": "الجزيرة"},
    "sport": {"tags": ["رياضة"]},
    "basra": {"title": "موانئ العراق"},
}
IRAQ = {"forms", "both", "near", "far", "basra"}  # basra in its title
# What each query finds of these by words.
FOUND = {
    "ضربات العراق": {"strikes", *IRAQ},
    '"قوات التحالف"': {"coalition"},
    "+العراق -سوريا": IRAQ - {"both"},
    "جذر:كتب": {"writers", "forms", "books"},
    "root:كتب": {"writers", "forms", "books"},
    'source:"الجزيرة"': {"jazeera"},
    "-tag:رياضة": set(TEXTS) - {"sport"},
    "title:العراق": {"basra"},
    "العراق NEAR/5 النفط": {"near"},
    '"قصف بغداد"~3': {"bombed"},
    "كتا*": {"books"},
    "al3iraq": IRAQ,
    "Baghdad": {"baghdad", "bombed", "reversed"},
    "syrienne": {"syrian", "both"},
}


@pytest.fixture(scope="module")
def articles(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("readme")
    with started({"FIHRIS_DATA": str(folder)}) as (address, _):
        post(
            address,
            [{"id": key, "text": text, **ABOUT.get(key, {})} for key, text in TEXTS.items()],
        )
        yield f"{address}/"


def typed_in(page: str) -> list[str]:
    """Return the queries of the first column."""
    rows = re.findall(r"^\| (`.+?) \| .* \|$", (REPOSITORY / page).read_text("utf-8"), re.MULTILINE)
    return [query for row in rows for query in re.findall("`(.+?)`", row)]


def shown(browser: Browser) -> set[str]:
    links = (str(link.get_attribute("href")) for link in browser.all(".hit .open"))
    return {parse_qs(urlsplit(link).query)["article"][0] for link in links}


def test_each_query_of_the_readme_finds_what_it_says(browser: Browser, articles: str) -> None:
    browser.open(at(articles, mode="keyword"))
    assert typed_in("README.md") == list(FOUND)
    for query in FOUND:
        ask(browser, query)
        found = shown(browser)
        for number in browser.all(".numbers a")[1:]:
            number.click()
            browser.settled()
            found |= shown(browser)
        assert (query, found) == (query, FOUND[query])
    assert browser.complaints() == []
