"""Do a training's memory and time grow with its images, and does its memory stay flat over epochs?

    python benchmarks/scale.py [EPOCHS]     by default 50

Trains U²-Net-lite on generated JPEG files of 32×32 pixels: for two epochs on 1,000, 5,000 and
20,000 images, each in a process of its own, then for EPOCHS epochs on 1,000. Prints, for each
number of images, the processor's seconds in the second epoch (its validation included), those for
1,000 images, and the memory of the training and its loading processes after an epoch (proportional
set sizes: what they share counts once); then the memory after a tenth of the epochs and after all.
Processor time, since other programs on the machine do not change it.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import psutil
from training_material import recipe, write_pairs

from clearbg.data.dataset import Pairs
from clearbg.training.checkpoints import Checkpoint
from clearbg.training.launch import launch
from clearbg.training.loop import Training

SIDE, COUNTS = 32, (1_000, 5_000, 20_000)


def main() -> None:
    epochs = int(sys.argv[1]) if len(sys.argv) > 1 else 50
    print(f"{'images':>7} {'seconds an epoch':>17} {'s per 1,000':>12} {'MiB after':>12}")
    with tempfile.TemporaryDirectory() as place:
        for count in COUNTS:
            data = Path(place) / str(count)
            write_pairs(data, count, SIDE)
            done = of_another(data, 2)
            seconds = done["seconds"][1]
            print(f"{count:7,} {seconds:17.1f} {1000 * seconds / count:12.2f}"
                  f" {max(done['mebibytes']):12.0f}", flush=True)  # fmt: skip
        memory = of_another(Path(place) / str(COUNTS[0]), epochs)["mebibytes"]
    early = max(1, epochs // 10)
    ratio = memory[-1] / memory[early - 1]
    print(f"\nMiB after {early} epochs {memory[early - 1]:.0f}, after {epochs} {memory[-1]:.0f}")
    print(f"ratio {ratio:.3f}")


def of_another(data: Path, epochs: int) -> dict[str, list[float]]:
    """What a training in a process of its own measured after each epoch."""
    command = [sys.executable, __file__, "--train", str(data), str(epochs)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr)
    return json.loads(done.stdout.splitlines()[-1])


def train(data: Path, epochs: int) -> dict[str, list[float]]:
    settings = recipe(
        "demo",
        {"accelerator": "cpu", "epochs": epochs, "steps": None, "minutes": None, "workers": 1,
         "threads": 1, "batch_size": 64, "sizes": None, "cache": "off"},
        augment={"size": SIDE}, transform={"crop": SIDE},
    )  # fmt: skip
    os.chdir(data)
    split = {name: Pairs(data, name, settings) for name in ("train", "validation")}
    spent, mebibytes = [busy()], []

    def note(*_) -> None:
        spent.append(busy())
        mebibytes.append(held())

    with tempfile.TemporaryDirectory() as folder:
        Training(
            launch(settings.train), settings, split["train"], split["validation"],
            Checkpoint(Path(folder)), note,
        ).run()  # fmt: skip
    return {"seconds": list(np.diff(spent)), "mebibytes": mebibytes}


def family() -> list[psutil.Process]:
    """This process and its loading processes."""
    return [whole := psutil.Process(), *whole.children(recursive=True)]


def busy() -> float:
    """Seconds of the processor so far."""
    times = [process.cpu_times() for process in family()]
    return sum(time.user + time.system for time in times)


def held() -> float:
    """MiB of memory now."""
    return sum(process.memory_full_info().pss for process in family()) / 2**20


if __name__ == "__main__":
    if sys.argv[1:2] == ["--train"]:
        print(json.dumps(train(Path(sys.argv[2]), int(sys.argv[3]))))
    else:
        main()
