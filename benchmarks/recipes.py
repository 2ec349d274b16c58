"""What does every recipe reach on generated data, in which time? Runs the whole pipeline.

    python benchmarks/recipes.py                                  every recipe's demo
    python benchmarks/recipes.py portrait portrait:train.loss=rmse    chosen ones, with changes
    python benchmarks/recipes.py --sheets FOLDER gan                  and keep their sheets
    python benchmarks/recipes.py --rows FILE                          go on after a break

Each is `clearbg use RECIPE --demo` and `dvc repro` in a fresh clone of this checkout's commit.
Prints a Markdown table: the headline metric that training selects by and others, measured on
the test split, the losses of the last epoch, and the minutes of the whole pipeline. Trains with
as many threads as this process has cores: `taskset -c 0` in front of it makes it one.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd
import yaml

from clearbg import config

ROOT = Path(__file__).parent.parent
SAME = {"own"}  # on generated images it is clearbg-lite
COMPARED = ["portrait:train.loss=rmse"]  # what the edge-weighted loss is for
SHOWN = (
    "max_f", "dice", "f_measure", "psnr", "gradient", "gradient_unknown", "sad", "alpha_mae", "mae"
)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("recipes", nargs="*", metavar="NAME[:KEY=VALUE,...]")
    parser.add_argument("--sheets", type=Path, help="folder for the evaluation sheets")
    parser.add_argument("--rows", type=Path, help="JSON lines: finished rows, taken and added to")
    chosen = parser.parse_args()
    demos = {path.stem for path in (ROOT / "recipes/demo").glob("*.yaml")}
    names = chosen.recipes or sorted(demos - SAME) + COMPARED
    with tempfile.TemporaryDirectory() as folder:
        clone = Path(folder) / "clone"
        subprocess.run(["git", "clone", "-q", str(ROOT), str(clone)], check=True)
        done = finished(chosen.rows)
        rows = [done[name] for name in names if name in done]
        for name in (name for name in names if name not in done):
            rows.append(measure(clone, name))
            if chosen.rows:
                with chosen.rows.open("a") as file:
                    file.write(json.dumps(rows[-1]) + "\n")
            if chosen.sheets:
                chosen.sheets.mkdir(parents=True, exist_ok=True)
                for report in ("evaluate/sheet.jpg", "evaluate/report.html"):
                    source = clone / "reports" / report
                    shutil.copy(source, chosen.sheets / f"{name.replace('/', '_')}{source.suffix}")
            print(f"{name}: {rows[-1]}", file=sys.stderr, flush=True)
    print(
        pd.DataFrame(sorted(rows, key=lambda row: names.index(row["recipe"])))
        .dropna(axis=1, how="all")
        .astype(object)
        .fillna("")
        .to_markdown(index=False)
    )


def finished(file: Path | None) -> dict[str, dict[str, object]]:
    if file is None or not file.exists():
        return {}
    rows = map(json.loads, file.read_text().splitlines())
    return {row["recipe"]: row for row in rows}


def measure(clone: Path, variation: str) -> dict[str, object]:
    name, _, changes = variation.partition(":")
    run(clone, "clearbg", "use", name, "--demo", "--force")
    params = clone / "params.yaml"
    raw = yaml.load(params.read_text(), Loader=config.Loader)
    for change in filter(None, changes.split(",")):
        key, _, value = change.partition("=")
        section, _, key = key.partition(".")
        raw[section][key] = yaml.load(value, Loader=config.Loader)
    raw["train"]["threads"] = len(os.sched_getaffinity(0))
    params.write_text(yaml.safe_dump(raw, sort_keys=False))
    started = time.perf_counter()
    run(clone, "dvc", "repro", "-q")
    minutes = (time.perf_counter() - started) / 60
    test = json.loads((clone / "reports/evaluate/metrics.json").read_text())
    last = pd.read_csv(clone / "reports/train/history.csv").iloc[-1]
    headline = raw["train"]["select_by"]
    losses = [c for c in last.index if c.startswith("validation/") and c.endswith("loss")]
    return {
        "recipe": variation,
        "network": raw["model"]["name"],
        "headline": f"{headline} {test[headline]:.4f}" if headline in test else headline,
        **{key: round(test[key], 4) if key in test else None for key in SHOWN},
        "validation losses": ", ".join(f"{c.split('/')[1]} {last[c]:.4f}" for c in losses),
        "minutes": round(minutes, 1),
    }


def run(clone: Path, *command: str) -> None:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = os.environ | {"PATH": path, "PYTHONPATH": "src"}
    subprocess.run(command, cwd=clone, env=environment, check=True)


if __name__ == "__main__":
    main()
