"""The files of a new project, and `clearbg init`, which makes one of them.

A wheel holds them (setup.py puts them there); a clone has them in its own folders.
"""

import shutil
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from clearbg import config
from clearbg.config import recipes
from clearbg.errors import ClearBGError, CommandError
from clearbg.system import code
from clearbg.system.files import write_text
from clearbg.system.process import git

SHIPPED = Path(__file__).parent / "project"
CLONE = Path(__file__).parents[3]
EMPTY_BUT_FOR = {".git", ".venv"}  # what a person may have made in the folder before


@dataclass(frozen=True)
class Started:
    """A new project.

    Attributes:
        recipe: the name of the recipe that is its params.yaml.
        settings: what that recipe says.
        committed: whether the files are in a first commit; False: git has no name and address to
            put into it.
    """

    folder: Path
    recipe: str
    settings: config.Settings
    committed: bool


def start(folder: Path, recipe: str | None = None, demo: bool = False) -> Started:
    """Make a project: recipes, one of them as params.yaml, dvc.yaml, pipelines, a git repository.

    Args:
        folder: a new or an empty one.
        recipe: its name; None: own, or the demo's with `demo`.
        demo: take the recipe's demo, on generated images.

    Raises:
        SettingsError: there is no such recipe.
        ClearBGError: the folder is not empty or cannot be written to.
        CommandError: git is missing, or fails.
    """
    recipe = recipe or ("demo" if demo else "own")
    if shutil.which("git") is None:
        raise CommandError("git is not installed, which DVC needs: install it, then run again.")
    _refuse_other_files(folder)
    files = dict(_files())
    folder_of_recipes = files["recipes/demo.yaml"].parent
    text = recipes.render(recipe, demo, folder_of_recipes)
    settings = config.loads(text, recipe)
    for name, path in files.items():
        content = path.read_text(encoding="utf-8")
        write_text(folder / name, code.installed(content) if name == "dvc.yaml" else content)
    write_text(folder / "params.yaml", text)
    data = settings.data
    inside = (data.images, data.masks) if isinstance(data, config.FolderData) else ()
    for name in ("", *inside):
        if not (place := folder / data.path / name).exists():
            place.mkdir(parents=True)
    return Started(folder, recipe, settings, _commit(folder))


def _refuse_other_files(folder: Path) -> None:
    try:
        if folder.exists() and {path.name for path in folder.iterdir()} - EMPTY_BUT_FOR:
            raise ClearBGError(f"{folder} is not empty: name a new folder.")
    except OSError as error:
        raise ClearBGError(
            f"{folder} cannot become a project ({error.strerror}): name a new folder."
        ) from error


def _files() -> Iterator[tuple[str, Path]]:
    """Place in a project -> file, of every file that a new project gets."""
    if SHIPPED.is_dir():
        for path in sorted(filter(Path.is_file, SHIPPED.rglob("*"))):
            if path.parent.name != "__pycache__":  # pip compiles the pipelines where they lie
                yield path.relative_to(SHIPPED).as_posix(), path
        return
    listed = tomllib.loads((CLONE / "pyproject.toml").read_text(encoding="utf-8"))
    for pattern in listed["tool"]["clearbg"]["project"]:
        for path in sorted(CLONE.glob(pattern)):
            yield path.relative_to(CLONE).as_posix(), path


def _commit(folder: Path) -> bool:
    """Make a repository with a first commit; False: git has no name and address to put into it."""
    if not (folder / ".git").exists():
        _git(folder, "init", "--quiet", "--initial-branch=main")
    _git(folder, "add", "--all")
    if not _git(folder, "var", "GIT_COMMITTER_IDENT", accepted=(0, 128)):
        return False
    _git(folder, "commit", "--quiet", "--message", "Start from a recipe of ClearBG")
    return True


def _git(folder: Path, *words: str, accepted: tuple[int, ...] = (0,)) -> str:
    return git("-C", str(folder), *words, accepted=accepted)
