"""Checkpoints: a killed training goes on where it was, and never from a damaged state."""

import contextlib
import copy
import hashlib
import os
import shutil
import sys
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import torch

from clearbg.errors import ClearBGError, DataError
from clearbg.system.files import replacing_file

DIGEST = hashlib.sha256().digest_size  # bytes at a file's end, of all that stands before them


class Stateful(Protocol):
    def state_dict(self) -> dict: ...
    def load_state_dict(self, state: dict) -> None: ...


@dataclass
class Progress:
    """How far a training has come; what the next step and the final outputs depend on."""

    epoch: int = 0
    step: int = 0  # optimizer steps of this epoch that are done
    offset: int = 0  # images of this epoch's order that are done, by all processes
    steps: int = 0  # optimizer steps of all epochs
    seconds: float = 0.0  # of training, over all restarts
    pace: dict[str, float] = field(default_factory=dict)  # of the latest epoch; told, not kept
    loss_sums: dict[str, float] = field(default_factory=dict)  # over those batches
    history: list[dict] = field(default_factory=list)  # a row for each finished epoch
    baselines: dict[str, float] = field(default_factory=dict)  # figures of masks, measured once
    image_errors: torch.Tensor | None = None  # of the training images after the latest epoch
    best_score: float | None = None
    best_epoch: int = -1
    best_weights: dict[str, torch.Tensor] = field(default_factory=dict)
    # Of each part that a method trains beside: (lowest loss, weights).
    best_parts: dict[str, tuple[float, dict[str, torch.Tensor]]] = field(default_factory=dict)


class Checkpoint:
    """The state of one training in `folder/state.pt`, and the one before it in `earlier.pt`.

    Each ends with the SHA-256 of its content and has reached the disk before it takes its
    name. The folder also keeps what the training has made on its way: sample sheets, a teacher.
    """

    def __init__(self, folder: Path):
        self.folder, self.path, self.earlier = folder, folder / "state.pt", folder / "earlier.pt"
        self._thread = ThreadPoolExecutor(1, "checkpoint")
        self._writing: Future[None] | None = None
        self._saved = time.monotonic()

    def due(self, seconds: float) -> bool:
        """Whether so many seconds have passed since the state was saved or loaded."""
        return time.monotonic() - self._saved >= seconds

    def save(self, method: Stateful, progress: Progress, wait: bool = True) -> None:
        """Write the state; the one that was the last becomes the earlier one.

        Without `wait` a copy of the state is written while the training goes on: a disk that is
        busy with other files can take minutes. What goes wrong then is raised by the next call,
        or by `finish`.

        Raises:
            ClearBGError: the disk is full, or the folder cannot be written to; what was saved
                before is still there.
        """
        self.finish()
        self._saved = time.monotonic()
        state = {"method": method.state_dict(), "progress": vars(progress)}
        if wait:
            self._replace(state)
            return
        state = {
            "method": _copied(state["method"]),
            "progress": {name: copy.copy(value) for name, value in state["progress"].items()},
        }
        self._writing = self._thread.submit(self._replace, state)

    def _replace(self, state: dict[str, Any]) -> None:
        with replacing_file(self.path, synced=True) as aside:
            _write(state, aside)
            with contextlib.suppress(FileNotFoundError):
                os.replace(self.path, self.earlier)

    def finish(self) -> None:
        """Wait for the state that is written beside the training; errors are those of `save`."""
        writing, self._writing = self._writing, None
        if writing is not None:
            writing.result()

    def load(self, method: Stateful) -> Progress:
        """Bring `method` to the last state that is whole; a fresh `Progress` when there is none.

        A damaged file is named on stderr and removed. A state that is being written is waited for.
        """
        self.finish()
        for left in self.folder.glob(f".{self.path.stem}.*"):  # by a run killed while it saved
            left.unlink(missing_ok=True)
        self._saved = time.monotonic()
        damaged = []
        for path in (self.path, self.earlier):
            if path.exists():
                if _is_whole(path):
                    _report(damaged, f"the older checkpoint {path} is used in its place")
                    return _read(path, method)
                damaged.append(path)
                path.unlink(missing_ok=True)  # lest it becomes the earlier one of the next
        _report(damaged, "there is no other checkpoint, and the training starts from the beginning")
        return Progress()

    def remove(self) -> None:
        with contextlib.suppress(ClearBGError):
            self.finish()
        shutil.rmtree(self.folder, ignore_errors=True)


class _Hashed:
    """A file opened for writing, the hash of what went into it, and why it took no more."""

    def __init__(self, file):
        self.file, self.hash, self.failure = file, hashlib.sha256(), None

    def write(self, data) -> int:
        self.hash.update(data)
        try:
            return self.file.write(data)
        except OSError as error:
            self.failure = error  # torch hides it behind another one
            raise

    def flush(self) -> None:
        self.file.flush()


def _write(state: dict[str, Any], path: Path) -> None:
    with open(path, "wb") as file:
        hashed = _Hashed(file)
        try:
            torch.save(state, hashed)
        except RuntimeError as error:
            raise hashed.failure or error from None
        file.write(hashed.hash.digest())


def _copied(state: Any) -> Any:
    """A copy on the CPU that later steps do not change."""
    if isinstance(state, torch.Tensor):
        return state.detach().to("cpu", copy=True)
    if isinstance(state, dict):
        return {name: _copied(value) for name, value in state.items()}
    if isinstance(state, list | tuple):
        return type(state)(map(_copied, state))
    return state


def _is_whole(path: Path) -> bool:
    """Whether a file could be read and ends with the SHA-256 of what stands before."""
    content = hashlib.sha256()
    try:
        with open(path, "rb") as file:
            left = path.stat().st_size - DIGEST
            while left > 0 and (part := file.read(min(left, 1 << 20))):
                content.update(part)
                left -= len(part)
            return left == 0 and file.read() == content.digest()
    except OSError:
        return False


def _read(path: Path, method: Stateful) -> Progress:
    # Mapped, the file takes no memory beside the state that it is copied to.
    try:
        state = torch.load(path, map_location="cpu", weights_only=True, mmap=os.name == "posix")
        method.load_state_dict(state["method"])
        return Progress(**state["progress"])
    except Exception as error:  # what torch reads with raises nearly every built-in one
        raise DataError(
            f"{path} is whole, but no checkpoint of this training ({_line(error)}): remove "
            f"{path.parent}, and the training starts from the beginning."
        ) from error


def _line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)[:200]


def _report(damaged: list[Path], consequence: str) -> None:
    if damaged:
        what = " and ".join(map(str, damaged)) + (" is" if len(damaged) == 1 else " are")
        print(f"warning: {what} damaged: {consequence}.", file=sys.stderr)
