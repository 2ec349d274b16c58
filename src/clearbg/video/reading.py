"""Read a video file: upright frames in sRGB with their times, and what is wrong with it."""

import contextlib
import os
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.sidedata.sidedata import Type
from av.stream import Disposition

from clearbg.errors import DataError
from clearbg.images import DecodedImage, limits, resize
from clearbg.video.frames import Frame
from clearbg.video.hdr import TRANSFERS, to_sdr

RATE = Fraction(25)  # frames a second of a video that does not say
HIGH = 720  # lines from which on a video that does not say its colors has those of HD
BT709, BT601 = 1, 5  # codes of ITU-T H.273, as swscale numbers them
MATRICES = {1: 1, 4: 4, 5: 5, 6: 5, 7: 7, 9: 9}
"""Code of a video's matrix -> swscale's."""
ALPHA_DECODERS = {"vp8": "libvpx", "vp9": "libvpx-vp9"}  # FFmpeg's own leave the alpha out
SPARE = 1  # seconds by which a header's duration may miss the last frame
TELL_LENGTH = ("matroska", "flv", "avi", "mxf")  # containers whose header says how long they are


class Video:
    """A video file that is open.

    Attributes:
        path: the file.
        container, stream: PyAV's.
        rate: frames a second, on average.
        step: the finest time that frames are told apart by, in seconds.
        origin: the time at which the file begins, in seconds.
        count: frames, as far as the header tells; None: it does not.
        matrix: swscale's code of the colors.
        square: give frames of square pixels, scaled in their width.
        damaged: frames so far that were decoded with errors.

    Raises:
        DataError: the file is no whole video.
        ImageError: its frames are too large.
    """

    def __init__(self, path: Path, square: bool = True):
        self.path, self.square = path, square
        self.container = opened(path)
        streams = [
            s
            for s in self.container.streams.video
            if not Disposition(s.disposition) & Disposition.attached_pic
        ]
        if not streams:
            sound = "holds sound and no video" if self.container.streams.audio else "holds no video"
            raise DataError(f"{path} {sound}: name a file with moving pictures.")
        self.stream, self._unused = streams[0], len(streams) - 1
        context = self.stream.codec_context
        if context is None or not self.stream.width:
            raise DataError(
                f"{path} has a video that this PyAV cannot decode: convert it to H.264 first."
            )
        limits.refuse_large(str(path), (self.stream.width, self.stream.height), False, None)
        self.rate = self.stream.average_rate or self.stream.guessed_rate or RATE
        self._refuse_truncated()
        base = self.stream.time_base or 1 / self.rate
        self.step = (
            Fraction(1, base.denominator) if base.denominator < 2**31 else Fraction(1, 90000)
        )
        self.origin = Fraction(self.container.start_time or 0, av.time_base)
        self.matrix = MATRICES.get(
            context.colorspace, BT709 if self.stream.height >= HIGH else BT601
        )
        self.hdr = context.color_trc in TRANSFERS
        self.deep = any(c.bits > 8 for c in context.format.components) if context.format else False
        self.damaged = 0
        self.count = self._count()

    def frames(self, skip: int = 0) -> Iterator[Frame]:
        """The frames in their order, without the first `skip`.

        Raises:
            DataError: the video ends in damage, or a frame has another size than the first.
        """
        size, last, number = None, None, 0
        for number, decoded in enumerate(self._decoded(), 1):
            time = last
            if decoded.pts is not None and decoded.time_base is not None:
                time = decoded.pts * decoded.time_base - self.origin
            if time is None:
                time = Fraction(0)
            elif last is not None and time <= last:
                time = last + 1 / self.rate
            last = time
            size = size or (decoded.width, decoded.height)
            if (decoded.width, decoded.height) != size:
                raise DataError(
                    f"{self.path} changes its size at frame {number}, from {size[0]}×{size[1]} to "
                    f"{decoded.width}×{decoded.height}: scale it to one size with ffmpeg first."
                )
            self.damaged += decoded.is_corrupt
            if number > skip:
                yield Frame(self._image(decoded), time)
        if not number:
            raise DataError(f"{self.path} holds no frame that can be decoded: export it again.")

    def _decoded(self) -> Iterator[av.VideoFrame]:
        decoder = None
        name = ALPHA_DECODERS.get(self.stream.codec_context.name)
        if name and self.stream.metadata.get("alpha_mode") == "1":
            decoder = av.CodecContext.create(name, "r")
        else:
            self.stream.thread_type = "AUTO"
        number = 0
        try:
            for packet in self.container.demux(self.stream):
                if decoder is None:
                    found = packet.decode()
                elif packet.size:
                    found = decoder.decode(packet)  # type: ignore[attr-defined]
                else:
                    found = decoder.decode(None)  # type: ignore[attr-defined]
                for frame in found:
                    number += 1
                    yield frame
        except av.error.FFmpegError as error:
            raise DataError(
                f"{self.path} is damaged after frame {number} ({error.strerror}): fetch or export "
                "it again, or keep what decodes with `ffmpeg -i FILE repaired.mp4`."
            ) from error

    def _image(self, frame: av.VideoFrame) -> DecodedImage:
        alpha = None
        if self.hdr:
            deep = frame.reformat(
                format="rgb48le", src_colorspace=self.matrix, dst_colorspace=BT709
            )
            rgb = to_sdr(deep.to_ndarray(), frame.color_trc)
        else:
            has_alpha = any(c.is_alpha for c in frame.format.components)
            wanted = "rgba" if has_alpha else "rgb24"
            values = frame.reformat(format=wanted, src_colorspace=self.matrix).to_ndarray()
            rgb = np.ascontiguousarray(values[..., :3])
            if has_alpha and values[..., 3].min() < 255:
                alpha = values[..., 3]
        sides: Any = frame.side_data
        for side in sides:
            if side.type == Type.DISPLAYMATRIX:
                rgb = _upright(rgb, bytes(side))
                alpha = None if alpha is None else _upright(alpha, bytes(side))
        if self.square and (wide := self._wide(rgb)) != 1:
            size = rgb.shape[0], max(1, round(rgb.shape[1] * wide))
            rgb, alpha = resize(rgb, size), None if alpha is None else resize(alpha, size)
        return DecodedImage(rgb, None if alpha is None else np.ascontiguousarray(alpha))

    def notes(self) -> list[str]:
        """Sentences about what was converted, and about damage, so far."""
        notes = []
        if self.hdr:
            notes.append("high dynamic range was converted to 8 bits a channel in BT.709")
        elif self.deep:
            notes.append("more than 8 bits a channel became 8")
        if self.square and self.stream.sample_aspect_ratio not in (None, 1):
            notes.append("its pixels are not square, and the width was scaled so that they are")
        if self._unused:
            notes.append(f"it has {1 + self._unused} video streams, and the first alone was taken")
        if self.damaged:
            who = "1 frame of the video is" if self.damaged == 1 else None
            notes.append(f"{who or f'{self.damaged} frames of the video are'} damaged")
        return notes

    def shape(self, image: DecodedImage) -> Fraction:
        """The width of a pixel over its height, in a frame as `frames` gives it."""
        return Fraction(1) if self.square else self._wide(image.rgb)

    def _wide(self, rgb: np.ndarray) -> Fraction:
        """The same of an upright frame at its own size, uint8 `(H,W,3)`."""
        ratio = Fraction(self.stream.sample_aspect_ratio or 1)
        turned = rgb.shape[1::-1] != (self.stream.width, self.stream.height)
        return 1 / ratio if turned else ratio

    def _refuse_truncated(self) -> None:
        """Raise DataError where the file is shorter than its index or its header says.

        An index says where every frame lies; other containers say how long the video is.
        """
        size = os.path.getsize(self.path)
        ends = [entry.pos + entry.size for entry in self.stream.index_entries]
        cut = bool(ends) and max(ends) > size
        if not cut and any(name in self.container.format.name for name in TELL_LENGTH):
            cut = self._end() < self._told_length() - max(Fraction(SPARE), 2 / self.rate)
        if cut:
            raise DataError(
                f"{self.path} ends early: it is shorter than its header says; fetch it again, or "
                "keep what is there with `ffmpeg -i FILE -c copy shorter.mkv`."
            )

    def _told_length(self) -> Fraction:
        """Seconds by the header; 0: it does not say."""
        if self.container.format.name == "avi":  # whose duration FFmpeg takes from the file's size
            return self.stream.frames / self.rate
        return Fraction(self.container.duration or 0, av.time_base)

    def _end(self) -> Fraction:
        """When the last packet that can be read ends, in seconds."""
        end = Fraction(0)
        with opened(self.path) as again, contextlib.suppress(av.error.FFmpegError):
            for packet in again.demux():
                if packet.pts is not None:
                    end = max(end, (packet.pts + (packet.duration or 0)) * packet.time_base)
        return end

    def _count(self) -> int | None:
        if self.stream.frames:
            return self.stream.frames
        if not self.container.duration:
            return None
        return round(Fraction(self.container.duration, av.time_base) * self.rate)


def opened(path: Path) -> av.container.InputContainer:
    """Open a video file.

    Raises:
        DataError: it is missing, empty, damaged or no video.
    """
    if not path.is_file():
        raise DataError(f"{path} is no file that can be read: check the path.")
    if not path.stat().st_size:
        raise DataError(f"{path} is empty (0 bytes): fetch or export it again.")
    try:
        return av.open(f"file:{path}")  # else 10: of 10:30.mp4 is a protocol
    except av.error.FFmpegError as error:
        raise DataError(
            f"{path} is damaged or no video ({error.strerror}): fetch or export it again."
        ) from error


def _upright(values: np.ndarray, matrix: bytes) -> np.ndarray:
    """Turn and mirror `(H,W,...)` as a display matrix says, by its nearest quarter of a turn.

    The matrix has nine numbers, of which the first two rows say where x and y go.
    """
    a, b, _, c, d = np.frombuffer(matrix, np.int32)[:5]
    if abs(int(a)) >= abs(int(b)):
        across, down = a, d
    else:
        values, across, down = values.swapaxes(0, 1), c, b
    if across < 0:
        values = values[:, ::-1]
    if down < 0:
        values = values[::-1]
    return np.ascontiguousarray(values)
