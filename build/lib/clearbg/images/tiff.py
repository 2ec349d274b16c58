"""TIFF files with 16 bits a channel, which Pillow reads but cannot write in color."""

import io

import numpy as np


def encode(
    rgb: np.ndarray,
    alpha: np.ndarray | None,
    *,
    icc_profile: bytes | None,
    dpi: tuple[float, float] | None,
) -> bytes:
    """The bytes of a TIFF file without EXIF; equal input gives equal bytes.

    Args:
        rgb: uint16 (H, W, 3).
        alpha: uint8 (H, W), which is widened to 16 bits; None: an opaque image.
        icc_profile: the bytes of a color profile; None: sRGB.
        dpi: pixels per inch, horizontal and vertical; None: unknown.
    """
    import tifffile  # imported here: few images have 16 bits

    layers = rgb if alpha is None else np.dstack([rgb, alpha.astype(np.uint16) * np.uint16(257)])
    buffer = io.BytesIO()
    tifffile.imwrite(
        buffer,
        layers,
        photometric="rgb",
        extrasamples=["unassalpha"] if layers.shape[2] == 4 else None,
        compression="zlib",
        iccprofile=icc_profile,
        resolution=dpi,
        resolutionunit="INCH" if dpi else None,
        metadata=None,
        software=False,
    )
    return buffer.getvalue()
