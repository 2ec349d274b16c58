"""Which code decides a result: one answer for DVC's stages, checkpoints and caches.

python -m clearbg.system.code rewrites the code that each stage of dvc.yaml depends on.
python -m clearbg.system.code FOLDER writes the digest of that code, a file for each stage of a
project that `clearbg init` made: see `installed`.
"""

import ast
import hashlib
import re
import sys
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path

from clearbg.system.files import replacing_folder, write_text

PACKAGE = Path(__file__).parents[1]
PIPELINES = PACKAGE.parents[1] / "pipelines"
STAGES = PACKAGE.parents[1] / "dvc.yaml"
DIGESTS = ".clearbg/code"
"""Where a project of `clearbg init` keeps the digest of each stage's code."""

STAGE = re.compile(
    r"^(?P<head>  (?P<stage>\w+):\n(?:    .*\n)*?    deps:\n)(?P<deps>(?:      - .+\n)+)",
    re.MULTILINE,
)
"""A stage of dvc.yaml, up to the end of its dependencies."""

BESIDE_RESULTS = {
    "config": "settings decide by their values, which DVC and the caches watch themselves",
    "errors.py": "an error ends a stage; no result holds its text",
    "system": "it brings files, processes and memory to the machine, whatever they hold",
    "tracking": "it records results elsewhere and gives none back",
}
"""Rooms and files that no result depends on, with the reason; what they import is not followed."""

BESIDE_WEIGHTS = {
    "images/contact_sheet.py": "a sheet for people beside the weights is not worth a training",
    "training/card.md.jinja": "a card for people beside the weights is not worth a training",
    "training/estimate.py": "it says what a training will need, and changes nothing of it",
    "training/image_counts.py": "it counts for the estimate of what a training will need",
    "training/lr_curve.py": "it is drawn by clearbg lr-find, which trains nothing that stays",
    "training/lr_find.py": "it is clearbg lr-find, which trains nothing that stays",
    "training/model_card.py": "a card for people beside the weights is not worth a training",
    "training/tensorboard.py": "it draws curves outside the outputs",
}
"""What a training writes for people only: editing it repeats no training."""


def deciding(*entries: str | Path, beside: Collection[str] = ()) -> list[Path]:
    """The files that decide what the entries give: they and all that they import, sorted.

    Files that a module names and that lie in its folder, such as templates, belong to it.

    Args:
        entries: files, or folders for every module in them; relative ones are the package's.
        beside: rooms or files to leave out beside `BESIDE_RESULTS`.
    """
    left_out = {PACKAGE / name for name in (*BESIDE_RESULTS, *beside)}
    todo = [path for entry in entries for path in _modules(PACKAGE / entry)]
    found: set[Path] = set()
    while todo:
        path = todo.pop()
        if path in found or not left_out.isdisjoint((path, *path.parents)):
            continue
        found.add(path)
        if path.suffix == ".py":
            todo += _used_by(path)
    return sorted(path for path in found if path.stat().st_size)


def digest(*entries: str | Path, beside: Collection[str] = ()) -> str:
    """The SHA-256 of the code that `deciding` names, with the files' places in the package."""
    return _digest(deciding(*entries, beside=beside))


def dependencies(stage: str) -> list[str]:
    """The code that DVC watches for a stage: its file, and rooms or files of the package.

    A room that decides the result as a whole is named as one; paths are from the project's
    folder.
    """
    pipeline = PIPELINES / f"{stage}.py"
    beside = BESIDE_WEIGHTS if stage == "train" else ()
    files = set(deciding(pipeline, beside=beside)) - {pipeline}
    rooms = {room for path in files for room in path.parents if _is_whole(room, files)}
    names = {next((r for r in reversed(path.parents) if r in rooms), path) for path in files}
    return [path.relative_to(PACKAGE.parents[1]).as_posix() for path in (pipeline, *sorted(names))]


def renewed(text: str) -> str:
    """The text of dvc.yaml with each stage's code as `dependencies` says it; data stays."""

    def renew(match: re.Match) -> str:
        kept = [
            name
            for name in re.findall(r"- (.+)\n", match["deps"])
            if not name.startswith(("pipelines/", "src/clearbg/"))
            or name.endswith(".safetensors")  # shipped weights are data
        ]
        listed = "".join(f"      - {name}\n" for name in (*dependencies(match["stage"]), *kept))
        return match["head"] + listed

    return STAGE.sub(renew, text)


def installed(text: str) -> str:
    """The text of dvc.yaml for a project that has no package beside it, but an installed one.

    DVC cannot watch an installed package, whose place differs between machines. So a first stage,
    which always runs, writes a digest of the code, and of the shipped weights, that each stage
    depends on.
    """

    def replaced(match: re.Match) -> str:
        names = re.findall(r"- (.+)\n", match["deps"])
        others = [name for name in names if not name.startswith("src/clearbg/")]
        others.insert(1, f"{DIGESTS}/{match['stage']}")
        return match["head"] + "".join(f"      - {name}\n" for name in others)

    first = f"""stages:
  code:
    desc: tell whether the installed ClearBG has other code than before
    cmd: python -m clearbg.system.code {DIGESTS}
    always_changed: true
    outs:
      - {DIGESTS}:
          cache: false

"""
    return STAGE.sub(replaced, text).replace("stages:\n", first, 1)


def write_digests(folder: Path) -> None:
    """Write the digest of the installed code for each stage that the dvc.yaml here depends on."""
    stages = re.findall(rf"{DIGESTS}/(\w+)", Path(STAGES.name).read_text(encoding="utf-8"))
    with replacing_folder(folder) as aside:
        for stage in stages:
            beside = BESIDE_WEIGHTS if stage == "train" else ()
            pipeline = Path("pipelines", f"{stage}.py").resolve()
            files = [path for path in deciding(pipeline, beside=beside) if path != pipeline]
            weights = PACKAGE.glob("pretrained/*/*.safetensors") if stage == "train" else ()
            text = f"{_digest([*files, *sorted(weights)])}\n"
            (aside / stage).write_text(text, encoding="utf-8", newline="\n")


def _digest(files: Iterable[Path]) -> str:
    content = hashlib.sha256()
    for path in files:
        content.update(path.relative_to(PACKAGE).as_posix().encode() + path.read_bytes())
    return content.hexdigest()


def _modules(entry: Path) -> list[Path]:
    return sorted(entry.rglob("*.py")) if entry.is_dir() else [entry]


def _used_by(path: Path) -> Iterator[Path]:
    """The package's files that a module imports anywhere, and the files beside it that it names."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from _files_of(alias.name)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                yield from _files_of(f"{node.module}.{alias.name}")
        elif isinstance(node, ast.Constant) and re.fullmatch(r"[\w.-]+\.\w+", str(node.value)):
            beside = path.parent / str(node.value)
            yield from filter(Path.is_file, (beside,))


def _files_of(name: str) -> Iterator[Path]:
    """What Python runs to import a name: the module, and the packages that it is in."""
    top, *parts = name.split(".")
    for length in range(1, len(parts) + 1 if top == PACKAGE.name else 0):
        place = PACKAGE.joinpath(*parts[:length])
        yield from filter(Path.is_file, (place.with_suffix(".py"), place / "__init__.py"))


def _is_whole(room: Path, files: set[Path]) -> bool:
    if PACKAGE not in room.parents:
        return False
    inside = (path for path in room.rglob("*") if path.is_file() and path.suffix != ".pyc")
    return all(path in files or not path.stat().st_size for path in inside)


if __name__ == "__main__":
    if sys.argv[1:]:
        write_digests(Path(sys.argv[1]))
    else:
        write_text(STAGES, renewed(STAGES.read_text(encoding="utf-8")))
