"""How much faster is the int8 export than the fp32 one, in the same runtime?

    python benchmarks/inference.py [--models u2netp u2net] [--side 320] [--threads 1] [--rounds 10]

Networks with random weights, calibrated on noise: speed depends on neither. Both files run in
ONNX Runtime in one process, taking turns, an image at a time. Prints the median milliseconds
of each and their ratio. Nothing but the networks is timed.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
import torch

from clearbg import models
from clearbg.contract import Contract
from clearbg.export import latency, onnx, quantize
from clearbg.export.gate import Verdict
from clearbg.removal.remover import Remover

OPSET = 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="+", default=["u2netp", "u2net"])
    parser.add_argument("--side", type=int, default=320, help="of the square input, pixels")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=10)
    arguments = parser.parse_args()
    for name in arguments.models:
        with tempfile.TemporaryDirectory() as folder:
            compare(name, arguments.side, arguments.threads, arguments.rounds, Path(folder))


def compare(name: str, side: int, threads: int, rounds: int, folder: Path) -> None:
    torch.manual_seed(0)
    contract = Contract(
        model=name, settings={}, height=side, width=side, fit="stretch", overlap=0,
        kernel="bilinear", color_order="RGB", mean=(0.0,) * 3, std=(1.0,) * 3, threshold=0.5,
        output="cutout", headline="mae", weights_sha256="0" * 64, data_digest="", data_license="",
    )  # fmt: skip
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(3, side, side)).astype(np.float32)
    fp32, int8 = folder / "model.onnx", folder / "model-int8.onnx"
    onnx.export(models.build(name).eval(), contract, fp32, OPSET)
    quantize.write(fp32, int8, [noise], 0.0, lambda _: Verdict({}, None))
    networks = {path.stem: Remover(path, threads).network for path in (fp32, int8)}
    found = latency.measure(networks, noise, rounds)
    ratio = found["model"] / found["model-int8"]
    size = int8.stat().st_size / fp32.stat().st_size
    print(
        f"{name:8} at {side}²  fp32 {found['model']:7.1f} ms  int8 {found['model-int8']:7.1f} ms  "
        f"ratio {ratio:.2f}  size {size:.0%}",
        flush=True,
    )


if __name__ == "__main__":
    main()
