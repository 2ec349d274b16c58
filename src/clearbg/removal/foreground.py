"""The subject's own colours where it is half transparent: no halo of the old background stays.

A soft pixel shows a mixture, `picture = alpha * foreground + (1 - alpha) * background`. Both
colours are found together, from coarse to fine, by the equations of Germer et al., "Fast
Multi-Level Foreground Estimation" (ICPR 2020). In place of one pixel after the other, the red
and the black ones of a chessboard take turns, and fine levels are solved at soft pixels alone.
"""

import numpy as np

SMOOTHNESS = 1e-5
"""The paper's regularization: what holds colours together where alpha is flat."""
ROUNDS_COARSE, ROUNDS_FINE = 10, 3
"""Over both colours of the chessboard; see `COARSE`."""
COARSE = 32
"""Pixels: up to this longer side a level is coarse."""
EVERYWHERE = 2**14
"""Pixels: up to this size a level is solved at every pixel, so that colours spread."""
ROWS = 512
"""Rows of the finest level at once, an even number: memory does not grow with the height."""
LEAST = 0.5 / 255
"""Alpha nearer than this to 0 or 1 is 0 or 1 in eight bits."""


def foreground(rgb: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """The picture with the subject's own colours at its soft pixels.

    Args:
        rgb: uint8, uint16, or float in [0, 1], `(H,W,3)`, or `(N,H,W,3)`: several at once.
        alpha: float in [0, 1], or an unsigned integer type up to its largest value, `(H,W)` or
            `(N,H,W)`.

    Returns:
        As `rgb`, which is itself returned when no pixel is soft. Where alpha is 0 or 1 all
        values are those of `rgb`.

    Raises:
        ValueError: the sizes differ.
    """
    if rgb.shape != (*alpha.shape, 3):
        raise ValueError(f"the picture is {rgb.shape} and alpha {alpha.shape}: one size is needed")
    pictures, mattes = rgb.reshape(-1, *rgb.shape[-3:]), alpha.reshape(-1, *alpha.shape[-2:])
    soft = _soft(mattes)
    if not soft.any():
        return rgb
    result, half = pictures.copy(), _below(pictures, mattes, soft)
    height, reach = mattes.shape[1], 2 * ROUNDS_FINE  # a round changes pixels up to two away
    active = np.ones_like(soft) if _small(mattes) else soft
    for top in range(0, height, ROWS):
        inner = slice(top, min(top + ROWS, height))
        wanted = soft[:, inner]
        if not wanted.any():
            continue
        first, last = max(0, top - reach), min(height, inner.stop + reach)
        rows = slice(first, last)
        layers = pictures[:, rows], mattes[:, rows], active[:, rows]
        below = half[:, :, first // 2 : (last + 1) // 2]
        fields = _solve(*layers, _beside(layers[2]), below, ROUNDS_FINE)
        found = fields[:3, :, inner.start - first : inner.stop - first][:, wanted]
        result[:, inner][wanted] = _as(found.T, rgb.dtype)
    return result.reshape(rgb.shape)


def _below(pictures: np.ndarray, mattes: np.ndarray, soft: np.ndarray) -> np.ndarray:
    """Foreground and background at half the size, `(6,N,ceil(H/2),ceil(W/2))` in [0, 1].

    They stand where the size above needs them; the rest of the memory is not written.
    """
    levels, needed = [(pictures, mattes)], [_beside(soft)]
    while max(levels[-1][1].shape[1:]) > 1:
        levels.append(tuple(values[:, ::2, ::2] for values in levels[-1]))
        needed.append(_halved(needed[-1]) | _beside(_soft(levels[-1][1])))
    fields = _means(*levels[min(3, len(levels) - 1)])
    for (picture, matte), where in list(zip(levels, needed))[:0:-1]:
        if _small(matte):
            where = active = np.ones(matte.shape, bool)
        else:
            active = _soft(matte)
        rounds = ROUNDS_COARSE if max(matte.shape[1:]) <= COARSE else ROUNDS_FINE
        fields = _solve(picture, matte, active, where, fields, rounds)
    return fields


def _means(pictures: np.ndarray, mattes: np.ndarray) -> np.ndarray:
    """The mean colours of subject and ground, float32 `(6,N,1,1)`."""
    rows = []
    for picture, matte in zip(_unit(pictures), _unit(mattes)):
        whole = picture.mean((0, 1))
        parts = (matte > 0.9, matte < 0.1)
        rows.append([picture[part].mean(0) if part.any() else whole for part in parts])
    return np.array(rows, np.float32).reshape(-1, 6).T.reshape(6, -1, 1, 1)


def _solve(
    pictures: np.ndarray,
    mattes: np.ndarray,
    active: np.ndarray,
    needed: np.ndarray,
    coarse: np.ndarray,
    rounds: int,
) -> np.ndarray:
    """One level, float32 `(6,N,h,w)`, from the fields of the next coarser one.

    Args:
        active: the pixels to solve, bool `(N,h,w)`; the others keep the colour that they show,
            and the one that they do not show from the coarser level.
        needed: these and all others that are asked for; the rest is not written.
    """
    alpha, places = _unit(mattes), np.nonzero(needed)
    fields = np.empty((6, *mattes.shape), np.float32)
    flat, (n, y, x) = fields.reshape(6, -1), places
    here, (_, _, height, width) = np.flatnonzero(needed), coarse.shape
    above = (n * height + y // 2) * width + x // 2
    flat[:, here] = np.take(coarse.reshape(6, -1), above, axis=1)
    fixed, high = ~active[places], alpha[places] > 0.5
    for shown, layer in ((fixed & high, np.s_[:3]), (fixed & ~high, np.s_[3:])):
        at = tuple(axis[shown] for axis in places)
        flat[layer, here[shown]] = _unit(pictures[at]).T
    n, y, x = np.nonzero(active)
    red = (y + x) % 2 == 0
    turns = [_Turn((n[at], y[at], x[at]), alpha, pictures) for at in (red, ~red)]
    for _ in range(rounds):
        for turn in turns:
            turn(flat)
    return fields


class _Turn:
    """The pixels of one colour of the chessboard, none of which is another's neighbour.

    Each has two unknown colours and two equations: what it shows, and likeness to its neighbours,
    the more the more alpha changes between. The inverse is the same in every round.
    """

    def __init__(self, at: tuple[np.ndarray, ...], alpha: np.ndarray, pictures: np.ndarray):
        n, y, x = at
        _, height, width = alpha.shape
        row = n * height
        self.here = (row + y) * width + x
        self.near = [
            (row + np.maximum(y - 1, 0)) * width + x,
            (row + np.minimum(y + 1, height - 1)) * width + x,
            (row + y) * width + np.maximum(x - 1, 0),
            (row + y) * width + np.minimum(x + 1, width - 1),
        ]
        values = alpha.ravel()
        fore = values[self.here]
        back = 1 - fore
        self.weights = [np.abs(fore - values[near]) + np.float32(SMOOTHNESS) for near in self.near]
        total = sum(self.weights)
        first, mixed, second = fore**2 + total, fore * back, back**2 + total
        scale = 1 / (first * second - mixed**2)
        self.inverse = second * scale, -mixed * scale, first * scale
        shown = _unit(pictures[at]).T
        self.shown = np.concatenate([fore * shown, back * shown])

    def __call__(self, fields: np.ndarray) -> None:
        """Set the pixels of `fields`, float32 `(6,pixels)`, from their neighbours."""
        right = self.shown.copy()
        for near, weight in zip(self.near, self.weights):
            right += weight * np.take(fields, near, axis=1)
        first, mixed, second = self.inverse
        solved = np.empty_like(right)
        solved[:3] = first * right[:3] + mixed * right[3:]
        solved[3:] = mixed * right[:3] + second * right[3:]
        fields[:, self.here] = np.clip(solved, 0, 1, out=solved)


def _small(mattes: np.ndarray) -> bool:
    """Whether a level is solved at every pixel."""
    return mattes.shape[1] * mattes.shape[2] <= EVERYWHERE


def _soft(mattes: np.ndarray) -> np.ndarray:
    """Where alpha is neither 0 nor 1."""
    if mattes.dtype.kind == "u":
        return (mattes > 0) & (mattes < np.iinfo(mattes.dtype).max)
    return (mattes > LEAST) & (mattes < 1 - LEAST)


def _beside(where: np.ndarray) -> np.ndarray:
    """`where`, bool `(N,h,w)`, and the pixels above, below and beside."""
    wider = where.copy()
    wider[:, 1:] |= where[:, :-1]
    wider[:, :-1] |= where[:, 1:]
    wider[:, :, 1:] |= where[:, :, :-1]
    wider[:, :, :-1] |= where[:, :, 1:]
    return wider


def _halved(where: np.ndarray) -> np.ndarray:
    """Whether any of four pixels is set, bool `(N,ceil(h/2),ceil(w/2))`."""
    half = where[:, ::2, ::2].copy()
    height, width = where.shape[1] // 2, where.shape[2] // 2
    half[:, :height] |= where[:, 1::2, ::2]
    half[:, :, :width] |= where[:, ::2, 1::2]
    half[:, :height, :width] |= where[:, 1::2, 1::2]
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
