"""How fast, how small and how alike is `clearbg remove` beside rembg, with the same network?

    python benchmarks/remove.py [--images 50] [--rounds 5] [--many 2000] [--large]
                                [--rembg PYTHON] [--only one folder masks]

Both programs run as people run them, from their command lines, one after the other on the same
machine, with the same U²-Net-lite at 320² (`removal_material.py`), which rembg reads as the file
that `export.rembg` writes. It needs the demo's `models/` (`make repro`), and installs rembg
into an environment of its own unless `--rembg` names a Python that has it.

- one: an image of 1600×1200 to PNG in a fresh process (seconds, and the largest resident memory
  of the process and those that it started). Files are in the system's cache, and what rembg
  compiles at its first start is kept; the two take turns, and the median counts.
- folder: images of 1600×1200 to PNG, the start of the process included.
- masks: of both programs, and of int8 against fp32.
- `--many N`: resident memory of one process after 100 and after N images of 640×480.
- `--large`: the largest memory for an image of 10,000×10,000.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import removal_material as material
from PIL import Image

from clearbg.images import write_image

SIZE, SMALL, LARGE = (1200, 1600), (480, 640), (10_000, 10_000)
CLEARBG = Path(sys.executable).with_name("clearbg")
OURS = {
    "ours, fp32": ("fp32",),
    "ours, int8": ("int8",),
    "ours, fp32, --no-refine": ("fp32", "--no-refine"),
    "ours, int8, --no-refine": ("int8", "--no-refine"),
}
MANY = """
import sys, psutil
from clearbg import Remover
from clearbg.removal import files
remover = Remover(sys.argv[1], images="many")
count, process, write, last = 0, psutil.Process(), files._write, int(sys.argv[3])
def counted(*arguments):
    global count
    write(*arguments)
    count += 1
    if count in (100, last):
        print(process.memory_info().rss)
files._write = counted
files.remove_files([sys.argv[2]], sys.argv[4], remover)
"""

WATCH = """
import os, subprocess, sys, time
started = time.perf_counter()
process = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
_, status, usage = os.wait4(process.pid, 0)
print(time.perf_counter() - started, usage.ru_maxrss)
process.returncode = os.waitstatus_to_exitcode(status)
sys.exit(process.returncode != 0)
"""
"""In a process of its own: a program's largest memory begins with that of what started it."""


@dataclass(frozen=True)
class Cost:
    seconds: float
    megabytes: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--many", type=int, default=0)
    parser.add_argument("--large", action="store_true")
    parser.add_argument("--rembg", help="a Python that has rembg[cpu,cli]")
    parser.add_argument("--only", nargs="*", default=["one", "folder", "masks"])
    options = parser.parse_args()
    models = material.model()
    with tempfile.TemporaryDirectory(dir=material.FOLDER) as folder:
        work = Path(folder)
        if options.only:
            bench = Bench(models, material.rembg_python(options.rembg), work)
            images, truth = material.images(options.images, SIZE)
            bench.describe(images)
        if "one" in options.only:
            bench.one(images / "0000.jpg", options.rounds)
        if "folder" in options.only or "masks" in options.only:
            bench.folder(images, truth)
        if "masks" in options.only:
            bench.masks(images)
        if options.many:
            many(models["fp32"], options.many, work)
        if options.large:
            large(models, work)


class Bench:
    """Both programs, and where their results go."""

    def __init__(self, models: dict[str, Path], rembg: Path, work: Path):
        self.models, self.python, self.work = models, rembg, work

    def theirs(self, command: str, source: Path, target: Path, *options: str) -> list:
        extras = json.dumps({"model_path": str(self.models["rembg"])})
        program = [self.python, "-c", "from rembg.cli import main; main()", command]
        return [*program, "-m", "u2net_custom", "-x", extras, *options, source, target]

    def ours(self, name: str, source: Path, target: Path, *options: str) -> list:
        model, *flags = OURS[name]
        where = ["--model", self.models[model], "-o", target]
        return [CLEARBG, "remove", source, *where, *flags, *options]

    def describe(self, images: Path) -> None:
        asked = "import rembg, onnxruntime as o; print(rembg.__version__, o.__version__)"
        done = subprocess.run([self.python, "-c", asked], capture_output=True, text=True)
        import onnxruntime

        size = np.mean([path.stat().st_size for path in images.iterdir()]) / 1e3
        print(f"rembg and its onnxruntime {done.stdout.strip()}, ours {onnxruntime.__version__}")
        print(f"{len(os.sched_getaffinity(0))} cores; images of {size:.0f} kB on average\n")

    def one(self, image: Path, rounds: int) -> None:
        commands = {"rembg i": self.theirs("i", image, self.work / "theirs.png")}
        commands |= {name: self.ours(name, image, self.work / "ours.png") for name in OURS}
        for command in commands.values():
            run(command)  # what is compiled or cached at the first start
        costs = {name: [] for name in commands}
        for _ in range(rounds):
            for name, command in commands.items():
                costs[name].append(run(command))
        print("One image of 1600×1200, fresh process       s   faster     MB  of rembg's memory")
        tell({name: middle(found) for name, found in costs.items()})

    def folder(self, images: Path, truth: Path) -> None:
        count = len(list(images.iterdir()))
        commands = {"rembg p": self.theirs("p", images, self.work / "rembg p")}
        commands |= {name: self.ours(name, images, self.work / name) for name in OURS}
        costs = {name: run(command) for name, command in commands.items()}
        print(f"\n{count} images of 1600×1200 to PNG       images/s   faster     MB")
        base = costs["rembg p"]
        for name, cost in costs.items():
            rate, ratio = count / cost.seconds, base.seconds / cost.seconds
            size = np.mean([path.stat().st_size for path in (self.work / name).iterdir()]) / 1e6
            print(f"{name:30} {rate:19.2f} {ratio:8.2f} {cost.megabytes:6.0f}  {size:.2f} MB a PNG")
        print("\nMAE of alpha against the true masks, mean over the images")
        for name in commands:
            errors = [difference(truth / path.name, path) for path in (self.work / name).iterdir()]
            print(f"{name:30} {np.mean(errors):.4f}")

    def masks(self, images: Path) -> None:
        """rembg's masks beside ours of fp32, plain.

        First at 320×320, where neither side resamples: what is left is rembg's stretch, which
        the file makes the identity but for a pixel at either end, and its rounding down. Then
        at full size, ours brought there by rembg's own Lanczos of eight bits.
        """
        stretched = self.work / "stretched"
        stretched.mkdir()
        for path in sorted(images.iterdir()):
            with Image.open(path) as image:
                small = np.array(image.resize((material.SIDE,) * 2, Image.Resampling.LANCZOS))
            small[0, 0] = 255  # rembg divides by the largest value: here that changes nothing
            write_image(stretched / f"{path.stem}.png", small)
        theirs, ours, full = (self.work / name for name in ("theirs", "ours", "full"))
        run(self.theirs("p", stretched, theirs, "-om"))
        run(self.ours("ours, fp32, --no-refine", stretched, ours, "--mask"))
        run(self.theirs("p", images, full, "-om"))
        small_off, anchors, full_off = [], [], []
        for path in sorted(ours.iterdir()):
            mine, other = gray(path), gray(theirs / path.name)
            off = np.abs(mine - other)
            anchors.append(np.count_nonzero(off > 1))
            small_off.append(np.sort(off, axis=None)[:-2].max())
            with Image.fromarray(mine.astype(np.uint8)) as image:
                enlarged = image.resize(SIZE[::-1], Image.Resampling.LANCZOS)
            full_off.append(np.abs(np.asarray(enlarged, float) - gray(full / path.name)).mean())
        print("\nMasks of rembg against ours, fp32, --no-refine, of 255")
        print(f"320×320, largest difference but for two pixels   {max(small_off):6.0f}")
        print(f"320×320, most pixels in an image further apart  {max(anchors):6d}")
        print(f"1600×1200, mean difference by the same Lanczos   {np.mean(full_off):6.2f}")


def many(model: Path, count: int, work: Path) -> None:
    sources, _ = material.images(100, SMALL)
    folder = work / "many"
    folder.mkdir()
    for index in range(count):
        os.link(sources / f"{index % 100:04d}.jpg", folder / f"{index}.jpg")
    command = [sys.executable, "-c", MANY, model, folder, str(count), work / "many out"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    early, late = (int(line) / 1e6 for line in done.stdout.split())
    print(f"\nMB resident after 100 images {early:.0f}, after {count:,} {late:.0f}: "
          f"ratio {late / early:.3f}")  # fmt: skip


def large(models: dict[str, Path], work: Path) -> None:
    image = next(material.images(1, LARGE)[0].iterdir())
    for name in ("fp32", "int8"):
        target = work / f"large-{name}.png"
        cost = run([CLEARBG, "remove", image, "--model", models[name], "-o", target])
        print(f"10,000×10,000, {name}: {cost.megabytes / 1e3:.2f} GB at most, {cost.seconds:.0f} s")


def run(command: list) -> Cost:
    """Seconds of a program, and the largest memory of it or of a process that it started.

    Raises:
        SystemExit: the program fails.
    """
    # rembg takes a number of threads from there, and we do not.
    environment = {k: v for k, v in os.environ.items() if k != "OMP_NUM_THREADS"}
    environment["REMBG_HOME"] = str(material.FOLDER)
    watched = [sys.executable, "-S", "-c", WATCH, *map(str, command)]
    done = subprocess.run(watched, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{command[:4]} failed:\n{done.stderr[-2000:]}")
    seconds, kilobytes = done.stdout.split()
    return Cost(float(seconds), int(kilobytes) * 1024 / 1e6)


def middle(costs: list[Cost]) -> Cost:
    return Cost(
        statistics.median(cost.seconds for cost in costs),
        statistics.median(cost.megabytes for cost in costs),
    )


def tell(costs: dict[str, Cost]) -> None:
    base = next(iter(costs.values()))
    for name, cost in costs.items():
        faster, share = base.seconds / cost.seconds, cost.megabytes / base.megabytes
        print(f"{name:38} {cost.seconds:8.2f} {faster:8.2f} {cost.megabytes:6.0f} {share:6.2f}")


def difference(truth: Path, cutout: Path) -> float:
    with Image.open(cutout) as image:
        alpha = np.asarray(image.getchannel("A"), np.float32)
    return float(np.abs(alpha - gray(truth)).mean() / 255)


def gray(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert("L"), np.float32)


if __name__ == "__main__":
    main()
