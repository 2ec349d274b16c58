"""What docs/serving.md tells people to type works against a real server."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from PIL import Image
from support.page import photo
from support.project import ROOT
from support.serving import Process
from typer.testing import CliRunner

from clearbg.cli.app import app

PAGE = (ROOT / "docs/serving.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture(scope="module")
def server(model, tmp_path_factory):
    process = Process(tmp_path_factory.mktemp("served"), "--model", str(model))
    yield process
    process.process.terminate()
    assert process.process.wait(timeout=120) == 0


@pytest.fixture
def run(server, tmp_path):
    """Runs a program with text from the page, in a folder with two photographs."""
    for index, name in enumerate(("photo.jpg", "beach.jpg")):
        (tmp_path / name).write_bytes(photo(index))

    def call(*command: str) -> str:
        given = [word.replace("http://127.0.0.1:7000", server.url) for word in command]
        done = subprocess.run(given, cwd=tmp_path, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return call


@pytest.mark.slow
def test_commands_write_what_they_name(run):
    commands = [line for line in "".join(blocks("bash")).splitlines() if line.startswith("curl")]
    assert len(commands) == 5
    for command in commands:
        run("bash", "-ec", command.replace("curl", "curl --silent --fail"))
    shown = {path.name: Image.open(path) for path in Path.cwd().iterdir() if path.suffix != ".jpg"}
    assert {name: (image.format, image.mode) for name, image in shown.items()} == {
        "cutout.png": ("PNG", "RGBA"), "cutout.webp": ("WEBP", "RGBA"), "mask.png": ("PNG", "L"),
        "at_the_beach.png": ("PNG", "RGB"),
    }  # fmt: skip


@pytest.mark.slow
def test_python_writes_the_cutout(run):
    (text,) = blocks("python")
    assert run(sys.executable, "-c", text) == ""
    assert Image.open("on_white.png").mode == "RGB"


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("node") is None, reason="no JavaScript here")
def test_javascript_gets_the_cutout(run):
    (text,) = blocks("javascript")
    before = "(async () => { const photo = new Blob([require('fs').readFileSync('photo.jpg')]);"
    assert run("node", "-e", f"{before}\n{text}\nconsole.log(cutout.type) }})()") == "image/png\n"


def test_settings_of_other_programs_name_the_server():
    (scrape,) = map(yaml.safe_load, blocks("yaml"))
    assert scrape["scrape_configs"][0]["static_configs"][0]["targets"] == ["127.0.0.1:7000"]
    (unit,) = blocks("ini")
    words = re.search(r"^ExecStart=\S+/clearbg (.*)$", unit, re.MULTILINE)[1].split()
    assert CliRunner().invoke(app, [*words, "--help"]).exit_code == 0


def test_limits_of_the_page_are_the_defaults_of_the_command():
    said = CliRunner().invoke(app, ["serve", "--help"], env={"COLUMNS": "300"}).stdout
    said = " ".join(re.sub("[│\\s]+", " ", said).split())
    rows = re.findall(r"\| `(--\w+)` \| .* \| (.*) \|", PAGE)
    assert len(rows) == 7
    for name, default in rows:
        assert default in said[said.index(f" {name} ") :].partition("]")[0], name
