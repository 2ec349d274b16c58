"""What a finished training leaves on disk."""

from pathlib import Path

import numpy as np
import pandas as pd
import torch

from clearbg import config, sheets
from clearbg.atomic import replacing_file, replacing_folder, write_json
from clearbg.data.dataset import Pairs
from clearbg.models import weights
from clearbg.removal.contract import Contract, file_sha256
from clearbg.training.loop import Method
from clearbg.training.recovery import Progress

SAMPLES = 8  # validation pictures on the sheet


def write_model(progress: Progress, settings: config.Settings, digest: str, folder: Path) -> None:
    """The best weights with their preprocessing contract; `digest` is the manifest's."""
    with replacing_folder(folder) as aside:
        weights.save(progress.best_weights, aside / "weights.safetensors")
        contract = Contract(
            model=settings.model.name,
            height=settings.augment.size,
            width=settings.augment.size,
            kernel=settings.augment.kernel,
            mean=tuple(settings.model.mean),
            std=tuple(settings.model.std),
            threshold=settings.model.threshold,
            weights_sha256=file_sha256(aside / "weights.safetensors"),
            data_digest=digest,
            data_licence=settings.data.licence,
        )
        (aside / "model.json").write_text(contract.to_json(), encoding="utf-8")


def write_reports(
    method: Method, progress: Progress, settings: config.Settings, data: Path, folder: Path
) -> None:
    """history.csv (a row an epoch), metrics.json (the best epoch), samples.jpg."""
    with replacing_file(folder / "history.csv") as aside:
        pd.DataFrame(progress.history).to_csv(aside, index=False, float_format="%.6g")
    best = next(row for row in progress.history if row["epoch"] == progress.best_epoch)
    names = dict.fromkeys(["loss", settings.train.select_by, "mae"])
    figures = {name: round(best[f"validation/{name}"], 6) for name in names}
    write_json(folder / "metrics.json", {"best_epoch": progress.best_epoch, **figures})
    _write_samples(method, Pairs(data, "validation", settings), settings, folder / "samples.jpg")


def _write_samples(method: Method, pairs: Pairs, settings: config.Settings, path: Path) -> None:
    chosen = np.unique(np.linspace(0, len(pairs) - 1, SAMPLES).round().astype(int))
    images, alpha = (
        torch.stack(tensors) for tensors in zip(*(pairs[0, int(i)] for i in chosen), strict=True)
    )
    predicted = method.predict(images)[1].cpu()
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in (settings.model.mean, settings.model.std))
    rgb = ((images * std + mean).clamp(0, 1) * 255).round().byte().permute(0, 2, 3, 1).numpy()
    grey = [(t.squeeze(1) * 255).round().byte().numpy() for t in (alpha, predicted)]
    rows = [
        [picture, truth, guess, sheets.on_checkerboard(picture, guess)]
        for picture, truth, guess in zip(rgb, *grey, strict=True)
    ]
    sheets.sheet(rows, path, titles=["input", "truth", "prediction", "cut-out"], per_line=2)
