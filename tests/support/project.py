"""A copy of the project to run commands in, and small settings for it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]


STAGES = ("ingest", "augment", "train", "evaluate", "export")

TINY = {
    "data": {"count": 24, "validation": 0.2, "test": 0.2},
    "augment": {"size": 32},
    "transform": {"crop": 32},
    "train": {"epochs": 2, "batch_size": 4, "checkpoint_seconds": 0, "threads": 1,
              "precision": "32-true"},
    "evaluate": {"cases": 2},
    "export": {
        "images": 2, "formats": [], "rembg": [],
        **dict.fromkeys(("fp16_tolerance", "int8_tolerance", "calibration", "float_layers")),
    },
}  # fmt: skip
"""Changes to the demo recipe that bring it down to seconds."""


EVERY_EXPORT = {**TINY, "export": {"images": 2, "calibration": 2}}
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


class Project:
    """A copy of the project in a folder of its own, under git, run as a user runs it."""

    def __init__(self, folder: Path):
        self.folder = folder
        tracked = subprocess.run(
            ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others",
             "--exclude-standard"],
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
        # MAKE: a make that runs under `make test` prints other lines than a person's own.
        foreign = ("DVC_", "MLFLOW_", "MAKE", "MFLAGS")
        variables = {k: v for k, v in os.environ.items() if not k.startswith(foreign)}
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
