"""A program that trains in as many processes as its settings say.

    python two_processes.py FOLDER CASES.json

`FOLDER` is an augmented folder. `CASES.json` maps names to settings; beside it are written the
histories `NAME.json`, the checkpoints `NAME/`, and by who is told of an epoch `NAME.toldRANK`.
Where there is a file `NAME.held`, the second process stands still at the end of the first epoch.
"""

import json
import sys
import time
from pathlib import Path

from lightning_fabric import Fabric
from torch import Tensor, nn

from clearbg import config, models
from clearbg.data.dataset import Pairs
from clearbg.system import signals
from clearbg.system.stage import stage
from clearbg.training import batch_size, checkpoints, loop, processes
from clearbg.training.launch import launch


class Tiny(nn.Module):
    """A network of two layers, of the interface of IS-Net and of its teacher."""

    def __init__(self, channels: int):
        super().__init__()
        # Batch norm takes away a bias before it, whose gradient would be noise alone.
        convolution = nn.Conv2d(channels, 4, 3, padding=1, bias=False)
        self.hidden = nn.Sequential(convolution, nn.BatchNorm2d(4), nn.Sigmoid())
        self.out = nn.Conv2d(4, 1, 3, padding=1)

    def forward(self, images: Tensor) -> list[Tensor]:
        return self.features(images)[0]

    def features(self, images: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        hidden = self.hidden(images)
        return [self.out(hidden)], [hidden]


TINY_NETWORKS = {
    "u2netp": lambda: Tiny(3), "isnet": lambda: Tiny(3), "isnet_gt": lambda: Tiny(1)
}  # fmt: skip


def main(folder: Path, file: Path) -> None:
    models.MODELS.update(TINY_NETWORKS)
    cases = {name: config.parse(raw) for name, raw in json.loads(file.read_text()).items()}
    fabric = launch(next(iter(cases.values())).train)
    with signals.noted(), processes.ending_together(fabric):
        for name, settings in cases.items():
            train(fabric, settings, folder, file.parent / name)


def train(fabric: Fabric, settings: config.Settings, folder: Path, place: Path) -> None:
    pairs = [Pairs(folder, split, settings) for split in ("train", "validation")]
    settings = batch_size.with_batch_size(settings, place, len(pairs[0]), fabric)

    if fabric.global_rank and place.with_suffix(".held").exists():
        loop.Training._finish_epoch = lambda _: time.sleep(600)

    def on_epoch(_method, progress) -> None:
        place.with_suffix(f".told{fabric.global_rank}").write_text(str(progress.epoch))

    _, progress = loop.fit(fabric, settings, *pairs, checkpoints.Checkpoint(place), on_epoch)
    if fabric.is_global_zero:
        place.with_suffix(".json").write_text(json.dumps(progress.history))


if __name__ == "__main__":
    with stage("train"):
        main(*map(Path, sys.argv[1:]))
