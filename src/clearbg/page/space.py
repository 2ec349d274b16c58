"""The page as a folder that runs as a Hugging Face Space, and on any computer.

It holds the model, its card and the part of this package that the page needs; torch, MLflow and
the rest of ClearBG are not needed there.
"""

import modulefinder
import shutil
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import clearbg
from clearbg.contract import Contract
from clearbg.errors import ExportError, ModelError, SettingsError
from clearbg.removal.remover import Remover
from clearbg.system import project
from clearbg.system.files import replacing_folder

PACKAGE = Path(clearbg.__file__).parent
MODEL, CARD = "model.onnx", "card.md"
IMAGES = ("training_images.csv", "training_images.csv.gz")
REQUIRED = (
    "anyio", "fastapi", "filelock", "gradio", "gradio_client", "isal", "numpy", "onnxruntime",
    "pillow", "pydantic-core", "python_multipart", "pyyaml", "starlette", "tifffile", "uvicorn",
)  # fmt: skip
MARK = '"""Serves the page of ClearBG; written by `clearbg demo --export`."""'
APP = f'''{MARK}

import os
from pathlib import Path

from clearbg.page.limits import Limits
from clearbg.page.models import ModelChoices
from clearbg.page.server import login, serve

if __name__ == "__main__":
    hosted = "SPACE_ID" in os.environ
    serve(
        ModelChoices([Path(__file__).parent / "{MODEL}"]),
        Limits(),
        host="0.0.0.0" if hosted else "127.0.0.1",
        port=int(os.environ.get("PORT", "7860")),
        login=login(os.environ),
        allowed_hosts=("*",) if hosted else (),  # the hub's proxy knows the Space by its host
    )
'''
README = """---
title: ClearBG
emoji: ✂️
colorFrom: green
colorTo: gray
sdk: gradio
sdk_version: {gradio}
python_version: "3.11"
app_file: app.py
pinned: false
short_description: Removes the background of images
{license}---

# ClearBG

Drop an image, and its background is gone. `pip install -r requirements.txt` and `python app.py`
serve the same page on this computer. With the secret `CLEARBG_PAGE_LOGIN=name:password` it asks
for a login. The code is under the MIT license (`LICENSE`); what follows is the model's own card.

{card}"""
ATTRIBUTES = "*.onnx filter=lfs diff=lfs merge=lfs -text\n"
HUB_LICENSES = {
    "cc0-1.0", "pddl", "unlicense", "mit", "apache-2.0", "bsd-2-clause", "bsd-3-clause",
    "cc-by-2.0", "cc-by-2.5", "cc-by-3.0", "cc-by-4.0", "cc-by-sa-3.0", "cc-by-sa-4.0",
    "cc-by-nc-2.0", "cc-by-nc-3.0", "cc-by-nc-4.0", "cc-by-nc-sa-2.0", "cc-by-nc-sa-3.0",
    "cc-by-nc-sa-4.0", "cc-by-nc-nd-3.0", "cc-by-nc-nd-4.0", "odbl",
}  # fmt: skip
"""Licenses that the hub knows by name; it calls every other one "other"."""


def write(model: Path, folder: Path) -> None:
    """Write a Space for an exported model. The model's card is in the same folder.

    Raises:
        ModelError: the model cannot be opened, has no contract, or has another model's card.
        ExportError: the card is missing, or the folder holds files that are no Space's.
        SettingsError: Gradio, whose version the Space names, is not installed.
        ClearBGError: the folder cannot be written.
    """
    facts = Remover(model).contract
    card = _card(model.with_name(CARD), facts)
    files = {
        "app.py": APP,
        "requirements.txt": "".join(f"{name}=={_version(name)}\n" for name in REQUIRED),
        "README.md": README.format(
            gradio=_version("gradio"), license=_license(facts.data_license), card=card
        ),
        CARD: card,
        "LICENSE": metadata.distribution("clearbg").read_text("licenses/LICENSE") or "",
        ".gitattributes": ATTRIBUTES,
    }
    _refuse_to_lose(folder, {*files, MODEL, *IMAGES, PACKAGE.name})
    with replacing_folder(folder) as aside:
        for name, text in files.items():
            (aside / name).write_text(text, encoding="utf-8")
        shutil.copyfile(model, aside / MODEL)
        for name in IMAGES:
            if model.with_name(name).is_file():
                shutil.copyfile(model.with_name(name), aside / name)
        for path in sources(aside / "app.py"):
            target = aside / PACKAGE.name / path.relative_to(PACKAGE)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)


def sources(script: Path) -> Iterator[Path]:
    """The package's files that a script imports, directly or not, and the page's images."""
    finder = modulefinder.ModuleFinder(path=[str(PACKAGE.parent)])
    finder.run_script(str(script))
    for module in finder.modules.values():
        if module.__file__ and Path(module.__file__).is_relative_to(PACKAGE):
            yield Path(module.__file__)
    yield from (PACKAGE / "page").glob("*.svg")
    yield from (PACKAGE / "page/images").iterdir()


def _card(path: Path, facts: Contract) -> str:
    if not path.is_file():
        raise ExportError(
            f"{path} does not exist, and a Space shows the model's card: "
            f"{project.to_run('dvc repro export')}."
        )
    card = path.read_text(encoding="utf-8")
    if facts.weights_sha256 not in card:
        raise ModelError(f"{path} is of other weights than the model: export both again.")
    return card


def _license(text: str) -> str:
    """Header lines for the model's license, as the hub names it."""
    if text.lower() in HUB_LICENSES:
        return f"license: {text.lower()}\n"
    return f"license: other\nlicense_name: see-card\nlicense_link: {CARD}\n"


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError as error:
        raise SettingsError(
            f'{name} is not installed: `pip install ".[page]"` in a checkout.'
        ) from error


def _refuse_to_lose(folder: Path, own: set[str]) -> None:
    """Refuse to replace a folder in which anything was not written by an earlier export."""
    if not folder.exists():
        return
    if not folder.is_dir():
        raise ExportError(f"{folder} is a file: name a folder.")
    present = {path.name for path in folder.iterdir()}
    app = folder / "app.py"
    marked = app.is_file() and app.read_text(errors="replace").startswith(MARK)
    foreign = sorted(present - own) if marked else sorted(present)
    if foreign:
        raise ExportError(
            f"{folder} holds {foreign[0]}, which no export has written and which would be lost: "
            "name a new folder."
        )
