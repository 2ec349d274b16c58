"""A folder of frames: nothing that a run has read or not made is lost in it."""

import json
import os
import shutil

import numpy as np
import pytest
from support.models import brightness_model
from support.videos import moving_disc, write_video
from typer.testing import CliRunner

from clearbg.cli.app import app
from clearbg.errors import DataError
from clearbg.removal.options import OutputOptions
from clearbg.video import folders
from clearbg.video.run import remove_video
from clearbg.video.segments import place

FRAMES = np.stack([moving_disc(index)[0] for index in range(3)])


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return brightness_model(tmp_path_factory.mktemp("model") / "model.onnx")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return write_video(tmp_path_factory.mktemp("clip") / "clip.mp4", list(FRAMES), sound=None)


@pytest.fixture
def clip(made, tmp_path):
    return shutil.copy(made, tmp_path / "clip.mp4")


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def frames(tmp_path):
    """A folder as a run leaves it."""
    folder = tmp_path / "frames"
    folder.mkdir()
    (folder / "000001.png").write_bytes(b"old")
    (folder / "frames.json").write_text('{"frames": 1}')
    return folder


def test_file_without_a_suffix_stays(clip, model, tmp_path):
    (tmp_path / "notes").write_text("precious")
    with pytest.raises(DataError, match="notes is a file, and frames need a folder"):
        remove_video(clip, "notes", model)
    assert (tmp_path / "notes").read_text() == "precious" and names(tmp_path) == [
        "clip.mp4",
        "notes",
    ]


@pytest.mark.parametrize("name", ["mine.txt", "000002.txt", "1.png", ".hidden"])
def test_folder_with_a_file_that_is_no_frame_stays(name, clip, model, frames):
    (frames / name).write_text("mine")
    with pytest.raises(DataError, match="holds other files"):
        remove_video(clip, frames, model)
    assert (frames / name).read_text() == "mine" and (frames / "000001.png").exists()


@pytest.mark.parametrize("text", ["", "[]", "{}", "{"])
def test_folder_whose_frames_json_is_of_another_program_stays(text, clip, model, frames):
    (frames / "frames.json").write_text(text)
    with pytest.raises(DataError, match="holds other files"):
        remove_video(clip, frames, model)
    assert (frames / "frames.json").read_text() == text


def test_folder_with_what_is_read_stays(clip, model, frames, tmp_path):
    source = shutil.copy(clip, frames / "clip.mp4")
    with pytest.raises(DataError, match=r"clip\.mp4 lies in .* and would be lost"):
        remove_video(source, frames, model)
    picture = frames / "000001.png"
    shutil.copy(write_picture(tmp_path / "picture.png"), picture)
    with pytest.raises(DataError, match=r"000001\.png lies in .* and would be lost"):
        options = OutputOptions(background=str(picture))
        remove_video(clip, frames, model, output_options=options)


def write_picture(path):
    from PIL import Image

    Image.fromarray(FRAMES[0]).save(path)
    return path


def test_frames_of_an_earlier_run_are_replaced_through_a_link(clip, model, frames, tmp_path):
    os.symlink("frames", tmp_path / "link")
    remove_video(clip, "link", model)
    expected = ["000001.png", "000002.png", "000003.png", "frames.json"]
    assert (tmp_path / "link").is_symlink() and names(frames) == expected
    assert names(tmp_path) == ["clip.mp4", "frames", "link"]


def test_what_comes_into_the_folder_during_a_run_stays(clip, model, frames, monkeypatch):
    refuse = folders.refuse_to_lose

    def then_written(*arguments):
        refuse(*arguments)
        (frames / "mine.txt").write_text("mine")

    monkeypatch.setattr(folders, "refuse_to_lose", then_written)
    with pytest.raises(DataError, match=r"holds other files \(mine.txt\)"):
        remove_video(clip, frames, model)
    assert names(frames) == ["000001.png", "frames.json", "mine.txt"]


@pytest.mark.parametrize("output", [".", "..", "/"])
def test_working_folder_and_root_are_refused(output, clip, model):
    answer = CliRunner().invoke(app, ["remove", str(clip), "-o", output, "--model", str(model)])
    assert answer.exit_code == 2 and "holds the working folder" in answer.stderr
    assert len(answer.stderr.splitlines()) == 1


def test_pipe_starts_anew_and_takes_no_frame_of_another_pipe(model, tmp_path, monkeypatch):
    def remove(count, status):
        words = ["remove", "-", "--size", "64x48", "-o", "frames", "--model", str(model)]
        given = FRAMES.tobytes()[: int(count * 48 * 64 * 3)]
        assert CliRunner().invoke(app, words, input=given).exit_code == status

    monkeypatch.setattr("clearbg.video.segments.FRAMES", 1)
    remove(2.5, status=2)
    assert place(tmp_path / "frames").is_dir()
    remove(1, status=0)
    assert names(tmp_path / "frames") == ["000001.png", "frames.json"]
    assert json.loads((tmp_path / "frames/frames.json").read_text())["frames"] == 1
    assert names(tmp_path) == ["frames"]
