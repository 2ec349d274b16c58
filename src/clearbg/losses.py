"""Losses: pure functions of logits and alpha.

All take logits, never probabilities, and compute in float32: `binary_cross_entropy_with_logits`
is finite where a sigmoid in half precision has already rounded to 0 or 1. Where several outputs
are supervised, `logits` is a list of tensors `(N,1,H,W)`, finest first, and `alpha` is
`(N,1,H,W)` in [0, 1]; soft values are allowed.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

EDGE_WEIGHT = 4
EDGE_SIDE = 7  # pixels of the square of the morphological gradient
SSIM_SIDE, SSIM_SIGMA = 11, 1.5  # pixels (Wang et al. 2004)


def summed_bce(logits: list[Tensor], alpha: Tensor) -> Tensor:
    """Binary cross entropy summed over all outputs, each with weight 1 (U²-Net, equation 1)."""
    losses = [F.binary_cross_entropy_with_logits(output.float(), alpha) for output in logits]
    return torch.stack(losses).sum()


def rmse(logits: list[Tensor], alpha: Tensor) -> Tensor:
    """Root of the mean squared error over all pixels, averaged over the outputs.

    `R(a,b) = sqrt(mean((a-b)²) + 1e-6)`; the addend keeps the gradient of a perfect output finite.
    """
    return torch.stack([_root(_probability(output), alpha.float()) for output in logits]).mean()


def edge_rmse(logits: list[Tensor], alpha: Tensor) -> Tensor:
    """`R(d,t) + 4·R(d·E, t·E)` averaged over the outputs, E being 1 near the truth's edges."""
    alpha = alpha.float()
    edge = edges(alpha)
    losses = []
    for output in logits:
        predicted = _probability(output)
        near = _root(predicted * edge, alpha * edge)
        losses.append(_root(predicted, alpha) + EDGE_WEIGHT * near)
    return torch.stack(losses).mean()


def edges(alpha: Tensor) -> Tensor:
    """1 where the 7×7 morphological gradient of alpha is not zero, else 0; `(N,1,H,W)`.

    Below half a gray level of 255 it counts as zero: resampling leaves rounding errors behind.
    """
    highest = F.max_pool2d(alpha, EDGE_SIDE, stride=1, padding=EDGE_SIDE // 2)
    lowest = -F.max_pool2d(-alpha, EDGE_SIDE, stride=1, padding=EDGE_SIDE // 2)
    return (highest - lowest > 0.5 / 255).to(alpha.dtype)


def mse(logits: list[Tensor], alpha: Tensor) -> Tensor:
    """The mean squared error averaged over the outputs of a stack's blocks: the HeSho loss.

    `L = (1/B) Σ_b mean((g − x_b)²)`, B blocks with outputs x_b, g the true alpha.
    """
    alpha = alpha.float()
    return torch.stack([F.mse_loss(_probability(output), alpha) for output in logits]).mean()


def summed_iou(logits: list[Tensor], alpha: Tensor) -> Tensor:
    """`1 - I/U` of soft maps, averaged over images and summed over outputs.

    One pixel is added to intersection and union, which defines it for an empty truth (an empty
    prediction costs nothing there) and changes nothing elsewhere (BASNet, Qin et al. 2019).
    """
    alpha = alpha.float()
    losses = []
    for output in logits:
        predicted = _probability(output)
        both = (predicted * alpha).sum((1, 2, 3))
        either = (predicted + alpha).sum((1, 2, 3)) - both
        losses.append((1 - (both + 1) / (either + 1)).mean())
    return torch.stack(losses).sum()


def summed_ssim(logits: list[Tensor], alpha: Tensor) -> Tensor:
    """`1 - SSIM` averaged over pixels and summed over outputs (BASNet, Qin et al. 2019).

    The structural similarity of Wang et al. (2004) under an 11×11 Gaussian window of sigma 1.5;
    both maps are 0 outside the image.
    """
    alpha = alpha.float()
    similarities = [_ssim(_probability(output), alpha).mean() for output in logits]
    return (1 - torch.stack(similarities)).sum()


def discriminator_loss(fake_logits: Tensor, real_logits: Tensor) -> Tensor:
    """`(BCE(fake, 0) + BCE(real, 1)) / 2` of logits of any equal or different shapes.

    The caller detaches the fakes from their generator.
    """
    return (_bce_with(fake_logits, 0.0) + _bce_with(real_logits, 1.0)) / 2


def generator_loss(fake_logits: Tensor) -> Tensor:
    """`BCE(fake, 1)`: low where the discriminator takes the fakes for real."""
    return _bce_with(fake_logits, 1.0)


def l1(generated: Tensor, target: Tensor) -> Tensor:
    """The mean absolute difference of two tensors of one shape."""
    return F.l1_loss(generated.float(), target.float())


def feature_mse(features: list[Tensor], targets: list[Tensor]) -> Tensor:
    """Mean squared errors of feature maps, summed over the maps (IS-Net, Qin et al. 2022).

    Args:
        features: of the network that learns, `(N,C,H,W)` each.
        targets: of the frozen ground-truth encoder, the same shapes.

    Raises:
        ValueError: the numbers of maps differ.
    """
    pairs = zip(features, targets, strict=True)
    return torch.stack([F.mse_loss(a.float(), b.float()) for a, b in pairs]).sum()


def _probability(logits: Tensor) -> Tensor:
    return logits.float().sigmoid()


def _root(predicted: Tensor, alpha: Tensor) -> Tensor:
    return torch.sqrt((predicted - alpha).square().mean() + 1e-6)


def _bce_with(logits: Tensor, label: float) -> Tensor:
    logits = logits.float()
    return F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, label))


def _ssim(a: Tensor, b: Tensor) -> Tensor:
    """`(N,1,H,W)`, at most 1, of two such maps in [0, 1]."""
    with torch.autocast(a.device.type, enabled=False):  # half precision cancels in the variances
        moments = _blur(torch.cat([a, b, a * a, b * b, a * b], 1))
    mean_a, mean_b, square_a, square_b, product = moments.split(1, 1)
    luminance, contrast = 0.01**2, 0.03**2
    covariance = product - mean_a * mean_b
    variances = square_a - mean_a**2 + square_b - mean_b**2
    return ((2 * mean_a * mean_b + luminance) * (2 * covariance + contrast)) / (
        (mean_a**2 + mean_b**2 + luminance) * (variances + contrast)
    )


def _blur(maps: Tensor) -> Tensor:
    """Each channel of `(N,C,H,W)` under the Gaussian window, the size kept."""
    offset = torch.arange(SSIM_SIDE, device=maps.device) - SSIM_SIDE // 2
    line = torch.exp(-offset.square() / (2 * SSIM_SIGMA**2))
    line = (line / line.sum()).expand(maps.shape[1], 1, 1, SSIM_SIDE)
    rows = F.conv2d(maps, line, padding=(0, SSIM_SIDE // 2), groups=maps.shape[1])
    columns = line.transpose(2, 3)
    return F.conv2d(rows, columns, padding=(SSIM_SIDE // 2, 0), groups=maps.shape[1])


LOSSES = {"bce": summed_bce, "rmse": rmse, "edge_rmse": edge_rmse, "mse": mse}
"""`train.loss` -> the loss of all outputs."""

VALIDATION = {"bce": summed_bce, "rmse": rmse, "edge_rmse": rmse, "mse": mse}
"""`train.loss` -> what validation reports, of the list that holds the finest output alone."""
