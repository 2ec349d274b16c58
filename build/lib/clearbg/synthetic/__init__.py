"""Generated images of several tasks with their exact alpha.

The kind decides what is in the foreground: salient `objects` of every sort, `people`, `cars`,
head-and-shoulders `portraits` with hair, or the ink of `pages`. Of the first four kinds, one image
in seventeen has no subject. An image is a pure function of `(seed, index, kind)`.
"""

from collections.abc import Callable

import numpy as np
from numpy.random import Generator

from clearbg.synthetic.portraits import portrait
from clearbg.synthetic.scenes import CARS, OBJECTS, PEOPLE, staged

EMPTY_EVERY = 17  # images


def generate(seed: int, index: int, kind: str = "objects") -> tuple[np.ndarray, np.ndarray]:
    """Image number `index` of the data set `seed`.

    Args:
        kind: one of `KINDS`.

    Returns:
        The image, uint8 `(H,W,3)` RGB, and its alpha, uint8 `(H,W)`. H and W lie between 240
        and 420, those of portraits between 200 and 320. The same arguments give the same bytes
        in any order, in any process and with any number of threads. On a processor with another
        instruction set OpenCV's rounding may change a few values by 1.

    Raises:
        KeyError: there is no such kind.
    """
    draw = KINDS[kind]
    rng = np.random.default_rng(np.random.SeedSequence([seed, index, *_key(kind)]))
    return draw(rng, _empty(seed, index, kind))


def _key(kind: str) -> tuple[int, ...]:
    """The part of the random seed that a kind adds; objects, the first kind, add nothing."""
    return () if kind == "objects" else tuple(kind.encode())


def _empty(seed: int, index: int, kind: str) -> bool:
    """Whether the image has no subject, as exactly one in each block of `EMPTY_EVERY` images."""
    block, position = divmod(index, EMPTY_EVERY)
    key = [seed, block, EMPTY_EVERY, *_key(kind)]
    rng = np.random.default_rng(np.random.SeedSequence(key))
    return bool(rng.integers(EMPTY_EVERY) == position)


def _page(rng: Generator, empty: bool) -> tuple[np.ndarray, np.ndarray]:
    from clearbg.synthetic.pages import page

    return page(rng)


KINDS: dict[str, Callable[[Generator, bool], tuple[np.ndarray, np.ndarray]]] = {
    "objects": lambda rng, empty: staged(rng, OBJECTS, empty),
    "people": lambda rng, empty: staged(rng, PEOPLE, empty),
    "cars": lambda rng, empty: staged(rng, CARS, empty),
    "portraits": portrait,
    "pages": _page,
}
"""The function that draws each kind, from a random stream and whether there is no subject."""
