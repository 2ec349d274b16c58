"""A run that ends early goes on from its whole segments, and from nothing else."""

import signal
import subprocess
import sys
import time

import pytest
from support.models import brightness_model
from support.videos import moving_disc, write_video

from clearbg.errors import Stopped
from clearbg.removal.options import OutputOptions
from clearbg.removal.remover import Remover
from clearbg.video import segments
from clearbg.video.options import VideoOptions
from clearbg.video.run import remove_video
from clearbg.video.sinks import FilmSink

WORK = ".cut.mkv.clearbg-video"


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return brightness_model(tmp_path_factory.mktemp("model") / "model.onnx")


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    return write_video(path, [moving_disc(index)[0] for index in range(20)])


@pytest.fixture
def short_segments(monkeypatch):
    monkeypatch.setattr(segments, "FRAMES", 6)


class Killed(BaseException):
    """Ends a run where it is, as a kill does."""


def killed_at(frame: int, monkeypatch, *arguments, **options):
    add = FilmSink.add

    def until(self, finished, tick, number):
        if number == frame:
            raise Killed
        add(self, finished, tick, number)

    with monkeypatch.context() as patched:
        patched.setattr(FilmSink, "add", until)
        with pytest.raises(Killed):
            remove_video(*arguments, **options)


@pytest.fixture
def inferred(monkeypatch):
    count = []
    infer = Remover.infer
    monkeypatch.setattr(
        Remover, "infer", lambda self, images: count.extend(images) or infer(self, images)
    )
    return count


def test_killed_run_goes_on_and_gives_the_bytes_of_an_undisturbed_one(
    clip, model, tmp_path, monkeypatch, short_segments, inferred
):
    remove_video(clip, tmp_path / "whole.mkv", model)
    killed_at(15, monkeypatch, clip, tmp_path / "cut.mkv", model)
    assert not (tmp_path / "cut.mkv").exists()
    inferred.clear()
    report = remove_video(clip, tmp_path / "cut.mkv", model)
    assert (report.resumed, report.frames, len(inferred)) == (12, 20, 8)
    assert (tmp_path / "cut.mkv").read_bytes() == (tmp_path / "whole.mkv").read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["cut.mkv", "whole.mkv"]


@pytest.mark.slow
def test_damaged_segment_and_all_after_it_are_made_anew(
    clip, model, tmp_path, monkeypatch, short_segments
):
    killed_at(19, monkeypatch, clip, tmp_path / "cut.mkv", model)
    segment = tmp_path / WORK / "000001.mkv"
    segment.write_bytes(segment.read_bytes()[:-1])
    report = remove_video(clip, tmp_path / "cut.mkv", model)
    assert (report.resumed, report.frames) == (6, 20)
    killed_at(19, monkeypatch, clip, tmp_path / "cut.mkv", model)
    (tmp_path / WORK / "000000.npz").write_bytes(b"half")
    assert remove_video(clip, tmp_path / "cut.mkv", model).resumed == 0


@pytest.mark.parametrize("changed", ["option", "steady", "refine", "model", "input"])
def test_another_input_model_or_option_starts_again(
    changed, clip, model, tmp_path, monkeypatch, short_segments
):
    source = tmp_path / "clip.mp4"
    source.write_bytes(clip.read_bytes())
    killed_at(13, monkeypatch, source, tmp_path / "cut.mkv", model)
    options = {"model": model}
    if changed == "option":
        options["output_options"] = OutputOptions(threshold=0.5)
    elif changed == "steady":
        options["video_options"] = VideoOptions(steady=0.5)
    elif changed == "refine":
        options["refine"] = False
    elif changed == "model":
        options["model"] = brightness_model(tmp_path / "other.onnx", height=48)
    else:
        write_video(source, [moving_disc(index + 1)[0] for index in range(8)])
    report = remove_video(source, tmp_path / "cut.mkv", **options)
    assert report.resumed == 0 and report.frames == (8 if changed == "input" else 20)


def test_frames_in_a_folder_go_on_as_well(clip, model, tmp_path, monkeypatch, short_segments):
    from clearbg.video.sinks import FolderSink

    monkeypatch.setattr(sys.modules[__name__], "FilmSink", FolderSink)
    killed_at(15, monkeypatch, clip, tmp_path / "frames", model)
    assert not (tmp_path / "frames").exists()
    report = remove_video(clip, tmp_path / "frames", model)
    assert report.resumed == 12 and len(list((tmp_path / "frames").glob("*.png"))) == 20


def test_signal_keeps_every_finished_frame(clip, model, tmp_path, monkeypatch):
    add = FilmSink.add

    def stopping(self, finished, tick, number):
        add(self, finished, tick, number)
        if number == 9:
            signal.raise_signal(signal.SIGTERM)

    with monkeypatch.context() as patched:
        patched.setattr(FilmSink, "add", stopping)
        with pytest.raises(Stopped, match="run it again to go on"):
            remove_video(clip, tmp_path / "cut.mkv", model)
    report = remove_video(clip, tmp_path / "cut.mkv", model)
    assert (report.resumed, report.frames) == (10, 20)


def test_process_that_is_killed_outright_leaves_segments_and_no_result(clip, model, tmp_path):
    program = (
        "from clearbg.video import segments, sinks; import sys, time; segments.FRAMES = 4\n"
        "from clearbg.video.run import remove_video; add = sinks.FilmSink.add\n"
        "def held(sink, frame, tick, number):\n"
        "    add(sink, frame, tick, number)\n"
        "    if number == 10: time.sleep(600)\n"
        "sinks.FilmSink.add = held; remove_video(*sys.argv[1:])"
    )
    target = tmp_path / "cut.mkv"
    process = subprocess.Popen([sys.executable, "-c", program, clip, target, model])
    record = tmp_path / WORK / "000000.npz"
    while not record.exists():
        assert process.poll() is None
        time.sleep(0.02)
    process.kill()
    process.wait()
    assert not target.exists()
    assert remove_video(clip, target, model).resumed >= 4
