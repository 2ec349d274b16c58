"""Does the exported file do what the trained network does? Measured on real images."""

from pathlib import Path

import numpy as np
from torch import nn

from clearbg import config
from clearbg.contract import Contract
from clearbg.data import manifest
from clearbg.errors import ExportError
from clearbg.inference.predict import prepare
from clearbg.inference.sessions import open_model
from clearbg.inference.torch_network import as_network

BATCH = 4  # 32 images of 320×320 at once took 17 GB


def check(
    network: nn.Module, path: Path, data: Path, settings: config.Export
) -> dict[str, float | int]:
    """Compare torch and ONNX Runtime on validation images.

    Images (of a contract with tiles, their middle tiles) go through one by one, the first of
    them as one batch, and at other input sizes than the contract's, all with the preprocessing
    of the contract in the exported file.

    Returns:
        `max_difference` of alpha over all cases, and the number of `cases`.

    Raises:
        ExportError: alpha differs by more than `settings.tolerance`; names the worst case.
    """
    exported, trained = open_model(path), as_network(network)
    inputs = prepared(data, exported.contract, slice(settings.images))

    cases = {name: image[None] for name, image in inputs.items()}
    batch = list(inputs.values())[:BATCH]
    cases[f"a batch of {len(batch)}"] = np.stack(batch)
    name, image = next(iter(inputs.items()))
    channels, height, width = image.shape
    for rows, columns in ((height, width + 32), (height + 17, width - 9), (33, 47)):
        cases[f"{name} at {rows}×{columns}"] = np.resize(image, (1, channels, rows, columns))
    differences = {
        case: float(np.abs(exported.network(batch) - trained(batch)).max())
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
    # One digit: the others change with the processor.
    return {"max_difference": float(f"{differences[worst]:.0e}"), "cases": len(cases)}


def prepared(data: Path, contract: Contract, part: slice) -> dict[str, np.ndarray]:
    """Id -> input of the network, float32 `(C,h,w)`, for a part of an ingested validation split."""
    frame = manifest.read(data)
    return {
        row["id"]: prepare(manifest.read_pair(data, row)[0], contract)
        for _, row in frame[frame.split == "validation"][part].iterrows()
    }
