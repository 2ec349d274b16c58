"""Raw frames in pipes: what ffmpeg writes goes in, what ffmpeg reads comes out."""

import re
import subprocess
import sys
from fractions import Fraction

import numpy as np
import pytest
from PIL import Image
from support.models import brightness_model
from support.project import ROOT
from support.videos import moving_disc, write_video
from typer.testing import CliRunner

from clearbg.cli.app import app
from clearbg.images import DecodedImage
from clearbg.video.frames import Frame

FRAMES = np.stack([moving_disc(index)[0] for index in range(4)])


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return brightness_model(tmp_path_factory.mktemp("model") / "model.onnx")


def remove(model, *words, given=b"", status=0):
    answer = CliRunner().invoke(app, ["remove", *words, "--model", str(model)], input=given)
    assert answer.exit_code == status, answer.stderr
    return answer


def test_video_without_the_extra_is_told_what_to_install(model, monkeypatch):
    monkeypatch.setitem(sys.modules, "cv2", None)
    error = remove(model, "-", "--size", "64x48", status=2).stderr
    assert error.startswith("clearbg: Videos need cv2: `pip install")


def test_raw_frames_go_through_a_pipe_without_pyav(model):
    hidden = "import sys; sys.modules['av'] = None; from clearbg.cli.app import main; main()"
    words = ("remove", "-", "--size", "64x48", "-o", "-", "--steady", "0", "--model", model)
    command = [sys.executable, "-c", hidden, *map(str, words)]
    done = subprocess.run(command, input=FRAMES.tobytes(), capture_output=True, check=True)
    shown = np.frombuffer(done.stdout, np.uint8).reshape(4, 48, 64, 4)
    for index, rgba in enumerate(shown):
        alpha = moving_disc(index)[1]
        assert rgba[alpha == 255, 3].mean() > 180 and rgba[alpha == 0, 3].mean() < 60


@pytest.mark.parametrize("word, layers", [(["--background", "white"], 3), (["--mask"], 1)])
def test_a_pipe_carries_as_many_bytes_a_pixel_as_the_page_says(word, layers, model):
    words = ("-", "--size", "64x48", "-o", "-", *word)
    assert len(remove(model, *words, given=FRAMES.tobytes()).stdout_bytes) == 4 * 48 * 64 * layers
    assert f"`{ {3: 'rgb24', 1: 'gray'}[layers] }`" in (ROOT / "docs/video.md").read_text()


def test_a_pipe_fills_a_folder_and_a_file_fills_a_pipe(model, tmp_path):
    remove(model, "-", "--size", "64x48", "-o", "frames/", given=FRAMES.tobytes())
    with Image.open(tmp_path / "frames/000004.png") as image:
        assert image.mode == "RGBA"
    write_video(tmp_path / "clip.mp4", list(FRAMES))
    done = remove(model, "clip.mp4", "-o", "-")
    assert len(done.stdout_bytes) == 4 * 48 * 64 * 4
    assert "neither sound nor times" in done.stderr


def test_pipe_tells_of_damage_that_its_frames_have(model, tmp_path, monkeypatch):
    from clearbg.video.reading import Video

    def damaged(self):
        self.damaged += 1
        return iter([Frame(DecodedImage(FRAMES[0]), Fraction(0))])

    write_video(tmp_path / "clip.mp4", list(FRAMES))
    monkeypatch.setattr(Video, "frames", damaged)
    assert "1 frame of the video is damaged" in remove(model, "clip.mp4", "-o", "-").stderr


@pytest.mark.parametrize(
    "words, given, sentence",
    [
        (["--size", "64x48"], FRAMES.tobytes()[:-5], "ends within frame 4, after 9,211 of its"),
        (["--size", "64x48"], b"", "Standard input is empty"),
        (["--size", "64"], b"", "give them as 640x360"),
        (["--size", "0x48"], b"", "give them as 640x360"),
        (["--size", "99999x99999"], b"", "scale it down"),
        (["--size", "64x48", "-o", "a.webm"], b"", "no frame rate"),
    ],
)
def test_wrong_pipe_is_one_sentence(words, given, sentence, model):
    to = [] if "-o" in words else ["-o", "-"]
    error = remove(model, "-", *words, *to, given=given, status=2).stderr
    assert sentence in error and len(error.splitlines()) == 1


def test_page_pipes_what_the_command_takes():
    page = (ROOT / "docs/video.md").read_text()
    piped = re.search(r"ffmpeg -i.*?cutout.webm", page, re.DOTALL)[0]
    assert "-pix_fmt rgb24" in piped and "-pix_fmt rgba" in piped
    assert "clearbg remove - --size 640x360 -o -" in piped
