"""What is wrong with a video, or with what is asked of it, is one sentence."""

import errno
import sys

import av
import numpy as np
import pytest
from support.models import brightness_model
from support.videos import moving_disc, write_video
from typer.testing import CliRunner

from clearbg.cli.app import app
from clearbg.images import limits
from clearbg.video.writing import Part


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return brightness_model(tmp_path_factory.mktemp("model") / "model.onnx")


@pytest.fixture
def clip(tmp_path):
    return write_video(tmp_path / "clip.mp4", [moving_disc(index)[0] for index in range(12)])


def refused(model, *words) -> str:
    answer = CliRunner().invoke(app, ["remove", *map(str, words), "--model", str(model)])
    assert answer.exit_code == 2, answer.output
    assert len(answer.stderr.splitlines()) == 1, answer.stderr
    return answer.stderr


def test_damaged_empty_and_missing_files(model, tmp_path):
    (tmp_path / "noise.mp4").write_bytes(bytes(np.arange(5000) % 251))
    assert "noise.mp4 is damaged or no video" in refused(model, "noise.mp4", "-o", "a.webm")
    (tmp_path / "empty.mov").touch()
    assert "empty.mov is empty (0 bytes)" in refused(model, "empty.mov", "-o", "a.webm")
    assert "none.mp4 does not exist" in refused(model, "none.mp4", "-o", "a.webm")
    assert not (tmp_path / "a.webm").exists()


def test_sound_alone(model, tmp_path):
    write_video(tmp_path / "song.mp4", pictures=False)
    assert "holds sound and no video" in refused(model, "song.mp4", "-o", "a.webm")


def test_truncated_file(model, tmp_path):
    frames = [np.random.default_rng(i).integers(0, 255, (48, 64, 3), np.uint8) for i in range(24)]
    whole = write_video(tmp_path / "whole.mp4", frames, faststart=True).read_bytes()
    (tmp_path / "cut.mp4").write_bytes(whole[: len(whole) // 3])
    assert "ends early" in refused(model, "cut.mp4", "-o", "a.webm")


def test_damage_within_the_frames(model, tmp_path):
    frames = [np.random.default_rng(i).integers(0, 255, (48, 64, 3), np.uint8) for i in range(12)]
    path = write_video(tmp_path / "hurt.mov", frames, codec="prores_ks", pixels="yuv422p10le")
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 9000] = bytes(9000)
    path.write_bytes(bytes(content))
    assert "hurt.mov is damaged after frame" in refused(model, path, "-o", "a.webm")


def test_frames_above_the_limit_of_pixels(model, clip, monkeypatch):
    monkeypatch.setenv(limits.VARIABLE, "1000")
    assert "CLEARBG_MAX_PIXELS=3072" in refused(model, clip, "-o", "a.webm")


@pytest.mark.parametrize(
    "words, sentence",
    [
        (["-o", "a.mp4"], "MP4 cannot be transparent: end it in .webm or .mov"),
        (["-o", "a.avi"], "cannot be written as .avi: end it in .webm"),
        (["-o", "a.webm", "--crop"], "leave crop out"),
        (["-o", "a.webm", "--format", "png"], "name a folder"),
        (["-o", "a.webm", "--png", "fast"], "no PNG compression"),
        (["-o", "a.mov", "--quality", "50"], "leave quality out"),
        (["-o", "a.webm", "--steady", "1.5"], "not in the range 0 to 1"),
        (["-o", "a.webm", "--size", "64x48"], "has its own: leave size out"),
        (["-o", "a.webm", "--watch"], "leave Ray, --watch and --log out"),
        (["-o", "a.webm", "--log", "x.jsonl"], "leave Ray, --watch and --log out"),
        (["-o", "frames", "--format", "jpeg"], "JPEG cannot be transparent"),
        (["clip.mp4"], "A video is taken alone: name one"),
        (["-o", "s3://bucket/a.webm"], "copy it there afterwards"),
        (["-o", "frames", "--keep-metadata"], "A folder of frames has no use for keep-metadata"),
        (["-o", "frames", "--overwrite"], "A folder of frames has no use for overwrite"),
        (["-o", "-", "--keep-metadata"], "A pipe of raw frames has no use for keep-metadata"),
        (["-o", "-", "--overwrite"], "A pipe of raw frames has no use for overwrite"),
        (["-o", "-", "--quality", "50"], "A pipe of raw frames has no use for quality"),
        (["-o", "-", "--png", "fast"], "A pipe of raw frames has no use for png"),
        (["-o", "-", "--skip-existing"], "A pipe of raw frames has no use for skip-existing"),
        (["-o", "clip.mp4", "--mask"], "is an input and would be lost"),
    ],
)
def test_options_that_a_video_cannot_follow(words, sentence, model, clip):
    before = clip.read_bytes()
    assert sentence in refused(model, "clip.mp4", *words)
    assert clip.read_bytes() == before


def test_addresses_and_patterns_of_videos(model, clip):
    assert "download it" in refused(model, "http://example.org/a.mp4", "-o", "a.webm")
    assert "*.mp4 is a pattern: name one video" in refused(model, "*.mp4", "-o", "a.webm")


def test_name_with_a_colon_is_no_protocol(model, clip, tmp_path):
    clip.rename(tmp_path / "10:30.mp4")
    words = ["remove", "10:30.mp4", "-o", "11:30.mkv", "--model", str(model)]
    assert CliRunner().invoke(app, words).exit_code == 0
    assert (tmp_path / "11:30.mkv").stat().st_size


def test_steadiness_of_images_is_refused(model, tmp_path):
    (tmp_path / "a.jpg").touch()
    assert "leave --steady out" in refused(model, "a.jpg", "--steady", "0.5")


def test_other_files_are_not_written_over(model, clip, tmp_path):
    (tmp_path / "a.webm").write_text("my notes")
    assert "is not a video and would be lost" in refused(model, clip, "-o", "a.webm")
    (tmp_path / "frames").mkdir()
    (tmp_path / "frames/holiday.jpg").touch()
    assert "holds other files" in refused(model, clip, "-o", "frames")


def test_folder_that_takes_no_files_is_refused_before_a_lock_is_waited_for(
    model, clip, tmp_path, monkeypatch
):
    def refuse(dir):
        raise FileNotFoundError(errno.ENOENT, "No such file or directory")

    monkeypatch.setattr("tempfile.TemporaryFile", refuse)
    assert f"{tmp_path} cannot be written to" in refused(model, clip, "-o", tmp_path / "a.webm")


@pytest.mark.parametrize("number, told", [(errno.ENOSPC, "disk is full"), (22, "scale the video")])
def test_encoder_that_fails_names_the_output_and_the_cause(
    number, told, model, clip, tmp_path, monkeypatch
):
    def refuse(self, packets):
        raise av.error.OSError(number, "refused")

    monkeypatch.setattr(Part, "_mux", refuse)
    answer = CliRunner().invoke(app, ["remove", "clip.mp4", "-o", "a.mov", "--model", str(model)])
    error = answer.stderr.splitlines()[-1]
    assert "a.mov" in error and told in error and "unfinished" not in error
    assert ("format" in error) == (number != errno.ENOSPC)


def test_missing_pyav_is_a_sentence(model, clip, monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    assert 'pip install ".[video]"' in refused(model, clip, "-o", "a.webm")


def test_existing_result_is_skipped_on_request_and_json_tells(model, clip, tmp_path):
    (tmp_path / "a.webm").touch()  # an empty file is no result
    words = ["remove", str(clip), "-o", "a.webm", "--model", str(model), "--skip-existing"]
    answer = CliRunner().invoke(app, [*words, "--json"])
    assert '"frames": 12' in answer.stdout and answer.exit_code == 0
    answer = CliRunner().invoke(app, words)
    assert answer.exit_code == 0 and answer.stdout == "a.webm: there already\n"


def test_folder_is_skipped_once_its_frames_are_there(model, clip, tmp_path):
    (tmp_path / "frames").mkdir()
    words = ["remove", str(clip), "-o", "frames", "--model", str(model), "--skip-existing"]
    assert "12 frames" in CliRunner().invoke(app, words).stdout
    assert CliRunner().invoke(app, words).stdout == "frames: there already\n"
