"""The commands `clearbg train` and `clearbg export`: stages of the pipeline, run by DVC.

`clearbg evaluate` without folders is one too.
"""

import os
import subprocess
from importlib.util import find_spec

import typer

from clearbg.system import project
from clearbg.system.process import DVC, stage_path


def train() -> None:
    """Train as params.yaml says: runs `dvc repro train` in the project."""
    reproduce("train")


def export() -> None:
    """Train where needed and export the model: runs `dvc repro export` in the project."""
    reproduce("export")


def reproduce(stage: str) -> None:
    """Run a stage and those before it that have changed; exit with DVC's status.

    Raises:
        SettingsError: the working folder is in no project.
    """
    folder = project.required()
    if find_spec("dvc") is None:
        raise ModuleNotFoundError("DVC is not installed", name="dvc")
    command = [*DVC, "repro", stage]
    status = subprocess.run(
        command, cwd=folder, env=os.environ | {"PATH": stage_path()}, check=False
    ).returncode
    if status:
        raise typer.Exit(status)
