"""Milliseconds of one image in each runtime. They vary, so no stage writes them as an output."""

import statistics
import time
from pathlib import Path

import numpy as np
from torch import nn

from clearbg import config
from clearbg.export import parity
from clearbg.export.formats import FILES
from clearbg.inference.predict import Network
from clearbg.inference.sessions import open_model
from clearbg.inference.torch_network import as_network


def measure(networks: dict[str, Network], image: np.ndarray, rounds: int = 10) -> dict[str, float]:
    """Milliseconds that each network takes for one prepared image, float32 `(C,h,w)`.

    Each figure is the median of `rounds`, after two rounds of warm-up. The networks take turns, so
    that other work on the machine slows all of them alike.
    """
    times: dict[str, list[float]] = {name: [] for name in networks}
    for _ in range(2 + rounds):
        for name, network in networks.items():
            started = time.perf_counter()
            network(image[None])
            times[name].append(1000 * (time.perf_counter() - started))
    return {name: statistics.median(values[2:]) for name, values in times.items()}


def of_exports(
    network: nn.Module, folder: Path, data: Path, settings: config.Export
) -> dict[str, float]:
    """Milliseconds for an image: the trained network ("torch") and each format in `folder`."""
    models = {name: open_model(folder / FILES[name]) for name in ("fp32", *settings.formats)}
    contract = models["fp32"].contract
    (image,) = parity.prepared(data, contract, slice(1)).values()
    networks = {name: model.network for name, model in models.items()}
    return measure({"torch": as_network(network), **networks}, image)


def line(latency: dict[str, float]) -> str:
    """As a sentence's part: "torch 8.1 ms an image, fp32 3.2 ms an image"."""
    return ", ".join(f"{name} {value:.1f} ms an image" for name, value in latency.items())
