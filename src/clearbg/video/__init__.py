"""Videos: the same removal for every frame, with a steady alpha, the sound and the timing kept.

Raw frames in pipes need no library; files need PyAV, the extra `video`.
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


def need_av() -> None:
    """Raise SettingsError where PyAV is not installed."""
    if importlib.util.find_spec("av") is None:
        raise SettingsError('Videos need PyAV: `pip install ".[video]"` in a checkout of ClearBG.')
