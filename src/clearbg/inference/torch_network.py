"""A trained torch network as everything outside training sees one: numpy in, numpy out."""

from collections.abc import Callable

import numpy as np
import torch
from torch import nn

from clearbg.system import memory


def as_network(network: nn.Module, device: str = "cpu") -> Callable[[np.ndarray], np.ndarray]:
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
