"""Sound of any codec and rate gets into each format, or is refused before the first frame."""

from fractions import Fraction

import av
import numpy as np
import pytest
from support.videos import moving_disc, times_of, write_video

from clearbg.errors import DataError
from clearbg.video.formats import FORMATS, MP4
from clearbg.video.joining import join, try_sound
from clearbg.video.reading import Video
from clearbg.video.segments import Segment


def joined(source, target, pictures, keep=False) -> list[str]:
    """Notes about a result of these pictures and the sound of the source."""
    video = Video(source)
    try_sound(video, FORMATS[target.suffix])
    segment = Segment((pictures,), tuple(range(0, 960, 40)), 0.0, (64, 48))
    return join(target, FORMATS[target.suffix], [segment], Fraction(1, 1000), video, keep)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    frames = [moving_disc(index)[0] for index in range(24)]
    path = tmp_path_factory.mktemp("part") / "part.mp4"
    return write_video(path, frames, rate=Fraction(25), sound=None, codec="mpeg4")


def with_tone(path, rate):
    with av.open(str(path), "w") as container:
        picture = container.add_stream("mpeg4", rate=25)
        picture.width, picture.height, picture.pix_fmt = 64, 48, "yuv420p"
        track = container.add_stream("pcm_s16le", rate=rate)
        track.layout = "mono"
        frame = av.VideoFrame.from_ndarray(moving_disc(0)[0]).reformat(format="yuv420p")
        container.mux([*picture.encode(frame), *picture.encode(None)])
        wave = av.AudioFrame.from_ndarray(np.zeros((1, rate), np.int16), "s16", "mono")
        wave.rate, wave.pts, wave.time_base = rate, 0, Fraction(1, rate)
        container.mux([*track.encode(wave), *track.encode(None)])
    return path


@pytest.mark.parametrize("rate, written", [(192000, 48000), (37800, 48000), (16000, 16000)])
def test_rate_that_the_encoder_does_not_take_becomes_48000(rate, written, pictures, tmp_path):
    source = with_tone(tmp_path / "a.mkv", rate)
    notes = joined(source, tmp_path / "b.mp4", pictures)
    with av.open(str(tmp_path / "b.mp4")) as container:
        assert container.streams.audio[0].rate == written
    assert times_of(tmp_path / "b.mp4", "audio")[-1] == pytest.approx(1, abs=0.1)
    assert notes == ["the sound was pcm_s16le, which MP4 does not hold, and became aac"]


@pytest.mark.parametrize("name", ["b.mp4", "b.mov", "b.mkv"])
def test_sound_of_a_transport_stream_is_encoded_anew(name, pictures, tmp_path):
    frames = [moving_disc(index)[0] for index in range(12)]
    source = write_video(tmp_path / "a.ts", frames, codec="mpeg2video", rate=Fraction(25))
    assert "was encoded anew" in joined(source, tmp_path / name, pictures)[0]
    assert times_of(tmp_path / name, "audio")[-1] > 0.4


def test_sound_that_cannot_be_written_is_refused_before_the_first_frame(tmp_path, monkeypatch):
    video = Video(with_tone(tmp_path / "a.mkv", 48000))

    def refuse(*_):
        raise av.error.InvalidDataError(1094995529, "Invalid data")

    monkeypatch.setattr("clearbg.video.joining._encoder", refuse)
    with pytest.raises(DataError, match="has sound that MP4 cannot take"):
        try_sound(video, MP4)
