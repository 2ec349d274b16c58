"""Recipes are whole params.yaml files; `use` copies one and never overwrites an edit.

The demo of a recipe is the recipe with the changes of recipes/demo/NAME.yaml: generated data and
a training of minutes. Its section `data` replaces the recipe's; in other sections single keys are
replaced.
"""

import subprocess
from collections.abc import Iterator
from pathlib import Path

from clearbg import config
from clearbg.errors import SettingsError
from clearbg.system import project
from clearbg.system.files import write_text


def listed() -> list[tuple[str, str, bool]]:
    """Every recipe: its name, its description, and whether params.yaml is equal to it."""
    current = _current()
    return [
        (name, _title(path), path.read_text("utf-8") == current)
        for name, path in _recipes(_folder())
    ]


def live() -> str:
    """The name of the recipe or demo that params.yaml equals; "edited" when it equals none."""
    current = _current()
    return next((name for name, text in _texts() if text == current), "edited")


def use(name: str, demo: bool = False, force: bool = False) -> None:
    """Make a recipe, or its demo, the params.yaml.

    Raises:
        SettingsError: there is no such recipe or demo, it is not valid, or params.yaml holds
            edits that no recipe and no commit has.
    """
    text = render(name, demo)
    config.loads(text, f"recipes/{name}.yaml")
    if not force and _has_own_edits():
        raise SettingsError(
            "params.yaml has edits that are in no recipe and not committed: commit them, keep "
            f"them as `cp params.yaml recipes/NAME.yaml`, or run `clearbg use {name} --force`."
        )
    write_text(_params(), text)


def render(name: str, demo: bool = False, folder: Path | None = None) -> str:
    """The text of a recipe or of its demo.

    Args:
        folder: the folder of the recipes; None: the project's.

    Raises:
        SettingsError: there is none of this name.
    """
    folder = folder or _folder()
    known = dict(_recipes(folder))
    if name not in known:
        raise SettingsError(f"there is no recipe {name!r}; known: {', '.join(known)}.")
    base = known[name].read_text(encoding="utf-8")
    if not demo or name == "demo":
        return base
    changes = folder / "demo" / f"{name}.yaml"
    if not changes.exists():
        raise SettingsError(
            f"the recipe {name} has no demo; there are: {', '.join(_demos(folder)) or 'none'}."
        )
    return _merged(base, changes.read_text(encoding="utf-8"))


def ways(name: str) -> dict[str, str]:
    """The commands that a recipe's head names `quick` and `thorough`, where it does.

    Raises:
        SettingsError: see `render`.
    """
    head = render(name).partition("\n\n")[0]
    words = (line.lstrip("# ").partition(" ") for line in head.splitlines())
    return {way: command.strip() for way, _, command in words if way in ("quick", "thorough")}


def _merged(base: str, changes: str) -> str:
    """The recipe with the changes; head and comments are the demo's, which tell of its data."""
    recipe, change = _sections(base), _sections(changes)
    for name, lines in change.items():
        recipe[name] = lines if name == "data" else recipe[name] | lines
    body = (f"\n{name}:\n" + "".join(lines.values()) for name, lines in recipe.items())
    return changes.partition("\n\n")[0] + "\n" + "".join(body)


def _sections(text: str) -> dict[str, dict[str, str]]:
    """Section -> key -> its line; in recipes every key has one."""
    found: dict[str, dict[str, str]] = {}
    section: dict[str, str] = {}
    for line in text.splitlines(keepends=True):
        key = line.partition(":")[0]
        if line.startswith("  "):
            section[key] = line
        elif line.strip() and line[0] != "#":
            section = found[key] = {}
    return found


def _texts() -> Iterator[tuple[str, str]]:
    for name, path in _recipes(_folder()):
        yield name, path.read_text(encoding="utf-8")
    for name in _demos(_folder()):
        yield f"{name}-demo", render(name, demo=True)


def _folder() -> Path:
    return project.root() / "recipes"


def _recipes(folder: Path) -> list[tuple[str, Path]]:
    paths = sorted(folder.glob("*.yaml"))
    if not paths:
        project.required()
        raise SettingsError(f"{folder} holds no recipes: restore it with `git checkout recipes`.")
    return [(path.stem, path) for path in paths]


def _demos(folder: Path) -> list[str]:
    return sorted(path.stem for path in folder.glob("demo/*.yaml"))


def _params() -> Path:
    return project.root() / "params.yaml"


def _current() -> str:
    return _params().read_text(encoding="utf-8") if _params().exists() else ""


def _title(path: Path) -> str:
    first = path.read_text(encoding="utf-8").partition("\n")[0]
    return first.removeprefix(f"# {path.stem}:").strip()


def _has_own_edits() -> bool:
    current = _current()
    return bool(current) and current != _committed() and all(t != current for _, t in _texts())


def _committed() -> str | None:
    """params.yaml of the last commit; None outside git."""
    try:
        done = subprocess.run(
            ["git", "show", "HEAD:./params.yaml"], cwd=project.root(), capture_output=True
        )
    except OSError:
        return None
    return done.stdout.decode("utf-8", "replace") if done.returncode == 0 else None
