"""Generated images of several tasks with their exact alpha.

What is in the foreground depends on the kind: salient `objects` of every sort, `people`, `cars`,
head-and-shoulders `portraits` with hair, or the ink of `pages`. One image in seventeen of the
first four has no subject. Everything follows from `(seed, index, kind)`.
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
        The image, uint8 `(H,W,3)` RGB, and its alpha, uint8 `(H,W)`; H and W between 240
        and 420, of portraits between 200 and 320. The same arguments give the same bytes in any
        order, process and number of threads; under another instruction set OpenCV's rounding
        may move a few values by 1.

    Raises:
        KeyError: there is no such kind.
    """
    draw = KINDS[kind]
    rng = np.random.default_rng(np.random.SeedSequence([seed, index, *_key(kind)]))
    return draw(rng, _empty(seed, index, kind))


def _key(kind: str) -> tuple[int, ...]:
    """What sets the random stream of a kind apart; nothing for objects, the first kind."""
    return () if kind == "objects" else tuple(kind.encode())


def _empty(seed: int, index: int, kind: str) -> bool:
    """Whether the image has no subject: exactly one does in every `EMPTY_EVERY` in a row."""
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
"""How an image of each kind is drawn, from a random stream and whether it has no subject."""
