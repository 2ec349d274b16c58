"""Images in whatever form a program holds them."""

import numpy as np
from PIL import Image

from clearbg import images
from clearbg.errors import ImageError
from clearbg.images import decoding

Source = decoding.Source | Image.Image | np.ndarray


def image_of(source: Source) -> images.DecodedImage:
    """Read an image from a path, a file's bytes, a binary stream, a Pillow image or an array.

    Args:
        source: of an array uint8 or uint16, (H, W), (H, W, 3) or (H, W, 4) with alpha last,
            in sRGB. Nothing that is given is changed.

    Raises:
        ImageError: it is not an image, or has values of another kind.
    """
    if isinstance(source, Image.Image):
        return _of_image(source)
    if isinstance(source, np.ndarray):
        return _of_array(source)
    return images.read_image(source)


def _of_image(source: Image.Image) -> images.DecodedImage:
    try:
        image = source.copy()  # loads it; what is done to the copy's EXIF stays there
    except Exception as error:  # Pillow's plugins raise nearly every built-in exception
        raise ImageError(f"the image cannot be read to its end ({error}).") from error
    if image.mode == "F":
        raise ImageError("an image of mode F has no known range: convert it to 8 bits first.")
    if not image.mode.startswith("I"):
        return images.of_image(image, None, [])
    values = np.asarray(image)
    if values.min() < 0 or values.max() > 65535:
        raise ImageError("the image has values outside 0..65535: convert it to 16 bits first.")
    return images.of_image(image, values.astype(np.uint16)[..., None], ["16-bit"])


def _of_array(source: np.ndarray) -> images.DecodedImage:
    layers = source[..., None] if source.ndim == 2 else source
    right = layers.ndim == 3 and layers.shape[2] in (1, 3, 4) and layers.size
    if not right or source.dtype not in (np.uint8, np.uint16):
        raise ImageError(
            f"an array of {source.dtype} and shape {source.shape} is no image: give uint8 or "
            "uint16, (H, W), (H, W, 3) or (H, W, 4)."
        )
    if layers.dtype == np.uint16:
        # Stands for the profile, resolution and EXIF, of which an array has none.
        blank = Image.new("L", (layers.shape[1], layers.shape[0]))
        return images.of_image(blank, layers, ["16-bit"])
    image = Image.fromarray(layers[..., 0] if layers.shape[2] == 1 else layers)
    return images.of_image(image, None, [])
