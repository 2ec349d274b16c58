"""The subject's own colors where it is half transparent: no halo of the old background stays.

A soft pixel shows a mixture, `image = alpha * foreground + (1 - alpha) * background`. Both
colors are found together, from coarse to fine, by the equations of Germer et al., "Fast
Multi-Level Foreground Estimation" (ICPR 2020). In place of one pixel after the other, the red
and the black ones of a chessboard take turns, and fine levels are solved at soft pixels alone.
What a level needs lies side by side in memory, and large levels are solved by strips, so that
time and memory go with the soft pixels rather than with the image.
"""

from dataclasses import dataclass

import numpy as np

SMOOTHNESS = 1e-5
"""The paper's regularization: what holds colors together where alpha is flat."""
ROUNDS_COARSE, ROUNDS_FINE = 10, 2
"""Over both colors of the chessboard; see `COARSE`."""
RELAXATION = np.float32(1.4)
"""Every step goes so many times as far as to its solution: it then takes fewer rounds."""
COARSE = 32
"""Pixels: up to this longer side a level is coarse."""
EVERYWHERE = 2**14
"""Pixels: up to this size a level is solved at every pixel, so that colors spread."""
AT_ONCE = 2**20
"""Pixels: larger levels are solved by strips of about this size, with the same result."""
TOGETHER = 2**13
"""Soft pixels in one sweep of numpy's: what they need fits a processor's cache."""
LEAST = 2.5 / 255
"""Alpha nearer than this to 0 or 1 counts as 0 or 1: nobody sees of what color it is."""


def foreground(rgb: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """The image with the subject's own colors at its soft pixels.

    Args:
        rgb: uint8, uint16, or float in [0, 1], `(H,W,3)`, or `(N,H,W,3)`: several at once.
        alpha: float in [0, 1], or an unsigned integer type up to its largest value, `(H,W)` or
            `(N,H,W)`.

    Returns:
        As `rgb`. A single image without a soft pixel is itself returned. Where alpha is 0 or
        1 all values are those of `rgb`.

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
    for rows in _strips(*alpha.shape):
        soft = _soft(alpha[rows])
        if soft.any():
            found, at = levels.solved(0, rows), np.flatnonzero(soft)
            places = found.places[rows.start - found.top :].reshape(-1)
            own = found.colors[:3].take(places.take(at), axis=1)
            result[rows].reshape(-1, 3)[at] = _as(own.T, rgb.dtype)
    return result


@dataclass(frozen=True)
class _Solved:
    """Both colors of some rows of a level, where they are needed.

    Attributes:
        top: the first row.
        places: int `(h,w)`, where a pixel lies in `colors`; meaningless where not needed.
        colors: float32 `(6,pixels)` in [0, 1], foreground and background.
    """

    top: int
    places: np.ndarray
    colors: np.ndarray


class _Levels:
    """An image and its alpha at all sizes, each half of the one before, by every second pixel.

    Attributes:
        any_soft: whether a pixel is soft; without one nothing is to be solved.
    """

    def __init__(self, rgb: np.ndarray, alpha: np.ndarray):
        self._rgb, self._alpha = rgb, alpha
        touched = np.concatenate([_halved(_soft(alpha[rows])) for rows in _strips(*alpha.shape)])
        self.any_soft = bool(touched.any())
        self._needed = [_beside(touched)]  # of level 1 and on: what the one below may ask for
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

    def _where(self, level: int, rows: slice) -> np.ndarray:
        """Which pixels of some rows are needed, bool."""
        if level:
            return self._needed[level - 1][rows]
        first = max(0, rows.start - 1)
        near = _beside(_soft(self._alpha[first : rows.stop + 1]))
        return near[rows.start - first :][: rows.stop - rows.start]

    def solved(self, level: int, rows: slice) -> _Solved:
        """The rows of a level, and perhaps more."""
        height, width = self._size(level)
        small = height * width <= EVERYWHERE
        rounds = ROUNDS_COARSE if max(height, width) <= COARSE else ROUNDS_FINE
        if height * width == 1:
            return _Solved(0, np.zeros((1, 1), np.intp), self._means())
        if height * width <= AT_ONCE:
            if level in self._whole:
                return self._whole[level]
            rows = slice(0, height)
        else:  # a round changes pixels up to two rows away
            rows = slice(max(0, rows.start - 2 * rounds), min(height, rows.stop + 2 * rounds))
        image, matte = self._level(level, rows)
        needed = np.ones(matte.shape, bool) if small else self._where(level, rows)
        coarse = self.solved(level + 1, slice(rows.start // 2, (rows.stop + 1) // 2))
        found = _solve(image, matte, needed, rows.start, coarse, rounds, small)
        if height * width <= AT_ONCE:
            self._whole = {level: found}
        return found

    def _means(self) -> np.ndarray:
        """The mean colors of subject and ground, float32 `(6,1)`."""
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
    """Rows of one level, from `top` on, from the next coarser one.

    Args:
        needed: bool `(h,w)`; of these the soft ones are solved, or all. The others keep the
            color that they show, and the one that they do not show from the coarser level.
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
        for start in range(0, len(group), TOGETHER):
            here = group[start : start + TOGETHER]
            turns.append(_Turn(here, (flat[here], y[here], x[here]), places, alpha, shown))
    for _ in range(rounds):
        for turn in turns:
            turn(colors)
    return _Solved(top, places, colors)


class _Turn:
    """Pixels of one color of the chessboard, none of which is another's neighbor.

    Each has two unknown colors and two equations: what it shows, and likeness to its
    neighbors, the more the more alpha changes between. Solved for both: the mean of the
    neighbors, and of what it shows beyond that each its share.
    """

    def __init__(
        self,
        here: np.ndarray,
        at: tuple[np.ndarray, np.ndarray, np.ndarray],
        places: np.ndarray,
        alpha: np.ndarray,
        shown: np.ndarray,
    ):
        """Pixels by where they lie in memory, `here`, and in the rows, `at`: number, y and x."""
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
        """Set the pixels of `colors`, float32 `(6,pixels)`, from their neighbors."""
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
    """An even number of rows each."""
    rows = max(2, AT_ONCE // width // 2 * 2)
    return [slice(top, min(top + rows, height)) for top in range(0, height, rows)]


def _soft(mattes: np.ndarray) -> np.ndarray:
    """Where alpha is neither 0 nor 1, nor as good as that."""
    most = np.iinfo(mattes.dtype).max if mattes.dtype.kind == "u" else 1
    least, most = (mattes.dtype.type(share * most) for share in (LEAST, 1 - LEAST))
    return (mattes > least) & (mattes <= most)


def _beside(where: np.ndarray) -> np.ndarray:
    """`where`, bool `(h,w)`, and the pixels above, below and beside."""
    wider = where.copy()
    wider[1:] |= where[:-1]
    wider[:-1] |= where[1:]
    wider[:, 1:] |= where[:, :-1]
    wider[:, :-1] |= where[:, 1:]
    return wider


def _halved(where: np.ndarray) -> np.ndarray:
    """Whether any of four pixels is set, bool `(ceil(h/2),ceil(w/2))`."""
    half = where[::2, ::2].copy()
    height, width = where.shape[0] // 2, where.shape[1] // 2
    half[:height] |= where[1::2, ::2]
    half[:, :width] |= where[::2, 1::2]
    half[:height, :width] |= where[1::2, 1::2]
    return half


def _unit(values: np.ndarray) -> np.ndarray:
    """As float32 in [0, 1]."""
    if values.dtype.kind == "u":
        return values / np.float32(np.iinfo(values.dtype).max)
    return values.astype(np.float32)


def _as(values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """float32 in [0, 1] -> `dtype`, rounded where that is an integer type."""
    if dtype.kind == "u":
        return np.rint(values * np.iinfo(dtype).max).astype(dtype)
    return values.astype(dtype)
