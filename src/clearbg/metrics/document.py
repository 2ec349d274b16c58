"""The metrics of the document binarization contests (DIBCO), on ink masks cut at one threshold.

Ink is the subject: 255 in the truth, 1 in alpha. The figures keep the field's units, but for
F-measures, which are in [0, 1] instead of percent.
"""

import numpy as np

from clearbg.metrics import refuse_other_shape

BLOCK = 8  # pixels, side of the blocks that distortion is counted against
REACH = 2  # pixels, the 5×5 window of the distortion


def document(alpha: np.ndarray, truth: np.ndarray, threshold: float) -> dict[str, float]:
    """F-measure, pseudo-F-measure, PSNR and DRD of one page.

    - `f_measure`: of ink pixels.
    - `pseudo_f`: the same precision, with the recall of the truth's skeleton, which forgives
      strokes that are a little thin (H-DIBCO 2010, Pratikakis et al.). The contests from 2013
      on weigh both by stroke width (Ntirogiannis et al. 2013): figures under that name differ.
    - `psnr`: 10·log10(1/MSE), dB; a faultless page counts as half a wrong pixel.
    - `drd`: distance-reciprocal distortion (Lu et al. 2004), lower is better; see `drd`.

    A page without ink has no recall: both F-measures are NaN there, whatever was predicted, and
    so is DRD where ink was invented. Averages leave them out; PSNR counts every page.

    Args:
        alpha: float `(H,W)` in [0, 1].
        truth: uint8 `(H,W)`, ink = 255, cut at half.
        threshold: alpha from which a pixel is ink.

    Raises:
        ValueError: the shapes differ.
    """
    refuse_other_shape(alpha, truth)
    predicted, ink = alpha >= threshold, truth > 128
    precision = _share(ink, predicted)
    wrong = max(int(np.count_nonzero(predicted != ink)), 0.5)
    return {
        "f_measure": _f(precision, _share(predicted, ink)),
        "pseudo_f": _f(precision, _share(predicted, _skeleton(ink))),
        "psnr": float(10 * np.log10(ink.size / wrong)),
        "drd": drd(predicted, ink),
    }


def drd(predicted: np.ndarray, ink: np.ndarray) -> float:
    """The distance-reciprocal distortion of one mask against another, bool `(H,W)`.

    Each wrong pixel weighs as much as the truth around it differs from what was predicted: the
    differences in its 5×5 window by the reciprocal of their distance, weights that sum to 1,
    none of them beyond the image. The sum is divided by the number of whole 8×8 blocks of the
    truth that hold both ink and page; NaN where something is wrong and there is no such block.
    """
    from scipy import ndimage  # imported here: few trainings need it

    wrong = predicted != ink
    if not wrong.any():
        return 0.0
    reach = np.arange(-REACH, REACH + 1)
    distances = np.hypot(*np.meshgrid(reach, reach))
    weights = np.divide(1, distances, out=np.zeros_like(distances), where=distances > 0)
    weights /= weights.sum()
    inked = ndimage.convolve(ink.astype(np.float64), weights, mode="constant")
    inside = ndimage.convolve(np.ones(ink.shape), weights, mode="constant")
    distortion = np.where(predicted, inside - inked, inked)[wrong].sum()
    blocks = _mixed_blocks(ink)
    return float(distortion / blocks) if blocks else float("nan")


def otsu(gray: np.ndarray) -> np.ndarray:
    """Ink of a page by one global threshold (Otsu 1979), the baseline of the contests.

    Args:
        gray: uint8 `(H,W)`, dark ink on a bright page.

    Returns:
        bool `(H,W)`, True where there is ink; nowhere on a page of one gray.
    """
    from skimage.filters import threshold_otsu  # slow to import

    if gray.min() == gray.max():
        return np.zeros(gray.shape, bool)
    return gray <= threshold_otsu(gray)


def _share(found: np.ndarray, of: np.ndarray) -> float:
    """The share of `of` that is also `found`; NaN of nothing."""
    count = np.count_nonzero(of)
    return float(np.count_nonzero(found & of) / count) if count else float("nan")


def _f(precision: float, recall: float) -> float:
    if np.isnan(recall):
        return float("nan")
    return 2 * precision * recall / (precision + recall) if precision > 0 and recall > 0 else 0.0


def _skeleton(ink: np.ndarray) -> np.ndarray:
    from skimage.morphology import skeletonize  # slow to import

    return skeletonize(ink)


def _mixed_blocks(ink: np.ndarray) -> int:
    """The number of whole 8×8 blocks with both ink and page."""
    rows, columns = (side // BLOCK for side in ink.shape)
    whole = ink[: rows * BLOCK, : columns * BLOCK]
    share = whole.reshape(rows, BLOCK, columns, BLOCK).mean((1, 3))
    return int(np.count_nonzero((share > 0) & (share < 1)))
