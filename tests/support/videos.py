"""Videos, made on the spot with PyAV."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np

SIZE = (48, 64)
FRAMES = 48


def moving_disc(index: int, size: tuple[int, int] = SIZE) -> tuple[np.ndarray, np.ndarray]:
    """Frame `index`, uint8 (H, W, 3), of a bright disc on a dark pattern, and its alpha."""
    height, width = size
    y, x = np.mgrid[:height, :width]
    center = width * (0.3 + 0.4 * index / FRAMES)
    alpha = np.clip(0.25 * height - np.hypot(y - height / 2, x - center) + 0.5, 0, 1)
    pattern = 30 + 20 * np.sin(x / 5)[..., None] * np.cos(y / 4)[..., None] + np.zeros(3)
    image = alpha[..., None] * (230, 210, 190) + (1 - alpha[..., None]) * pattern
    return image.astype(np.uint8), (alpha * 255).round().astype(np.uint8)


def write_video(
    path: Path,
    frames: list[np.ndarray] | None = None,
    *,
    codec: str = "libx264",
    pixels: str = "yuv420p",
    rate: Fraction = Fraction(24),
    times: list[int] | None = None,
    rotation: int = 0,
    sound: str | None = "aac",
    shape: Fraction = Fraction(1),
    transfer: int | None = None,
    pictures: bool = True,
    faststart: bool = False,
) -> Path:
    """Write a video.

    Args:
        frames: uint8 (H, W, 3); None: a disc that moves.
        times: of the frames, in units of 1/1000 s; None: by `rate`.
        rotation: degrees that a player turns it by, counterclockwise.
        sound: the codec of a tone as long as the video; None: no sound.
        pictures: False: sound alone.
        faststart: put the index before the frames.
        transfer: code of the color transfer, such as 16 for PQ.
    """
    if frames is None:
        frames = [moving_disc(index)[0] for index in range(FRAMES)]
    moved = {"movflags": "faststart"} if faststart and path.suffix == ".mp4" else {}
    with av.open(str(path), "w", options=moved) as container:
        tracks = []
        if pictures:
            stream = container.add_stream(codec, rate=rate)
            stream.height, stream.width = frames[0].shape[:2]
            stream.pix_fmt = pixels
            stream.codec_context.sample_aspect_ratio = shape
            if rotation:
                stream.set_display_rotation(rotation)
            if transfer:
                stream.codec_context.color_trc = transfer
                stream.codec_context.color_primaries = stream.codec_context.colorspace = 9
            if times is not None:
                stream.codec_context.time_base = Fraction(1, 1000)
            tracks.append((stream, _pictures(stream, frames, times)))
        if sound is not None:
            track = container.add_stream(sound, rate=48000)
            track.layout = "mono"
            tracks.append((track, _tone(track, len(frames) / rate)))
        for stream, made in tracks:
            for frame in made:
                container.mux(stream.encode(frame))
    return path


def _pictures(stream, frames, times):
    for index, rgb in enumerate(frames):
        kind = "rgba" if rgb.shape[2] == 4 else "rgb24"
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb), format=kind)
        frame = frame.reformat(format=stream.pix_fmt)
        frame.pts = index if times is None else times[index]
        frame.time_base = 1 / Fraction(stream.average_rate or 25)
        if times is not None:
            frame.time_base = Fraction(1, 1000)
        yield frame
    yield None


def _tone(track, seconds):
    rate, size = 48000, 960
    for first in range(0, int(seconds * rate), size):
        wave = np.sin((first + np.arange(size)) * 2 * np.pi * 440 / rate) * 0.3
        frame = av.AudioFrame.from_ndarray(wave[None].astype(np.float32), "fltp", "mono")
        frame.rate, frame.pts, frame.time_base = rate, first, Fraction(1, rate)
        yield from av.AudioResampler(track.format, "mono", rate).resample(frame)
    yield None


def decoded(path: Path) -> list[np.ndarray]:
    """The frames of a video as uint8 (H, W, 4), alpha included."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        own = stream.codec_context.name == "vp9"
        decoder = av.CodecContext.create("libvpx-vp9", "r") if own else stream.codec_context
        packets = [*(p for p in container.demux(stream) if p.size), None]
        frames = [frame for packet in packets for frame in decoder.decode(packet)]
        return [frame.to_ndarray(format="rgba") for frame in frames]


def times_of(path: Path, kind: str = "video") -> list[float]:
    """Times of a stream's packets in seconds."""
    with av.open(str(path)) as container:
        stream = getattr(container.streams, kind)[0]
        return sorted(float(p.pts * p.time_base) for p in container.demux(stream) if p.size)
