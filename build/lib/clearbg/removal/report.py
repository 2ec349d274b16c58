"""The report of a run: the outcome of every image, for people and for programs."""

import dataclasses
import json
from dataclasses import dataclass
from typing import Literal

Status = Literal["written", "skipped", "failed", "left"]


@dataclass(frozen=True)
class Outcome:
    """How one image ended.

    Attributes:
        source, target: paths, addresses, or "-".
        status: "written"; "skipped": its result was already there; "failed"; "left": an earlier
            failure ended the run.
        width, height: of the written image, in pixels.
        coverage: mean alpha of the image in [0, 1]; 0: nothing was found in it.
        notes: what the format could not keep.
        message: one sentence that says why the image failed.
    """

    source: str
    target: str
    status: Status
    width: int | None = None
    height: int | None = None
    coverage: float | None = None
    notes: tuple[str, ...] = ()
    message: str | None = None


@dataclass(frozen=True)
class RemovalReport:
    """All outcomes, in the order of the inputs, and what produced them.

    Attributes:
        model, device, refine: what ran.
        notes: sentences about the run itself, such as a log that misses lines.
    """

    model: str
    device: str
    refine: bool
    outcomes: tuple[Outcome, ...]
    notes: tuple[str, ...] = ()

    def count(self, status: Status) -> int:
        return sum(outcome.status == status for outcome in self.outcomes)

    @property
    def failures(self) -> list[str]:
        """One sentence for each image that failed."""
        return [outcome.message for outcome in self.outcomes if outcome.status == "failed"]

    @property
    def exit_status(self) -> int:
        """0: every image has its result; 1: some have; 2: none has."""
        missing = self.count("failed") + self.count("left")
        if not missing:
            return 0
        return 1 if missing < len(self.outcomes) else 2

    def summary(self) -> str:
        """One line: how many images ended how, and on which device."""
        words = {"written": "written", "skipped": "there already", "failed": "failed",
                 "left": "left undone"}  # fmt: skip
        counts = {word: self.count(status) for status, word in words.items()}
        told = ", ".join(f"{n} {word}" for word, n in counts.items() if n or word == "written")
        return f"{len(self.outcomes)} images on {self.device}: {told}"

    def to_json(self) -> str:
        """The report as a JSON object, with one entry for each image."""
        facts = {
            "model": self.model,
            "device": self.device,
            "refine": self.refine,
            "exit_status": self.exit_status,
            **{status: self.count(status) for status in ("written", "skipped", "failed", "left")},
            "images": [dataclasses.asdict(outcome) for outcome in self.outcomes],
        }
        return json.dumps(facts, indent=2, ensure_ascii=False)
