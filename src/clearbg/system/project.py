"""The project's folder, and its folder `.clearbg/` for files that are no stage's output."""

import os
from pathlib import Path

from clearbg.errors import SettingsError


def root() -> Path:
    """The project's folder: the one that holds params.yaml.

    DVC runs queued experiments in temporary copies and names the real project in DVC_ROOT;
    downloads, checkpoints and the MLflow store stay there, so that experiments share them.
    """
    if "DVC_ROOT" in os.environ:
        return Path(os.environ["DVC_ROOT"]).resolve()
    here = Path.cwd().resolve()
    return next((folder for folder in (here, *here.parents) if is_project(folder)), here)


def required() -> Path:
    """The project's folder.

    Raises:
        SettingsError: the working folder is in no project.
    """
    folder = root()
    if not (folder / "recipes").is_dir():  # params.yaml may have to be restored
        raise SettingsError(
            "this folder is in no project: make one with `clearbg init DIR`, or change into one."
        )
    return folder


def to_run(command: str) -> str:
    """What to do for a message, so that a command of the project is run; elsewhere make one first.

    It begins with a verb, as in "it does not exist: run `dvc repro`".
    """
    if is_project(root()):
        return f"run `{command}`"
    return f"make a project with `clearbg init DIR` and run `{command}` in it"


def is_project(folder: Path) -> bool:
    return (folder / "params.yaml").is_file() and (folder / "recipes").is_dir()


def state() -> Path:
    """`.clearbg/`: downloads, checkpoints and indexes that may be deleted at any time."""
    return root() / ".clearbg"
