"""Images that the network gets wrong come more often than the others (`train.hard_examples`).

After every epoch all training images are measured; the next epoch has as many images as before,
drawn in proportion to weights of their errors (importance sampling, as Loshchilov and Hutter 2015,
with a systematic draw: no image comes more than once above or below its expected number).
"""

import numpy as np

MOST = 4.0  # times the mean error, where an error ends to count: a mask may be what is wrong
EPOCHS_APART = 1_000_000  # a repeated image is changed at random as in an epoch so much later


def expected_draws(errors: np.ndarray, strength: float) -> np.ndarray:
    """How often each image shall come in an epoch, on average once.

    Args:
        errors: of each image, at least 0.
        strength: 0: each once; 1: in proportion to its error.
    """
    errors = errors.astype(np.float64)
    if not errors.any():
        return np.ones(len(errors))
    draws = strength * np.minimum(errors / errors.mean(), MOST)
    return draws + 1 - draws.mean()  # what was cut off falls to all images alike


def drawn(
    order: np.ndarray, draws: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """As many images as `order` has, in a new order.

    Args:
        order: all images once, shuffled.
        draws: of `expected_draws`, by image.

    Returns:
        Indices of images, and for each how often that image has come before.
    """
    ends = np.cumsum(draws[order])
    marks = (rng.random() + np.arange(len(order))) * (ends[-1] / len(order))
    chosen = order[np.minimum(np.searchsorted(ends, marks, side="right"), len(order) - 1)]
    first = np.r_[True, chosen[1:] != chosen[:-1]]  # equal ones stand side by side
    places = np.arange(len(chosen))
    repeats = places - np.maximum.accumulate(np.where(first, places, 0))
    shuffled = rng.permutation(len(chosen))
    return chosen[shuffled], repeats[shuffled]
