"""How far a predicted alpha is from the truth: `names` is the vocabulary, `scoring` the way in."""

import numpy as np


def refuse_other_shape(alpha: np.ndarray, truth: np.ndarray) -> None:
    """Raise ValueError where a prediction has not the size of its truth."""
    if alpha.shape != truth.shape:
        raise ValueError(f"alpha is {alpha.shape} and truth is {truth.shape}; resize alpha first")
