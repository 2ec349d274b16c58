"""What README and docs tell people to type works, in their order, in a project of its own."""

import hashlib
import os
import re
import shutil
import signal
import subprocess
import tomllib

import pytest
import requests
import torch
import yaml
from support import mlflow_servers
from support.images import disc
from support.ports import free_port
from support.project import ROOT, TINY, Project
from support.videos import write_video

from clearbg import config
from clearbg.contract import read_contract
from clearbg.images import write_image, write_mask
from clearbg.models import build

PAGES = [
    *(ROOT / f"{name}.md" for name in ("README", "CHANGELOG", "CONTRIBUTING", "SECURITY")),
    *sorted((ROOT / "docs").glob("*.md")),
]

RUN_BY = {
    r"make (repro|check|test|env)\b": ".ci/run",
    r"python3 -m venv": "benchmarks/first_hour.py",
    r"torchrun": "tests/training/test_several_processes.py",
    r"dvc (exp|queue)": "tests/project/test_pipeline.py",
    r"python sweep.py": "tests/project/test_sweep.py",
    r"clearbg retrain": "tests/retraining/test_retraining.py",
    r"make storage|dvc remote|dvc push|dvc pull|git (add|clone|commit)": (
        "tests/project/test_remotes.py"
    ),
    r"pip install": "benchmarks/first_hour.py",
    r"docker|cp \.env|export |AWS": "tests/project/test_containers.py",
    r"clearbg use portrait": "tests/project/test_systems.py",
    r"dvc repro$": "tests/project/test_pipeline.py",
    r"clearbg fetch --from": "tests/data/test_fetch_recipe.py",
    r"dvc (status --cloud|repro --pull)": "tests/project/test_remotes.py",
    r"clearbg remove (s3:|photos/)|ray start": "tests/removal/test_bulk.py",
    r"clearbg remove inbox": "tests/removal/test_watching.py",
    r"ffmpeg": "tests/video/test_video_pipes.py",
    r"clearbg demo$": "tests/page/test_page_served.py",
    r"clearbg demo --export": "tests/page/test_page_space.py",
    r"clearbg serve --page": "tests/serving/test_mounted.py",
    r"clearbg serve|curl .*:7000": "tests/serving/test_serving_page.py",
    r"curl --user": "tests/project/test_team.py",
    r"mlflow models serve|echo|curl -s|jq": "tests/export/test_pyfunc.py",
    r"clearbg promote": "tests/promotion/test_promote.py",
    r"clearbg benchmark -n 1 -o": "tests/evaluation/test_benchmark.py",
    r"clearbg lineage": "tests/lineage/test_lineage.py",
    r"REMBG_HOME": "tests/export/test_export_rembg.py",
    r".*(--device |accelerator=)cuda": "",  # a GPU's, which no test may need
    r"source|open|git checkout --theirs|case|\S+\) |esac": "",  # the shell's, a desktop's, git's
}
"""Commands of the pages that are not run here -> what runs them."""

BEYOND = {
    "bulk": "tests/export/test_spark.py", "page": "tests/page/test_page_served.py",
    "serving": "tests/serving/test_serving_page.py",
    "experiments": "tests/project/test_sweep.py",
}  # fmt: skip
"""Pages whose Python wants a server, a cluster or many trainings -> what runs it."""

ANSWERING = {"doctor", "drift"}
"""Commands of `clearbg` whose exit status is an answer."""


def told(page) -> str:
    return page.relative_to(ROOT).as_posix()


def commands(page) -> list[str]:
    """Lines of the page's bash blocks, continued ones joined, comments left out."""
    blocks = re.findall(r"```bash\n(.*?)```", page.read_text(), re.DOTALL)
    lines = "".join(blocks).replace("\\\n", " ").splitlines()
    return [line for text in lines if (line := re.sub(r"(^|\s)#.*", "", text).strip())]


@pytest.mark.parametrize("page", PAGES, ids=told)
def test_links_lead_somewhere(page):
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)]+)\)", text):
        if re.match(r"\w+:", target):
            continue
        name, _, anchor = target.partition("#")
        other = page.parent / name if name else page
        assert other.exists(), target
        if anchor:
            titles = re.findall(r"^#+ (.*)$", other.read_text(), re.MULTILINE)
            assert anchor in {re.sub(r"[^\w -]", "", t).lower().replace(" ", "-") for t in titles}


def test_every_page_is_told_of():
    readme = PAGES[0].read_text()
    assert all(told(page) in readme for page in PAGES[1:])


def test_what_runs_the_others_is_there():
    names = {name for name in (*RUN_BY.values(), *BEYOND.values()) if name}
    assert [name for name in names if not (ROOT / name).is_file()] == []


def test_targets_of_make_and_extras_that_the_pages_name_are_there():
    text = "\n".join(line for page in PAGES for line in commands(page))
    for target in sorted(set(re.findall(r"(?m)\bmake ([\w-]+)", text))):
        done = subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    named = {name for names in re.findall(r"\.\[([\w,-]+)\]", text) for name in names.split(",")}
    assert named and named <= set(extras["optional-dependencies"])


@pytest.fixture(scope="module")
def filled(finished, tmp_path_factory) -> Project:
    """A project after `dvc repro`, with everything in it that the pages speak of."""
    project = finished.copy(tmp_path_factory.mktemp("docs") / "project")
    fill(project.folder)
    return project


def fill(folder) -> None:
    discs = [disc(index) for index in range(24)]
    for index, (rgb, alpha) in enumerate(discs):
        pairs = (
            ["own/images own/masks", "photos truth"] if index < 12 else ["train/images train/masks"]
        )
        if index >= 20:
            pairs = ["test/images test/masks"]
        for images, masks in map(str.split, pairs):
            write_image(folder / images / f"p{index:02d}.jpg", rgb)
            write_mask(folder / masks / f"p{index:02d}.png", alpha)
    for name in ("photo.jpg", "a.jpg", "b.jpg", "beach.jpg", "page.png", "page.jpg",
                 "holiday/day 1/x.jpg", "shop/shoes/y.jpg"):  # fmt: skip
        write_image(folder / name, discs[0][0])
    shutil.copytree(folder / "truth", folder / "predictions")
    for name in ("uploads", "scans"):
        shutil.copytree(folder / "photos", folder / name)
    write_video(folder / "clip.mp4", [disc(0, (48, 64))[0]] * 4)
    shutil.copyfile(folder / "reports/evaluate/per_image.csv", folder / "before.csv")
    small = build("gan_generator", channels=3, widths=(4, 4))  # of a large one an export takes long
    torch.save(small.state_dict(), folder / "u2net.pth")
    # As `--model models/` would write it, of equal weights.
    name = hashlib.sha256(read_contract(folder / "models").to_json().encode()).hexdigest()
    (folder / ".clearbg/exported").mkdir()
    shutil.copyfile(folder / "exports/model.onnx", folder / f".clearbg/exported/{name}.onnx")


def shrunk(project: Project) -> None:
    """The live recipe's budget, brought down to seconds."""
    raw = yaml.safe_load((project.folder / "params.yaml").read_text())
    for section in ("augment", "transform", "train", "evaluate"):
        raw[section] |= TINY[section]
    raw["train"]["steps"] = None  # TINY says how many epochs
    project.write_params(raw)


def run_here(page) -> list[str]:
    return [c for c in commands(page) if not any(re.match(text, c) for text in RUN_BY)]


@pytest.mark.slow
@pytest.mark.parametrize("page", [page for page in PAGES if run_here(page)], ids=told)
def test_commands_do_what_the_page_says(page, filled, tmp_path):
    project = filled.copy(tmp_path / "project")
    for command in run_here(page):
        # An exit status of 1 to 4 may be an answer; a sentence tells it from a failure.
        done = project.run("bash", "-ec", command, status=None)
        assert done.returncode < 5 and "Traceback" not in done.stderr, (command, done.stderr)
        # A model of a few seconds' training may find no subject to crop to.
        answered = command.split()[1] in ANSWERING or "holds no subject" in done.stderr
        assert done.returncode == 0 or answered, (command, done.stderr)
        if command.startswith("clearbg use"):
            shrunk(project)


def python_of(page) -> list[str]:
    return re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL)


@pytest.mark.slow
@pytest.mark.parametrize(
    "page", [page for page in PAGES if python_of(page) and page.stem not in BEYOND], ids=told
)
def test_python_does_what_the_page_says(page, filled):
    filled.run("python", "-c", "\n".join(python_of(page)))


@pytest.mark.slow
def test_make_ui_shows_the_runs(finished):
    port = str(free_port())
    process = finished.start("setsid", "make", "ui", READY="", PORT=port)
    try:
        address = f"http://127.0.0.1:{port}"
        assert mlflow_servers.wait_until_healthy(address, process)
        listed = f"{address}/api/2.0/mlflow/runs/search"
        runs = requests.post(listed, json={"experiment_ids": ["1"]}, timeout=60).json()["runs"]
        assert [run["info"]["status"] for run in runs] == ["FINISHED"]
        lines = [process.stdout.readline() for _ in range(3)]
        assert [line.partition(f": {address}/#/experiments/1/")[0] for line in lines] == [
            "runs", "charts of the test scores", "models"
        ]  # fmt: skip
        asked = {"experiment_id": "1"}
        found = requests.get(f"{address}/api/2.0/mlflow/experiments/get", asked, timeout=60).json()
        tags = {tag["key"] for tag in found["experiment"]["tags"]}
        assert "mlflow.sharedViewState.scores" in tags and "viewStateShareKey=scores" in lines[0]
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def test_every_place_for_a_new_part_exists():
    table = (ROOT / "CONTRIBUTING.md").read_text().split("| you add |")[1].split("\n\n")[0]
    places = set(re.findall(r"`([\w/]+\.py)`", table))
    assert places
    tops = (ROOT, ROOT / "src/clearbg")
    assert [name for name in places if not any((top / name).is_file() for top in tops)] == []


def test_changelog_tells_every_renamed_setting():
    rows = re.findall(r"\| `(.*)` \| `(.*)` \|", (ROOT / "CHANGELOG.md").read_text())
    renamed = {
        (old, new) for old, new in config.RENAMED.items() if old.split(".")[1] != new.split(".")[1]
    }
    assert renamed - set(rows) == set()
