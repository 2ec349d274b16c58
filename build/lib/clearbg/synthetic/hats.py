"""Hats: a knitted one, one with a brim and a cap, in the coordinates of `hair`."""

import numpy as np
from numpy.random import Generator

from clearbg.synthetic.canvas import Canvas, Pose
from clearbg.synthetic.colors import material, mixed
from clearbg.synthetic.hair import curve
from clearbg.synthetic.painting import Layer
from clearbg.synthetic.silhouettes import ellipse, limb
from clearbg.synthetic.textures import fractal

SHEER = 0.3  # share of the brims that let light through


def hat(rng: Generator, frame: tuple[int, int], pose: Pose, light: np.ndarray) -> list[Layer]:
    """One of the hats as layers over the whole frame: its brim or peak, then its crown."""
    color = material(rng, "cloth any paint light")
    crown, band, brim = rng.choice([_knitted, _brimmed, _peaked])(rng)
    sheer = rng.uniform(0.45, 0.8) if rng.random() < SHEER else 1.0
    ribbon = mixed(material(rng, "cloth dark light"), color, 0.3)
    layers = []
    for outline, opacity in ((brim, sheer), (crown, 1.0)):
        canvas = Canvas(frame, pose)
        canvas.image[:] = color
        canvas.image *= (1 + np.float32(0.07) * fractal(rng, frame, 20, 0.7, 0.4))[..., None]
        canvas.shade(canvas.mask(outline), 0.35, light, 0.9)
        if outline is crown:
            canvas.lay(0.5 * color, band + (0, 0.03), soft=0.03, share=0.6)
            canvas.lay(ribbon, band, rim=3)
        layers.append(canvas.layer(outline, opacity=opacity))
    return layers


def _dome(rng: Generator, wide: float, high: float, foot: float) -> np.ndarray:
    """A crown that stands on `foot`, its lower edge bowed as seen from a little below."""
    top = curve([[-wide, foot], [-0.92 * wide, foot - 0.55 * high], [0, foot - high],
                 [0.92 * wide, foot - 0.55 * high], [wide, foot]])  # fmt: skip
    return np.vstack([top, curve([[wide, foot], [0, foot - rng.uniform(0, 0.12)], [-wide, foot]])])


def _knitted(rng: Generator):
    wide, foot = rng.uniform(0.84, 0.95), rng.uniform(-0.5, -0.3)
    high = rng.uniform(0.85, 1.15)
    edge = [[-wide + 0.05, foot - 0.1], [0, foot - 0.16], [wide - 0.05, foot - 0.1]]
    cuff = limb(edge, [0.22, 0.22, 0.22])
    return _dome(rng, wide, high, foot), cuff, cuff


def _brimmed(rng: Generator):
    foot, wide = rng.uniform(-0.6, -0.45), rng.uniform(0.72, 0.84)
    brim = ellipse(0, foot, rng.uniform(1.2, 1.75), rng.uniform(0.14, 0.24))
    band = limb([[-wide, foot - 0.1], [0, foot - 0.14], [wide, foot - 0.1]], [0.13] * 3)
    return _dome(rng, wide, rng.uniform(0.7, 0.95), foot), band, brim


def _peaked(rng: Generator):
    foot, wide = rng.uniform(-0.55, -0.42), rng.uniform(0.8, 0.88)
    peak = ellipse(rng.uniform(-0.15, 0.15), foot + 0.03, rng.uniform(0.66, 0.78), 0.15)
    return _dome(rng, wide, rng.uniform(0.68, 0.8), foot), peak, peak
