"""Recipes are whole params.yaml files; using one is a copy that never loses an edit."""

import shutil
import subprocess
from pathlib import Path

from clearbg import config, places
from clearbg.atomic import replacing_file
from clearbg.errors import SettingsError


def listed() -> list[tuple[str, str, bool]]:
    """(name, one line, is the live params.yaml equal to it) of every recipe."""
    current = _params().read_bytes() if _params().exists() else b""
    return [(path.stem, _title(path), path.read_bytes() == current) for path in _paths()]


def live() -> str:
    """The name of the recipe that params.yaml equals; "edited" when it equals none."""
    return next((name for name, _, is_live in listed() if is_live), "edited")


def use(name: str, force: bool = False) -> None:
    """Copy a recipe to params.yaml.

    Raises:
        SettingsError: there is no such recipe, it is not valid, or params.yaml holds edits
            that no recipe and no commit has.
    """
    known = {path.stem: path for path in _paths()}
    if name not in known:
        raise SettingsError(f"there is no recipe {name!r}; known: {', '.join(sorted(known))}.")
    config.load(known[name])
    if not force and _has_own_edits():
        raise SettingsError(
            "params.yaml has edits that are in no recipe and not committed: commit them, keep "
            f"them as `cp params.yaml recipes/NAME.yaml`, or run `clearbg use {name} --force`."
        )
    with replacing_file(_params()) as aside:
        shutil.copyfile(known[name], aside)


def _paths() -> list[Path]:
    paths = sorted((places.root() / "recipes").glob("*.yaml"))
    if not paths:
        raise SettingsError("there is no folder recipes/ here: run inside the project.")
    return paths


def _params() -> Path:
    return places.root() / "params.yaml"


def _title(path: Path) -> str:
    first = path.read_text(encoding="utf-8").partition("\n")[0]
    return first.removeprefix(f"# {path.stem}:").strip()


def _has_own_edits() -> bool:
    if not _params().exists():
        return False
    live = _params().read_bytes()
    return live != _committed() and all(path.read_bytes() != live for path in _paths())


def _committed() -> bytes | None:
    """params.yaml of the last commit; None outside git."""
    try:
        done = subprocess.run(
            ["git", "show", "HEAD:./params.yaml"], cwd=places.root(), capture_output=True
        )
    except OSError:
        return None
    return done.stdout if done.returncode == 0 else None
