"""Write a part of a video: frames become packets of a file of its own, one for each frame."""

import errno
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

from clearbg.errors import ClearBGError
from clearbg.images import DecodedImage
from clearbg.video.formats import QUALITY, Codec, Format

NARROW_RANGE = 1  # luma from 16 to 235: FFmpeg's AVCOL_RANGE_MPEG
SPREAD = 9  # pixels of the window from which hidden pixels near the subject take its colors


class Part:
    """The file of a part.

    Args:
        path: what to write.
        target: the result that it becomes a part of, for sentences.
        rate: frames a second, on average.
        step: the unit of times, in seconds.
        shape: width of a pixel over its height.
        matrix: swscale's code of the colors.
        quality: 1 to 100; None: the default.

    Raises:
        ClearBGError: the encoder refuses the frames, or the disk the file.
    """

    def __init__(
        self,
        path: Path,
        target: Path,
        format: Format,
        codec: Codec,
        *,
        rate: Fraction,
        step: Fraction,
        shape: Fraction,
        matrix: int,
        quality: int | None,
    ):
        self._target, self._codec, self._step, self._matrix = target, codec, step, matrix
        self._container = av.open(f"file:{path}", "w", format=format.container)
        self._rate, self._shape, self._quality = rate, shape, quality
        self._stream: av.VideoStream | None = None
        self._frames = self._packets = 0

    def add(self, image: DecodedImage, ticks: int) -> None:
        """Write a frame at `ticks` times the unit."""
        values = layers(image)
        if values.shape[2] == 4:
            values = _colored_around(values)
        if self._codec.even:
            height, width = values.shape[:2]
            values = np.pad(values, ((0, height % 2), (0, width % 2), (0, 0)), "edge")
        try:
            if self._stream is None:
                self._stream = self._begun(*values.shape[:2])
            kind = "rgba" if values.shape[2] == 4 else "rgb24"
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(values), format=kind)
            frame = frame.reformat(
                format=self._codec.pixels,
                dst_colorspace=self._matrix,
                dst_color_range=NARROW_RANGE,
            )
            frame.colorspace, frame.color_range = self._matrix, NARROW_RANGE
            frame.pts, frame.time_base = ticks, self._step
            self._frames += 1
            self._mux(self._stream.encode(frame))
        except av.error.FFmpegError as error:
            raise self._refused(error) from error

    def close(self) -> None:
        """Write what the encoder still holds, and end the file."""
        try:
            if self._stream is not None:
                self._mux(self._stream.encode(None))
            self._container.close()
        except av.error.FFmpegError as error:
            raise self._refused(error) from error
        assert self._packets == self._frames, "one packet a frame is what the parts are joined by"

    def _mux(self, packets: list[av.Packet]) -> None:
        self._packets += len(packets)
        self._container.mux(packets)

    def _begun(self, height: int, width: int) -> av.VideoStream:
        options = {**self._codec.options, "fflags": "+bitexact", "flags": "+bitexact"}
        if self._codec.coarsest is not None:
            quality = QUALITY if self._quality is None else self._quality
            options["crf"] = str(round(self._codec.coarsest * (100 - quality) / 100))
        stream = self._container.add_stream(self._codec.name, rate=self._rate, options=options)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = width, height, self._codec.pixels
        context = stream.codec_context
        context.time_base, context.sample_aspect_ratio = self._step, self._shape
        context.colorspace, context.color_range = self._matrix, NARROW_RANGE
        return stream

    def _refused(self, error: av.error.FFmpegError) -> ClearBGError:
        if error.errno == errno.ENOSPC:
            return ClearBGError(
                f"{self._target} cannot be written, since the disk is full: make space on it, then "
                "run again."
            )
        return ClearBGError(
            f"{self._target}: {self._codec.name} cannot write these frames ({error.strerror}): "
            "scale the video down, or take another format."
        )


def layers(image: DecodedImage) -> np.ndarray:
    """uint8 `(H,W,4)` of a transparent image, else `(H,W,3)`; a gray one has three equal layers."""
    rgb = image.rgb if image.rgb.ndim == 3 else np.repeat(image.rgb[..., None], 3, axis=2)
    return rgb if image.alpha is None else np.dstack([rgb, image.alpha])


def _colored_around(values: np.ndarray) -> np.ndarray:
    """Give hidden pixels beside the subject its colors, so that lossy edges do not turn dark.

    The old background stays out: the colors are a mean of what is seen, weighted by its alpha.
    """
    alpha = values[..., 3].astype(np.float32) / 255
    near = (alpha == 0) & (cv2.blur(alpha, (SPREAD, SPREAD)) > 0)
    if not near.any():
        return values
    weight = cv2.blur(alpha, (SPREAD, SPREAD))[near]
    result = values.copy()
    for channel in range(3):
        mean = cv2.blur(values[..., channel] * alpha, (SPREAD, SPREAD))[near]
        result[..., channel][near] = np.rint(mean / np.maximum(weight, 1e-6)).clip(0, 255)
    return result
