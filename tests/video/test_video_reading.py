"""What is told of a video file: whether it is whole, and what of it is not taken."""

from fractions import Fraction

import av
import numpy as np
import pytest
from support.videos import moving_disc, write_video

from clearbg.errors import DataError
from clearbg.video.reading import Video
from clearbg.video.report import VideoReport

CODECS = {"flv": "flv1", "avi": "mpeg4", "mxf": "mpeg2video", "ts": "mpeg2video", "mkv": "mpeg4"}


def noise(count: int) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.integers(0, 255, (48, 64, 3), np.uint8) for _ in range(count)]


@pytest.mark.parametrize("kind, cut", [("flv", 1), ("avi", 1), ("mxf", 1), ("mkv", 1), ("ts", 0)])
def test_truncated_file_is_refused_where_its_header_tells_the_length(kind, cut, tmp_path):
    whole = write_video(tmp_path / f"a.{kind}", noise(50), codec=CODECS[kind], sound=None,
                        rate=Fraction(25))  # fmt: skip
    Video(whole)
    part = tmp_path / f"cut.{kind}"
    part.write_bytes(whole.read_bytes()[: whole.stat().st_size // 3])
    if cut:
        with pytest.raises(DataError, match="ends early"):
            Video(part)
    else:
        Video(part)


@pytest.mark.parametrize("kind", ["mkv", "flv", "avi"])
def test_frames_that_last_long_are_whole(kind, tmp_path):
    path = write_video(tmp_path / f"slow.{kind}", noise(3), codec=CODECS[kind], sound=None,
                       rate=Fraction(1, 5))  # fmt: skip
    assert [frame.time for frame in Video(path).frames()] == [0, 5, 10]


def test_second_video_stream_is_told_of(tmp_path):
    with av.open(str(tmp_path / "two.mkv"), "w") as container:
        for _ in range(2):
            stream = container.add_stream("ffv1", rate=25)
            stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for track in container.streams.video:
            frame = av.VideoFrame.from_ndarray(moving_disc(0)[0]).reformat(format="yuv420p")
            container.mux([*track.encode(frame), *track.encode(None)])
    assert Video(tmp_path / "two.mkv").notes() == [
        "it has 2 video streams, and the first alone was taken"
    ]


@pytest.mark.parametrize(
    "damaged, told", [(1, "1 frame of the video is damaged"), (2, "2 frames of the video are")]
)
def test_number_of_frames_is_grammatical(damaged, told, tmp_path):
    video = Video(write_video(tmp_path / "a.mp4", noise(2), sound=None))
    video.damaged = damaged
    assert video.notes()[0].startswith(told)
    one = VideoReport("a", "b", "written", "m", "cpu", True, 64, 48, frames=damaged)
    assert one.summary() == f"b: 64×48 pixels, {damaged} frame" + "s" * (damaged > 1)
