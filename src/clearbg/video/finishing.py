"""From a picture and the network's alpha to a frame that is ready to be written."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from clearbg.images import DecodedImage
from clearbg.removal.cutout import compose, cut
from clearbg.removal.options import OutputOptions
from clearbg.removal.remover import Remover


class Finished(NamedTuple):
    """A frame that is ready to be written.

    Attributes:
        encoded: the bytes of an image's file; None: the frame goes into a video or a pipe.
        coverage: mean alpha in [0, 1].
    """

    image: DecodedImage
    encoded: bytes | None
    coverage: float


Finisher = Callable[[DecodedImage, np.ndarray], Finished]


def finisher(remover: Remover, options: OutputOptions, image_format: str | None) -> Finisher:
    """What makes such frames.

    Args:
        image_format: Pillow's name of the format of single frames; None: frames stay pixels.
    """

    def composed(image: DecodedImage, inferred: np.ndarray) -> Finished:
        found, coverage = compose(remover, image, inferred, options)
        return Finished(found, None, coverage)

    def encoded(image: DecodedImage, inferred: np.ndarray) -> Finished:
        assert image_format is not None
        made = cut(remover, image, options, image_format, inferred)
        return Finished(made.image, made.encoded, made.coverage)

    return composed if image_format is None else encoded
