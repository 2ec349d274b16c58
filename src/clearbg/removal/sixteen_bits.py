"""PNG and TIFF files with 16 bits a channel, which Pillow reads but cannot write in colour."""

import io
import zlib

import numpy as np
from PIL import PngImagePlugin

from clearbg.errors import PictureError

FORMATS = ("PNG", "TIFF")
_AFTER_HEADER = 33  # bytes of a PNG's signature and IHDR
_INCH = 0.0254  # metres


def encode(
    rgb: np.ndarray,
    alpha: np.ndarray | None,
    *,
    format: str,
    icc_profile: bytes | None,
    dpi: tuple[float, float] | None,
    exif: bytes | None,
) -> bytes:
    """The bytes of a file; the same bytes for the same input.

    Args:
        rgb: uint16 (H, W, 3).
        alpha: uint8 (H, W), which becomes 16 bits wide.
        format: one of `FORMATS`.
        exif: for a PNG; `tifffile` has no place for it.

    Raises:
        PictureError: the format cannot hold the size.
    """
    layers = rgb if alpha is None else np.dstack([rgb, alpha.astype(np.uint16) * np.uint16(257)])
    if format == "TIFF":
        return _tiff(layers, icc_profile, dpi)
    return _png(layers, icc_profile, dpi, exif)


def _tiff(layers: np.ndarray, icc_profile: bytes | None, dpi: tuple[float, float] | None) -> bytes:
    import tifffile  # imported here, as OpenCV below: few pictures have 16 bits

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


def _png(
    layers: np.ndarray,
    icc_profile: bytes | None,
    dpi: tuple[float, float] | None,
    exif: bytes | None,
) -> bytes:
    import cv2

    order = cv2.COLOR_RGB2BGR if layers.shape[2] == 3 else cv2.COLOR_RGBA2BGRA
    try:
        encoded = cv2.imencode(".png", cv2.cvtColor(layers, order))[1].tobytes()
    except cv2.error as error:
        size = f"{layers.shape[1]} x {layers.shape[0]}"
        raise PictureError(f"PNG cannot hold a picture of {size}.") from error
    chunks = io.BytesIO()
    if icc_profile:
        named = b"ICC Profile\0\0" + zlib.compress(icc_profile)
        PngImagePlugin.putchunk(chunks, b"iCCP", named)
    if dpi:
        metres = b"".join(round(value / _INCH).to_bytes(4, "big") for value in dpi)
        PngImagePlugin.putchunk(chunks, b"pHYs", metres + b"\x01")
    if exif:
        PngImagePlugin.putchunk(chunks, b"eXIf", exif.removeprefix(b"Exif\0\0"))
    return encoded[:_AFTER_HEADER] + chunks.getvalue() + encoded[_AFTER_HEADER:]
