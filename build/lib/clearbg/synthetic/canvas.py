"""The place of a head in the frame, and a canvas that paints it with soft light."""

from dataclasses import dataclass

import cv2
import numpy as np

from clearbg.synthetic.colors import veil
from clearbg.synthetic.painting import SHIFT, Layer, fixed
from clearbg.synthetic.textures import blurred

FINE = 2  # coverage is drawn this many times as large as the image


def coverage(sheet: np.ndarray) -> np.ndarray:
    """Reduce a `FINE` times larger uint8 sheet to the coverage of each pixel, float32 in [0,1]."""
    small = cv2.resize(sheet, None, fx=1 / FINE, fy=1 / FINE, interpolation=cv2.INTER_AREA)
    return small.astype(np.float32) / 255


@dataclass(frozen=True)
class Pose:
    """The place of a head in the frame: pixels = `matrix` @ point + `center`.

    Attributes:
        matrix: 2×2, from units to pixels.
        center: the head's center, `(x,y)` in pixels.
        unit: half of the head's height, pixels.
        turn: how far the face looks to the side, in units.
    """

    matrix: np.ndarray
    center: np.ndarray
    unit: float
    turn: float

    def at(self, points) -> np.ndarray:
        """The points `(K,2)`, given in units, in pixels `(K,2)`."""
        return np.asarray(points, float) @ self.matrix.T + self.center


class Canvas:
    """A float32 image `(H,W,3)` that takes shapes, hard or soft, given in units."""

    def __init__(self, frame: tuple[int, int], pose: Pose):
        self.frame, self.pose = frame, pose
        self.image = np.zeros((*frame, 3), np.float32)

    def mask(self, *outlines, soft: float = 0.0, rim: int = 1) -> np.ndarray:
        """The outlines, given in units, as float32 `(H,W)`.

        Args:
            soft: how far to blur them, in units.
            rim: pixels of the line around them.
        """
        return self._mask([self.pose.at(outline) for outline in outlines], self.frame, soft, rim)

    def lay(
        self,
        color: np.ndarray,
        *outlines,
        share: float = 1.0,
        soft: float = 0.0,
        rim: int = 1,
        within=None,
    ) -> None:
        """Paint the outlines with a color whose opacity is `share`.

        Args:
            soft, rim: as for `mask`.
            within: an outline beyond which nothing is painted.
        """
        placed = [self.pose.at(outline) for outline in outlines]
        points = np.vstack(placed)
        margin = 2 + rim + 3 * soft * self.pose.unit
        left, top = np.maximum(np.floor(points.min(0) - margin), 0).astype(int)
        right, bottom = np.minimum(np.ceil(points.max(0) + margin), self.frame[::-1]).astype(int)
        if right <= left or bottom <= top:
            return
        size = int(bottom - top), int(right - left)
        cover = self._mask([outline - (left, top) for outline in placed], size, soft, rim)
        if within is not None:
            cover *= self._mask([self.pose.at(within) - (left, top)], size, 0.0, 1)
        veil(self.image[top:bottom, left:right], np.float32(share) * cover, color)

    def _mask(self, placed: list[np.ndarray], size: tuple[int, int], soft: float, rim: int):
        """The outlines, given in pixels, as float32 of size `(height, width)`."""
        sheet = np.zeros(size, np.uint8)
        for outline in placed:
            points = [fixed(outline, 1)]
            cv2.fillPoly(sheet, points, 255, cv2.LINE_AA, SHIFT)
            if rim > 1:
                cv2.polylines(sheet, points, True, 255, rim, cv2.LINE_AA, SHIFT)
        return blurred(sheet, soft * self.pose.unit).astype(np.float32) / 255

    def shade(self, mask: np.ndarray, soft: float, light: np.ndarray, depth: float) -> None:
        """Shade the shape `mask (H,W)` as a relief whose height is the blurred mask."""
        sigma = soft * self.pose.unit / 2
        half = cv2.resize(mask, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        hill = blurred(half, sigma)
        x, y = (
            -2 * sigma * cv2.Sobel(hill, cv2.CV_32F, *order, scale=0.125)
            for order in ((1, 0), (0, 1))
        )
        facing = np.float32(light[0]) * x + np.float32(light[1]) * y
        dark = 1 + depth * (0.9 * facing - 0.35 * (x * x + y * y))
        dark = np.clip(cv2.resize(dark.astype(np.float32), mask.shape[::-1]), 0.25, 1.5)
        self.image *= cv2.merge((np.sqrt(dark) ** 1.8, dark, dark**1.1))

    def layer(self, *outlines, opacity: float = 1.0) -> Layer:
        """The part of the image inside the outlines, as a layer over the whole frame."""
        sheet = np.zeros((FINE * self.frame[0], FINE * self.frame[1]), np.uint8)
        for outline in outlines:
            cv2.fillPoly(sheet, [fixed(self.pose.at(outline), FINE)], 255, cv2.LINE_AA, SHIFT)
        return Layer(np.clip(self.image, 0, 1), np.float32(opacity) * coverage(sheet), 0, 0)
