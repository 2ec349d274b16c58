"""Checkpoints as others publish them, and the checks of what an import makes of one."""

import functools
from pathlib import Path

import pytest
import torch

from clearbg import importing, models
from clearbg.contract import read_contract
from clearbg.errors import FetchError, ModelError
from clearbg.models import weights


def random_network(name: str, **settings) -> torch.nn.Module:
    """A network with random weights, whose running statistics differ from their start values."""
    torch.manual_seed(1)
    net = models.build(name, **settings)
    for tensor in net.buffers():
        if tensor.is_floating_point():
            tensor.uniform_(0.5, 1.5)
    return net.eval()


@functools.cache
def lite() -> torch.nn.Module:
    """The smallest published network, made once."""
    return random_network("u2netp")


def placeholders(name: str, **settings) -> dict[str, torch.Tensor]:
    """A state dict of the right shapes that takes no memory: tensor i is filled with i."""
    with torch.device("meta"):
        shapes = models.build(name, **settings).state_dict()
    return {
        key: torch.tensor(i, dtype=tensor.dtype).expand(tensor.shape)
        for i, (key, tensor) in enumerate(shapes.items())
    }


def renamed_by_place(
    state: dict[str, torch.Tensor], prefix: str = "layer"
) -> dict[str, torch.Tensor]:
    """The same tensors, each module named after its place in the order."""
    places: dict[str, int] = {}
    renamed = {}
    for name, tensor in state.items():
        module, _, leaf = name.rpartition(".")
        renamed[f"{prefix}{places.setdefault(module, len(places))}.{leaf}"] = tensor
    return renamed


def saved(content, name: str = "net.pth", **options) -> str:
    """The name of a new file with this content, as `torch.save` writes it."""
    torch.save(content, name, **options)
    return name


def outputs(folder: Path, images: torch.Tensor) -> list[torch.Tensor]:
    contract = read_contract(folder)
    net = weights.load(models.build(contract.model, **contract.settings), folder / weights.FILE)
    with torch.no_grad():
        return net(images)


def assert_same_outputs(folder: Path, original: torch.nn.Module, channels: int = 3) -> None:
    """Assert that the imported network and its original agree bit for bit on a random image."""
    images = torch.rand(1, channels, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        expected = original(images)
    for ours, theirs in zip(outputs(folder, images), expected, strict=True):
        assert torch.equal(ours, theirs)


def refusal(source: str, **options) -> str:
    """The one sentence with which a file is refused; asserts that no folder is left behind."""
    with pytest.raises((ModelError, FetchError)) as caught:
        importing.import_weights(source, **options)
    assert "\n" not in str(caught.value)
    assert not Path("imported").exists() or not list(Path("imported").iterdir())
    return str(caught.value)
