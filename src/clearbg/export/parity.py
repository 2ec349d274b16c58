"""Does the exported file do what the trained network does? Measured on real pictures."""

import statistics
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from torch import nn

from clearbg import config
from clearbg.data import manifest
from clearbg.errors import ExportError
from clearbg.models.running import as_network
from clearbg.removal.predict import Network, prepare
from clearbg.removal.remover import Remover


@dataclass(frozen=True)
class Agreement:
    """Largest difference of alpha over all cases, and milliseconds a picture of each runtime."""

    metrics: dict[str, float | int | str]
    latency: dict[str, float]

    @property
    def latency_line(self) -> str:
        return ", ".join(f"{name} {value:.1f} ms a picture" for name, value in self.latency.items())


def check(network: nn.Module, path: Path, data: Path, settings: config.Export) -> Agreement:
    """Compare torch and ONNX Runtime on validation pictures.

    Pictures (of a contract with tiles, their middle tiles) go through one by one, as one
    batch, and at other input sizes than the contract's, all with the preprocessing that the
    exported file carries.

    Raises:
        ExportError: alpha differs by more than `settings.tolerance`; names the worst case.
    """
    remover, trained = Remover(path), as_network(network)
    frame = manifest.read(data)
    frame = frame[frame.split == "validation"].head(settings.pictures)
    inputs = {
        row["id"]: prepare(manifest.read_pair(data, row)[0], remover.contract)
        for _, row in frame.iterrows()
    }

    cases = {name: image[None] for name, image in inputs.items()}
    cases[f"a batch of {len(inputs)}"] = np.stack(list(inputs.values()))
    name, image = next(iter(inputs.items()))
    channels, height, width = image.shape
    for rows, columns in ((height, width + 32), (height + 17, width - 9), (33, 47)):
        cases[f"{name} at {rows}×{columns}"] = np.resize(image, (1, channels, rows, columns))
    differences = {
        case: float(np.abs(remover.network(batch) - trained(batch)).max())
        for case, batch in cases.items()
    }
    worst = max(differences, key=differences.__getitem__)
    if not differences[worst] <= settings.tolerance:
        raise ExportError(
            f"the exported model's alpha differs from the trained one's by "
            f"{differences[worst]:.2g} on {worst}, more than export.tolerance = "
            f"{settings.tolerance:g}: raise it if you can accept that, else try another "
            "export.opset."
        )
    return Agreement(
        # One digit: the others change with the processor.
        metrics={"max_difference": float(f"{differences[worst]:.0e}"), "cases": len(cases)},
        latency={
            "torch": _milliseconds(trained, image[None]),
            "onnxruntime": _milliseconds(remover.network, image[None]),
        },
    )


def _milliseconds(network: Network, batch: np.ndarray) -> float:
    """Median of ten runs after two to warm up."""
    times = []
    for _ in range(12):
        started = time.perf_counter()
        network(batch)
        times.append(1000 * (time.perf_counter() - started))
    return statistics.median(times[2:])
