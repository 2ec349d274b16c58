"""Does a training that is killed again and again end with the same files?

    python benchmarks/kills.py [--supervised 15] [--adversarial 5] [--teacher 5] [--seed 0]

Trains small networks by `python pipelines/train.py`, kills them with SIGKILL or SIGTERM at random
moments, starts them again until they are done, and compares the SHA-256 of all that they leave
with that of a training nobody disturbed. Prints a row of JSON for each way of training; the
status is 1 where a file differs. Teachers are killed while the teacher itself learns.
"""

import argparse
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

from clearbg.config import recipes

ROOT = Path(__file__).parent.parent
DATA = {"count": 40, "validation": 0.2, "test": 0.2}
SMALL = {
    "epochs": 3,
    "batch_size": 4,
    "threads": 1,
    "precision": "32-true",
    "checkpoint_seconds": 0,
}
WAYS = {
    "supervised": ("demo", {}, SMALL),
    "adversarial": (
        "gan",
        {"widths": [4, 8]},
        {**SMALL, "epochs": 6, "discriminator_widths": [4, 8], "discriminator_depths": [1, 1]},
    ),
    "teacher": (
        "dis",
        {"norm": "group", "teacher_epochs": 2},
        {**SMALL, "epochs": 1, "batch_size": 12},
    ),
}
"""Way of training -> (recipe, changes to its model, changes to its training)."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for way, kills in {"supervised": 15, "adversarial": 5, "teacher": 5}.items():
        parser.add_argument(f"--{way}", type=int, default=kills, help="kills")
    parser.add_argument("--seed", type=int, default=0, help="of the moments and the signals")
    options = parser.parse_args()
    chance, rows = random.Random(options.seed), []
    for way in WAYS:
        kills = getattr(options, way)
        if kills:
            with tempfile.TemporaryDirectory() as folder:
                rows.append(killed(prepared(Path(folder), way), way, kills, chance))
                print(json.dumps(rows[-1]), flush=True)
    sys.exit(any(row["different"] for row in rows))


def prepared(folder: Path, way: str) -> Path:
    """A project in `folder` with the data of a way of training."""
    for name in ("pipelines", "recipes", "src"):
        shutil.copytree(ROOT / name, folder / name)
    for name in ("dvc.yaml", "pyproject.toml"):
        shutil.copy(ROOT / name, folder)
    recipe, model, train = WAYS[way]
    os.chdir(ROOT)
    raw = yaml.safe_load(recipes.render(recipe, demo=True))
    raw["data"] |= DATA
    raw["augment"] |= {"size": 32}
    raw["transform"] |= {"crop": 32}
    raw["model"] |= model
    raw["train"] |= train
    (folder / "params.yaml").write_text(yaml.safe_dump(raw, sort_keys=False))
    for stage in ("ingest", "augment"):
        finish(started(folder, stage))
    return folder


def killed(folder: Path, way: str, kills: int, chance: random.Random) -> dict:
    """Train once undisturbed, then until so many kills have happened; a row of figures."""
    process = started(folder, "train")
    wait_for_start(folder, way, process)
    begun = time.monotonic()
    finish(process)
    window = time.monotonic() - begun
    wanted, found, statuses = results(folder), [], []
    while len(statuses) < kills:
        process = started(folder, "train")
        if wait_for_start(folder, way, process):
            time.sleep(chance.uniform(0, window if way != "teacher" else 2))
            process.send_signal(chance.choice([signal.SIGKILL, signal.SIGTERM]))
        process.communicate()
        if process.returncode:
            statuses.append(process.returncode)
        else:
            found.append(results(folder))
    finish(started(folder, "train"))
    found.append(results(folder))
    return {
        "way": way,
        "kills": kills,
        "statuses": {status: statuses.count(status) for status in sorted(set(statuses))},
        "trainings": len(found),
        "different": sorted({n for result in found for n, _ in result.items() ^ wanted.items()}),
        "sha256": wanted["models/weights.safetensors"],
    }


def started(folder: Path, stage: str) -> subprocess.Popen:
    """A stage; MLflow finds no server, which costs it one warning."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("DVC_", "MLFLOW_"))}
    environment |= {"PYTHONPATH": str(folder / "src"), "MLFLOW_TRACKING_URI": "http://127.0.0.1:9"}
    return subprocess.Popen(
        [sys.executable, f"pipelines/{stage}.py"],
        cwd=folder, env=environment, text=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )  # fmt: skip


def finish(process: subprocess.Popen) -> None:
    _, err = process.communicate()
    if process.returncode:
        sys.exit(f"a stage failed with status {process.returncode}: {err[-2000:]}")


def wait_for_start(folder: Path, way: str, process: subprocess.Popen) -> bool:
    """Wait for a run's next checkpoint, of the teacher where that is to be killed."""
    name = "*/teacher/*.pt" if way == "teacher" else "*/*.pt"
    begun = saved(folder, name)
    while process.poll() is None:
        if saved(folder, name) != begun:
            return True
        time.sleep(0.02)
    return False


def saved(folder: Path, name: str) -> set[tuple[str, int]]:
    found = set()
    for path in (folder / ".clearbg/checkpoints").glob(name):
        try:
            found.add((str(path), path.stat().st_mtime_ns))
        except FileNotFoundError:  # it gets its name this moment
            continue
    return found


def results(folder: Path) -> dict[str, str]:
    """The SHA-256 of each file that a training leaves, which goes away."""
    paths = [p for part in ("models", "reports/train") for p in sorted((folder / part).rglob("*"))]
    found = {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in paths
        if path.is_file()
    }
    for part in ("models", "reports/train"):
        shutil.rmtree(folder / part)
    return found


if __name__ == "__main__":
    main()
