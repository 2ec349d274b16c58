"""Printed and handwritten pages as archives hold them, with the exact alpha of their ink.

Kinds of damage and proportions follow what the document binarization contests describe
(Gatos, Ntirogiannis and Pratikakis, DIBCO 2009, and its successors): bleed-through, stains,
faint strokes, smears, uneven light, low contrast. All of it is drawn from the generator.
"""

import numpy as np
from numpy.random import Generator

from clearbg.synthetic.pages import ink, paper, scanning
from clearbg.synthetic.pages.layout import written

LEAST_SIDE, GREATEST_SIDE = 256, 640  # pixels
TIDY = 0.2  # share of the pages that are nearly clean
BLEEDING = 0.5  # share of the others
PRINTED_X_HEIGHTS, WRITTEN_X_HEIGHTS = (10.0, 26.0), (12.0, 36.0)  # pixels


def page(rng: Generator) -> tuple[np.ndarray, np.ndarray]:
    """A degraded page, and the alpha of the ink on its own side.

    Returns:
        The image, uint8 `(H,W,3)` RGB, and its alpha, uint8 `(H,W)`: the share of each pixel
        that ink covers, in 255ths, before it fades. H and W lie between 256 and 640. Writing
        that shows through, stains, ruled paper and the surface around the page are no ink.
        Every page has some ink. A generator in the same state gives the same bytes.
    """
    height, width = frame = _frame(rng)
    tidy, by_hand = rng.random(2) < (TIDY, 0.5)
    limits = WRITTEN_X_HEIGHTS if by_hand else PRINTED_X_HEIGHTS
    x_height = float(np.exp(rng.uniform(*np.log(limits))))
    sheet = written(rng, (2 * height, 2 * width), 2 * x_height, bool(by_hand))
    coverage = ink.settled(rng, sheet, frame, (0.07 if by_hand else 0.025) * x_height)
    place = scanning.extent(rng, frame)
    if place is not None:
        coverage *= place
    contrast = ink.contrasts(rng, frame, tidy)
    image = paper.sheet(rng, frame, tidy)
    if not tidy and rng.random() < BLEEDING:
        ink.shone_through(rng, image, _other_side(rng, frame, x_height, by_hand), contrast.mean())
    ink.laid(rng, image, coverage, contrast, sheet.second)
    scanning.lit(rng, image, tidy)
    if place is not None:
        image = scanning.lain(rng, image, place)
    return scanning.scanned(rng, image, tidy), np.round(coverage * 255).astype(np.uint8)


def _frame(rng: Generator) -> tuple[int, int]:
    sides = np.exp(rng.uniform(np.log(LEAST_SIDE), np.log(GREATEST_SIDE), 2))
    return int(sides[0]), int(sides[1])


def _other_side(
    rng: Generator, frame: tuple[int, int], x_height: float, by_hand: bool
) -> np.ndarray:
    """Coverage of the writing on the page's other side as it shows through: mirrored or turned."""
    turned = by_hand and rng.random() < 0.2
    sheet = written(rng, frame[::-1] if turned else frame, x_height, bool(by_hand)).ink
    sheet = np.rot90(sheet) if turned else sheet
    return np.ascontiguousarray(sheet[:, ::-1]).astype(np.float32) / 255
