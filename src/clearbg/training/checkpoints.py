"""Checkpoints: a killed training goes on where it was, and never from somebody else's state."""

import shutil
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch

from clearbg.system.files import replacing_file


@dataclass
class Progress:
    """How far a training has come; what the next step and the final outputs depend on."""

    epoch: int = 0
    step: int = 0  # batches of this epoch that are done
    loss_sums: dict[str, float] = field(default_factory=dict)  # over those batches
    history: list[dict] = field(default_factory=list)  # a row for each finished epoch
    best_score: float | None = None
    best_epoch: int = -1
    best_weights: dict[str, torch.Tensor] = field(default_factory=dict)
    # Of each part that a method trains beside: (lowest loss, weights).
    best_parts: dict[str, tuple[float, dict[str, torch.Tensor]]] = field(default_factory=dict)


class Checkpoint:
    """The state of one training in `folder/state.pt`, a single file that is replaced whole.

    The folder also keeps what the training has made on its way: sample sheets, a teacher.
    """

    def __init__(self, folder: Path):
        self.folder, self.path = folder, folder / "state.pt"

    def save(self, method, progress: Progress) -> None:
        with replacing_file(self.path) as aside:
            torch.save({"method": method.state_dict(), "progress": asdict(progress)}, aside)

    def load(self, method) -> Progress:
        """Bring `method` to the saved state; a fresh `Progress` when there is none."""
        if not self.path.exists():
            return Progress()
        state = torch.load(self.path, map_location="cpu", weights_only=True)
        method.load_state_dict(state["method"])
        return Progress(**state["progress"])

    def remove(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
