"""This package's code, as it is logged with a model."""

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).parents[1]


@contextlib.contextmanager
def code_alone() -> Iterator[str]:
    """A copy of the package without the models that come with it, which exists meanwhile."""

    def left_out(folder: str, names: list[str]) -> list[str]:
        models = Path(folder) == PACKAGE / "pretrained"
        return [n for n in names if n == "__pycache__" or (models and Path(folder, n).is_dir())]

    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, PACKAGE.name)
        shutil.copytree(PACKAGE, copy, ignore=left_out)
        yield str(copy)
