"""How often does the gate promote what it should, and what it should not?

    python benchmarks/promotion.py [--retrainings 200] [--images 400] [--noise 0.04]
        [--margin 0.01] [--floor 0.03]

Simulated retrainings: a champion's scores on a test split, and a challenger's, image by image.
Their difference is the true gain and noise, whose spread between two trainings of the demo that
differ in nothing but their seed was 0.04 in max F. All pass through the gate's own comparison.

better   truly exceeds what is asked for by the margin: its true gain is twice `promote.margin`
equal    has no true gain
broken   is better by more than that on the whole, and worse by 0.15 on a tenth of the images

Prints the share of each that is promoted, and then that of the better ones over the number of
test images, which says how many a margin needs.
"""

import argparse

import numpy as np
import pandas as pd

from clearbg import config
from clearbg.evaluation.one_metric import Scored
from clearbg.metrics import bootstrap
from clearbg.promotion import gate, paired_test

KINDS = ("better", "equal", "broken")
SLICES = {"small": 0.2, "medium": 0.6, "large": 0.1, "odd": 0.1}
"""Parts of the images, by share; the last one is what "broken" breaks."""

THIRDS = 8
"""Facts that each cut the images into three more slices, at random."""

BREAK = 0.15
DEFAULTS = config.Promote(
    metric="max_f", margin=0.01, confidence=0.95, max_slice_drop=0.03, max_empty_alpha_rise=0.02,
    min_images=8, min_score=0.9, commercial_only=False,
)  # fmt: skip


def simulate(
    kind: str, retrainings: int, images: int, noise: float, asked: config.Promote, seed: int = 0
) -> np.ndarray:
    """Whether each of some retrainings is promoted, bool `(retrainings,)`.

    Args:
        kind: of KINDS.
        noise: standard deviation of the difference between two equal models on an image.
    """
    rng = np.random.default_rng(seed)
    edges = np.cumsum([0, *SLICES.values()]) * images
    place = np.arange(images)
    slices = {
        name: (low <= place) & (place < high) for name, low, high in zip(SLICES, edges, edges[1:])
    }
    for number in range(THIRDS):
        third = rng.integers(3, size=images)
        slices |= {f"fact {number}, {which}": third == which for which in range(3)}
    draws = bootstrap.draw([str(index) for index in place])
    shift = np.full(images, 0.0 if kind == "equal" else 2 * asked.margin)
    if kind == "broken":
        odd = slices["odd"]
        shift = np.where(odd, -BREAK, (3 * asked.margin + BREAK * odd.mean()) / (1 - odd.mean()))
    nothing = np.full(images, np.nan)
    promoted = []
    for _ in range(retrainings):
        before = rng.normal(0.85, 0.06, images)
        after = before + shift + rng.normal(0, noise, images)
        models = (
            Scored(values[:, None], values, nothing, pd.DataFrame(), {})
            for values in (before, after)
        )
        found, parts = paired_test.compare(*models, draws, slices, False, asked)
        checks = gate.of_gain(found, "max_f", asked), gate.of_slices(parts, "max_f")
        promoted.append(all(check.holds for check in checks))
    return np.array(promoted)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--retrainings", type=int, default=200)
    parser.add_argument("--images", type=int, default=400)
    parser.add_argument("--noise", type=float, default=0.04)
    parser.add_argument("--margin", type=float, default=DEFAULTS.margin)
    parser.add_argument("--floor", type=float, default=DEFAULTS.max_slice_drop)
    given = parser.parse_args()
    asked = DEFAULTS.model_copy(update={"margin": given.margin, "max_slice_drop": given.floor})
    for kind in KINDS:
        share = simulate(kind, given.retrainings, given.images, given.noise, asked).mean()
        print(f"{kind:7} {share:6.1%} of {given.retrainings} promoted, {given.images} images")
    for images in (50, 100, 200, 400, 800, 1600):
        share = simulate("better", given.retrainings, images, given.noise, asked).mean()
        print(f"better  {share:6.1%} with {images:4} images")


if __name__ == "__main__":
    main()
