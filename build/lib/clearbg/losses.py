"""Losses: pure functions of logits and alpha.

A logit is the number whose sigmoid is a probability, here the predicted alpha. All losses take
logits and compute in float32: `binary_cross_entropy_with_logits` stays finite where a sigmoid in
half precision has already been rounded to 0 or 1.

Most losses supervise all outputs of a network. Their `logits` are a list of tensors `(N,1,H,W)`,
the finest first, and `alpha` is the truth, `(N,1,H,W)` in [0, 1]; soft values are allowed.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

EDGE_WEIGHT = 4
EDGE_SIDE = 7  # side of the morphological gradient's square, pixels
SSIM_SIDE, SSIM_SIGMA = 11, 1.5  # pixels (Wang et al. 2004)


def summed_bce(logits: list[Tensor], alpha: Tensor) -> Tensor:
    """Binary cross entropy summed over all outputs, each with weight 1 (U²-Net, equation 1)."""
    outputs = _stacked(logits)
    mean = F.binary_cross_entropy_with_logits(outputs, alpha.float().expand_as(outputs))
    return len(logits) * mean


def rmse(logits: list[Tensor], alpha: Tensor) -> Tensor:
    """Root of the mean squared error over all pixels, averaged over the outputs.

    `R(a,b) = sqrt(mean((a-b)²) + 1e-6)`; without the 1e-6 the gradient of a perfect output would
    not be finite.
    """
    return _roots(_stacked(logits).sigmoid() - alpha.float()).mean()


def edge_rmse(logits: list[Tensor], alpha: Tensor) -> Tensor:
    """`R(d,t) + 4·R(d·E, t·E)` averaged over the outputs.

    R is the error of `rmse`, d the predicted alpha, t the true alpha, and E is 1 near the edges of
    the true alpha and 0 elsewhere.
    """
    alpha = alpha.float()
    errors = _stacked(logits).sigmoid() - alpha
    return (_roots(errors) + EDGE_WEIGHT * _roots(errors * edges(alpha))).mean()


def edges(alpha: Tensor) -> Tensor:
    """1 near the edges of alpha, else 0; `(N,1,H,W)`.

    A pixel is near an edge when the morphological gradient (the largest alpha minus the smallest)
    of the 7×7 square around it is above half a gray level of 255. Smaller differences are rounding
    errors of resampling.
    """
    highest = F.max_pool2d(alpha, EDGE_SIDE, stride=1, padding=EDGE_SIDE // 2)
    lowest = -F.max_pool2d(-alpha, EDGE_SIDE, stride=1, padding=EDGE_SIDE // 2)
    return (highest - lowest > 0.5 / 255).to(alpha.dtype)


def mse(logits: list[Tensor], alpha: Tensor) -> Tensor:
    """Mean squared error, averaged over the outputs: the HeSho loss of stacked U-Nets.

    `L = (1/B) Σ_b mean((g − x_b)²)`, where B blocks have the outputs x_b, and g is the true alpha.
    """
    return (_stacked(logits).sigmoid() - alpha.float()).square().mean()


def summed_iou(logits: list[Tensor], alpha: Tensor) -> Tensor:
    """`1 - intersection/union` of soft alphas, averaged over images and summed over outputs.

    One pixel is added to intersection and union (BASNet, Qin et al. 2019). An image without a
    subject then has a loss too, which is 0 for an empty prediction; for other images the change
    is tiny.
    """
    predicted, alpha = _stacked(logits).sigmoid(), alpha.float()
    both = (predicted * alpha).sum((2, 3, 4))
    either = predicted.sum((2, 3, 4)) + alpha.sum((1, 2, 3)) - both
    return (1 - (both + 1) / (either + 1)).mean(1).sum()


def summed_ssim(logits: list[Tensor], alpha: Tensor) -> Tensor:
    """`1 - SSIM` averaged over pixels and summed over outputs (BASNet, Qin et al. 2019).

    SSIM is the structural similarity of Wang et al. (2004) with an 11×11 Gaussian window of
    sigma 1.5. Outside the image both alphas count as 0.
    """
    alpha = alpha.float()
    similarities = [_ssim(output.float().sigmoid(), alpha).mean() for output in logits]
    return (1 - torch.stack(similarities)).sum()


def discriminator_loss(fake_logits: Tensor, real_logits: Tensor) -> Tensor:
    """`(BCE(fake, 0) + BCE(real, 1)) / 2`, where BCE is the binary cross entropy.

    The two tensors of logits may have any shapes. The caller detaches the generated images from
    their generator.
    """
    return (_bce_with(fake_logits, 0.0) + _bce_with(real_logits, 1.0)) / 2


def generator_loss(fake_logits: Tensor) -> Tensor:
    """`BCE(fake, 1)`: low when the discriminator takes generated images for true ones."""
    return _bce_with(fake_logits, 1.0)


def l1(generated: Tensor, target: Tensor) -> Tensor:
    """The mean absolute difference of two tensors of the same shape."""
    return F.l1_loss(generated.float(), target.float())


def feature_mse(features: list[Tensor], targets: list[Tensor]) -> Tensor:
    """Mean squared errors of feature maps, summed over the maps (IS-Net, Qin et al. 2022).

    Args:
        features: maps of the network that is trained, `(N,C,H,W)` each.
        targets: maps of the frozen ground-truth encoder, of the same shapes.

    Raises:
        ValueError: the two lists have different lengths.
    """
    pairs = zip(features, targets, strict=True)
    return torch.stack([F.mse_loss(a.float(), b.float()) for a, b in pairs]).sum()


def _stacked(logits: list[Tensor]) -> Tensor:
    """All outputs, `(B,N,1,H,W)`: one kernel then does for all what seven would do one by one."""
    return torch.stack(logits).float()


def _roots(errors: Tensor) -> Tensor:
    """`sqrt(mean(e²) + 1e-6)` of each output, `(B,)`."""
    return torch.sqrt(errors.square().mean((1, 2, 3, 4)) + 1e-6)


def _bce_with(logits: Tensor, label: float) -> Tensor:
    logits = logits.float()
    return F.binary_cross_entropy_with_logits(logits, torch.full_like(logits, label))


def _ssim(a: Tensor, b: Tensor) -> Tensor:
    """The similarity `(N,1,H,W)`, at most 1 at each pixel, of two maps `(N,1,H,W)` in [0, 1]."""
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
    """Blur each channel of `(N,C,H,W)` with the Gaussian window; the size stays the same."""
    offset = torch.arange(SSIM_SIDE, device=maps.device) - SSIM_SIDE // 2
    line = torch.exp(-offset.square() / (2 * SSIM_SIGMA**2))
    line = (line / line.sum()).expand(maps.shape[1], 1, 1, SSIM_SIDE)
    rows = F.conv2d(maps, line, padding=(0, SSIM_SIDE // 2), groups=maps.shape[1])
    columns = line.transpose(2, 3)
    return F.conv2d(rows, columns, padding=(SSIM_SIDE // 2, 0), groups=maps.shape[1])


LOSSES = {"bce": summed_bce, "rmse": rmse, "edge_rmse": edge_rmse, "mse": mse}
"""`train.loss` -> the function of all outputs that training minimizes."""

VALIDATION = {"bce": summed_bce, "rmse": rmse, "edge_rmse": rmse, "mse": mse}
"""`train.loss` -> the function that validation reports, of a list with the finest output alone."""
