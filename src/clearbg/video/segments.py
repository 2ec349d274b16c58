"""What a killed run has finished of a video, kept beside the output for the next run.

A segment counts from the moment its record is there, which is written after its files are on the
disk. All else in the folder is written anew.
"""

import json
import os
import shutil
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from clearbg.system.files import beside, replacing_file, write_json
from clearbg.video.steady import SteadyState

FRAMES = 120  # of a segment; a kill loses at most as many


@dataclass(frozen=True)
class Segment:
    """Finished frames.

    Attributes:
        files: what holds them.
        ticks: the time of each frame, in the output's unit.
        coverage: the sum of the frames' mean alpha.
        size: their width and height.
    """

    files: tuple[Path, ...]
    ticks: tuple[int, ...]
    coverage: float
    size: tuple[int, int]


class Segments:
    """The finished segments of a run, in their order.

    Args:
        folder: where they are; it exists.
        plan: all that decides the result. Segments of another plan are removed; None: all are,
            since nobody can tell whether a pipe brings the same frames again.

    Attributes:
        done: the segments.
        state: of the filter after the last of them.
    """

    def __init__(self, folder: Path, plan: dict[str, Any] | None):
        self.folder, self.done = folder, list[Segment]()
        self.state: SteadyState | None = None
        told = folder / "plan.json"
        if plan is None or not told.is_file() or told.read_text(encoding="utf-8") != _text(plan):
            for path in folder.iterdir():
                shutil.rmtree(path) if path.is_dir() else path.unlink()
            write_json(told, plan or {})
        while self._take():
            pass

    @property
    def frames(self) -> int:
        return sum(len(segment.ticks) for segment in self.done)

    @property
    def name(self) -> str:
        """Of the segment that comes next, without suffix."""
        return f"{len(self.done):06d}"

    def add(self, segment: Segment, state: SteadyState | None) -> None:
        """Record a segment whose files are whole."""
        facts: dict[str, Any] = {
            "files": np.array([path.relative_to(self.folder).as_posix() for path in segment.files]),
            "sizes": np.array([path.stat().st_size for path in segment.files], np.int64),
            "ticks": np.array(segment.ticks, np.int64),
            "coverage": np.float64(segment.coverage),
            "size": np.array(segment.size, np.int64),
        }
        if state is not None:
            facts["frame"], facts["alpha"] = state
        with replacing_file(self.folder / f"{self.name}.npz", synced=True) as aside:
            np.savez(aside, **facts)
        self.done.append(segment)

    def _take(self) -> bool:
        """Take the next segment over, if its record and all its files are whole."""
        try:
            with np.load(self.folder / f"{self.name}.npz", allow_pickle=False) as record:
                files = tuple(self.folder / str(name) for name in record["files"])
                if [os.path.getsize(path) for path in files] != record["sizes"].tolist():
                    return False
                ticks, coverage = record["ticks"].tolist(), float(record["coverage"])
                width, height = record["size"].tolist()
                state = (record["frame"], record["alpha"]) if "alpha" in record else None
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            return False
        self.done.append(Segment(files, tuple(ticks), coverage, (width, height)))
        self.state = state
        return True


def place(target: Path) -> Path:
    """The folder of a result's segments."""
    return beside(target, "clearbg-video")


def _text(plan: dict[str, Any]) -> str:
    return json.dumps(plan, indent=2, ensure_ascii=False) + "\n"
