"""A trained model -> its folder in `clearbg.pretrained`, which comes with the package.

The ONNX files pass the gate that every export passes. Beyond that they are scored, beside the
weights as they came, on all images that the caller names, and must keep the same budgets there.
"""

import dataclasses
import hashlib
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from clearbg import config, models, pretrained
from clearbg.contract import FILE as CONTRACT
from clearbg.contract import Contract, read_contract
from clearbg.data import leaks, manifest
from clearbg.data.baselines import read_mean_mask
from clearbg.data.pairs import FilePair
from clearbg.data.sources import by_stem
from clearbg.errors import DataError
from clearbg.export import formats, onnx, shipped_figures
from clearbg.images import find_images
from clearbg.inference.torch_network import as_network
from clearbg.models import weights
from clearbg.system.files import file_sha256, replacing_folder, write_json
from clearbg.training import model_card
from clearbg.training.outputs import contract_of
from clearbg.training.provenance import Provenance

SETTINGS = "params.yaml"


@dataclasses.dataclass(frozen=True)
class Sources:
    """What a shipped model is made from.

    Attributes:
        weights: a folder with weights.safetensors and training_images.csv, as training writes it.
            Where it has no model.json, the contract follows from the settings.
        settings: the params.yaml that the weights were trained with.
        images, masks: folders of the pairs that the files are measured on, by name.
        measured_on: what these pairs are, in words.
        calibration: a folder of images that int8's ranges come from.
        development: reports/evaluate/per_image.csv of images that the development held out, by
            these weights or, where they have seen every image by now, by those before them. Its
            figures are then those that the model is known by.
    """

    weights: Path
    settings: Path
    images: Path
    masks: Path
    measured_on: str
    calibration: Path
    development: Path | None = None


def write(name: str, sources: Sources) -> dict[str, Any]:
    """Make the folder of one shipped model anew, and return what its made.json says.

    Raises:
        SettingsError, ModelError, DataError: a source is missing or damaged.
        ExportError: the weights are no better than a mask that looks at no image, or a file does
            not do what they do; the old folder stays.
    """
    settings = config.load(sources.settings)
    original = weights.load(
        models.build(settings.model.name, **settings.model.settings()),
        sources.weights / weights.FILE,
    )
    pairs = _complete(by_stem(sources.images, sources.masks), sources)
    calibration = _spread(find_images(sources.calibration), settings.export.calibration or 0)
    with replacing_folder(pretrained.FOLDER / name) as aside:
        shutil.copyfile(sources.settings, aside / SETTINGS)
        weights.save(halved(weights.copied(original)), aside / weights.FILE)
        contract, listed = _contract(settings, sources.weights, aside)
        (aside / CONTRACT).write_text(contract.to_json(), encoding="utf-8")
        whole = shipped_figures.contributions(as_network(original), contract, pairs)
        mean_mask = read_mean_mask(sources.weights)
        shipped_figures.refuse_useless(name, contract, whole, pairs, mean_mask)
        gate = _export(contract, aside, settings, (pairs, calibration))
        measured = shipped_figures.measured(whole, contract, aside, pairs)
        shipped_figures.refuse_loss(name, measured["losses"], settings.export)
        facts = {
            "measured_on": sources.measured_on,
            **measured,
            "development": shipped_figures.held_out(sources.development, contract.headline),
            "gate": gate,
            "made_from": {
                "weights": file_sha256(sources.weights / weights.FILE),
                "settings": file_sha256(sources.settings),
                "images": _digest(pair.files()[0] for pair in pairs),
                "masks": _digest(pair.files()[1] for pair in pairs),
                "calibration": _digest(calibration),
            },
            "files": {
                path.name: file_sha256(path)
                for path in sorted(aside.iterdir())
                if path.suffix in (".onnx", ".safetensors")
            },
        }
        write_json(aside / pretrained.MADE, facts)
        parameters = weights.parameters(weights.copied(original))
        text = model_card.text(contract, listed, parameters, shipped=facts)
        (aside / model_card.FILE).write_text(text, encoding="utf-8")
    return facts


def halved(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Kernels in half precision; what has one dimension, such as a bias, stays as it is."""
    return {
        name: tensor.half() if tensor.ndim > 1 and tensor.dtype == torch.float32 else tensor
        for name, tensor in tensors.items()
    }


def _contract(settings: config.Settings, folder: Path, aside: Path) -> tuple[Contract, int]:
    """The contract of the stored weights, and the length of the list of images beside them."""
    path = folder / leaks.FILE
    if not path.is_file():
        raise DataError(f"{path} does not exist: a shipped model lists the images it has seen.")
    images = leaks.merged(pd.read_csv(path, dtype=str, keep_default_na=False))
    listed = leaks.write(images, aside, packed=True)
    sha256 = file_sha256(aside / weights.FILE)
    if (folder / CONTRACT).is_file():
        trained = read_contract(folder)
        return dataclasses.replace(trained, weights_sha256=sha256, images_sha256=listed), len(
            images
        )
    origins = config.learned_from(settings, len(images))
    return contract_of(settings, sha256, Provenance("", images, origins), listed), len(images)


def _export(
    contract: Contract,
    folder: Path,
    settings: config.Settings,
    images: tuple[Sequence[FilePair], Sequence[Path]],
) -> dict[str, Any]:
    """Write the ONNX files through the gate of `formats.complete`; return its figures."""
    network = weights.load(models.build(contract.model, **contract.settings), folder / weights.FILE)
    with tempfile.TemporaryDirectory() as temporary:
        data, exports = Path(temporary, "data"), Path(temporary, "exports")
        data.mkdir()
        exports.mkdir()
        wanted = settings.export.model_copy(
            update={
                "formats": ["fp16", "int8"],
                "rembg": [],
                "hugging_face": False,
                "images": min(settings.export.images, len(images[0])),
                "calibration": len(images[1]),
            }
        )
        as_validation(*images, data)
        onnx.export(network, contract, exports / formats.FILES["fp32"], wanted.opset)
        figures = formats.complete(network, contract, folder, data, exports, wanted)
        for file in (pretrained.INT8, pretrained.FP16):
            shutil.copyfile(exports / file, folder / file)
    return figures


def as_validation(pairs: Sequence[FilePair], calibration: Sequence[Path], folder: Path) -> None:
    """An ingested folder of the pairs, and of those to calibrate on, which come last."""
    files = [("a", *pair.files()) for pair in pairs]
    files += [("b", path, pairs[0].files()[1]) for path in calibration]  # no mask of it is read
    rows = []
    for number, (part, image, mask) in enumerate(files):
        row = {"id": f"{part}{number:06}"}
        for kind, path in (("image", image), ("mask", mask)):
            row[kind] = f"{row['id']}-{kind}{path.suffix}"
            shutil.copyfile(path, folder / row[kind])
        rows.append(row)
    blank = dict.fromkeys(manifest.COLUMNS, "") | {"split": "validation", "status": "ok"}
    manifest.write([blank | row for row in rows], folder / "manifest.csv")


def _complete(pairs: Sequence[FilePair], sources: Sources) -> list[FilePair]:
    found = [pair for pair in pairs if pair.image is not None and pair.mask is not None]
    if not found:
        raise DataError(f"{sources.images} and {sources.masks} hold no pair of one name.")
    return found


def _spread(paths: Sequence[Path], count: int) -> list[Path]:
    """At most `count` of the images, evenly over their names."""
    if not paths:
        raise DataError("the folder for the calibration holds no images: name another.")
    where = np.linspace(0, len(paths) - 1, min(count, len(paths))).round().astype(int)
    return [paths[index] for index in where]


def _digest(paths: Any) -> str:
    """SHA-256 over the files' own, in the order of their names."""
    lines = sorted(f"{path.name} {file_sha256(path)}\n" for path in paths)
    return hashlib.sha256("".join(lines).encode()).hexdigest()
