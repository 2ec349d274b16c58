"""Both sides of the comparison, recent and training images, as tables with a row for each image."""

import hashlib
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from clearbg.data import manifest
from clearbg.errors import DataError, ImageError
from clearbg.images import SUFFIXES, DecodedImage, find_images, finding, limits, read_image
from clearbg.images.decoding import weigh
from clearbg.inference import predict, sessions
from clearbg.removal import image_statistics, log
from clearbg.removal.remover import Remover
from clearbg.system import code, project
from clearbg.system.files import file_sha256, replacing_file
from clearbg.system.progress import progress

AT_ONCE = 8  # images in memory
NEEDS_MODEL = "a model is needed, so that both sides come from one network"


@dataclass(frozen=True, eq=False)
class Model:
    """The model whose alpha is compared.

    Attributes:
        remover: the opened model.
        path: its ONNX file.
    """

    remover: Remover
    path: Path

    @property
    def weights(self) -> str:
        """The model's name in a removal log: the SHA-256 of its weights."""
        return self.remover.contract.weights_sha256


@dataclass(frozen=True, eq=False)
class Recent:
    """The recent images.

    Attributes:
        frame: columns as `image_statistics` names them; what is unknown is NaN.
        left_out: feature -> why the frame lacks it.
        unreadable: how many images or lines could not be read.
    """

    frame: pd.DataFrame
    left_out: dict[str, str]
    unreadable: int


def _written_at(file: Path) -> int:
    """When a file was written; the oldest of all where it is a link that leads nowhere."""
    try:
        return file.stat().st_mtime_ns
    except OSError:
        return 0


def recent(path: Path, last: int, model: Model | None) -> Recent:
    """The newest images of a folder (by the files' times), or lines of a removal log.

    Raises:
        DataError: `path` is neither.
    """
    left_out = {} if model else dict.fromkeys(image_statistics.OF_ALPHA, NEEDS_MODEL)
    if path.is_dir():
        found = find_images(path)
        finding.say_left_out(path)
        newest = sorted(found, key=lambda file: (_written_at(file), file))[-last:]
        rows = [row for row in _measured(newest, model, "recent") if isinstance(row, dict)]
        return Recent(_frame(rows), left_out, len(newest) - len(rows))
    if not path.exists():
        raise DataError(f"{path} does not exist: give a folder of images, or a removal log.")
    if path.suffix.lower() in SUFFIXES:
        raise DataError(f"{path} is an image: give a folder of them, or a removal log.")
    lines = log.read(path, last)
    frame = _frame(lines.rows, "model")
    if model and len(frame):
        others = frame["model"] != model.weights
        frame.loc[others, list(image_statistics.OF_ALPHA)] = float("nan")
        if others.all():
            reason = f"no line of the log comes from the model {model.path}"
            left_out = dict.fromkeys(image_statistics.OF_ALPHA, reason)
    return Recent(frame, left_out, lines.unreadable)


def training_rows(folder: Path, count: int) -> pd.DataFrame:
    """Rows of the manifest: those images whose numbers `training` gives.

    Raises:
        DataError: there is no manifest.
    """
    rows = manifest.read(folder)
    rows = rows[(rows.status == "ok") & (rows.split == "train")]
    return rows.drop_duplicates("sha256").sort_values("sha256").head(count)


def training(folder: Path, count: int, model: Model | None) -> pd.DataFrame:
    """Up to `count` images of the training split in an ingested folder.

    A data set always gives the same images, and nearly the same ones after it has grown. The
    numbers are cached in `.clearbg/drift` by the content of the images.

    Raises:
        DataError: there is no manifest, or one of its images cannot be read.
    """
    rows = training_rows(folder, count)
    cache = project.state() / "drift" / f"{_key(model)}.csv"
    known = _cached(cache)
    missing = rows[~rows.sha256.isin(known.index)]
    if len(missing):
        paths = [folder / image for image in missing.image]
        found = _measured(paths, model, "training")
        for row in found:
            if isinstance(row, ImageError):
                raise DataError(f"{row} Run `dvc checkout` or `dvc repro -f ingest`.")
        fresh = _frame(found).set_axis(missing.sha256, axis=0)
        known = pd.concat([known, fresh]) if len(known) else fresh
        known = known.loc[rows.sha256].rename_axis("sha256")
        with replacing_file(cache) as aside:
            known.to_csv(aside)
    return known.reindex(rows.sha256).reset_index(drop=True)


def _measured(
    paths: Sequence[Path], model: Model | None, what: str
) -> list[dict[str, float] | ImageError]:
    """The numbers of each image, or why it cannot be read."""
    rows = _groups(paths, model)
    return list(progress(rows, what=what, unit="images", total=len(paths)))


def _groups(paths: Sequence[Path], model: Model | None) -> Iterator[dict[str, float] | ImageError]:
    with ThreadPoolExecutor(min(AT_ONCE, os.cpu_count() or 1)) as pool:
        for several in limits.in_groups(((path, weigh(path)) for path in paths), AT_ONCE):
            group = list(pool.map(_measure, several))
            read = [found for found in group if not isinstance(found, ImageError)]
            if model and read:
                inferred = model.remover.infer([image for image, _ in read])
                for (_, row), alpha in zip(read, inferred, strict=True):
                    row.update(image_statistics.of_alpha(alpha))
            yield from (found if isinstance(found, ImageError) else found[1] for found in group)


def _measure(path: Path) -> tuple[DecodedImage, dict[str, float]] | ImageError:
    try:
        image = read_image(path)
    except ImageError as error:
        return error
    return image, image_statistics.of_image(image)


def _frame(rows: Sequence[dict], *more: str) -> pd.DataFrame:
    return pd.DataFrame(
        rows, columns=[*more, *image_statistics.OF_IMAGE, *image_statistics.OF_ALPHA]
    )


def _cached(path: Path) -> pd.DataFrame:
    """The numbers that an earlier call has measured, by the SHA-256 of the images."""
    try:
        known = pd.read_csv(path).set_index("sha256")
        return known[[*image_statistics.OF_IMAGE, *image_statistics.OF_ALPHA]].astype(float)
    except (OSError, ValueError, KeyError):
        return _frame([]).rename_axis("sha256")


def _key(model: Model | None) -> str:
    """A name for everything that decides the numbers of an image, except the image."""
    weights = "" if model is None else file_sha256(model.path)
    numbers = code.digest(*(module.__file__ for module in (image_statistics, predict, sessions)))
    return hashlib.sha256(f"{weights} {numbers}".encode()).hexdigest()[:24]
