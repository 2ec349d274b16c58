"""A sheet to write on: words in a line, rules, and what is in a second ink."""

from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.random import Generator

from clearbg.synthetic.pages.faces import MARGIN, WRITTEN, Face, strip

Point = tuple[float, float]  # x, y in pixels of the sheet
Box = tuple[int, int, int, int]  # top, left, bottom, right


@dataclass
class Sheet:
    """Coverage drawn so far, uint8 `(H,W)`, and the boxes that are in a second ink."""

    rng: Generator
    ink: np.ndarray
    second: list[Box] = field(default_factory=list)

    def stamp(self, drawn: np.ndarray, top: float, left: float) -> None:
        """Lay a strip over the sheet, as far as it lies within."""
        top, left = round(top), round(left)
        height, width = self.ink.shape
        rows = slice(max(top, 0), max(min(top + drawn.shape[0], height), 0))
        columns = slice(max(left, 0), max(min(left + drawn.shape[1], width), 0))
        under = self.ink[rows, columns]
        if under.size:
            over = drawn[rows.start - top : rows.stop - top]
            over = over[:, columns.start - left : columns.stop - left]
            np.maximum(under, over, out=under)

    def rule(self, start: Point, stop: Point, pen: float) -> None:
        """A nearly straight stroke, `pen` pixels wide."""
        share = np.linspace(0, 1, 9)[:, None]
        unrest = self.rng.normal(0, 0.12 * pen, (9, 2))
        points = np.array(start) + share * np.subtract(stop, start) + unrest
        line = np.rint(points).astype(np.int32)
        cv2.polylines(self.ink, [line], False, 255, max(1, round(pen)))

    def line(
        self, font: Face, text: list[str], at: Point, width: float, align: str = "left"
    ) -> Box:
        """Write the words that fit into `width` pixels on a baseline; the box they fill.

        Args:
            at: where the line begins.
            align: "left", "center", "right", or "full", where spaces grow to fill the width.
        """
        side = MARGIN * font.x_height
        strips, lengths, space = [], [], font.space
        for word in text:
            drawn = strip(self.rng, font, word)
            length = drawn.shape[1] - 2 * side
            if strips and sum(lengths) + length + len(strips) * space > 1.02 * width:
                break
            strips.append(drawn)
            lengths.append(length)
        gaps = len(strips) - 1
        free = width - sum(lengths) - space * gaps
        x, y = at
        if align == "full" and gaps and free < 0.4 * width:
            space += free / gaps
        elif align in ("center", "right"):
            x += free / (2 if align == "center" else 1)
        start = x
        wobble = 1.0 if font.kind in WRITTEN else 0.0
        for drawn, length, jump in zip(
            strips, lengths, wobble * self.rng.standard_normal(len(strips))
        ):
            self.stamp(drawn, y - font.baseline + 0.06 * font.x_height * jump, x - side)
            x += length + space * (1 + 0.15 * jump)
        return self._box(
            y - 2.2 * font.x_height, start - 0.5 * side, y + font.x_height, x - space + 0.5 * side
        )

    def _box(self, *corners: float) -> Box:
        limits = 2 * self.ink.shape
        return tuple(int(np.clip(value, 0, limit)) for value, limit in zip(corners, limits))
