"""What does fine-tuning on a folder of images and masks gain, and in which time?

    python benchmarks/own.py IMAGES MASKS [--images N] [--test SHARE]

Runs the recipe `own` through the pipeline's stages, in a fresh clone of this checkout's commit.
Prints, for the shipped model untouched, for the recipe itself and for a training from random
weights: Dice, max F and MAE on the same test split, the minutes of the training, and its processor
minutes, which tell its cost where other programs run too.
"""

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

from clearbg import pretrained
from clearbg.data.sources import by_stem

ROOT = Path(__file__).parent.parent
FIGURES = ("dice", "max_f", "mae")
SCRATCH = {
    "train": {"init_from": None, "freeze": [], "lr": 0.003, "steps": 330},
    "model": {"norm": "batch"},
}
"""What the recipe must change to start from random weights. A step of the whole network takes a
third longer than one with frozen stages: it makes fewer in the same time."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("images", type=Path)
    parser.add_argument("masks", type=Path)
    parser.add_argument("--images", type=int, default=None, dest="most", help="at most so many")
    parser.add_argument("--test", type=float, default=0.25, help="share of the test split")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        clone = Path(folder) / "clearbg"
        subprocess.run(["git", "clone", "-q", str(ROOT), str(clone)], check=True)
        count = bring(options.images, options.masks, clone / "own", options.most)
        print(f"{count} images, {len(os.sched_getaffinity(0))} cores\n")
        print("| model | Dice | max F | MAE | minutes | processor minutes |")
        print("|---|---|---|---|---|---|")
        write_settings(clone, {"data": {"test": options.test}})
        for name in ("ingest", "augment"):
            stage(name, clone)
        recipe = pretrained.DEFAULT
        shutil.copytree(pretrained.folder(recipe), clone / "models", dirs_exist_ok=True)
        row(f"{recipe}, untouched", clone, (0.0, 0.0))
        for title, changes in (("fine-tuned", {}), ("from random weights", SCRATCH)):
            write_settings(clone, {"data": {"test": options.test}, **changes})
            row(title, clone, stage("train", clone))


def bring(images: Path, masks: Path, own: Path, most: int | None) -> int:
    """Copy pairs with their own names into `own`; their number."""
    pairs = [pair for pair in by_stem(images, masks) if pair.image and pair.mask][:most]
    for folder in ("images", "masks"):
        (own / folder).mkdir(parents=True)
    for pair in pairs:
        shutil.copy(pair.image, own / "images")
        shutil.copy(pair.mask, own / "masks")
    return len(pairs)


def write_settings(clone: Path, changes: dict[str, dict]) -> None:
    """The recipe with other values of some keys as the live params.yaml."""
    settings = yaml.safe_load((clone / "recipes/own.yaml").read_text())
    for section, keys in changes.items():
        settings[section] |= keys
    (clone / "params.yaml").write_text(yaml.safe_dump(settings, sort_keys=False))


def stage(name: str, clone: Path) -> tuple[float, float]:
    """Run a stage; its minutes by the clock and of processors."""
    environment = os.environ | {"PYTHONPATH": str(clone / "src")}
    started, used = time.perf_counter(), processor_seconds()
    done = subprocess.run(
        [sys.executable, f"pipelines/{name}.py"],
        cwd=clone, env=environment, capture_output=True, text=True,
    )  # fmt: skip
    if done.returncode:
        raise SystemExit(done.stdout + done.stderr)
    return (time.perf_counter() - started) / 60, (processor_seconds() - used) / 60


def processor_seconds() -> float:
    """Of all programs that this one has started and waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def row(title: str, clone: Path, minutes: tuple[float, float]) -> None:
    """Print a model's figures on the test split, and what its training took."""
    stage("evaluate", clone)
    figures = json.loads((clone / "reports/evaluate/metrics.json").read_text())
    cells = [f"{figures[name]:.3f}" for name in FIGURES] + [f"{m:.1f}" for m in minutes]
    print(f"| {title} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
