"""How well does an exported model do on images of a kind that it was never trained on?

    python benchmarks/zero_shot.py IMAGES MASKS [--model exports/model.onnx]

IMAGES and MASKS are two folders, paired by file name. Prints the saliency metrics at the
images' own size by both protocols, and beside them those of a map that every method must
beat: the mean of all masks, laid over every image alike.
"""

import argparse
from pathlib import Path

import numpy as np

from clearbg import Remover
from clearbg.data.sources import by_stem
from clearbg.images import read_image, read_mask, resize
from clearbg.metrics import scoring


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("images", type=Path)
    parser.add_argument("masks", type=Path)
    parser.add_argument("--model", type=Path, default=Path("exports/model.onnx"))
    options = parser.parse_args()
    remover = Remover(options.model, refine=False)
    pairs = [p for p in by_stem(options.images, options.masks) if p.image and p.mask]
    truths = [read_mask(pair.mask)[0] for pair in pairs]
    prior = np.mean([resize(t.astype(np.float32) / 255, (64, 64)) for t in truths], axis=0)

    rows = {
        "model": (remover.alpha([read_image(pair.image).srgb()])[0] for pair in pairs),
        "mean mask": (np.clip(resize(prior, t.shape), 0, 1) for t in truths),
    }
    print(f"{len(pairs)} images        max_f  mean_f  weighted_f  s_measure    mae")
    for name, alphas in rows.items():
        scores = list(scoring.score_all(zip(alphas, truths), ["saliency"], 0.5, ("raw", "min_max")))
        for protocol, table in scoring.by_protocol(scores).items():
            figures = [table[k] for k in ("max_f", "mean_f", "weighted_f", "s_measure", "mae")]
            print(f"{name:10} {protocol:8}" + "".join(f"{value:9.4f}" for value in figures))


if __name__ == "__main__":
    main()
