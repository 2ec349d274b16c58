"""What became of a video, for people and for programs."""

import dataclasses
import json
from dataclasses import dataclass


@dataclass(frozen=True)
class VideoReport:
    """The outcome of a video.

    Attributes:
        source, target: paths, or "-".
        status: "written", or "skipped": the result was there already.
        model, device, refine: what ran.
        width, height: of the frames that were written.
        frames: how many; `seconds`: how long they last; `resumed`: how many an earlier run made.
        coverage: mean alpha of all frames in [0, 1]; 0: no subject was found.
        notes: sentences about what was converted or left out.
    """

    source: str
    target: str
    status: str
    model: str
    device: str
    refine: bool
    width: int | None = None
    height: int | None = None
    frames: int = 0
    seconds: float | None = None
    resumed: int = 0
    coverage: float | None = None
    notes: tuple[str, ...] = ()

    def summary(self) -> str:
        if self.status == "skipped":
            return f"{self.target}: there already"
        resumed = f", {self.resumed} of them by an earlier run" if self.resumed else ""
        lasting = "" if self.seconds is None else f", {self.seconds:.1f} s"
        frames = "1 frame" if self.frames == 1 else f"{self.frames} frames"
        return f"{self.target}: {self.width}×{self.height} pixels, {frames}{lasting}{resumed}"

    def to_json(self) -> str:
        return json.dumps(dataclasses.asdict(self), indent=2, ensure_ascii=False)
