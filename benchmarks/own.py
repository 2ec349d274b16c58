"""How long from a folder of images and masks to a model that removes their backgrounds?

    python benchmarks/own.py IMAGES MASKS [--images N]

Types what docs/own-images.md tells people to type first, in a fresh clone of this checkout's
commit, with the images of IMAGES and the masks of the same names in MASKS. Prints the seconds of
each command and, of the model that they leave, the figures on its own test split.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from clearbg.images import find_images

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs/own-images.md"
FIGURES = ("max_f", "mae", "dice")
MADE = ("reports/evaluate/sheet.jpg", "exports/model.onnx")
PROBLEMS = (0, 1, 2)  # exit statuses of `clearbg doctor` that tell of the images


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("images", type=Path)
    parser.add_argument("masks", type=Path)
    parser.add_argument("--images", type=int, default=None, help="at most so many")
    parser.add_argument("--keep", type=Path, help="a folder for the sheet and the model")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        clone = Path(folder) / "clearbg"
        subprocess.run(["git", "clone", "-q", str(ROOT), str(clone)], check=True)
        count = bring(options.images, options.masks, clone / "own", options.images)
        print(f"{count} images, {len(os.sched_getaffinity(0))} cores")
        spent = [run(command, clone) for command in commands()]
        print(f"{sum(spent):7.1f} s  in all")
        figures = json.loads((clone / "reports/evaluate/metrics.json").read_text())
        print("test split:", ", ".join(f"{name} {figures[name]:.3f}" for name in FIGURES))
        for name in MADE if options.keep else ():
            options.keep.mkdir(parents=True, exist_ok=True)
            shutil.copy(clone / name, options.keep)


def commands() -> list[str]:
    """Lines of the page's first block."""
    block = re.search(r"```bash\n(.*?)```", PAGE.read_text(), re.DOTALL)[1]
    return [re.sub(r"\s+#.*", "", line) for line in block.replace("\\\n", " ").splitlines()]


def bring(images: Path, masks: Path, own: Path, most: int | None) -> int:
    by_stem = {path.stem: path for path in find_images(masks)}
    pairs = [(path, by_stem[path.stem]) for path in find_images(images)[:most]]
    for index, name in enumerate(("images", "masks")):
        (own / name).mkdir(parents=True)
        for pair in pairs:
            shutil.copy(pair[index], own / name)
    return len(pairs)


def run(command: str, folder: Path) -> float:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = os.environ | {"PATH": path}
    started = time.perf_counter()
    done = subprocess.run(
        ["bash", "-ec", command], cwd=folder, env=environment, capture_output=True, text=True
    )
    spent = time.perf_counter() - started
    print(f"{spent:7.1f} s  {command}", flush=True)
    if done.returncode not in (PROBLEMS if command.startswith("clearbg doctor") else (0,)):
        raise SystemExit(done.stdout + done.stderr)
    return spent


if __name__ == "__main__":
    main()
