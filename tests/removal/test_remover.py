"""`Remover` in a program: what it takes, what it gives, in threads, in batches, on devices."""

import shutil
import subprocess
import sys
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from PIL import Image
from support.images import disc
from support.models import brightness_model

from clearbg import Remover
from clearbg.errors import ImageError, ModelError, SettingsError
from clearbg.images import DecodedImage, decoding, limits, read_image, write_image
from clearbg.removal import files
from clearbg.removal.files import remove_files
from clearbg.removal.options import RunOptions


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """Its alpha is the image's brightness."""
    return brightness_model(tmp_path_factory.mktemp("model") / "model.onnx")


@pytest.fixture(scope="module")
def remover(model):
    return Remover(model, threads=1)


def test_every_form_of_an_image_gives_the_same(remover, tmp_path):
    rgb, alpha = disc(3)
    write_image("p.png", rgb, alpha)
    content, layers = (tmp_path / "p.png").read_bytes(), np.dstack([rgb, alpha])
    with open("p.png", "rb") as stream, Image.open("p.png") as lazy:
        forms = [
            "p.png", tmp_path / "p.png", content, stream, lazy,
            Image.fromarray(layers), layers, layers.astype(np.uint16) * 257,
        ]  # fmt: skip
        assert len({remover(form).tobytes() for form in forms}) == 1


def test_gray_arrays_and_images_are_taken(remover):
    gray = disc(1)[1]
    images = [gray, gray[..., None], np.repeat(gray[..., None], 3, -1), Image.fromarray(gray)]
    images += [gray.astype(np.uint16) * 257, Image.fromarray(gray.astype(np.uint16) * 257)]
    assert len({remover(image).tobytes() for image in images}) == 1


def test_image_of_pillows_is_turned_upright_and_left_as_it_was(remover):
    exif = Image.Exif()
    exif[274] = 6
    Image.fromarray(disc(1)[0]).save("p.jpg", exif=exif)
    with Image.open("p.jpg") as image:
        assert remover(image).size == (60, 80)
        assert image.size == (80, 60) and image.getexif()[274] == 6


@pytest.mark.parametrize(
    "bad",
    [np.zeros((4, 4, 3)), np.zeros((4, 4, 2), np.uint8), np.zeros((0, 4), np.uint8),
     np.zeros((1, 4, 4, 3), np.uint8), Image.new("F", (4, 4)), Image.new("I", (4, 4), -1)],
    ids=["floats", "two channels", "no rows", "four axes", "float image", "integer image"],
)  # fmt: skip
def test_what_is_no_image_is_one_sentence(remover, bad):
    with pytest.raises(ImageError):
        remover(bad)


def test_batch_gives_what_single_calls_give_in_runs_of_the_size_asked_for(model):
    remover, sizes = Remover(model, threads=1), []
    network = remover.network
    remover.network = lambda batch: sizes.append(len(batch)) or network(batch)
    images = [disc(index, (30 + index, 40))[0] for index in range(5)]
    together = remover.batch(images, "red", batch_size=2)
    assert sizes == [2, 2, 1]
    assert [a.tobytes() for a in together] == [remover(p, "red").tobytes() for p in images]


def test_alpha_is_refined_alike_with_what_the_network_saw_and_from_the_image_alone(remover):
    image = DecodedImage(np.kron(disc(3)[0], np.ones((3, 3, 1), np.uint8)))
    (inferred,) = remover.infer([image])
    first, again = (remover.opacity(image, inferred) for _ in range(2))
    assert np.array_equal(first, again) and len(np.unique(first)) > 2


def test_threads_share_one_remover(remover):
    images = [disc(index)[0] for index in range(24)]
    expected = [remover(image).tobytes() for image in images]
    with ThreadPoolExecutor(4) as pool:
        assert [r.tobytes() for r in pool.map(remover, images)] == expected


def test_readings_that_overlap_leave_the_programs_warnings_alone():
    write_image("p.png", disc(0)[0])
    before = list(warnings.filters)
    first, second = (decoding.decoded("p.png", 10**6, None) for _ in range(2))
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    second.__exit__(None, None, None)
    assert warnings.filters == before


def test_pixels_are_counted_without_a_warning(monkeypatch, tmp_path):
    write_image("p.png", disc(0)[0])
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 3000)  # Pillow then warns of 60 x 80
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert decoding.weigh("p.png") == 4800
    (tmp_path / "t.png").write_text("text")
    assert decoding.weigh("t.png") == decoding.weigh("nowhere.png") == 0


def test_openvino_gives_the_processors_result(model, remover):
    pytest.importorskip("openvino", reason="the extra openvino is not installed")
    other = Remover(model, threads=1, device="openvino")
    image = disc(2)[0]
    difference = np.array(other(image)).astype(int) - np.array(remover(image))
    assert other.device == "openvino" and np.abs(difference).max() <= 1
    with ThreadPoolExecutor(3) as pool:
        assert len({r.tobytes() for r in pool.map(other, [image] * 9)}) == 1


def test_device_that_is_not_there_is_one_sentence(model):
    with pytest.raises(SettingsError, match="onnxruntime-gpu"):
        Remover(model, device="cuda")


def test_processor_does_not_stand_in_for_a_device_in_silence(model, monkeypatch):
    """ONNX Runtime's own fallback, provoked: it is told of CUDA and then has none."""
    here = ["CUDAExecutionProvider", "CPUExecutionProvider"]
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: here)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(SettingsError, match="cannot start CUDA"):
            Remover(model, device="cuda")


@pytest.fixture
def six():
    for index in range(6):
        write_image(f"in/{index}.png", disc(index)[0])


def test_later_images_are_read_while_the_network_runs(model, monkeypatch, six):
    remover, third = Remover(model, threads=1), threading.Event()
    network, read = remover.network, read_image

    def watched(source, **options):
        if source.name == "2.png":
            third.set()
        return read(source, **options)

    def waiting(batch):
        assert third.wait(60)
        return network(batch)

    monkeypatch.setattr(files, "read_image", watched)
    remover.network = waiting
    report = remove_files(["in"], "out", remover, run_options=RunOptions(batch=1, workers=2))
    assert report.count("written") == 6


def test_first_image_is_finished_while_the_network_runs(model, six):
    remover, runs, second = Remover(model, threads=1), [], threading.Event()
    network, opacity = remover.network, remover.opacity

    def watched(batch):
        runs.append(batch)
        if len(runs) == 2:
            second.set()
        return network(batch)

    def waiting(*arguments):
        assert second.wait(60)
        return opacity(*arguments)

    remover.network, remover.opacity = watched, waiting
    report = remove_files(["in"], "out", remover, run_options=RunOptions(batch=1, workers=2))
    assert report.count("written") == 6


def test_large_images_go_one_after_the_other(model, monkeypatch, six):
    """So that a folder of them needs no more memory than one."""
    remover, read = Remover(model, threads=1), read_image
    compose, held, most = remover.compose, [], []

    def reading(source, **options):
        held.append(source)
        most.append(len(held))
        return read(source, **options)

    def finishing(*arguments):
        held.pop()
        return compose(*arguments)

    monkeypatch.setattr(files, "read_image", reading)
    remover.compose = finishing
    for limit, expected in ((1, {1}), (2**26, {1, 2, 3, 4, 5, 6})):
        monkeypatch.setattr(limits, "AT_ONCE", limit)
        most.clear()
        remove_files(["in"], "out", remover, run_options=RunOptions(batch=4, workers=2))
        assert set(most) <= expected
    assert max(most) > 1


def test_batch_of_the_command_is_what_the_network_gets(model):
    remover, sizes = Remover(model, threads=1), []
    network = remover.network
    remover.network = lambda batch: sizes.append(len(batch)) or network(batch)
    for index in range(7):
        write_image(f"in/{index}.png", disc(index)[0])
    report = remove_files(["in"], "out", remover, run_options=RunOptions(batch=3, workers=1))
    assert report.count("written") == 7 and sum(sizes) == 7 and max(sizes) == 3


def test_network_has_as_many_images_at_once_as_the_model_was_opened_for(model, six):
    """Each run waits until two of them are there."""
    remover, both = Remover(model, threads=2, images="many"), threading.Barrier(2)
    network = remover.network
    assert remover.runs == 2

    def waiting(batch):
        both.wait(60)
        return network(batch)

    remover.network = waiting
    report = remove_files(["in"], "out", remover, run_options=RunOptions(batch=1, workers=2))
    assert report.count("written") == 6


def test_threads_are_shared_out_to_runs_that_memory_has_room_for(tmp_path, model):
    large = brightness_model(tmp_path / "large.onnx", height=1024, width=512)
    assert [Remover(model, threads=n, images="many").runs for n in (1, 3, 16)] == [1, 3, 4]
    assert Remover(large, threads=16, images="many").runs == 1
    assert Remover(model, threads=16).runs == 1


@pytest.mark.parametrize("images", ["one", "many"])
def test_what_a_model_is_opened_for_changes_no_result(model, remover, images):
    rgb = disc(4)[0]
    assert Remover(model, threads=1, images=images)(rgb).tobytes() == remover(rgb).tobytes()


def test_processor_gets_one_image_a_run_unless_told_otherwise(model):
    remover, sizes = Remover(model, threads=1), []
    network = remover.network
    remover.network = lambda batch: sizes.append(len(batch)) or network(batch)
    remover.batch([disc(index)[0] for index in range(3)])
    assert sizes == [1, 1, 1]


@pytest.mark.slow
def test_memory_does_not_grow_with_the_number_of_images(model):
    """In a process of its own: after 100 images and after 300 of them."""
    write_image("in/0.png", np.tile(disc(0)[0], (4, 4, 1)))  # 240×320 pixels
    for index in range(1, 300):
        shutil.copy("in/0.png", f"in/{index}.png")
    program = """
import sys, psutil
from clearbg import Remover
from clearbg.removal import files
from clearbg.removal.options import RunOptions
remover, count, process = Remover(sys.argv[1], threads=1), 0, psutil.Process()
write = files._write
def counted(*arguments):
    global count
    write(*arguments)
    count += 1
    if count in (100, 300):
        print(process.memory_info().rss)
files._write = counted
files.remove_files(["in"], "out", remover, run_options=RunOptions(batch=4, workers=2))
"""
    done = subprocess.run(
        [sys.executable, "-c", program, str(model)], capture_output=True, text=True, check=True
    )
    early, late = map(int, done.stdout.split())
    assert late <= 1.25 * early  # 200 of these images are half of it


def test_a_model_file_that_is_exchanged_while_in_use_is_refused(tmp_path, model):
    used = Path(shutil.copy(model, tmp_path / "used.onnx"))
    remover = Remover(used, threads=1)
    sides = remover.contract.height, remover.contract.width
    known, unknown = (np.zeros((count, 3, *sides), np.float32) for count in (1, 2))
    remover.network(known)
    used.write_bytes(b"another")
    remover.network(known)
    with pytest.raises(ModelError, match="replaced while it was in use"):
        remover.network(unknown)


def test_what_is_wrong_with_a_model_for_one_image_is_said_at_its_first_call(tmp_path, model):
    content = onnx.load(model)
    content.graph.node[0].op_type = "Nothing"
    damaged = tmp_path / "damaged.onnx"
    onnx.save(content, damaged)
    with pytest.raises(ModelError, match="export it again"):
        Remover(damaged, threads=1)
    remover = Remover(damaged, threads=1, images="one")
    with pytest.raises(ModelError, match="export it again"):
        remover(disc(4)[0])
