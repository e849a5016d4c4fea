"""A wheel beside other projects' packages `search`, `indexer` or `api` says so, and what to do."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from configparser import ConfigParser
from pathlib import Path

import pytest
from hatchling.build import build_wheel

from fihris import PACKAGES
from tests.support import REPOSITORY

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the contents of this checkout's wheel."""
    folder = tmp_path_factory.mktemp("wheel")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(REPOSITORY)
        built = folder / build_wheel(str(folder))
    with zipfile.ZipFile(built) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


@pytest.fixture
def site(wheel: Path, tmp_path: Path) -> Path:
    """Return a copy of the wheel's contents that a test may spoil."""
    return Path(shutil.copytree(wheel, tmp_path / "site"))


def started(*path: Path) -> subprocess.CompletedProcess[str]:
    """Run `fihris --version` as its console script does, with these folders on Python's path."""
    code = "import sys; from fihris import main; sys.argv[1:] = ['--version']; sys.exit(main())"
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=path[0],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(map(str, path))},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def foreign(folder: Path, name: str) -> Path:
    """Make another project's package in a folder; return the folder."""
    (folder / name).mkdir(parents=True)
    (folder / name / "__init__.py").write_text("raise ImportError('not ours')\n")
    return folder


def refused(done: subprocess.CompletedProcess[str]) -> str:
    """Return the one line of a command that refused to run."""
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith("fihris: ")
    assert "an environment of its own (python -m venv)" in line
    return line


def test_the_console_script_is_the_one_that_checks(wheel: Path) -> None:
    (entries,) = wheel.glob("*.dist-info/entry_points.txt")
    read = ConfigParser()
    read.read(entries)
    assert dict(read["console_scripts"]) == {"fihris": "fihris:main"}


def test_a_wheel_by_itself_runs(wheel: Path) -> None:
    done = started(wheel)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("fihris ")


@pytest.mark.parametrize("name", PACKAGES)
def test_a_package_that_is_found_first_is_named(name: str, site: Path, tmp_path: Path) -> None:
    other = foreign(tmp_path / "other", name)
    line = refused(started(other, site))
    assert f"another package named `{name}`, {other / name / '__init__.py'}," in line
    assert str(site / name) in line


@pytest.mark.parametrize("name", PACKAGES)
def test_a_package_behind_ours_does_no_harm(name: str, wheel: Path, tmp_path: Path) -> None:
    assert started(wheel, foreign(tmp_path / "other", name)).returncode == 0


@pytest.mark.parametrize("name", PACKAGES)
def test_a_package_installed_over_ours_is_named(name: str, site: Path) -> None:
    (site / name / "__init__.py").write_text("version = 1\n")
    line = refused(started(site))
    assert f"another project's package `{name}` was installed over" in line


@pytest.mark.parametrize("name", PACKAGES)
def test_a_package_that_was_removed_with_another_is_named(name: str, site: Path) -> None:
    (site / name / "__init__.py").unlink()
    assert f"{site / name / '__init__.py'} is gone" in refused(started(site))


@pytest.mark.parametrize("module", ["search/errors.py", "indexer/cli/app.py"])
def test_a_module_of_another_project_in_the_place_of_ours_is_named(module: str, site: Path) -> None:
    (site / module).write_text("version = 1\n")
    assert module.removesuffix(".py").replace("/", ".") in refused(started(site))
