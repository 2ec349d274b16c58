"""Tell class numbers, which fill areas, from gray levels, which form edges and ramps."""

import numpy as np

MAX_CLASSES = 40  # more different values than this are no class numbers
ANNOTATORS = 12  # whose agreement makes equal steps of gray, at most
MANY = 4  # gray levels, which come so near to equal steps by chance in one mask of 400
RAMP = 0.95  # share of neighbors one gray level apart that make four gray levels or more a ramp


def _areas(values: np.ndarray) -> np.ndarray:
    """The pixels, bool `(H,W)`, that lie in a 3×3 block of one value; edges have next to none."""
    return _around(_around(values, np.maximum) == _around(values, np.minimum), np.maximum)


def _around(values: np.ndarray, choose: np.ufunc) -> np.ndarray:
    """The largest (np.maximum) or the smallest (np.minimum) of each pixel's 3×3 neighbors."""
    near = np.pad(values, 1, "edge")
    rows = choose(choose(near[:-2], near[1:-1]), near[2:])
    return np.asarray(choose(choose(rows[:, :-2], rows[:, 1:-1]), rows[:, 2:]))


def fill_areas(values: np.ndarray, gray_levels: np.ndarray) -> bool:
    """Whether most of `gray_levels`, sorted values of a mask `(H,W)`, fill areas as classes do."""
    if (
        not len(gray_levels)
        or len(gray_levels) > MAX_CLASSES
        or _is_graded(gray_levels)
        or _is_ramp(values)
    ):
        return False
    inside = _areas(values)
    filling = [inside[values == gray_level].mean() >= 0.5 for gray_level in gray_levels]
    return bool(np.mean(filling) >= 0.5)


def _is_graded(gray_levels: np.ndarray) -> bool:
    """Whether several gray levels are shares of 255 as PASCAL-S has: how many annotators agree."""
    if len(gray_levels) < 2 or gray_levels[-1] <= MAX_CLASSES or gray_levels[-1] > 255:
        return False
    shares = [np.rint(np.arange(n + 1) * (255 / n)) for n in range(2, ANNOTATORS + 1)]
    shares += [np.floor(np.arange(n + 1) * (255 / n)) for n in range(2, ANNOTATORS + 1)]
    slack = 0 if len(gray_levels) < MANY else 1  # they were also rescaled in between
    return any(np.abs(gray_levels[:, None] - share).min(axis=1).max() <= slack for share in shares)


def _is_ramp(values: np.ndarray) -> bool:
    gray_levels = np.unique(values)
    if len(gray_levels) < 4:
        return False
    ranks = np.searchsorted(gray_levels, values)
    jumps = np.concatenate([np.abs(np.diff(ranks, axis=axis)).ravel() for axis in (0, 1)])
    return bool(np.mean(jumps[jumps > 0] == 1) >= RAMP)


def of_sixteen_bits(values: np.ndarray) -> np.ndarray | None:
    """The class numbers, uint8 `(H,W)`, that a mask of 16 bits a pixel holds.

    None where its values are gray levels. Numbers up to 255 stay as they are; larger ones are
    counted from 1, and 65535 becomes 255.

    Args:
        values: uint16 `(H,W)`.
    """
    if values.max() <= 255:  # as gray levels all of them would be black
        return values.astype(np.uint8)
    gray_levels = np.unique(values)
    between = gray_levels[(gray_levels > 0) & (gray_levels < 65535)]
    told_apart = len(np.unique(np.rint(gray_levels / 257))) == len(gray_levels)
    if told_apart or not fill_areas(values, between):
        return None
    numbers = values if between[-1] < 255 else np.searchsorted(between, values) + (values > 0)
    return np.where(values == 65535, 255, numbers).astype(np.uint8)
