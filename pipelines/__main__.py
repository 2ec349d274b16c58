"""Run a stage with the package that lies beside it: python pipelines STAGE [OPTIONS].

In a clone, and in the copy of it that DVC makes for an experiment, that is the package in src/,
whichever one is installed. A project of `clearbg init` has none, and runs the installed one.
"""

import os
import runpy
import sys
from pathlib import Path

if __name__ == "__main__":
    folder = Path(__file__).resolve().parent
    source = str(folder.parent / "src")
    if os.path.isdir(source):
        paths = source, os.environ.get("PYTHONPATH")  # also for the processes that it starts
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
        sys.path.insert(0, source)
    if len(sys.argv) < 2 or not (folder / f"{sys.argv[1]}.py").is_file():
        stages = sorted(path.stem for path in folder.glob("[!_]*.py"))
        sys.exit(f"pipelines: name what to run: {', '.join(stages)}.")
    name = sys.argv[1]
    sys.argv[:2] = [str(folder / f"{name}.py")]
    runpy.run_path(sys.argv[0], run_name="__main__")
