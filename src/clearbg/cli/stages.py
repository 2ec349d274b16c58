"""The commands `clearbg train` and `clearbg export`: stages of the pipeline, run by DVC."""

import subprocess
from importlib.util import find_spec

import typer

from clearbg.errors import ClearBGError
from clearbg.system import project
from clearbg.system.process import DVC


def train() -> None:
    """Train as params.yaml says: runs `dvc repro train` in the project."""
    _reproduce("train")


def export() -> None:
    """Train where needed and export the model: runs `dvc repro export` in the project."""
    _reproduce("export")


def _reproduce(stage: str) -> None:
    """Run a stage and those before it that have changed; exit with DVC's status.

    Raises:
        ClearBGError: the working folder is in no project.
    """
    if not (project.root() / "dvc.yaml").is_file():
        raise ClearBGError(
            f"there is no dvc.yaml here or above: run `clearbg {stage}` in a project, that is, in "
            "a clone of ClearBG."
        )
    if find_spec("dvc") is None:
        raise ModuleNotFoundError("DVC is not installed", name="dvc")
    command = [*DVC, "repro", stage]
    status = subprocess.run(command, cwd=project.root(), check=False).returncode
    if status:
        raise typer.Exit(status)
