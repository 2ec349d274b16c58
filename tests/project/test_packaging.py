"""What is checked and shipped: the wheel is whole, and the check covers the package."""

import compileall
import subprocess
import sys
import tomllib
import zipfile
from email.parser import Parser

import pytest
from support.project import ROOT, TINY, Project

import clearbg

PACKAGE = ROOT / "src/clearbg"
UNTYPED = 96
"""Modules whose types mypy still finds fault with: this number only falls."""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    (folder / "source").mkdir()
    Project(folder / "source")
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation",
         "--wheel-dir", folder, folder / "source"], check=True,
    )  # fmt: skip
    (path,) = folder.glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        yield archive


@pytest.mark.slow
def test_wheel_holds_every_file_of_the_package(wheel):
    tracked = subprocess.run(
        ["git", "-c", "safe.directory=*", "ls-files", "--cached", "--others",
         "--exclude-standard", "src/clearbg"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.split()  # fmt: skip
    wanted = {name.removeprefix("src/") for name in tracked if (ROOT / name).is_file()}
    assert wanted - set(wheel.namelist()) == set()
    assert "clearbg/py.typed" in wanted


@pytest.mark.slow
def test_wheel_makes_a_project_whose_pipeline_runs(wheel, tmp_path):
    wheel.extractall(tmp_path / "site")
    compileall.compile_dir(tmp_path / "site/clearbg/starter", quiet=1)  # as pip does
    elsewhere = {"PYTHONPATH": str(tmp_path / "site")}
    (tmp_path / "work").mkdir()
    Project.at(tmp_path / "work").run(
        sys.executable, "-m", "clearbg", "init", "new", "--demo", **elsewhere
    )
    project = Project.at(tmp_path / "work/new")
    project.params(**{**TINY, "data": TINY["data"] | {"count": 10}})
    project.dvc("repro", "ingest", **elsewhere)
    assert (project.folder / "data/ingested/manifest.csv").is_file()
    assert "src/" not in (project.folder / "dvc.lock").read_text()


@pytest.mark.slow
def test_wheel_has_the_version_that_the_package_tells(wheel):
    (name,) = [name for name in wheel.namelist() if name.endswith("METADATA")]
    assert Parser().parsestr(wheel.read(name).decode())["Version"] == clearbg.__version__


def test_list_of_modules_with_faulty_types_only_shrinks():
    overrides = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["mypy"]["overrides"]
    ignored = [name for one in overrides if one.get("ignore_errors") for name in one["module"]]
    files = [PACKAGE.parent / name.replace(".", "/") for name in ignored]
    gone = [f for f in files if not f.with_suffix(".py").exists() and not f.is_dir()]
    assert gone == [], "remove them from the list"
    assert len(ignored) <= UNTYPED
