"""Fixtures that several test files share. Pictures are made here, never stored."""

import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from filelock import FileLock

from clearbg import config, images
from clearbg.data import manifest, sources
from clearbg.data.dataset import Pairs
from clearbg.data.ingest import ingest
from clearbg.data.kept import Kept
from clearbg.removal import contract
from clearbg.training import loop, recovery

ROOT = Path(__file__).parent.parent

# Threads that wait for one another on busy cores make small networks a hundred times slower.
torch.set_num_threads(1)

TINY = {
    "data": {"count": 24, "validation": 0.2, "test": 0.2},
    "augment": {"size": 32, "crop": 32},
    "train": {"epochs": 2, "batch_size": 4, "checkpoint_every": 2, "threads": 1,
              "precision": "32-true"},
    "evaluate": {"cases": 2},
    "export": {
        "pictures": 2, "formats": [], "rembg": [],
        **dict.fromkeys(("fp16_tolerance", "int8_tolerance", "calibration", "float_layers")),
    },
}  # fmt: skip
"""Changes to the demo recipe that bring it down to seconds."""
EVERY_EXPORT = {**TINY, "export": {"pictures": 2, "calibration": 2}}
"""The same with every form of export, which takes most of the time."""


def demo(**changes: dict) -> dict:
    """The demo recipe as a dictionary; `changes` are section -> {key: value}, None removes."""
    raw = yaml.safe_load((ROOT / "recipes/demo.yaml").read_text())
    for section, keys in changes.items():
        for key, value in keys.items():
            if value is None:
                raw[section].pop(key, None)
            else:
                raw[section][key] = value
    return raw


def pytest_xdist_auto_num_workers():
    """One more than there are cores: many a test waits for a server or a queue."""
    return len(os.sched_getaffinity(0)) + 1


def pytest_collection_modifyitems(items):
    """Files that take long go first, so that no core waits for one of them in the end."""
    slow = Counter(item.path for item in items if item.get_closest_marker("slow"))
    items.sort(key=lambda item: -slow[item.path])


@pytest.fixture
def tiny() -> config.Settings:
    return config.parse(demo(**TINY))


@pytest.fixture(autouse=True)
def alone(monkeypatch, tmp_path):
    """No test sees the caller's tracking server, DVC variables or project folder."""
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME", "DVC_ROOT", "DVC_STAGE",
                 "CLEARBG_REGISTERED_MODEL"):  # fmt: skip
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def pairs_folder(tmp_path):
    """Makes `own/images/*.jpg` and `own/masks/*.png`: a bright disc on a dark ground."""

    def make(count: int = 12, size: tuple[int, int] = (60, 80)) -> Path:
        for index in range(count):
            rgb, alpha = disc(index, size)
            images.write_picture(tmp_path / f"own/images/p{index:02d}.jpg", rgb)
            images.write_mask(tmp_path / f"own/masks/p{index:02d}.png", alpha)
        return tmp_path / "own"

    return make


def disc(index: int, size: tuple[int, int] = (60, 80)) -> tuple[np.ndarray, np.ndarray]:
    """A picture, uint8 (H, W, 3), and its alpha: a disc whose place and colour vary."""
    rng = np.random.default_rng(index)
    height, width = size
    y, x = np.mgrid[:height, :width]
    radius = rng.uniform(0.2, 0.35) * height
    distance = np.hypot(y - rng.uniform(0.35, 0.65) * height, x - rng.uniform(0.35, 0.65) * width)
    alpha = np.clip(radius - distance + 0.5, 0, 1)[..., None]
    ground = rng.uniform(0, 80, 3) + rng.normal(0, 8, (height, width, 1))
    picture = alpha * rng.uniform(150, 255, 3) + (1 - alpha) * ground
    return picture.clip(0, 255).astype(np.uint8), (alpha[..., 0] * 255).round().astype(np.uint8)


@pytest.fixture
def augmented(tmp_path) -> Path:
    """An augmented folder: 12 training and 4 validation pictures of 32×32."""
    folder, rows = tmp_path / "augmented", []
    for index in range(16):
        rgb, alpha = disc(index, (32, 32))
        image, mask = f"images/{index}.jpg", f"masks/{index}.png"
        images.write_picture(folder / image, rgb)
        images.write_mask(folder / mask, alpha)
        split = "train" if index < 12 else "validation"
        rows.append({**dict.fromkeys(manifest.COLUMNS, ""), "id": str(index), "split": split,
                     "image": image, "mask": mask, "width": 32, "height": 32,
                     "status": "ok"})  # fmt: skip
    manifest.write(rows, folder / "manifest.csv")
    return folder


@pytest.fixture
def ingested(pairs_folder, tmp_path) -> Path:
    """An ingested folder of 12 pictures."""
    own = {"source": "folder", "path": str(pairs_folder()), "images": "images", "masks": "masks",
           "kind": None, "count": None, "validation": 0.2, "test": 0.2}  # fmt: skip
    data = config.parse(demo(data=own)).data
    ingest(
        sources.pairs(data, tmp_path),
        data,
        tmp_path / "ingested",
        tmp_path / "quarantine.csv",
        Kept(tmp_path / "kept"),
    )
    return tmp_path / "ingested"


class Killed(Exception):
    pass


class KilledAt(recovery.Checkpoint):
    """Ends the run right after its n-th checkpoint, as a power cut would."""

    def __init__(self, folder, number: int):
        super().__init__(folder)
        self.left = number

    def save(self, method, progress):
        super().save(method, progress)
        self.left -= 1
        if not self.left:
            raise Killed


def fit(folder: Path, checkpoint: recovery.Checkpoint, settings: config.Settings):
    """Train on an augmented folder; the method, the progress and a table after every epoch."""
    tables = []
    pairs = [Pairs(folder, split, settings) for split in ("train", "validation")]
    method, progress = loop.fit(
        loop.launch(settings.train),
        settings,
        *pairs,
        checkpoint,
        lambda _, progress: tables.append(pd.DataFrame(progress.history)),
    )
    return method, progress, tables


def same(first: dict, second: dict) -> bool:
    """Whether two state dicts hold equal tensors."""
    return all(torch.equal(value, second[name]) for name, value in first.items())


def brightness_model(path: Path, **changes) -> Path:
    """An exported "model" whose alpha is the picture's brightness; `changes` of its contract."""
    import onnx
    from onnx import TensorProto, helper

    facts = {
        "model": "u2netp", "settings": {}, "height": 32, "width": 32, "fit": "squeeze",
        "overlap": 0, "kernel": "bilinear", "colour_order": "RGB", "mean": (0.0, 0.0, 0.0),
        "std": (1.0, 1.0, 1.0), "threshold": 0.5, "output": "cutout", "headline": "max_f",
        "weights_sha256": "0" * 64, "data_digest": "0" * 64, "data_licence": "CC0-1.0",
    }  # fmt: skip
    card = contract.Contract(**{**facts, **changes})
    channels = card.channels
    graph = helper.make_graph(
        [helper.make_node("ReduceMean", ["images", "axes"], ["alpha"], keepdims=1)],
        "brightness",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, ["n", channels, "h", "w"])],
        [helper.make_tensor_value_info("alpha", TensorProto.FLOAT, ["n", 1, "h", "w"])],
        [helper.make_tensor("axes", TensorProto.INT64, [1], [1])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    helper.set_model_props(model, {contract.METADATA_KEY: card.to_json()})
    onnx.save(model, path)
    return path


class Project:
    """A copy of the project in a folder of its own, under git, run as a user runs it."""

    def __init__(self, folder: Path):
        self.folder = folder
        tracked = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT, capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip
        for name in filter(None, tracked.split("\0")):
            if (ROOT / name).is_file() and not name.startswith(("tests/", "reports/")):
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, folder / name)
        (folder / "dvc.lock").unlink(missing_ok=True)
        self.params(**TINY)
        for command in ("git init -q", "git add -A", "git -c user.name=t -c user.email=t@t "
                        "commit -qm start"):  # fmt: skip
            subprocess.run(command.split(), cwd=folder, check=True)

    @classmethod
    def at(cls, folder: Path) -> "Project":
        """The project that is in a folder already."""
        found = object.__new__(cls)
        found.folder = folder
        return found

    def copy(self, folder: Path) -> "Project":
        """The same project with its outputs in another folder."""
        return Project.at(shutil.copytree(self.folder, folder, symlinks=True))

    def params(self, **changes: dict) -> None:
        self.write_params(demo(**changes))

    def write_params(self, raw: dict) -> None:
        (self.folder / "params.yaml").write_text(yaml.safe_dump(raw, sort_keys=False))

    def start(self, *command: str, **environment: str) -> subprocess.Popen:
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        variables = {k: v for k, v in os.environ.items() if not k.startswith(("DVC_", "MLFLOW_"))}
        return subprocess.Popen(
            command, cwd=self.folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env={**variables, "PATH": path, "PYTHONPATH": "src", **environment},
        )  # fmt: skip

    def run(self, *command: str, status: int | None = 0, **environment: str):
        """Run a command in the project; its exit status must be `status` unless that is None."""
        process = self.start(*command, **environment)
        out, err = process.communicate(timeout=500)
        done = subprocess.CompletedProcess(command, process.returncode, out, err)
        assert status is None or done.returncode == status, f"{command}\n{out[-3000:]}{err[-3000:]}"
        return done

    def stage(self, name: str, status: int | None = 0, **environment: str):
        return self.run("python", f"pipelines/{name}.py", status=status, **environment)

    def dvc(self, *arguments: str, status: int | None = 0, **environment: str):
        return self.run("dvc", *arguments, status=status, **environment)


@pytest.fixture
def project(tmp_path) -> Project:
    folder = tmp_path / "a project"  # the space is meant: paths with one must work
    folder.mkdir()
    return Project(folder)


@pytest.fixture(scope="session")
def finished(tmp_path_factory, worker_id) -> Project:
    """A project after `dvc repro`, made once for all processes; who changes it takes a copy."""
    base = tmp_path_factory.getbasetemp()
    base = base if worker_id == "master" else base.parent
    folder, done = base / "finished/a project", base / "finished/done"
    with FileLock(base / "finished.lock"):
        if not done.exists():
            shutil.rmtree(folder.parent, ignore_errors=True)
            folder.mkdir(parents=True)
            Project(folder).dvc("repro")
            done.touch()
    return Project.at(folder)
