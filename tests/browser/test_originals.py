"""Original files in a real Chromium: offered where an article is shown, and nothing in them runs."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import cast
from urllib.parse import quote

import pytest

from tests.browser.conftest import FIHRIS, Browser
from tests.browser.test_page import at, results
from tests.formats.pictures import needs_tesseract, pages_of
from tests.serving import started
from tests.support import REPOSITORY

pytestmark = pytest.mark.slow

# Each would change the title, or leave the page, in some way of its own.
HOSTILE = """<!DOCTYPE html><html><head><meta charset="utf-8"><title>plain</title>
<meta http-equiv="refresh" content="0; url=/?refreshed"></head>
<body onload="document.title='onload'"><script>document.title = 'script'</script>
<script src="/static/app.js"></script><p id="text">نص الخبر العدائي عن مدينة بغداد</p>
<img src="/static/icon.svg" onload="document.title='img'" onerror="document.title='img'">
<svg onload="document.title='svg'"><script>document.title = 'svg'</script></svg>
<iframe srcdoc="<script>top.document.title = 'frame'</script>"></iframe>
<a id="link" href="javascript:document.title='link'">رابط</a>
<form action="/?sent"><input autofocus onfocus="document.title='focus'"><button>أرسل</button></form>
</body></html>"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("originals").resolve()
    (made / "hostile.html").write_text(HOSTILE, "utf-8")
    (made / "plain.txt").write_text("نص بسيط عن مدينة دمشق", "utf-8")
    (made / "gone.txt").write_text("نص ذهب ملفه عن مدينة حلب", "utf-8")
    pdf = REPOSITORY / "tests/fixtures/pdf/chromium-article.pdf"
    (made / "article.pdf").write_bytes(pdf.read_bytes())
    (made / "scan.pdf").write_bytes(pages_of("scanned"))
    return made


@pytest.fixture(scope="module")
def site(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    settings = {
        "FIHRIS_DATA": str(tmp_path_factory.mktemp("data")),
        "FIHRIS_ORIGINALS": str(folder),
    }
    with started(settings) as (address, process):
        command = [*FIHRIS, "index", "--no-embed", str(folder)]
        subprocess.run(command, env={**os.environ, **settings}, check=True, timeout=120)
        (folder / "gone.txt").unlink()
        (folder / "plain.txt").write_text("نص تغيّر", "utf-8")
        yield f"{address}/"
        assert process.poll() is None


def offered(browser: Browser, site: str, q: str) -> list[str | None]:
    """Return the words about the original of the first hit, and where its link leads."""
    results(browser, site, q=q, mode="keyword", lang="en")
    script = """
    const all = [...document.querySelector(".hit .actions").children];
    const one = all.find((e) => /original/i.test(e.textContent));
    return [one?.textContent ?? "", one?.getAttribute("href") ?? null];
    """
    return cast("list[str | None]", browser.run(script))


def address(folder: Path, name: str) -> str:
    return f"/v1/originals/{quote(f'/files{folder}/{name}', safe='')}"


def link_of(browser: Browser, site: str, article: str) -> str | None:
    """Return where the link to the original leads from an article's first passage."""
    browser.open(at(site, article=article, passage=f"{article}#0", lang="en"))
    return browser.one("article.whole a[target=_blank]").get_attribute("href")


def test_each_hit_says_what_became_of_its_file(browser: Browser, site: str, folder: Path) -> None:
    assert offered(browser, site, "العدائي") == ["Original file", address(folder, "hostile.html")]
    assert offered(browser, site, "دمشق") == [
        "Original file, changed since", f"{address(folder, 'plain.txt')}?changed=true",
    ]  # fmt: skip
    assert offered(browser, site, "حلب") == ["The original file is gone", None]
    opened = link_of(browser, site, f"/files{folder}/article.pdf")
    assert opened == f"{site.rstrip('/')}{address(folder, 'article.pdf')}#page=1"
    assert browser.complaints() == []


@needs_tesseract
def test_a_recognised_page_is_opened_where_it_stands(
    browser: Browser, site: str, folder: Path
) -> None:
    opened = link_of(browser, site, f"/files{folder}/scan.pdf")
    assert opened == f"{site.rstrip('/')}{address(folder, 'scan.pdf')}#page=1"


def test_nothing_runs_in_a_hostile_page(browser: Browser, site: str, folder: Path) -> None:
    hostile = f"{site}v1/originals/{quote(f'/files{folder}/hostile.html', safe='')}"
    browser.open(hostile)
    assert browser.one("#text").text == "نص الخبر العدائي عن مدينة بغداد"
    browser.one("#link").click()
    browser.one("button").click()
    # Blocked, and by the policy: without it this says what ran.
    said = browser.until(lambda: "\n".join(browser.complaints()), "complaints of the policy")
    assert "sandbox" in said
    assert browser.driver.current_url.partition("#")[0] == hostile
    assert browser.driver.title == "plain"
    assert browser.run("return [window.origin, document.readyState]") == ["null", "complete"]
