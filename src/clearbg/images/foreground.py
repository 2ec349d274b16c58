"""The subject's own colors in soft pixels, so that no halo of the old background remains.

A soft pixel shows a mixture, `image = alpha * foreground + (1 - alpha) * background`. This module
estimates both colors together, from coarse to fine sizes, with the equations of Germer et al.,
"Fast Multi-Level Foreground Estimation" (ICPR 2020). Three things differ from the paper: pixels
are solved in two groups, like the red and black fields of a chessboard, instead of one after the
other; at fine sizes only soft pixels are solved; and the image itself takes over the colors of a
quarter of its size, corrected so that they mix to what each pixel shows. The pixels of a size lie
side by side in memory, and large sizes are solved in strips. Time and memory therefore grow with
the number of soft pixels, not with the size of the image.
"""

from dataclasses import dataclass

import numpy as np

SMOOTHNESS = 1e-5
"""The regularization of the paper: it makes the colors of neighbors alike where alpha is flat."""
FINEST = 2
"""The finest level that is solved; level 0 is the image itself. benchmarks/edges.py has chosen
this number and the numbers of rounds."""
ROUNDS_COARSE, ROUNDS_FINE = 10, 3
"""How often both groups of pixels are solved, at coarse and at fine levels; see `COARSE`."""
RELAXATION = np.float32(1.4)
"""Overrelaxation: each step goes this many times as far, which saves rounds."""
COARSE = 32
"""Levels whose longer side has at most so many pixels are coarse."""
EVERYWHERE = 2**14
"""Levels of at most so many pixels are solved at every pixel, so that colors spread over them."""
STRIP_PIXELS = 2**20
"""Larger levels are solved in strips of about so many pixels, with the same result."""
CHUNK = 2**13
"""Soft pixels in one numpy operation: their data fits into a processor's cache."""
NEGLIGIBLE = 2.5 / 255
"""Alpha that is nearer than this to 0 or 1 counts as 0 or 1: its color cannot be seen."""


def foreground(rgb: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Replace the colors of soft pixels by the subject's own colors.

    Args:
        rgb: uint8, uint16, or float in [0, 1], `(H,W,3)`, or `(N,H,W,3)` for several images.
        alpha: `(H,W)` or `(N,H,W)`: float in [0, 1], or an unsigned integer type whose largest
            value means 1.

    Returns:
        An array of the shape and type of `rgb`; where alpha is 0 or 1 its values are equal. A
        single image without a soft pixel is returned itself.

    Raises:
        ValueError: the sizes differ.
    """
    if rgb.shape != (*alpha.shape, 3):
        raise ValueError(f"the image is {rgb.shape} and alpha {alpha.shape}: one size is needed")
    if alpha.ndim == 3:
        return np.stack([foreground(*pair) for pair in zip(rgb, alpha)])
    levels = _Levels(rgb, alpha)
    if not levels.any_soft:
        return rgb
    result = rgb.copy()
    step = 2**FINEST
    for rows in _strips(*alpha.shape):
        at = np.flatnonzero(_soft(alpha[rows]))
        if len(at):
            coarse = levels.solved(FINEST, slice(rows.start // step, -(-rows.stop // step)))
            pixels = result[rows].reshape(-1, 3)
            for first in range(0, len(at), CHUNK):
                here = at[first : first + CHUNK]
                own = _mixing(
                    pixels.take(here, axis=0),
                    alpha[rows].take(here),
                    coarse,
                    (rows.start + here // alpha.shape[1], here % alpha.shape[1]),
                )
                pixels[here] = own
    return result


def _mixing(
    shown: np.ndarray, alpha: np.ndarray, coarse: "_Solved", at: tuple[np.ndarray, np.ndarray]
) -> np.ndarray:
    """The subject's colors `(pixels,3)` of pixels of the image, from those of the finest level.

    Both colors move by the least that makes their mixture what the pixel shows.

    Args:
        shown: the pixels' values, `(pixels,3)`.
        at: their rows and columns.
    """
    y, x = (place // 2**FINEST for place in at)
    colors = coarse.colors.take(coarse.places[y - coarse.top, x], axis=1)
    fore = _unit(alpha)
    back = 1 - fore
    beyond = _unit(shown).T - fore * colors[:3] - back * colors[3:]
    own = colors[:3] + fore / (fore**2 + back**2) * beyond
    return _as(np.clip(own, 0, 1).T, shown.dtype)


@dataclass(frozen=True)
class _Solved:
    """Foreground and background of some rows of a level, at the pixels that are needed.

    Attributes:
        top: the first row.
        places: int `(h,w)`, the index of each pixel in `colors`; undefined where not needed.
        colors: float32 `(6,pixels)` in [0, 1], foreground and background.
    """

    top: int
    places: np.ndarray
    colors: np.ndarray


class _Levels:
    """An image and its alpha at all levels; each level takes every second pixel of the one before.

    Attributes:
        any_soft: whether there is a soft pixel; without one nothing needs to be solved.
    """

    def __init__(self, rgb: np.ndarray, alpha: np.ndarray):
        self._rgb, self._alpha = rgb, alpha
        touched = np.concatenate([_halved(_soft(alpha[rows])) for rows in _strips(*alpha.shape)])
        self.any_soft = bool(touched.any())
        self._needed = [_beside(touched)]  # from level 1 on: what the finer level may ask for
        while self.any_soft and touched.size > 1:
            touched = _halved(touched)
            self._needed.append(_beside(touched))
        self._whole: dict[int, _Solved] = {}

    def _level(self, level: int, rows: slice) -> tuple[np.ndarray, np.ndarray]:
        step = 2**level
        some = slice(rows.start * step, rows.stop * step, step)
        return tuple(
            np.ascontiguousarray(values[some, ::step]) for values in (self._rgb, self._alpha)
        )

    def _size(self, level: int) -> tuple[int, int]:
        return tuple(-(-side // 2**level) for side in self._alpha.shape)

    def solved(self, level: int, rows: slice) -> _Solved:
        """Solve the rows of a level, and perhaps more rows."""
        height, width = self._size(level)
        small = height * width <= EVERYWHERE
        rounds = ROUNDS_COARSE if max(height, width) <= COARSE else ROUNDS_FINE
        if height * width == 1:
            return _Solved(0, np.zeros((1, 1), np.intp), self._means())
        if height * width <= STRIP_PIXELS:
            if level in self._whole:
                return self._whole[level]
            rows = slice(0, height)
        else:  # a round has an effect on pixels up to two rows away
            rows = slice(max(0, rows.start - 2 * rounds), min(height, rows.stop + 2 * rounds))
        image, matte = self._level(level, rows)
        needed = np.ones(matte.shape, bool) if small else self._needed[level - 1][rows]
        coarse = self.solved(level + 1, slice(rows.start // 2, (rows.stop + 1) // 2))
        found = _solve(image, matte, needed, rows.start, coarse, rounds, small)
        if height * width <= STRIP_PIXELS:
            self._whole = {level: found}
        return found

    def _means(self) -> np.ndarray:
        """The mean colors of subject and background, float32 `(6,1)`."""
        level = min(3, len(self._needed))
        image, matte = self._level(level, slice(0, self._size(level)[0]))
        image, matte = _unit(image), _unit(matte)
        parts = (matte > 0.9, matte < 0.1)
        means = [image[part] if part.any() else image.reshape(-1, 3) for part in parts]
        return np.concatenate([values.mean(0) for values in means])[:, None]


def _solve(
    image: np.ndarray,
    matte: np.ndarray,
    needed: np.ndarray,
    top: int,
    coarse: _Solved,
    rounds: int,
    everywhere: bool,
) -> _Solved:
    """Solve rows of one level, beginning with row `top`, from the next coarser level.

    Args:
        needed: bool `(h,w)`. Of these pixels the soft ones are solved, or with `everywhere` all.
            A pixel that is not solved keeps the color that it shows; its other color comes from
            the coarser level.
    """
    height, width = matte.shape
    flat = np.flatnonzero(needed)
    places = np.empty(matte.shape, np.intp)
    places.reshape(-1)[flat] = np.arange(len(flat))
    y = np.repeat(np.arange(height), np.count_nonzero(needed, axis=1))
    x = flat - y * width
    values = matte.reshape(-1).take(flat)
    alpha, shown = _unit(values), _unit(image.reshape(-1, 3).take(flat, axis=0).T)
    half = ((y + top) // 2 - coarse.top) * coarse.places.shape[1] + x // 2
    colors = coarse.colors.take(coarse.places.reshape(-1).take(half), axis=1)
    active = np.ones(len(flat), bool) if everywhere else _soft(values)
    np.copyto(colors[:3], shown, where=~active & (alpha > 0.5))
    np.copyto(colors[3:], shown, where=~active & (alpha <= 0.5))
    red = (y + x + top) % 2 == 0
    turns = []
    for group in (active & red, active & ~red):
        group = np.flatnonzero(group)
        for start in range(0, len(group), CHUNK):
            here = group[start : start + CHUNK]
            turns.append(_Turn(here, (flat[here], y[here], x[here]), places, alpha, shown))
    for _ in range(rounds):
        for turn in turns:
            turn(colors)
    return _Solved(top, places, colors)


class _Turn:
    """Pixels of one group of the chessboard; none of them is a neighbor of another one.

    Each pixel has two unknown colors and two equations. They say that the mixture is what the
    pixel shows, and that both colors resemble those of the neighbors (the more, the more alpha
    changes between them). The solution is the mean of the neighbors, plus each color's share of
    what the pixel shows beyond that mean.
    """

    def __init__(
        self,
        here: np.ndarray,
        at: tuple[np.ndarray, np.ndarray, np.ndarray],
        places: np.ndarray,
        alpha: np.ndarray,
        shown: np.ndarray,
    ):
        """`here` is the index of each pixel in `shown`; `at` its flat index, row and column."""
        (height, width), (flat, y, x) = places.shape, at
        self.here, self.shown = here, shown.take(here, axis=1)
        above, below = (places.take(flat + step, mode="clip") for step in (-width, width))
        self.near = [above, below, here - 1, here + 1]
        there = [y > 0, y < height - 1, x > 0, x < width - 1]
        self.fore = alpha[here]
        weights = [
            (np.abs(self.fore - alpha.take(near, mode="clip")) + np.float32(SMOOTHNESS)) * inside
            for near, inside in zip(self.near, there)
        ]
        total = sum(weights)
        self.back = 1 - self.fore
        scale = 1 / (total + self.fore**2 + self.back**2)
        self.weights = [weight / total for weight in weights]
        self.shares = self.fore * scale, self.back * scale

    def __call__(self, colors: np.ndarray) -> None:
        """Update these pixels in `colors`, float32 `(6,pixels)`, from their neighbors."""
        mean = colors.take(self.near[0], axis=1, mode="clip")
        mean *= self.weights[0]
        other = np.empty_like(mean)
        for near, weight in zip(self.near[1:], self.weights[1:]):
            np.take(colors, near, axis=1, out=other, mode="clip")
            other *= weight
            mean += other
        fore, back = mean[:3], mean[3:]
        beyond = self.shown - self.fore * fore
        beyond -= self.back * back
        fore += self.shares[0] * beyond
        back += self.shares[1] * beyond
        before = np.take(colors, self.here, axis=1, out=other, mode="clip")
        mean -= before
        mean *= RELAXATION
        mean += before
        colors[:, self.here] = np.clip(mean, 0, 1, out=mean)


def _strips(height: int, width: int) -> list[slice]:
    """Strips that cover all rows; each but the last has an even number of them."""
    rows = max(2, STRIP_PIXELS // width // 2 * 2)
    return [slice(top, min(top + rows, height)) for top in range(0, height, rows)]


def _soft(mattes: np.ndarray) -> np.ndarray:
    """Where alpha is between 0 and 1, and not negligibly near to them: bool."""
    most = np.iinfo(mattes.dtype).max if mattes.dtype.kind == "u" else 1
    least, most = (mattes.dtype.type(share * most) for share in (NEGLIGIBLE, 1 - NEGLIGIBLE))
    return (mattes > least) & (mattes <= most)


def _beside(where: np.ndarray) -> np.ndarray:
    """`where`, bool `(h,w)`, with its neighbors above, below, left and right."""
    wider = where.copy()
    wider[1:] |= where[:-1]
    wider[:-1] |= where[1:]
    wider[:, 1:] |= where[:, :-1]
    wider[:, :-1] |= where[:, 1:]
    return wider


def _halved(where: np.ndarray) -> np.ndarray:
    """Whether one of each four pixels is set: bool `(ceil(h/2),ceil(w/2))`."""
    half = where[::2, ::2].copy()
    height, width = where.shape[0] // 2, where.shape[1] // 2
    half[:height] |= where[1::2, ::2]
    half[:, :width] |= where[::2, 1::2]
    half[:height, :width] |= where[1::2, 1::2]
    return half


def _unit(values: np.ndarray) -> np.ndarray:
    """The values as float32 in [0, 1]."""
    if values.dtype.kind == "u":
        return values / np.float32(np.iinfo(values.dtype).max)
    return values.astype(np.float32)


def _as(values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Values in [0, 1] as `dtype`; for an integer type scaled and rounded."""
    if dtype.kind == "u":
        return np.rint(values * np.iinfo(dtype).max).astype(dtype)
    return values.astype(dtype)
