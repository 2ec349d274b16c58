"""A trained torch network as a function from numpy arrays to numpy arrays."""

from pathlib import Path

import numpy as np
import torch
from torch import nn

from clearbg import models
from clearbg.contract import Contract
from clearbg.errors import SettingsError
from clearbg.inference.predict import Network
from clearbg.models import weights
from clearbg.system import memory


def as_network(network: nn.Module, device: str = "cpu") -> Network:
    """Images float32 `(N,C,H,W)`, normalized -> alpha float32 `(N,1,H,W)` in [0, 1].

    The network itself is put into evaluation mode, on `device` and into channels-last memory,
    in which convolutions are faster.
    """
    memory.keep_freed()
    network = network.eval().to(device, memory_format=torch.channels_last)

    def run(images: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            inputs = torch.from_numpy(images).to(device, memory_format=torch.channels_last)
            return network(inputs)[0].sigmoid().cpu().numpy()

    return run


def trained_network(folder: Path, contract: Contract, accelerator: str) -> Network:
    """The network of a models folder, see `as_network`; `accelerator` is evaluate.accelerator.

    Raises:
        SettingsError: CUDA is asked for and is not there.
        ModelError: the weights do not fit the contract's architecture.
    """
    if accelerator == "cuda" and not torch.cuda.is_available():
        raise SettingsError(
            "evaluate.accelerator = cuda, but torch finds no CUDA device here: set it to cpu or "
            "auto."
        )
    device = "cuda" if accelerator != "cpu" and torch.cuda.is_available() else "cpu"
    network = models.build(contract.model, **contract.settings)
    return as_network(weights.load(network, folder / weights.FILE), device)
