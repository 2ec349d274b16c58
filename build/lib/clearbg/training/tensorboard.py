"""TensorBoard beside MLflow, for those who watch a training there."""

import shutil
from pathlib import Path

import numpy as np

from clearbg.errors import SettingsError
from clearbg.images import read_image


class Board:
    """Logs of one training under `folder`; does nothing unless `wanted`.

    Raises:
        SettingsError: TensorBoard is wanted and not installed.
    """

    def __init__(self, folder: Path, wanted: bool):
        self._writer, self._written = None, 0
        if not wanted:
            return
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise SettingsError(
                "train.tensorboard is true, but TensorBoard is not installed: run "
                "`pip install tensorboard`, or set it to false."
            ) from error
        shutil.rmtree(folder, ignore_errors=True)  # a restart writes all of its epochs again
        self._writer = SummaryWriter(folder)

    def history(self, epochs: list[dict[str, float]], sheet: Path) -> None:
        """Log the epochs that are new, and the last one's sample sheet where there is one."""
        if self._writer is None:
            return
        for row in epochs[self._written :]:
            for name, value in row.items():
                if name != "epoch" and np.isfinite(value):
                    self._writer.add_scalar(name, value, row["epoch"])
        if sheet.is_file():
            rgb = read_image(sheet).rgb
            self._writer.add_image("samples", rgb, epochs[-1]["epoch"], dataformats="HWC")
        self._written = len(epochs)
        self._writer.flush()
