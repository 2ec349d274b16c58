"""Videos: the same removal for every frame, with a steady alpha, the sound and the timing kept.

Their alpha is steadied with OpenCV, and files are read and written by PyAV: the extra `video`.
"""

import importlib.util
import os

from clearbg.errors import SettingsError

SUFFIXES = (".mp4", ".mov", ".m4v", ".webm", ".mkv", ".avi", ".mpg", ".mpeg", ".ts", ".mts",
            ".m2ts", ".wmv", ".flv", ".ogv", ".3gp", ".mxf")  # fmt: skip
"""Of files that are read as videos."""


def is_video(name: str | os.PathLike) -> bool:
    """Whether a path has the suffix of a video."""
    return os.path.splitext(os.fspath(name))[1].lower() in SUFFIXES


def need(library: str) -> None:
    """Raise SettingsError where a library of the extra is not installed."""
    if importlib.util.find_spec(library) is None:
        raise SettingsError(
            f'Videos need {library}: `pip install ".[video]"` in a checkout of ClearBG.'
        )
