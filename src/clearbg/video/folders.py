"""The folder of a video's frames: it is replaced whole, so that nothing else may lie in it."""

import json
import os
import re
from collections.abc import Iterable
from pathlib import Path

from clearbg.errors import DataError

FACTS = "frames.json"  # the frames' number and times, and the sign that the folder is ours
FRAME = re.compile(r"\d{6,}\.(png|webp|tiff|jpg)")


def holds_frames(folder: Path) -> bool:
    """Whether an earlier run has finished the frames in a folder."""
    try:
        facts = json.loads((folder / FACTS).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(facts, dict) and "frames" in facts


def refuse_to_lose(target: Path, read: Iterable[Path | None] = ()) -> None:
    """Refuse to replace a folder that holds anything but the frames of an earlier run.

    Args:
        target: without links.
        read: files that the run reads.

    Raises:
        DataError: `target` is a file, holds other files or what is read, cannot be listed, or is
            a place that cannot be renamed.
    """
    if not target.exists():
        return
    if not target.is_dir():
        raise DataError(
            f"{target} is a file, and frames need a folder: name another, or end the name in .webm "
            "for a video."
        )
    if target.is_mount() or Path.cwd().resolve().is_relative_to(target):
        raise DataError(
            f"{target} is a disk's root or holds the working folder, and a folder of frames is "
            "replaced whole: name a folder inside it."
        )
    for path in filter(None, read):
        if path.resolve().is_relative_to(target):
            raise DataError(f"{path} lies in {target} and would be lost: name another folder.")
    try:
        entries = list(os.scandir(target))
    except OSError as error:
        raise DataError(
            f"{target} cannot be read ({error.strerror}): name another folder."
        ) from error
    known = holds_frames(target)
    for entry in entries:
        own = entry.name == FACTS or FRAME.fullmatch(entry.name)
        if not known or not own or entry.is_dir():
            raise DataError(
                f"{target} holds other files ({entry.name}), and frames need a folder of their "
                "own: name another."
            )
