"""Losses: pure functions of logits and alpha.

All take logits, never probabilities: `binary_cross_entropy_with_logits` is finite where a
sigmoid in half precision has already rounded to 0 or 1.
"""

import torch
import torch.nn.functional as F
from torch import Tensor


def summed_bce(logits: list[Tensor], alpha: Tensor) -> Tensor:
    """Binary cross entropy summed over all outputs, each with weight 1 (U²-Net, equation 1).

    Args:
        logits: tensors `(N,1,H,W)`.
        alpha: `(N,1,H,W)` in [0, 1]; soft values are allowed.
    """
    losses = [F.binary_cross_entropy_with_logits(output.float(), alpha) for output in logits]
    return torch.stack(losses).sum()
