"""What does the demo cost? Runs `dvc repro` of this checkout's commit in a fresh clone, twice.

    python benchmarks/demo.py

Prints seconds of the first and of the second run, the largest memory that all of the first
run's processes held together (sum of resident sets, so pages they share count twice), and
whether every output has the bytes that the committed dvc.lock and reports promise.
"""

import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import psutil

ROOT = Path(__file__).parent.parent


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        clone = Path(folder) / "a clone"
        subprocess.run(["git", "clone", "-q", str(ROOT), str(clone)], check=True)
        first, peak = repro(clone)
        second, _ = repro(clone)
        changes = subprocess.run(
            ["git", "status", "--porcelain"], cwd=clone, capture_output=True, text=True, check=True
        ).stdout
    print(f"first dvc repro    {first:7.1f} s")
    print(f"second dvc repro   {second:7.1f} s")
    print(f"largest memory     {peak / 2**30:7.2f} GiB")
    print(f"same bytes as committed: {'no: ' + changes if changes else 'yes'}")


def repro(folder: Path) -> tuple[float, int]:
    """Seconds, and bytes held at the worst moment."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    started = time.perf_counter()
    process = subprocess.Popen(["dvc", "repro", "-q"], cwd=folder, env=os.environ | {"PATH": path})
    held = [0]
    watch = threading.Thread(target=lambda: watch_memory(process, held), daemon=True)
    watch.start()
    if process.wait():
        raise SystemExit("dvc repro failed; see above")
    return time.perf_counter() - started, max(held)


def watch_memory(process: subprocess.Popen, held: list[int]) -> None:
    while process.poll() is None:
        try:
            family = [process_of(process), *process_of(process).children(recursive=True)]
            held.append(sum(member.memory_info().rss for member in family))
        except psutil.Error:
            pass
        time.sleep(0.5)


def process_of(process: subprocess.Popen) -> psutil.Process:
    return psutil.Process(process.pid)


if __name__ == "__main__":
    main()
