"""What the README tells people to type exists, and what it shows is measured."""

import re
import shlex
from pathlib import Path

import pytest
from support.project import ROOT

from clearbg.cli.app import app

README = (ROOT / "README.md").read_text()
COMMANDS = [
    line.partition("#")[0].strip()
    for block in re.findall(r"```bash\n(.*?)```", README, re.DOTALL)
    for line in block.splitlines()
    if line.strip()
]


@pytest.mark.parametrize("command", [c for c in COMMANDS if c.startswith("make ")])
def test_make_target_exists(command):
    makefile = (ROOT / "Makefile").read_text()
    assert re.search(rf"^{shlex.split(command)[1]}:", makefile, re.MULTILINE)


@pytest.mark.parametrize("command", [c for c in COMMANDS if c.startswith("clearbg ")])
def test_clearbg_command_exists(command):
    words = shlex.split(command)
    assert words[1] in {c.name or c.callback.__name__ for c in app.registered_commands}
    if words[1] == "use":
        assert (ROOT / f"recipes/{words[2]}.yaml").is_file()


def test_every_recipe_stands_in_the_table():
    for path in (ROOT / "recipes").glob("*.yaml"):
        assert f"| `{path.stem}` |" in README


def test_every_benchmark_is_told_of():
    told = "".join((ROOT / f"docs/{page}.md").read_text() for page in ("performance", "results"))
    for path in (ROOT / "benchmarks").glob("*.py"):
        if "__main__" in path.read_text():  # others are imported
            assert f"benchmarks/{path.name}" in told


def test_images_shown_are_there():
    for name in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", README):
        assert (ROOT / Path(name)).is_file()


def test_every_file_and_every_room_stands_on_the_map():
    drawn = (ROOT / "docs/architecture.md").read_text()
    files = drawn[drawn.index("## The files") : drawn.index("## The rooms")]
    for cell in re.findall(r"^\| (`.*?) \|", files, re.MULTILINE):
        for name in re.findall(r"`([^`]+)`", cell):
            assert (ROOT / name).exists(), name
    for path in (ROOT / "src/clearbg").iterdir():
        if path.is_dir() and any(path.glob("*.py")):
            assert f"`{path.name}`" in drawn, path.name
