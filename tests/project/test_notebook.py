"""The notebook about own images, run from top to bottom in a process and a folder of its own."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image
from support.project import ROOT

NOTEBOOK = ROOT / "docs/own-images.ipynb"
SETTINGS = {
    "steps": 4, "size": 64, "crop": 64, "batch_size": 2, "precision": "32-true", "threads": 1,
    "formats": [], "rembg": [], "hugging_face": False,
    **dict.fromkeys(("fp16_tolerance", "int8_tolerance", "calibration", "float_layers")),
}  # fmt: skip
RUNNING = """
import subprocess
def run(command):
    subprocess.run(["bash", "-ec", command], check=True)
"""


def cells(kind: str) -> list[dict]:
    return [cell for cell in json.loads(NOTEBOOK.read_text())["cells"] if cell["cell_type"] == kind]


def test_notebook_is_stored_without_outputs_and_told_of():
    assert all(not cell["outputs"] and cell["execution_count"] is None for cell in cells("code"))
    assert "(own-images.ipynb)" in (ROOT / "docs/own-images.md").read_text()
    text = "".join("".join(cell["source"]) for cell in cells("markdown"))
    linked = re.findall(r"\]\(([\w-]+\.md)", text)
    assert linked and all((ROOT / "docs" / name).is_file() for name in linked)


@pytest.mark.slow
def test_notebook_runs_from_top_to_bottom_without_network(tmp_path):
    source = "\n".join("".join(cell["source"]) for cell in cells("code"))
    code = RUNNING + re.sub(r"(?m)^!(.*)$", lambda found: f"run({found[1]!r})", source)
    variables = {
        "SETTINGS": json.dumps(SETTINGS),
        "PYTHONPATH": str(ROOT / "src"),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        **{f"{role}_proxy": "http://127.0.0.1:9" for role in ("http", "https")},
    }
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=os.environ | variables,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    project = tmp_path / "my-cutouts"
    with Image.open(project / "cutout.png") as cutout, Image.open(project / "comparison.jpg"):
        assert cutout.mode == "RGBA" and cutout.getchannel("A").getextrema()[1] > 200
