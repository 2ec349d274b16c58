"""How large is an installation that only removes backgrounds, and how soon is the first cutout?

    python benchmarks/first_hour.py

Builds the wheel of this checkout, installs it in a fresh environment without any extra, and cuts
out scikit-image's astronaut with the shipped model. Prints the seconds and the size of the
installation (pip itself left out), then the seconds and the largest memory of the first cutout and
of a second one, each from a cold start, and whether torch is there.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import skimage.data
from skimage.io import imsave

ROOT = Path(__file__).parent.parent
CUT = """
import resource, sys
from clearbg.cli.app import app
try:
    app(["remove", "astronaut.png", "-o", sys.argv[1]])
finally:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


def main() -> None:
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        python = str(folder / "env/bin/python")
        run(sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", place, str(ROOT))
        run(sys.executable, "-m", "venv", str(folder / "env"))
        before = size(folder / "env")
        started = time.perf_counter()
        run(python, "-m", "pip", "install", "-q", str(next(folder.glob("*.whl"))))
        print(f"installed in {time.perf_counter() - started:.0f} s: "
              f"{(size(folder / 'env') - before) / 1e6:.0f} MB")  # fmt: skip
        imsave(folder / "astronaut.png", skimage.data.astronaut())
        for name in ("first", "second"):
            started = time.perf_counter()
            said = run(python, "-c", CUT, f"{name}.png", cwd=place)
            seconds = time.perf_counter() - started
            print(f"{name} cutout: {seconds:.1f} s, {float(said.split()[-1]):.0f} MiB at most")
        there = subprocess.run([python, "-c", "import torch"], capture_output=True, check=False)
        print("torch is", "not there" if there.returncode else "there")


def run(*command: str, cwd: str | None = None) -> str:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr)
    return done.stdout


def size(folder: Path) -> int:
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file())


if __name__ == "__main__":
    main()
