"""A steady alpha: each frame's is drawn to the one before, where the picture has not changed.

The picture before is first moved along the optical flow, so that a subject that moves, or a camera,
counts as unchanged. Where both pictures still differ, and after a cut, nothing is kept: no trail
follows the subject. The filter works at the network's own size, before edges are refined.
"""

import cv2
import numpy as np

from clearbg.images import resize

MOST = 0.95  # share of the alpha before that `steady` 1 keeps
SAME, OTHER = 3.0, 14.0
"""Mean difference of a small neighborhood's gray levels, of 255: up to the first the picture counts
as unchanged (noise of a camera), from the second as another one."""
WINDOW = 5  # pixels of that neighborhood's side
SMALLEST, LONGEST = 32, 8
"""Pixels of the shorter side, and how much longer the other may be, for OpenCV's optical flow: with
images beyond them it ends the whole process."""

SteadyState = tuple[np.ndarray, np.ndarray]
"""A frame at the network's size, uint8 `(h,w,3)`, and its filtered alpha, float32 `(h,w)`."""


class SteadyAlpha:
    """The filter of one video; it takes the frames in their order.

    Args:
        strength: from 0, which changes nothing, to 1.

    Attributes:
        state: of the last frame; None before the first.
    """

    def __init__(self, strength: float):
        self.strength = strength
        self.state: SteadyState | None = None

    def __call__(self, rgb: np.ndarray, alpha: np.ndarray) -> np.ndarray:
        """The filtered alpha of a frame.

        Args:
            rgb: uint8 `(H,W,3)`.
            alpha: float32 `(h,w)` in [0, 1], as the network gives it.
        """
        if not self.strength:
            return alpha
        small = np.ascontiguousarray(resize(rgb, alpha.shape))
        if self.state is not None and self.state[1].shape == alpha.shape:
            before, known, inside = _moved(*self.state, small)
            weight = self.strength * MOST * _sameness(small, before) * inside
            alpha = alpha + weight * (known - alpha)
        self.state = small, alpha
        return alpha


def _moved(
    before: np.ndarray, alpha: np.ndarray, now: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The frame before and its alpha where their content is now, and 1 where that was in sight."""
    height, width = alpha.shape
    short, long = sorted((height, width))
    if short < SMALLEST or long > LONGEST * short:
        return before, alpha, np.ones_like(alpha)
    grays = [cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image in (now, before)]
    finder = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    flow = finder.calc(grays[0], grays[1], None)  # type: ignore[call-overload]
    y, x = np.mgrid[:height, :width].astype(np.float32)
    x, y = x + flow[..., 0], y + flow[..., 1]
    inside = (x >= -0.5) & (x <= width - 0.5) & (y >= -0.5) & (y <= height - 0.5)
    image, known = (
        cv2.remap(values, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        for values in (before, alpha)
    )
    return image, known, inside.astype(np.float32)


def _sameness(now: np.ndarray, before: np.ndarray) -> np.ndarray:
    """1 where two frames show the same, 0 where they differ: float32 `(h,w)`."""
    apart = cv2.absdiff(now, before).astype(np.float32).mean(axis=2)
    apart = cv2.blur(apart, (WINDOW, WINDOW))
    return np.clip((OTHER - apart) / (OTHER - SAME), 0, 1)
