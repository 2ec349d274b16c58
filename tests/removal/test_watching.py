"""`clearbg remove FOLDER --watch`: what arrives is cut out once, whatever happens meanwhile."""

import os
import signal
import threading
import time
from pathlib import Path

import pytest
from PIL import Image
from support.images import disc
from support.models import brightness_model

from clearbg.errors import DataError, SettingsError
from clearbg.images import write_image
from clearbg.removal import watching
from clearbg.removal.options import RunOptions


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(watching, "INTERVAL", 0.05)
    monkeypatch.setattr(watching, "SETTLED", 0.5)
    Path("in").mkdir()
    brightness_model(Path("model.onnx"))


def put(name: str, index: int = 0) -> None:
    write_image(f"in/{name}", disc(index, (24, 32))[0])


class Watch:
    """A watch of in/ that ends by SIGTERM once `steps` have run, each after the one before."""

    def __init__(self, *steps, **options):
        self.told: list = []
        self._steps = steps
        threading.Thread(target=self._act, daemon=True).start()
        self.ended = watching.watch(["in"], "out", Path("model.onnx"), self.told.append, **options)

    def _act(self) -> None:
        for step in self._steps:
            step(self)
        os.kill(os.getpid(), signal.SIGTERM)

    @property
    def written(self) -> list[str]:
        return [one.target for one in self.told if one.status == "written"]

    @property
    def said(self) -> list[str]:
        return [one.message for one in self.told if one.message]


def until(condition):
    def wait(watch: Watch) -> None:
        end = time.monotonic() + 60
        while not condition(watch):
            assert time.monotonic() < end
            time.sleep(0.01)

    return wait


def written(count: int):
    return until(lambda watch: len(watch.written) >= count)


def do(action):
    return lambda watch: action()


def pause(seconds: float):
    return do(lambda: time.sleep(seconds))


def test_image_that_arrives_is_cut_out_once():
    put("a.png")
    watch = Watch(written(1), do(lambda: put("deep/b.png")), written(2), pause(0.5))
    assert watch.written == ["out/a.png", "out/deep/b.png"]
    assert Image.open("out/deep/b.png").mode == "RGBA"
    assert (watch.ended.written, watch.ended.failed) == (2, 0)
    assert watch.ended.signal == signal.SIGTERM


def test_empty_folder_is_waited_for():
    assert Watch(pause(0.3), do(lambda: put("a.png")), written(1)).written == ["out/a.png"]


def test_later_run_does_only_what_is_new_or_has_changed():
    put("a.png")
    put("b.png")
    Watch(written(2))
    put("b.png", index=1)
    os.utime("in/b.png", (1e9, 1e9))  # older than its result
    put("c.png")
    watch = Watch(written(2), pause(0.5))
    assert watch.written == ["out/b.png", "out/c.png"]


def test_changed_image_is_cut_out_again():
    put("a.png")
    assert Watch(written(1), do(lambda: put("a.png", 1)), written(2)).written == ["out/a.png"] * 2


def test_file_that_is_still_written_is_waited_for(monkeypatch):
    monkeypatch.setattr(watching, "SETTLED", 600)
    put("a.png")
    whole = Path("in/a.png").read_bytes()
    Path("in/a.png").write_bytes(whole[:-40])
    grow = do(lambda: Path("in/a.png").write_bytes(whole))
    watch = Watch(pause(0.3), grow, written(1))
    assert watch.written == ["out/a.png"] and watch.said == []


@pytest.mark.slow
def test_broken_file_is_said_once_and_tried_again_when_it_has_changed():
    Path("in/a.png").write_bytes(b"no image")
    watch = Watch(until(lambda watch: watch.said), pause(1.0), do(lambda: put("a.png")), written(1))
    assert len(watch.said) == 1 and "in/a.png is not an image" in watch.said[0]
    assert (watch.ended.written, watch.ended.failed) == (1, 1)


def test_folder_that_goes_away_is_said_once_and_waited_for():
    put("a.png")
    watch = Watch(
        written(1),
        do(lambda: Path("in").rename("gone")),
        until(lambda watch: watch.said),
        pause(0.3),
        do(lambda: Path("gone").rename("in")),
        do(lambda: put("b.png")),
        written(2),
    )
    assert watch.written == ["out/a.png", "out/b.png"] and len(watch.said) == 1


@pytest.mark.parametrize("options", [{"skip_existing": True}, {"fail_fast": True}])
def test_options_that_a_watch_has_no_use_for_are_refused(options):
    with pytest.raises(SettingsError, match="leave skip-existing and fail-fast out"):
        watching.watch(["in"], "out", Path("m"), print, run_options=RunOptions(**options))


@pytest.mark.parametrize("name", ["a.png", "s3://bucket/photos", "-"])
def test_only_folders_are_watched(name):
    put("a.png")
    with pytest.raises(DataError, match="is not a folder on this machine"):
        watching.watch([name], "out", Path("m"), print)


@pytest.mark.parametrize("output", ["s3://bucket/out", "-"])
def test_results_go_to_a_folder(output):
    with pytest.raises(DataError, match="name one for the results"):
        watching.watch(["in"], output, Path("m"), print)


def test_results_among_the_images_are_refused_before_anything_is_written():
    put("a.png")
    with pytest.raises(DataError, match="would lie among the images"):
        watching.watch(["in"], "in", Path("model.onnx"), print)
