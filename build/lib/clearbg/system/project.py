"""The project's folder, and its folder `.clearbg/` for files that are no stage's output."""

import os
from pathlib import Path


def root() -> Path:
    """The project's folder: the one that holds params.yaml.

    DVC runs queued experiments in temporary copies and names the real project in DVC_ROOT;
    downloads, checkpoints and the MLflow store stay there, so that experiments share them.
    """
    if "DVC_ROOT" in os.environ:
        return Path(os.environ["DVC_ROOT"]).resolve()
    here = Path.cwd().resolve()
    return next((folder for folder in (here, *here.parents) if is_project(folder)), here)


def is_project(folder: Path) -> bool:
    return (folder / "params.yaml").is_file() and (folder / "recipes").is_dir()


def state() -> Path:
    """`.clearbg/`: downloads, checkpoints and indexes that may be deleted at any time."""
    return root() / ".clearbg"
