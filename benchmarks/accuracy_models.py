"""What `accuracy.py` measures: our models, imported ones, other people's ONNX files and maps."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image

from clearbg.cli.options import choice_of
from clearbg.contract import FILE as CONTRACT
from clearbg.data import leaks
from clearbg.data.pairs import FilePair
from clearbg.data.sources.folders import images_by, relative_stem
from clearbg.errors import DataError, ModelError
from clearbg.export.rembg import SESSIONS
from clearbg.images import read_mask, resize
from clearbg.inference.onnx_metadata import contract_text
from clearbg.inference.predict import predict
from clearbg.inference.sessions import open_model
from clearbg.pretrained.choice import EXPORT, shipped

OTHERS = {"u2net": "u2net_custom", "u2netp": "u2net_custom", "isnet": "dis_custom"}
"""Word before the colon of a model -> rembg's session that runs such a file."""
MEAN_MASK = "mean-mask"
SMALL = (64, 64)  # height and width of the mean mask


@dataclass(frozen=True)
class Measured:
    """One row of the table.

    Attributes:
        alpha: an image, uint8 `(H,W,3)`, and its pair -> alpha, float32 `(H,W)` in [0, 1].
        looks: whether the alpha comes from the image, so that time and variations mean something.
        megabytes: of the file that holds the weights; None where there is none.
        seen: the images that it has learned from; None where nothing is known of them.
        published: the architecture whose published figures are for these weights; or empty.
        covers: whether there is an alpha for an image; maps may be of another set.
    """

    name: str
    alpha: Callable[[np.ndarray, FilePair], np.ndarray]
    looks: bool = True
    megabytes: float | None = None
    threshold: float = 0.5
    seen: leaks.Seen | None = None
    published: str = ""
    covers: Callable[[FilePair], bool] = lambda _: True


def open_one(text: str, images: Path, mean_mask: Callable[[], np.ndarray]) -> Measured:
    """What a word of the command line names, for the images of one folder.

    Args:
        text: `LABEL=` may stand before it.
        images: the folder that maps are paired with.
        mean_mask: gives the mean of the set's masks, float32 `(h,w)` in [0, 1].

    Raises:
        ModelError, DataError: it is nothing that can be measured.
    """
    label, mark, rest = text.partition("=")
    if not mark:
        label, rest = text, text
    kind, colon, file = rest.partition(":")
    if colon and kind in OTHERS:
        return _of_another(label, kind, Path(file))
    if rest == MEAN_MASK:
        return _mean_mask(label, mean_mask())
    place = Path(rest)
    folder = place if rest not in shipped() and place.is_dir() else None
    if folder is not None and not (folder / CONTRACT).is_file():
        if not (folder / EXPORT).is_file():
            return _maps(label, folder, images)
        rest, folder = str(folder / EXPORT), None
    file = choice_of(rest).file  # of a folder with weights, the ONNX file made of them
    if not contract_text(file):
        raise ModelError(
            f"{file} does not say how images enter it: write {':, '.join(OTHERS)}: before its "
            "name, if it is a file for rembg's session of that kind."
        )
    return _ours(label, file, folder or file.parent)


def _ours(label: str, file: Path, folder: Path) -> Measured:
    opened = open_model(file)
    contract, seen = opened.contract, None  # an exported file may have left its list
    if leaks.listed(folder):
        seen = leaks.of_model(folder, contract.images_sha256, contract.trained_on)
    return Measured(
        name=label,
        alpha=lambda rgb, _: predict([rgb], opened.network, contract)[0],
        megabytes=file.stat().st_size / 1e6,
        threshold=contract.threshold,
        seen=seen,
        published=contract.model if contract.headline == "unknown" else "",
    )


def _of_another(label: str, kind: str, file: Path) -> Measured:
    """A file as rembg runs it: Lanczos, division by the image's own maximum, stretched result."""
    if not file.is_file():
        raise ModelError(f"{file} does not exist: name an ONNX file after {kind}:.")
    try:
        session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime raises a different class for every damage
        raise ModelError(f"{file} is not a complete ONNX file: fetch it again.") from error
    side, mean, std = SESSIONS[OTHERS[kind]]
    given = session.get_inputs()[0]

    def alpha(rgb: np.ndarray, _: FilePair) -> np.ndarray:
        small = Image.fromarray(rgb).resize((side, side), Image.Resampling.LANCZOS)
        values = np.asarray(small) / max(np.max(np.asarray(small)), 1e-6)
        batch = ((values - mean) / std).transpose(2, 0, 1)[None].astype(np.float32)
        try:
            found = session.run(None, {given.name: batch})[0][0, 0]
        except Exception as error:  # as above
            raise ModelError(f"{file} takes no {side}×{side} image: it is no {kind}.") from error
        low, high = found.min(), found.max()
        found = (found - low) / (high - low) if high > low else np.zeros_like(found)
        mask = Image.fromarray((found * 255).astype(np.uint8))
        mask = mask.resize(rgb.shape[1::-1], Image.Resampling.LANCZOS)
        return np.asarray(mask, np.float32) / 255

    return Measured(label, alpha, megabytes=file.stat().st_size / 1e6, published=kind)


def _maps(label: str, folder: Path, images: Path) -> Measured:
    """Somebody's predictions as images of the photographs' names and sizes; white is foreground."""
    found = images_by(folder)

    def file(pair: FilePair) -> Path | None:
        return found.get(relative_stem(pair.files()[0], images), [None])[0]

    def alpha(rgb: np.ndarray, pair: FilePair) -> np.ndarray:
        path = file(pair)
        if path is None:
            raise DataError(f"{folder} holds no map of {pair.image}: add it.")
        values = read_mask(path)[0]
        FilePair(pair.id, path, pair.image).refuse_sizes(values.shape, rgb[..., 0])
        return values.astype(np.float32) / 255

    return Measured(
        label, alpha, looks=False, published=label, covers=lambda pair: file(pair) is not None
    )


def _mean_mask(label: str, mean: np.ndarray) -> Measured:
    """A mask that looks at no image: the mean of all truths, which any model should beat."""

    def alpha(rgb: np.ndarray, _: FilePair) -> np.ndarray:
        return resize(mean, rgb.shape[:2]).clip(0, 1)

    return Measured(label, alpha, looks=False)
