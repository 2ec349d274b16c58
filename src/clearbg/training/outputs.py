"""What a training leaves on disk."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from clearbg import config
from clearbg.contract import FILE as CONTRACT
from clearbg.contract import Contract
from clearbg.data import leaks
from clearbg.data.baselines import write_mean_mask, write_validation
from clearbg.data.dataset import Pairs
from clearbg.images import contact_sheet
from clearbg.metrics.baselines import Comparison
from clearbg.models import weights
from clearbg.system.files import file_sha256, replacing_file, replacing_folder, write_json
from clearbg.training import baselines, model_card
from clearbg.training.checkpoints import Progress
from clearbg.training.methods import Method
from clearbg.training.provenance import Provenance

SAMPLES = 8  # validation images on the sheet


def write_model(
    method: Method,
    progress: Progress,
    settings: config.Settings,
    provenance: Provenance,
    mask: np.ndarray,
    folder: Path,
) -> Comparison:
    """The best weights, their preprocessing contract, the images they have seen, their card.

    Beside them lie the mean mask of the training split, `mask` uint8, and what it and other masks
    reach on the validation split, which is also returned.

    What an adversarial training keeps beside goes to `parts/`: the generator and the
    discriminator of lowest loss, and both as they were at the end.
    """
    with replacing_folder(folder) as aside:
        weights.save(progress.best_weights, aside / weights.FILE)
        for part in method.parts:
            best, final = progress.best_parts[part][1], method.part_weights(part)
            weights.save(best, aside / f"parts/best_{part}.safetensors")
            weights.save(final, aside / f"parts/final_{part}.safetensors")
        images_sha256 = leaks.write(provenance.images, aside)
        weights_sha256 = file_sha256(aside / weights.FILE)
        contract = contract_of(settings, weights_sha256, provenance, images_sha256)
        (aside / CONTRACT).write_text(contract.to_json(), encoding="utf-8")
        write_mean_mask(mask, aside)
        compared = baselines.compare(_best(progress), settings.train.select_by)
        write_validation(compared, aside)
        parameters = weights.parameters(progress.best_weights)
        shown = model_card.text(contract, len(provenance.images), parameters, _best(progress))
        (aside / model_card.FILE).write_text(shown, encoding="utf-8")
    return compared


def contract_of(
    settings: config.Settings, weights_sha256: str, provenance: Provenance, images_sha256: str
) -> Contract:
    """How images enter a model of this recipe, and what it has learned from."""
    model, augment = settings.model, settings.augment
    return Contract(
        model=model.name,
        settings=model.settings() | ({"pretrained": False} if model.pretrained else {}),
        height=augment.size,
        width=augment.size,
        fit=augment.fit,
        overlap=augment.overlap or 0,
        kernel=augment.kernel or "bilinear",
        color_order={None: "RGB", "luma": "L", "darker": "darker"}[model.gray],
        mean=tuple(model.mean),
        std=tuple(model.std),
        threshold=model.threshold,
        output=model.output,
        headline=settings.train.select_by,
        weights_sha256=weights_sha256,
        data_digest=provenance.digest,
        data_license=settings.data.license,
        images_sha256=images_sha256,
        trained_on=provenance.origins,
    )


def write_reports(
    method: Method,
    progress: Progress,
    settings: config.Settings,
    validation: Pairs,
    earlier: Path,
    folder: Path,
) -> None:
    """history.csv (a row an epoch), metrics.json (the best epoch, and all steps), samples/.

    `earlier` holds the sample sheets of earlier epochs.
    """
    with replacing_file(folder / "history.csv") as aside:
        pd.DataFrame(progress.history).to_csv(aside, index=False, float_format="%.6g")
    best = _best(progress)
    compared = baselines.compare(best, settings.train.select_by)
    names = dict.fromkeys(["loss", settings.train.select_by, compared.metric, "mae"])
    figures = {
        table: {
            name: round(best[f"{table}/{name}"], 6) for name in names if f"{table}/{name}" in best
        }
        for table in ("validation", *compared.masks)
    }
    own = figures.pop("validation") | {"beats_baselines": compared.beats_baselines}
    length = {"best_epoch": progress.best_epoch, "steps": progress.steps}
    write_json(folder / "metrics.json", {**length, **own, **figures})
    with replacing_folder(folder / "samples") as aside:
        for path in sorted(earlier.glob("*.jpg")):
            shutil.copyfile(path, aside / path.name)
        write_samples(method, validation, settings, aside / "final.jpg")


def _best(progress: Progress) -> dict:
    """The row of the best epoch, and the figures of the masks beside it."""
    row = next(row for row in progress.history if row["epoch"] == progress.best_epoch)
    return row | progress.baselines


def write_samples(method: Method, pairs: Pairs, settings: config.Settings, path: Path) -> None:
    """A sheet of validation images: input, truth, prediction, cutout."""
    chosen = np.unique(np.linspace(0, len(pairs) - 1, SAMPLES).round().astype(int))
    images, alpha = (
        torch.stack(tensors) for tensors in zip(*(pairs[0, int(i)] for i in chosen), strict=True)
    )
    predicted = method.validate(images, alpha)[0].cpu()
    mean, std = (torch.tensor(v).view(-1, 1, 1) for v in (settings.model.mean, settings.model.std))
    rgb = ((images * std + mean).clamp(0, 1) * 255).round().byte().expand(-1, 3, -1, -1)
    rgb = rgb.permute(0, 2, 3, 1).numpy()
    gray = [(t.squeeze(1) * 255).round().byte().numpy() for t in (alpha, predicted)]
    rows = [
        [image, truth, guess, contact_sheet.on_checkerboard(image, guess)]
        for image, truth, guess in zip(rgb, *gray, strict=True)
    ]
    contact_sheet.sheet(rows, path, titles=["input", "truth", "prediction", "cutout"], per_line=2)
