"""Images, what models make of them, and the truth, side by side on one sheet."""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from clearbg.data.checks.truths import Truths
from clearbg.data.pairs import FilePair
from clearbg.data.sources import by_stem
from clearbg.errors import DataError
from clearbg.images import SUFFIXES, contact_sheet, find_images, finding, read_image
from clearbg.removal.remover import Remover
from clearbg.system.overwriting import Kind, refuse_to_lose
from clearbg.system.progress import progress

CELL = 240  # pixels of a view's longer side
COMMENT = "ClearBG comparison"
SHEET = Kind("a comparison sheet", re.compile(COMMENT.encode()))


def compare(
    images: Path,
    masks: Path | None,
    models: Sequence[Path],
    output: Path,
    count: int,
    seed: int,
    overwrite: bool = False,
) -> tuple[int, str]:
    """Write a sheet of `count` images drawn by `seed`.

    Args:
        images: a folder of images, or one image.
        masks: a folder of masks (or one mask) of the same names; None: no column of truth.
        models: exported models; each gives a column of alpha, the first one of cutouts too.
        overwrite: write also over a file that is no comparison sheet.

    Returns:
        how many images are on it, and lines about what was found in the masks and left out.

    Raises:
        DataError: there are no images, a mask is missing, ingest would refuse a pair, or a
            file would be lost.
        ImageError: an image or a mask cannot be read.
        ModelError: a model cannot be used.
    """
    if not images.exists():
        raise DataError(f"{images} does not exist: check the path.")
    found = find_images(images) if images.is_dir() else [images]
    if not found:
        raise DataError(f"{images} holds no images ({', '.join(SUFFIXES)}).")
    order = np.random.default_rng(seed).permutation(len(found))[:count]
    chosen = [found[i] for i in sorted(order)]
    truths = _masks_of(chosen, images, masks) if masks else {}
    refuse_to_lose(output, SHEET, [*found, *truths.values(), *models], overwrite)
    removers = [Remover(model) for model in models]
    rows = []
    read = Truths()
    for path in progress(chosen, what="compare", unit="images"):
        pair = FilePair(path.name, path, truths.get(path))
        image, truth = read.with_image(pair) if masks else (read_image(path), None)
        alphas = [remover.matte(image) for remover in removers]
        rgb, *alphas = (contact_sheet.smaller(view, CELL) for view in [image.srgb(), *alphas])
        views = [rgb, *alphas, contact_sheet.on_checkerboard(rgb, alphas[0])]
        if truth is not None:
            views.insert(1 + len(alphas), contact_sheet.smaller(truth, CELL))
        rows.append(views)
    names = [f"prediction {n + 1}" for n in range(len(models))]
    names = names if len(models) > 1 else ["prediction"]
    titles = ["input", *names, *(["truth"] if masks else []), "cutout"]
    captions = [path.name for path in chosen]
    per_line = 2 if len(titles) <= 4 and len(rows) > 1 else 1
    contact_sheet.sheet(
        rows,
        output,
        titles=titles,
        captions=captions,
        per_line=per_line,
        cell=CELL,
        comment=COMMENT,
    )
    told = [finding.left_out_of(images, *([masks] if masks else [])), read.sentence()]
    return len(rows), "\n".join(filter(None, told))


def _masks_of(chosen: Sequence[Path], images: Path, masks: Path) -> dict[Path, Path]:
    """Image -> its mask, for the chosen ones."""
    if masks.is_file():
        return dict.fromkeys(chosen, masks)
    folder = images if images.is_dir() else images.parent
    paired = {pair.image: pair.mask for pair in by_stem(folder, masks)}
    found = {}
    for path in chosen:
        if (mask := paired[path]) is None:
            name = path.relative_to(folder).with_suffix("")
            raise DataError(f"{masks} holds no mask called {name}: add it, or leave --masks out.")
        found[path] = mask
    return found
