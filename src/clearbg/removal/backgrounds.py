"""What is put behind a cutout: a color, an image, or the image's own background, blurred."""

import functools
import io
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms, ImageColor, ImageOps

from clearbg.errors import SettingsError
from clearbg.images import DecodedImage, read_image, resize

BLUR = "blur"
BLUR_SIDE = 512  # longer side, in pixels, of the reduced image that is blurred
BLUR_SIGMA = 0.03  # standard deviation of the blur, as a share of the longer side
ROWS = 256  # rows that are mixed at once, so that memory stays small


@dataclass(frozen=True, eq=False)
class Background:
    """What is to be put behind a cutout.

    Attributes:
        values: uint8 `(h,w,3)` in sRGB, or `(1,1,3)` for one color; None: the image's own
            background, blurred.
        file: the image file that `values` come from; None: they come from no file.
    """

    values: np.ndarray | None
    file: Path | None = None


def parse_background(text: str) -> Background:
    """The background that a user names: a color, "blur", or the path of an image.

    Raises:
        SettingsError: the text is none of these, or it is a transparent color.
        ImageError: the image cannot be read.
    """
    try:
        return without_file(text)
    except SettingsError:
        if not Path(text).is_file():
            raise
    return Background(read_image(text).srgb(), Path(text))


def without_file(text: str) -> Background:
    """As `parse_background`, but no file is read.

    Raises:
        SettingsError: the text is neither "blur" nor an opaque color.
    """
    if text == BLUR:
        return Background(None)
    try:
        red, green, blue = ImageColor.getrgb(text)
    except ValueError as error:
        raise SettingsError(
            f"{text!r} is no opaque color: give an image that exists, blur, a name such as "
            "white, or #rrggbb."
        ) from error
    return Background(np.array([[[red, green, blue]]], np.uint8))


def lay_over(front: DecodedImage, behind: Background, own: np.ndarray) -> DecodedImage:
    """Put a background behind a cutout. Pixels with alpha 255 keep their values.

    The background is converted into the cutout's color profile. When the profile allows no
    conversion from sRGB, the result is in sRGB with 8 bits per channel instead.

    Args:
        front: the cutout; it has an alpha.
        behind: the background.
        own: uint8 `(H,W,3)`, the whole image, in the color space of `front`.

    Returns:
        An opaque image of the same size.
    """
    alpha = front.alpha
    if behind.values is None:
        values = _out_of_focus(own, alpha)
    else:
        values = _filling(behind.values, alpha.shape)
        if front.icc_profile is not None:
            transform = _from_srgb(front.icc_profile)
            if transform is None:
                front = replace(front, rgb=front.srgb(), icc_profile=None, deep=None)
            else:
                converted = ImageCms.applyTransform(Image.fromarray(values), transform)
                values = np.asarray(converted)
    return replace(
        front,
        rgb=_mixed(front.rgb, alpha, values),
        alpha=None,
        deep=None if front.deep is None else _mixed(front.deep, alpha, values),
    )


def _mixed(front: np.ndarray, alpha: np.ndarray, values: np.ndarray) -> np.ndarray:
    """`front` over `values`, rounded to the nearest value of the data type of `front`.

    Args:
        front: uint8 or uint16 `(H,W,3)`.
        alpha: uint8 `(H,W)`, of `front`.
        values: uint8 `(H,W,3)`, or `(1,1,3)` for one color.
    """
    scale = np.uint32(np.iinfo(front.dtype).max // 255)
    result = np.empty_like(front)
    for top in range(0, len(front), ROWS):
        rows = slice(top, top + ROWS)
        weight = alpha[rows, :, None].astype(np.uint32)
        behind = values if len(values) == 1 else values[rows]
        total = front[rows] * weight + behind * ((255 - weight) * scale)
        result[rows] = (total + 127) // 255
    return result


def _filling(values: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """The middle of an image, scaled to fill `size` (height, width); one color stays `(1,1,3)`."""
    if values.shape[:2] == (1, 1):
        return values
    kernel = Image.Resampling.BICUBIC
    return np.asarray(ImageOps.fit(Image.fromarray(values), size[::-1], kernel))


def _out_of_focus(rgb: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """The image's own background, blurred: uint8 `(H,W,3)`.

    The subject is left out, so that its colors make no glow around it: the convolution is
    normalized by the weight of the background (Knutsson and Westin, "Normalized and Differential
    Convolution", CVPR 1993).
    """
    scale = min(1, BLUR_SIDE / max(alpha.shape))
    small = tuple(max(1, round(side * scale)) for side in alpha.shape)
    weight = 1 - resize(alpha, small)[..., None] / np.float32(255)
    colors = resize(rgb, small).astype(np.float32)
    sigma = BLUR_SIGMA * max(small)

    down, across = (_gaussian(side, sigma) for side in small)

    def blurred(values: np.ndarray) -> np.ndarray:
        return np.einsum("ih,hwc,jw->ijc", down, values, across, optimize=True)

    mean = (colors * weight).sum((0, 1)) / max(weight.sum(), 1e-6)
    little = np.float32(1e-4)  # the mean color's weight, which shows where the blur finds none
    values = blurred(colors * weight) + little * mean
    values /= blurred(weight) + little
    return resize(np.rint(values.clip(0, 255)).astype(np.uint8), alpha.shape)


def _gaussian(side: int, sigma: float) -> np.ndarray:
    """The matrix, float32 `(side,side)`, that blurs a row of pixels, reflected at its ends.

    Args:
        sigma: standard deviation of the blur, pixels.
    """
    reach = round(4 * sigma)
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    sources = np.pad(np.arange(side), reach, "reflect" if side > 1 else "edge")
    matrix = np.zeros((side, side))
    for offset, weight in enumerate(weights / weights.sum()):
        np.add.at(matrix, (np.arange(side), sources[offset : offset + side]), weight)
    return matrix.astype(np.float32)


@functools.lru_cache(maxsize=16)
def _from_srgb(icc_profile: bytes) -> ImageCms.ImageCmsTransform | None:
    """The conversion from sRGB into a profile; None: the profile allows none."""
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(icc_profile))
        return ImageCms.buildTransform(ImageCms.createProfile("sRGB"), profile, "RGB", "RGB")
    except (ImageCms.PyCMSError, OSError):
        return None
