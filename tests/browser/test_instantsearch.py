"""examples/instantsearch.js: the real InstantSearch asks Fihris from a page of another origin."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from search.keys import KeyFile
from tests.browser.conftest import LIBRARY, Browser
from tests.serving import started
from tests.support import REPOSITORY

pytestmark = pytest.mark.slow

PACKAGE = "instantsearch.js@4.118.1"
SHA256 = "549a33982b0905006fd2086b4995c6e11351498c916ab06469765df584964a37"
SCRIPT = "package/dist/instantsearch.production.min.js"
PAGE = """<!doctype html><meta charset="utf-8"><title>InstantSearch</title>
<div id="box"></div><div id="stats"></div><div id="sources"></div><div id="years"></div>
<div id="hits"></div><div id="pages"></div><div id="sort"></div><output id="error"></output>
<script src="instantsearch.js"></script>
<script type="module">
import { fihris } from "./adapter.js";
const { searchBox, stats, refinementList, hits, pagination, sortBy } = instantsearch.widgets;
const search = instantsearch({ indexName: "fihris", searchClient: fihris("SERVER", { key: "KEY" }) });
search.on("error", ({ error }) => { document.querySelector("#error").textContent = error.message; });
search.addWidgets([
  searchBox({ container: "#box" }),
  stats({ container: "#stats", templates: { text: ({ nbHits }) => String(nbHits) } }),
  refinementList({ container: "#sources", attribute: "source", searchable: true }),
  refinementList({ container: "#years", attribute: "year" }),
  hits({ container: "#hits", templates: { item: (hit, { html, components }) =>
    html`<h2>${hit.title}</h2><p>${components.Highlight({ hit, attribute: "text" })}</p>` } }),
  pagination({ container: "#pages" }),
  sortBy({ container: "#sort", items: [{ label: "best", value: "fihris" }, { label: "new", value: "fihris_newest" }] }),
]);
search.start();
window.search = search;
</script>"""


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def files(folder: Path) -> Iterator[str]:
    """Serve a folder; give its origin."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def instantsearch(folder: Path) -> bytes:
    """Return InstantSearch as npm gives it; skips where there is no npm, or nothing to be had by it."""
    if shutil.which("npm") is None:
        pytest.skip("npm is not installed, which fetches InstantSearch")
    done = subprocess.run(
        ["npm", "pack", "--silent", PACKAGE],
        cwd=folder,
        env={
            **os.environ,
            "npm_config_cache": str(folder / "npm"),
            "npm_config_fetch_retries": "0",
            "npm_config_fetch_timeout": "30000",
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    if done.returncode:
        pytest.skip(f"npm cannot fetch {PACKAGE}: {done.stderr[-200:]}")
    packed = folder / done.stdout.split()[-1]
    assert hashlib.sha256(packed.read_bytes()).hexdigest() == SHA256
    with tarfile.open(packed) as archive:
        script = archive.extractfile(SCRIPT)
        assert script is not None
        return script.read()


def test_instantsearch_searches_narrows_pages_and_sorts(
    browser: Browser, library: str, library_folder: Path, tmp_path: Path
) -> None:
    script = instantsearch(tmp_path)
    site = tmp_path / "site"
    site.mkdir()
    (site / "instantsearch.js").write_bytes(script)
    shutil.copy(REPOSITORY / "examples" / "instantsearch.js", site / "adapter.js")
    with files(site) as origin:
        environment = {
            "FIHRIS_DATA": str(library_folder),
            "FIHRIS_CORS_ORIGINS": origin,
            "FIHRIS_KEYS": str(tmp_path / "keys.json"),
        }
        _, key = KeyFile(tmp_path / "keys.json").create("page", ["search"])
        with started(environment, "--read-only") as (server, _):
            page = PAGE.replace("SERVER", server).replace("KEY", key)
            (site / "index.html").write_text(page, encoding="utf-8")
            browser.open(f"{origin}/index.html")
            ask(browser)


def ask(browser: Browser) -> None:
    """Search, narrow, page and sort, as a person does."""
    browser.one("#box input").send_keys("مكتبة")
    browser.until(lambda: failed(browser) or typed(browser), "hits of all that was typed")
    browser.until(lambda: all("مكتب" in word for word in browser.texts("#hits mark")), "marks")
    whole = count(browser)
    assert whole > 20
    browser.until(lambda: len(browser.all("#pages .ais-Pagination-item--page")) > 1)

    # A source narrows the hits; the others are still there to be chosen, with their counts.
    sources = browser.texts("#sources .ais-RefinementList-labelText")
    assert set(sources) == {"الوراق", "دار الكتب", "مجلة الفهرس"}
    counted = [int(text) for text in browser.texts("#sources .ais-RefinementList-count")]
    assert sum(counted) == whole
    browser.all("#sources input[type=checkbox]")[0].click()
    browser.until(lambda: count(browser) == counted[0], "one source")
    assert set(browser.texts("#sources .ais-RefinementList-labelText")) == set(sources)
    browser.all("#sources input[type=checkbox]")[1].click()
    browser.until(lambda: count(browser) == counted[0] + counted[1], "two sources")

    # Values of a facet are searched.
    browser.one("#sources input[type=search]").send_keys("دار")
    browser.until(lambda: browser.texts("#sources .ais-RefinementList-labelText") == ["دار الكتب"])

    # The newest first, then one year, and the second page of all.
    browser.run("search.helper.clearRefinements().setIndex('fihris_newest').search()")
    browser.until(lambda: "2022" in (browser.texts("#hits h2") or [""])[0], "the newest first")
    browser.run("search.helper.toggleFacetRefinement('year', '2015').search()")
    browser.until(lambda: {t[-4:] for t in browser.texts("#hits h2")} == {"2015"}, "a year")
    browser.run("search.helper.clearRefinements().setIndex('fihris').search()")
    browser.until(lambda: count(browser) == whole, "all again")
    first = browser.texts("#hits h2")
    browser.run("search.helper.setPage(1).search()")
    browser.until(lambda: browser.texts("#hits h2") not in ([], first), "the second page")

    # What cannot be asked is told.
    browser.run(
        "search.helper.setQueryParameter('numericRefinements', {price: {'>': [3]}}).search()"
    )
    browser.until(lambda: "no filter for price>3" in browser.one("#error").text, "an error")
    browser.run(
        "search.helper.setQueryParameter('numericRefinements', {})"
        ".setQueryParameter('filters', 'price>3').search()"
    )
    browser.until(lambda: "cannot be asked by filters" in browser.one("#error").text, "an error")

    # An article of a day is compared as its first second: 15 January is out, 15 March is in.
    dated = "{published: {'>=': [1421280001], '<': [1426377601]}}"
    browser.run(
        "search.helper.setQueryParameter('filters', undefined)"
        f".setQueryParameter('numericRefinements', {dated}).search()"
    )
    titles = {str(LIBRARY[n]["title"]) for n in (1, 2)}
    browser.until(lambda: set(browser.texts("#hits h2")) == titles, "dates")


def typed(browser: Browser) -> bool:
    """Return whether the page shows what the whole query found: it searches at every letter."""
    found = browser.run(
        "const { query, nbHits } = search.helper.lastResults ?? {}; return [query, nbHits]"
    )
    return found == ["مكتبة", count(browser)] and browser.all("#hits mark") != []


def failed(browser: Browser) -> bool:
    """Return False; raises AssertionError where the page says that something went wrong."""
    assert browser.texts("#error") == [""]
    return False


def count(browser: Browser) -> int:
    return int((browser.texts("#stats .ais-Stats-text") or ["0"])[0].strip() or 0)
