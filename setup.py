"""What pyproject.toml cannot say: a wheel holds the files of a new project, for `clearbg init`."""

import shutil
import tomllib
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py


class BuildWithProject(build_py):
    def run(self) -> None:
        super().run()
        if self.editable_mode:  # then the clone's own files are used
            return
        listed = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))
        for pattern in listed["tool"]["clearbg"]["project"]:
            paths = sorted(Path().glob(pattern))
            if not paths:
                raise FileNotFoundError(f"{pattern} matches nothing: build in a whole clone")
            for path in paths:
                target = Path(self.build_lib, "clearbg/starter/project", path)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, target)


setup(cmdclass={"build_py": BuildWithProject})
