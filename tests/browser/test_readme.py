"""What README says is run: its quick start to the page in a real Chromium, its table of queries."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.browser.conftest import Browser, post
from tests.browser.test_page import ask, at, results
from tests.environments import environment_of
from tests.serving import started
from tests.support import REPOSITORY

pytestmark = pytest.mark.slow

TEXTS = {
    "strikes": "ضربات جوية على الحدود",
    "strike": "الضربة الأولى",
    "forms": "رحل وبالعراق مرّ، والصحف العراقية كتبت عنه",
    "coalition": "أعلنت وقوات التحالف أنها هناك",
    "apart": "التحالف له قوات",
    "hamza": "حساب في المصرف الإسلامي القديم",
    "night": "ليل و نهار",
    "tariq": "قصة طارق بن زياد",
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
    "ali": "وصل علي مساء",
    "upon": "صعد على مهل",
    "rocket": "سقط صاروخ في البحر",
    "minister": "قال وزير المالية",
    "jar": "في البيت زير ماء",
    "lebanon": "أرز لبنان",
    "fingers": "بنان اليد",
    "floor": "الطابق 123",
    "flag": "رفعوا العَلَم عاليا",
    "science": "طلب العِلْم فريضة",
    "/laws/1": "مادة أولى",
}
ABOUT: dict[str, dict[str, object]] = {
    "jazeera": {"source": "الجزيرة", "author": "سلمى حداد"},
    "sport": {"tags": ["رياضة"]},
    "basra": {"title": "موانئ العراق"},
}
IRAQ = {"forms", "both", "near", "far", "basra"}  # basra in its title
# What each query finds of these by words.
FOUND = {
    "ضربات العراق": {"strikes", "strike", *IRAQ},
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
    "=علي": {"ali"},
    "al3iraq": IRAQ,
    "Baghdad": {"baghdad", "bombed", "reversed"},
    "syrienne": {"syrian", "both"},
}
# And what the second column, and README.ar.md under its table, say of others.
ALSO_FOUND = {
    '"المصرف الاسلامي"': {"hamza"},
    '="المصرف الاسلامي"': {"hamza"},
    "=الاسلامي": {"hamza"},
    "=الإسلامي": {"hamza"},
    '"ليل ونهار"': {"night"},
    '"طارق ابن زياد"': {"tariq"},
    '"قوات له"': {"coalition", "apart"},
    '"قوات التحالف" قوات': {"coalition", "apart"},
    '+"قوات التحالف" بغداد': {"coalition"},
    "+بغداد|البصرة": {"baghdad", "bombed", "reversed", "basra"},
    'author:"سلمى حداد"': {"jazeera"},
    'كاتب:"سلمى حداد"': {"jazeera"},
    "collection:laws": {"/laws/1"},
    "مجموعة:laws": {"/laws/1"},
    "مصدر:الجزيرة": {"jazeera"},
    "وسم:رياضة": {"sport"},
    "عنوان:العراق": {"basra"},
    "العـــراق": IRAQ,
    "وللعراق": IRAQ,
    "صواريخ": {"rocket"},
    "وزير": {"minister"},
    "زير": {"jar"},
    "لبنان": {"lebanon"},
    "بنان": {"fingers"},
    "١٢٣": {"floor"},
    "العَلَم": {"flag", "science"},
    "العِلْم": {"flag", "science"},
}
LOOSELY = {'="المصرف الاسلامي"', "=الاسلامي", '"قوات له"'}  # nothing holds them: that is said
FIRST = {'"قوات التحالف" قوات': "coalition", "العَلَم": "flag", "العِلْم": "science"}


@pytest.fixture(scope="module")
def articles(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("readme")
    with started({"FIHRIS_DATA": str(folder)}) as (address, _):
        post(
            address,
            [{"id": key, "text": text, **ABOUT.get(key, {})} for key, text in TEXTS.items()],
        )
        yield f"{address}/"


def typed_in(page: str) -> set[str]:
    """Return the queries of the first column."""
    text = (REPOSITORY / page).read_text("utf-8").replace("<code>", "`").replace("</code>", "`")
    rows = re.findall(r"^\| (`.+?) \| .* \|$", text, re.MULTILINE)
    return {query for row in rows for query in re.findall("`(.+?)`", row)}


def shown(browser: Browser) -> list[str]:
    script = "return [...document.querySelectorAll('.hit .open')].map((link) => link.href)"
    links = cast("list[str]", browser.run(script))
    return [parse_qs(urlsplit(link).query)["article"][0] for link in links]


def test_each_query_of_the_readme_finds_what_it_says(browser: Browser, articles: str) -> None:
    browser.open(at(articles, mode="keyword"))
    assert typed_in("README.md") | typed_in("README.ar.md") == set(FOUND)
    for query, wanted in (FOUND | ALSO_FOUND).items():
        ask(browser, query)
        found = shown(browser)
        assert (query, found[:1]) == (query, [FIRST.get(query, *found[:1])][: len(found)])
        assert (query, bool(browser.all(".banner"))) == (query, query in LOOSELY)
        while following := browser.all(".next"):
            following[0].click()
            browser.until(lambda: shown(browser)[0] not in found)  # noqa: B023
            found += shown(browser)
        assert (query, set(found)) == (query, wanted)
    assert browser.complaints() == []


@contextmanager
def typed(copy: Path, environment: dict[str, str], *words: str) -> Iterator[str]:
    """Run a command that README shows, until it serves: gives what it said so far."""
    with subprocess.Popen(
        words,
        cwd=copy,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        said = ""
        try:
            while not re.search(r"^.*http://127.0.0.1:", said, re.MULTILINE):
                line = process.stdout.readline()
                assert line, said
                said += line
            yield said
        finally:
            os.killpg(process.pid, signal.SIGINT)
            process.wait(60)


def files_of(folder: Path) -> set[Path]:
    """Return what is there, but for byte code and the folders that README names."""
    return {
        path
        for path in folder.rglob("*")
        if "__pycache__" not in path.parts
        and path.relative_to(folder).parts[0] not in (".venv", ".fihris")
    }


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the checkout with this environment, so that nothing is installed."""
    made = tmp_path / "fihris"
    unwanted = (".*_cache", ".git", ".venv", ".fihris", ".hypothesis", "__pycache__")
    shutil.copytree(REPOSITORY, made, ignore=shutil.ignore_patterns(*unwanted))
    (made / ".venv").symlink_to(sys.prefix)
    return made


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("FIHRIS_", "MAKE"))}
    return kept | {"FIHRIS_PORT": "0", "XDG_DATA_HOME": str(tmp_path / "user")}


def made(run: list[str]) -> list[str]:
    """Return a command of make that takes the environment as it is."""
    return [run[0], "--assume-old=.venv/base.stamp", *run[1:]]


def test_the_quick_start_ends_at_the_page(
    browser: Browser, tmp_path: Path, copy: Path, environment: dict[str, str]
) -> None:
    start = (REPOSITORY / "README.md").read_text("utf-8").partition("## Start")[2]
    run, index, serve, *_ = (
        line.strip().split() for line in re.findall("^    .+", start, re.MULTILINE)
    )
    before = files_of(copy)
    assert "http://127.0.0.1:8000/" in start
    assert "FIHRIS_PORT ?= 8000" in (copy / "Makefile").read_text("utf-8")

    with typed(copy, environment, *made(run)) as said:
        for heading, text in (
            ("== By words", "ضربات"),
            ("== By meaning", "الجنود"),
            ("== Across languages", "العراق"),
        ):
            assert text in said.partition(heading)[2].partition("\n")[2].partition("\n==")[0]
        site = served_at(said)
        browser.open(at(site, lang="en"))
        browser.until(lambda: "1 article, 21 passages" in browser.one("#holdings").text)
        ask(browser, "Who was wounded in the attack?")
        assert any("أصيب" in text or "إصابة" in text for text in browser.texts(".passage")[:3])
        assert browser.all(".passage mark")
        loaded = "return performance.getEntriesByType('resource').map(({ name }) => name)"
        assert all(name.startswith(site) for name in cast("list[str]", browser.run(loaded)))
    assert files_of(copy) == before

    (copy / "articles").mkdir()
    (copy / "articles" / "خبر.txt").write_text("افتتحت في المدينة مكتبة جديدة للأطفال.", "utf-8")
    subprocess.run(index, cwd=copy, env=environment, check=True, timeout=120, capture_output=True)
    with typed(copy, environment, *serve) as said:
        results(browser, served_at(said), q="new library for children", lang="en")
        assert browser.texts(".passage") == ["افتتحت في المدينة مكتبة جديدة للأطفال."]
    assert list((tmp_path / "user").rglob("*.sqlite*"))

    subprocess.run(["make", "clean"], cwd=copy, env=environment, check=True, capture_output=True)
    assert not {copy / ".venv", copy / ".fihris"} & set(copy.iterdir())
    assert not list(copy.rglob("__pycache__"))


def test_the_quick_start_on_elasticsearch_ends_at_the_page(
    browser: Browser, tmp_path: Path, copy: Path, environment: dict[str, str]
) -> None:
    """On the tests' server, which `make run` would start another of."""
    command = "make run ENGINE=elasticsearch"
    for page in ("README.md", "README.ar.md"):
        assert command in (REPOSITORY / page).read_text("utf-8")
    with environment_of("elasticsearch", tmp_path) as named:
        named.pop("FIHRIS_DATA")
        with typed(copy, environment | named, *made(command.split())) as said:
            browser.open(at(served_at(said), lang="en", view="status"))
            browser.until(lambda: "Engineelasticsearch" in browser.texts(".status div"))
            ask(browser, "Who was wounded in the attack?")
            assert browser.texts(".passage")


def served_at(said: str) -> str:
    return str(re.findall(r"http://127.0.0.1:[0-9]+/", said)[-1])
