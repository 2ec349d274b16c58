"""Weights on disk: safetensors and nothing else, so that loading never runs code."""

from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from clearbg.atomic import replacing_file
from clearbg.errors import ModelError


def save(weights: dict[str, Tensor], path: Path) -> None:
    """Write a state dict; equal weights give equal bytes."""
    with replacing_file(path) as aside:
        save_file({name: tensor.contiguous() for name, tensor in weights.items()}, aside)
        aside.chmod(0o644)


def load(network: nn.Module, path: Path) -> nn.Module:
    """Load weights into `network`, strictly, and return it in evaluation mode.

    Raises:
        ModelError: the file is missing or damaged, or belongs to another architecture.
    """
    try:
        network.load_state_dict(load_file(path))
    except (OSError, SafetensorError) as error:
        raise ModelError(f"{path} is not a readable safetensors file: {error}.") from error
    except RuntimeError as error:
        raise ModelError(f"{path} does not fit {type(network).__name__}: {error}.") from error
    return network.eval()
