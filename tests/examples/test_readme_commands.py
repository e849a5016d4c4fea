"""Every command that the READMEs show runs, as it stands there, but for the server's address."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import zipfile
from pathlib import Path

import pytest
from typer.testing import CliRunner

from indexer.cli.app import app
from tests.examples.test_examples import ARTICLES
from tests.support import REPOSITORY

pytestmark = pytest.mark.slow

SHOWN = "\n".join((REPOSITORY / page).read_text("utf-8") for page in ("README.md", "README.ar.md"))
LINES = list(dict.fromkeys(re.findall(r"^    ((?:fihris|curl) .+)$", SHOWN, re.MULTILINE)))
# Run until they are ended: tests/browser/test_readme.py and tests/indexer/test_watch.py do.
ENDLESS = ("fihris serve", "fihris watch")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files that the commands name."""
    made = tmp_path_factory.mktemp("commands")
    articles = ARTICLES.read_text("utf-8")
    for name in ("articles.jsonl", "news.jsonl"):
        (made / name).write_text(articles, "utf-8")
    (made / "articles").mkdir()
    (made / "articles" / "خبر.txt").write_text("قصف كتائب حزب الله في العراق", "utf-8")
    with zipfile.ZipFile(made / "archive.zip", "w") as archive:
        archive.writestr("خبر.txt", "خبر من العراق")
    post = {"id": 1, "title": {"rendered": "خبر"}, "content": {"rendered": "<p>نص المدونة</p>"}}
    (made / "wordpress.json").write_text(json.dumps([post]), "utf-8")
    return made


def test_commands_of_the_readmes_run(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setenv("FIHRIS_DATA", str(folder / "index"))
    monkeypatch.setenv("FIHRIS_ROOT", str(folder))
    for line in LINES:
        if line.startswith("fihris ") and not line.startswith(ENDLESS):
            done = CliRunner().invoke(app, shlex.split(line)[1:])
            assert (line, done.exit_code) == (line, 0), done.output
            assert done.stdout
    for more, named in (([], True), (["--no-variants"], False)):
        said = CliRunner().invoke(app, ["search", "al3iraq", *more]).stdout
        assert (more, "Searched also: العراق (al3iraq)" in said) == (more, named), said


def test_requests_of_the_readmes_are_answered(folder: Path, server: str) -> None:
    for line in LINES:
        if line.startswith("curl "):
            asked = shlex.split(line.replace("http://127.0.0.1:8000", server))
            done = subprocess.run(
                [*asked, "--fail-with-body", "--silent"],
                cwd=folder,
                capture_output=True,
                timeout=60,
            )
            assert (line, done.returncode, done.stdout[:1]) == (line, 0, b"{")
    # The server is the other tests' too.
    for name in (
        "a1",
        *(json.loads(line)["id"] for line in ARTICLES.read_text("utf-8").splitlines()),
    ):
        asked = ["curl", f"{server}/v1/articles/{name}", "-X", "DELETE", "--fail", "--silent"]
        subprocess.run(asked, check=True, capture_output=True, timeout=60)
