"""Weights on disk: safetensors and nothing else, so that loading never runs code."""

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from clearbg import contract
from clearbg.errors import ModelError
from clearbg.system.files import file_sha256, replacing_file

FILE = contract.WEIGHTS
STATISTICS = ("running_mean", "running_var", "num_batches_tracked")


def file_of(place: Path) -> Path:
    """The weights of a models folder; what is no folder is the file itself."""
    return place / FILE if place.is_dir() else place


def save(weights: dict[str, Tensor], path: Path) -> None:
    """Write a state dict; equal weights give equal bytes.

    Raises:
        ClearBGError: the disk is full, or the folder cannot be written to.
    """
    with replacing_file(path, synced=True) as aside:
        try:
            save_file({name: tensor.contiguous() for name, tensor in weights.items()}, aside)
        except SafetensorError as error:
            raise OSError(str(error)) from error


def load(network: nn.Module, path: Path) -> nn.Module:
    """Load weights into `network`, strictly, and return it in evaluation mode.

    Raises:
        ModelError: the file is missing or damaged, holds a number that is not finite, or belongs
            to another architecture.
    """
    _fit(network, _read(path), path)
    return network.eval()


def start(network: nn.Module, origin: Path, sha256: str | None) -> None:
    """Let a training start from the weights of a models folder or a safetensors file.

    Statistics of batch norms are left out where the network has none of its own.

    Args:
        sha256: of the file that is meant; None: any.

    Raises:
        ModelError: the file is missing, damaged, not the one that `sha256` names, or belongs to
            another architecture.
    """
    path = file_of(origin)
    weights = _read(path)
    if sha256 is not None:
        found = file_sha256(path)
        if found != sha256:
            raise ModelError(
                f"{path} has SHA-256 {found}, and train.init_sha256 is {sha256}: take the file "
                "that is meant, or correct the setting."
            )
    own = network.state_dict()
    weights = {
        name: tensor
        for name, tensor in weights.items()
        if name in own or not name.endswith(STATISTICS)
    }
    _fit(network, weights, path)


def copied(network: nn.Module) -> dict[str, Tensor]:
    """A copy of the network's weights, on the CPU."""
    return {name: v.detach().cpu().clone() for name, v in network.state_dict().items()}


def parameters(weights: dict[str, Tensor]) -> int:
    """Numbers that a training changes: all but the statistics of batch norms."""
    return sum(t.numel() for name, t in weights.items() if not name.endswith(STATISTICS))


def _read(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise ModelError(
            f"{path} is not a readable safetensors file ({error}): take an undamaged copy, or "
            "train again."
        ) from error


def _fit(network: nn.Module, weights: dict[str, Tensor], path: Path) -> None:
    own = network.state_dict()
    for name in sorted(weights.keys() & own.keys()):
        tensor, expected = weights[name], own[name].dtype
        widened = expected == torch.float32 and tensor.dtype in (torch.float16, torch.bfloat16)
        if tensor.dtype != expected and not widened:
            raise ModelError(
                f"{path} holds {name} as {tensor.dtype}, where {type(network).__name__} has "
                f"{expected}: take the file from the training that wrote it."
            )
        if not tensor.isfinite().all():
            raise ModelError(
                f"{path} holds values of {name} that are not finite: it is damaged, or its "
                "training had failed; take another file."
            )
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:300]
        raise ModelError(f"{path} does not fit {type(network).__name__}: {reason}.") from error
