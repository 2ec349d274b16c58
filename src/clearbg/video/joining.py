"""Join a video's parts with the sound of its source, without encoding pictures again."""

import errno
import heapq
import io
from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av

from clearbg.errors import ClearBGError, DataError
from clearbg.system.files import replacing_file
from clearbg.video.formats import Format
from clearbg.video.reading import Video, opened
from clearbg.video.segments import Segment

Timed = tuple[float, int, av.Packet]
"""Seconds, a number that tells equal times apart, and a packet that knows its stream."""
RATE = 48000  # samples a second of sound whose own rate the encoder does not take
TRIED = 3  # packets of each sound track that are written on trial


def join(
    target: Path,
    format: Format,
    segments: list[Segment],
    step: Fraction,
    video: Video,
    keep_metadata: bool,
) -> list[str]:
    """Write `target` whole; what it was stays until then.

    Args:
        step: the unit of the segments' times, in seconds.
        video: where the sound comes from.

    Returns:
        Sentences about what became of the sound and of other streams.

    Raises:
        DataError: the sound cannot be decoded.
        ClearBGError: the file cannot be written.
    """
    options = {"fflags": "bitexact"}
    if format.container in ("mp4", "mov"):
        options["movflags"] = "faststart"
    with replacing_file(target, synced=True) as aside, opened(video.path) as source:
        try:
            with av.open(f"file:{aside}", "w", format=format.container, options=options) as result:
                if keep_metadata:
                    result.metadata.update(video.container.metadata)
                with opened(segments[0].files[0]) as first:
                    template = first.streams.video[0]
                    pictures = result.add_stream_from_template(template, opaque=False)
                    pictures.metadata.update(
                        {k: v for k, v in template.metadata.items() if k == "alpha_mode"}
                    )
                    shape = template.sample_aspect_ratio or Fraction(1)
                    pictures.codec_context.sample_aspect_ratio = shape
                    pictures.time_base = step
                sound, notes = _sound(source, result, format, video)
                shown = _pictures(pictures, segments, step, round(1 / video.rate / step))
                for _, _, packet in heapq.merge(shown, *sound, key=lambda timed: timed[:2]):
                    result.mux(packet)
        except av.error.FFmpegError as error:
            full = error.errno == errno.ENOSPC
            action = "check the free disk space, then run again" if full else "name another format"
            raise ClearBGError(
                f"{target} could not be written ({error.strerror}): {action}; the frames that are "
                "done stay done."
            ) from error
    return notes


def try_sound(video: Video, format: Format) -> None:
    """Write the beginning of the sound on trial, so that no work is lost to it in the end.

    Raises:
        DataError: the sound cannot be decoded, or not be written.
    """
    try:
        with (
            opened(video.path) as source,
            av.open(io.BytesIO(), "w", format=format.container) as trial,
        ):
            for packets in _sound(source, trial, format, video)[0]:
                for _, _, packet in islice(packets, TRIED):
                    trial.mux(packet)
    except av.error.FFmpegError as error:
        raise DataError(
            f"{video.path} has sound that {format.name} cannot take ({error.strerror}): take it "
            "out with `ffmpeg -i FILE -an -c:v copy silent.mkv`."
        ) from error


def _pictures(
    stream: av.VideoStream, segments: list[Segment], step: Fraction, last: int
) -> Iterator[Timed]:
    """The packets of all segments, with the times that their records say."""
    ticks = [tick for segment in segments for tick in segment.ticks]
    ends = iter([*ticks[1:], ticks[-1] + last])
    times = iter(ticks)
    for segment in segments:
        with opened(segment.files[0]) as part:
            for packet in part.demux(video=0):
                if not packet.size:
                    continue
                tick = next(times)
                packet.stream, packet.time_base = stream, step
                packet.pts = packet.dts = tick
                packet.duration = next(ends) - tick
                yield float(tick * step), 0, packet


def _sound(
    source: av.container.InputContainer,
    result: av.container.OutputContainer,
    format: Format,
    video: Video,
) -> tuple[list[Iterable[Timed]], list[str]]:
    """The packets of every sound track, and notes."""
    tracks: list[Iterable[Timed]] = []
    notes: list[str] = []
    for track in source.streams.audio:
        name = track.codec_context.name if track.codec_context else None
        if name is None:
            raise DataError(
                f"{video.path} has sound that this PyAV cannot decode: take it out with "
                "`ffmpeg -i FILE -an -c:v copy silent.mkv`."
            )
        number = 1 + len(tracks)
        if name in format.copied and (name != "aac" or track.codec_context.extradata):
            stream = result.add_stream_from_template(track)
            packets = _copied(video, track.index, stream, number)
        else:
            stream = _encoder(result, format, track)
            packets = _encoded(video, track.index, stream, number)
            told = stream.codec_context.name.removeprefix("lib")
            notes.append(
                f"the sound was {name}, which {format.name} does not hold, and became {told}"
                if name not in format.copied
                else "the sound was AAC in packets of a transport stream, and was encoded anew"
            )
        if "language" in track.metadata:
            stream.metadata["language"] = track.metadata["language"]
        tracks.append(packets)
    others = {
        "subtitles": source.streams.subtitles,
        "chapters": source.chapters(),
        "attachments": source.streams.attachments,
    }
    notes += [f"{kind} are left out" for kind, found in others.items() if found]
    return tracks, notes


def _copied(video: Video, index: int, stream: av.AudioStream, number: int) -> Iterator[Timed]:
    with opened(video.path) as source:
        for packet in source.demux(source.streams[index]):
            if not packet.size or packet.pts is None:
                continue
            base = packet.time_base
            shift = round(video.origin / base)
            packet.pts -= shift
            packet.dts = packet.pts
            packet.stream = stream
            yield float(packet.pts * base), number, packet


def _encoder(
    result: av.container.OutputContainer, format: Format, track: av.AudioStream
) -> av.AudioStream:
    rates = av.Codec(format.encoder, "w").audio_rates or ()
    stream = result.add_stream(format.encoder, rate=track.rate if track.rate in rates else RATE)
    assert isinstance(stream, av.AudioStream)
    stream.layout = "mono" if track.channels == 1 else "stereo"
    return stream


def _encoded(video: Video, index: int, stream: av.AudioStream, number: int) -> Iterator[Timed]:
    context = stream.codec_context
    context.open()
    resampler = av.AudioResampler(context.format, context.layout, context.rate, context.frame_size)
    with opened(video.path) as source:
        try:
            for frame in source.decode(source.streams[index]):
                assert isinstance(frame, av.AudioFrame)
                if frame.pts is not None and frame.time_base:
                    frame.pts -= round(video.origin / frame.time_base)
                for piece in resampler.resample(frame):
                    yield from _timed(stream.encode(piece), number)
        except av.error.FFmpegError as error:
            raise DataError(
                f"{video.path} has sound that is damaged ({error.strerror}): take it out with "
                "`ffmpeg -i FILE -an -c:v copy silent.mkv`."
            ) from error
    for piece in resampler.resample(None):
        yield from _timed(stream.encode(piece), number)
    yield from _timed(stream.encode(None), number)


def _timed(packets: list[av.Packet], number: int) -> Iterator[Timed]:
    for packet in packets:
        yield float((packet.pts or 0) * packet.time_base), number, packet
