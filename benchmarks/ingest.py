"""How fast is ingest, and does its memory grow with the data? Generates, then ingests pairs.

    python benchmarks/ingest.py [SMALL LARGE]     numbers of pairs, by default 1000 10000

Pairs of 400×300 pixels in two folders, as anybody brings them. Prints for both numbers
images a second, processors kept busy, the largest memory that all processes held together
(sum of resident sets), then the ratio of the two memories; last what ingesting the larger set
costs again after a tenth more images arrived.
"""

import os
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import joblib
import numpy as np
import yaml
from demo import watch_memory
from PIL import Image

from clearbg import synthetic
from clearbg.images import resize

ROOT = Path(__file__).parent.parent
SCENES = 40


def main() -> None:
    small, large = (int(text) for text in sys.argv[1:] or (1000, 10000))
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder)
        for name in ("src", "pipelines", "recipes"):
            shutil.copytree(ROOT / name, project / name)
        live = yaml.safe_load((ROOT / "recipes/own.yaml").read_text())
        live["data"].update(path="own")
        (project / "params.yaml").write_text(yaml.safe_dump(live))
        scenes = joblib.Parallel(-1)(
            joblib.delayed(synthetic.generate)(1, i) for i in range(SCENES)
        )
        growth = (range(small), range(small, large))
        memory = [measured(project, scenes, numbers) for numbers in growth]
        print(f"memory of {large:,} to that of {small:,}: ratio {memory[1] / memory[0]:.2f}")
        measured(project, scenes, range(large, large + large // 10))


def measured(project: Path, scenes: list, numbers: range) -> int:
    """Bytes held at the worst moment while a folder that gained `numbers` is ingested."""
    joblib.Parallel(-1)(joblib.delayed(write)(project / "own", scenes, n) for n in numbers)
    before, started = processor_seconds(), time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "pipelines/ingest.py"], cwd=project,
        env=os.environ | {"PYTHONPATH": "src"}, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    held = [0]
    watch = threading.Thread(target=watch_memory, args=(process, held), daemon=True)
    watch.start()
    if process.wait():
        raise SystemExit("ingest failed; run it by hand to see why")
    seconds = time.perf_counter() - started
    print(
        f"{numbers.stop:7,} pairs, {len(numbers):,} of them new: {seconds:6.1f} s, "
        f"{numbers.stop / seconds:5.0f} a second, "
        f"{(processor_seconds() - before) / seconds:.2f} of {os.cpu_count()} processors busy, "
        f"{max(held) / 2**20:,.0f} MiB"
    )
    return max(held)


def write(folder: Path, scenes: list, number: int) -> None:
    """A window of a scene, no two alike."""
    rng = np.random.default_rng(number)
    rgb, alpha = scenes[number % len(scenes)]
    height, width = alpha.shape
    share = rng.uniform(0.5, 0.9)
    h, w = int(share * height), int(share * width)
    top, left = rng.integers(height - h + 1), rng.integers(width - w + 1)
    window = np.s_[top : top + h, left : left + w]
    rgb, alpha = (resize(a[window].copy(), (300, 400)) for a in (rgb, alpha))
    for name, pixels, suffix in (("images", rgb, "jpg"), ("masks", alpha, "png")):
        (folder / name).mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(folder / name / f"{number:06d}.{suffix}", quality=90)


def processor_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
