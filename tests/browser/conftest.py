"""A real Chromium, the real server over the seed, and a server that answers what it is told."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import TypeVar, cast

import pytest
import uvicorn
from fastapi import FastAPI
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement

import search.assembly
from api.app import create_app
from search.domain import Query, Results, StoredPassage, Variant
from search.keys import KeyFile
from search.ranking.searcher import Searcher
from search.settings import Settings
from tests.api.support import ToldSearcher
from tests.serving import started
from tests.support import REPOSITORY, SEEDS

CHROMIUM, CHROMEDRIVER = Path("/usr/bin/chromium"), Path("/usr/bin/chromedriver")
FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--hide-scrollbars",
)  # fmt: skip
FIHRIS = [sys.executable, "-c", "from indexer.cli.app import main; main()"]
PATIENCE = 15.0  # seconds
# A small library: what the views are seen with.
PLACES = ("بغداد", "القاهرة", "دمشق", "بيروت", "تونس", "الرباط")
OPENINGS = (
    "افتُتحت في {place} سنة {year} مكتبة عامة فيها كتب التاريخ والأدب، ولها فهرس بأسماء المؤلفين.",
    "أهدى رجل من {place} كتبه إلى الجامعة، فصارت نواة مكتبة تحمل اسمه منذ سنة {year}.",
    "أعلنت وزارة الثقافة في {year} ترميم المكتبة القديمة في {place} بعد سنين من الإغلاق.",
    "طافت شوارع {place} في صيف {year} حافلة صغيرة، هي مكتبة متنقلة تعير الأطفال كتبًا مصورة.",
    "كتب صحفي زار {place} في {year} عن سوق الوراقين، وعن باعة يعرفون مكان كل كتاب بلا فهرس.",
)
READERS = (
    "يستعير القراء ثلاثة كتب في الأسبوع.",
    "وقال أمين المكتبة إن المخطوطات تُصوَّر قبل أن تُعرض.",
    "ويأتي الطلاب مساءً، فالقاعة هادئة والضوء حسن.",
    "وشكت الجمعية من غلاء الورق وقلة الناشرين.",
    "أما الدوريات فبيعت لهاوٍ جمع أعدادها كلها.",
    "ويُقرأ فيها الشعر كل خميس أمام جمهور صغير.",
    "ورُقّمت الرفوف من جديد بعد أن اختلط ترتيبها.",
)
HALLS = ("الدخول مجاني.", "وتُغلق يوم الجمعة.", "وفي الطابق الثاني مقهى.")
LIBRARY: list[dict[str, object]] = [
    {
        "id": f"library-{n}",
        "title": f"مكتبات {place} في {year}",
        "source": ("الوراق", "دار الكتب", "مجلة الفهرس")[n % 3],
        "author": ("سلمى حداد", "يوسف نجار")[n % 2],
        "published": f"{year}-0{n % 9 + 1}-15",
        "tags": ["مكتبات", place],
        "language": "ar",
        "text": f"{OPENINGS[n % 5].format(place=place, year=year)}\n\n{READERS[n % 7]} {HALLS[n % 3]}",
    }
    for n, (place, year) in enumerate(
        (place, year) for year in (2015, 2019, 2020, 2022) for place in PLACES[: year - 2012]
    )
]

# Drops a file of each name and text, as a person does with the mouse.
DROP = """
const transfer = new DataTransfer();
for (const [name, text] of arguments[0]) transfer.items.add(new File([text], name));
document.querySelector(".drop").dispatchEvent(new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true }));
"""

T = TypeVar("T")


class Browser:
    """A driver with what these tests ask again and again."""

    def __init__(self, driver: webdriver.Chrome) -> None:
        self.driver = driver

    def open(self, address: str) -> None:
        self.driver.get(address)

    def all(self, selector: str) -> list[WebElement]:
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def one(self, selector: str) -> WebElement:
        """Return the element, which may take its time to come."""
        return self.until(lambda: next(iter(self.all(selector)), None), selector)

    def texts(self, selector: str) -> list[str]:
        """Return the texts of all elements at one moment."""
        script = "return [...document.querySelectorAll(arguments[0])].map((e) => e.textContent)"
        return cast("list[str]", self.run(script, selector))

    def run(self, script: str, *arguments: object) -> object:
        return self.driver.execute_script(script, *arguments)

    def until(self, found: Callable[[], T | None], what: str = "", patience: float = PATIENCE) -> T:
        limit = time.monotonic() + patience
        while not (value := found()):
            assert time.monotonic() < limit, f"never came: {what} (at {self.driver.current_url})"
            time.sleep(0.02)
        return value

    def settled(self) -> None:
        """Wait until nothing is being loaded."""
        self.until(lambda: not self.all("main[aria-busy]") and self.all("#view > *"), "an answer")

    def size(self, width: int, height: int = 900) -> None:
        self.driver.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500},
        )

    def prefer(self, media: str = "", **features: str) -> None:
        """Emulate a medium and what a reader prefers, such as `prefers_color_scheme="dark"`."""
        self.driver.execute_cdp_cmd(
            "Emulation.setEmulatedMedia",
            {
                "media": media,
                "features": [
                    {"name": k.replace("_", "-"), "value": v} for k, v in features.items()
                ],
            },
        )

    def block(self, *patterns: str) -> None:
        """Let requests to these addresses fail as if the server were gone."""
        self.driver.execute_cdp_cmd("Network.enable", {})
        self.driver.execute_cdp_cmd("Network.setBlockedURLs", {"urls": list(patterns)})

    def complaints(self) -> list[str]:
        """Return what the console said since last asked: errors, CSP violations, warnings."""
        return [entry["message"] for entry in self.driver.get_log("browser")]  # type: ignore[no-untyped-call]

    def photograph(self, name: str, kind: str = "png") -> None:
        if folder := os.environ.get("FIHRIS_SCREENSHOTS"):
            Path(folder).mkdir(parents=True, exist_ok=True)
            quality = {"quality": 80} if kind == "webp" else {}
            taken = self.driver.execute_cdp_cmd(
                "Page.captureScreenshot", {"format": kind, **quality}
            )
            (Path(folder) / f"{name}.{kind}").write_bytes(base64.b64decode(taken["data"]))

    def axe(self) -> list[tuple[str, str]]:
        """Return what axe-core has against the page as it is: each rule, and the first element."""
        if not self.run("return 'axe' in window"):
            folder = resources.files("axe_playwright_python")  # only for this file in it
            self.run(folder.joinpath("axe.min.js").read_text("utf-8"))
        script = "const done = arguments[0]; axe.run(document).then((r) => done(r.violations))"
        violations = self.driver.execute_async_script(script)
        return [(found["id"], found["nodes"][0]["html"]) for found in violations]


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    if not (CHROMIUM.exists() and CHROMEDRIVER.exists()):
        missing = f"{CHROMIUM} or {CHROMEDRIVER} is missing (Debian: chromium chromium-driver)"
        if os.environ.get("REQUIRE_BROWSER") == "1":
            pytest.fail(missing)
        pytest.skip(missing)
    options = webdriver.ChromeOptions()
    options.binary_location = str(CHROMIUM)
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('chromium')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(str(CHROMEDRIVER)))
    yield driver
    driver.quit()


@pytest.fixture
def browser(chromium: webdriver.Chrome) -> Iterator[Browser]:
    """A page of its own: nothing remembered, nothing emulated, nothing complained of."""
    made = Browser(chromium)
    made.size(1100)
    made.prefer()
    made.complaints()
    yield made
    made.block()
    made.open("about:blank")
    chromium.execute_cdp_cmd(
        "Storage.clearDataForOrigin", {"origin": "*", "storageTypes": "local_storage"}
    )


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The real thing: the seed indexed by the real model, served by another process."""
    folder = tmp_path_factory.mktemp("site")
    environment = {
        **os.environ,
        "FIHRIS_DATA": str(folder / "index"),
        "FIHRIS_CACHE": str(folder / "cache"),
        "FIHRIS_ROOT": str(REPOSITORY),
    }
    subprocess.run([*FIHRIS, "index", str(SEEDS)], env=environment, check=True, timeout=120)
    with started(environment) as (address, _):
        yield f"{address}/"


def post(address: str, articles: list[dict[str, object]]) -> None:
    lines = "\n".join(json.dumps(article) for article in articles)
    sent = urllib.request.Request(
        f"{address}/v1/articles:bulk",
        lines.encode(),
        {"Content-Type": "application/x-ndjson"},
        method="POST",
    )
    with urllib.request.urlopen(sent, timeout=120) as answer:
        assert b'"failed"' not in answer.read()


@pytest.fixture(scope="session")
def library_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("library")


@pytest.fixture(scope="session")
def library(library_folder: Path) -> Iterator[str]:
    """A real server over some articles of several years, sources and authors."""
    with started({"FIHRIS_DATA": str(library_folder)}) as (address, _):
        post(address, LIBRARY)
        yield f"{address}/"


@pytest.fixture(scope="session")
def noted_library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real server over a few articles on which a reader wrote, and a search that is followed."""
    with started({"FIHRIS_DATA": str(tmp_path_factory.mktemp("noted"))}) as (address, _):
        post(address, LIBRARY[:6])
        for target, labels, note in (
            ("library-2#1", ["شاهد", "للفصل الثالث"], "يقارَن بما قاله الوراق عن القرّاء."),
            ("library-2", [], "المقال كله يصلح للمقدمة."),
            ("library-0#0", ["شاهد"], ""),
            ("library-1#0", ["يُراجَع"], "من أين الرقم؟"),
        ):
            annotate(address, target, labels, note)
        create(
            address, "saved", {"q": "مكتبة متنقلة", "mode": "keyword", "source": ["مجلة الفهرس"]}
        )
        create(address, "saved", {"q": "من يقرأ الشعر؟"})
        copy = {**LIBRARY[3], "id": "copy", "title": "حافلة الكتب تطوف بغداد", "source": "رويترز"}
        post(address, [{**LIBRARY[1], "text": "نص جديد لا يشبه ما كان"}, copy, *LIBRARY[6:9]])
        yield f"{address}/"


def annotate(address: str, target: str, labels: list[str], note: str) -> None:
    create(address, "annotations", {"target": target, "labels": labels, "note": note})


def create(address: str, kind: str, body: dict[str, object]) -> None:
    sent = urllib.request.Request(
        f"{address}/v1/{kind}", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(sent, timeout=120) as answer:
        assert answer.status == 201


@pytest.fixture(scope="session")
def judging_library(
    library: str, library_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """A server over the same index that takes grades."""
    judged = str(tmp_path_factory.mktemp("judged"))
    environment = {"FIHRIS_DATA": str(library_folder)}
    with started(environment, "--read-only", "--judge", judged) as (address, _):
        yield f"{address}/"


class Told(ToldSearcher):
    """Answers as told, late when it is told to wait."""

    def __init__(self) -> None:
        super().__init__('<img src=x onerror="document.title=1"><b>نص</b>')
        self.degraded: tuple[str, ...] = ()
        self.copies: tuple[StoredPassage, ...] = ()
        self.besides: tuple[Variant, ...] = ()
        self.open = threading.Event()
        self.open.set()

    def search(self, query: Query) -> Results:
        if "slow" in query.text:
            assert self.open.wait(PATIENCE)
        found = super().search(query)
        copies = self.copies if query.collapse else ()
        hits = tuple(replace(hit, copies=copies) for hit in found.hits)
        besides = tuple(
            each for each in self.besides if each.kind != "root" and query.searches(each.kind)
        )
        return Results(
            query, hits, found.total, found.took_ms, self.degraded, searched_also=besides
        )


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def told_site(told: Told) -> Iterator[str]:
    with serving(create_app(cast("Searcher", told), Settings())) as address:
        yield address
        told.open.set()


@pytest.fixture
def slow_site(told: Told, told_site: str) -> str:
    """A server that does not answer what is called slow."""
    told.open.clear()
    return told_site


@pytest.fixture
def opening_site(told: Told, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A server that is still opening its index."""

    def opened(settings: Settings) -> Told:
        assert told.open.wait(60)
        return told

    told.open.clear()
    monkeypatch.setattr(search.assembly, "open_searcher", opened)
    with serving(create_app(settings=Settings())) as address:
        yield address
        told.open.set()


@pytest.fixture
def keyed_site(told: Told, tmp_path: Path) -> Iterator[str]:
    """A server that wants a key."""
    keys = KeyFile(tmp_path / "keys.json")
    keys.create("reader", ["search"])
    with serving(create_app(cast("Searcher", told), Settings(keys=keys.path))) as address:
        yield address


@pytest.fixture
def modelless_site(library: str, library_folder: Path) -> Iterator[str]:
    """A server over the library's index whose model is not there."""
    opened = search.assembly.open_searcher(Settings(data=library_folder))
    with serving(create_app(Searcher(opened.engine, None))) as address:
        yield address
    opened.close()


@pytest.fixture
def empty_site(tmp_path: Path) -> Iterator[str]:
    with started({"FIHRIS_DATA": str(tmp_path)}) as (address, _):
        yield f"{address}/"


@contextmanager
def serving(app: FastAPI) -> Iterator[str]:
    """Serve an application from a thread of this process."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, access_log=False))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/"
    finally:
        server.should_exit = True
        thread.join()
