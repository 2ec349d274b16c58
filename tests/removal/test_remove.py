"""`clearbg remove`: what every option does to the files that come out."""

import json
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.images import profile
from support.models import brightness_model
from typer.testing import CliRunner

from clearbg.cli.app import app
from clearbg.images import png, read_image, write_image
from clearbg.system import progress

SIZE = (48, 64)


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    """Its alpha is the image's brightness."""
    return brightness_model(tmp_path_factory.mktemp("model") / "model.onnx")


@pytest.fixture
def remove(model, tmp_path):
    """Runs the command in `tmp_path`; its exit status must be `status`."""

    def run(*arguments: str, status: int = 0, stdin: bytes | None = None):
        command = ["remove", *map(str, arguments), "--model", str(model), "--workers", "2"]
        done = CliRunner().invoke(app, command, input=stdin)
        assert done.exit_code == status, f"{done.stderr}{done.exception!r}"
        return done

    return run


def scene() -> np.ndarray:
    """A white box at rows 16 to 31 and columns 16 to 39 of a black image."""
    rgb = np.zeros((*SIZE, 3), np.uint8)
    rgb[16:32, 16:40] = 255
    return rgb


def tinted() -> np.ndarray:
    """Colors whose brightness lies between the extremes, from left to right."""
    across = np.linspace(40, 200, SIZE[1])
    return np.broadcast_to(across[None, :, None] + [0, 30, 55], (*SIZE, 3)).astype(np.uint8)


def opened(name: str) -> Image.Image:
    with Image.open(name) as image:
        image.load()
        return image


@pytest.mark.parametrize("format", ["png", "webp", "tiff"])
def test_opaque_pixels_keep_their_values_in_every_format_with_alpha(remove, format):
    rgb = np.random.default_rng(0).integers(200, 256, (*SIZE, 3), dtype=np.uint8)
    rgb[:, :16] = 0
    write_image("in/p.png", rgb)
    remove("in", "-o", "out", "--format", format, "--threshold", "0.5")
    made = opened(f"out/p.{format}")
    assert (made.format, made.mode) == (format.upper(), "RGBA")
    opaque = np.array(made)[..., 3] == 255
    assert opaque[:, 24:].all() and not opaque[:, :8].any()
    assert np.array_equal(np.array(made)[opaque][:, :3], rgb[opaque])


@pytest.mark.parametrize("format", ["png", "webp", "tiff"])
@pytest.mark.parametrize("refine", ["--refine", "--no-refine"])
def test_what_was_removed_is_not_in_the_file(remove, format, refine):
    """The background is nearly black, and not quite."""
    write_image("p.png", np.maximum(scene(), 3))
    remove("p.png", "-o", f"c.{format}", refine, "--threshold", "0.5")
    made = np.array(opened(f"c.{format}"))
    gone = made[..., 3] == 0
    assert gone.mean() > 0.5 and not made[gone].any()
    assert (made[~gone][:, :3] == 255).any()


def test_sixteen_bits_of_what_was_removed_are_not_in_the_file(remove):
    deep = np.maximum(scene().astype(np.uint16) * 257, 700)
    _write_deep("p.png", deep)
    remove("p.png", "-o", "c.png", "--threshold", "0.5")
    made = read_image("c.png")
    assert made.alpha.min() == 0 and not made.deep[made.alpha == 0].any()


def test_jpeg_needs_a_background(remove):
    write_image("in/p.png", scene())
    done = remove("in", "--format", "jpeg", status=2)
    assert "JPEG cannot be transparent" in done.stderr and not Path("cutouts").exists()
    remove("in", "--format", "jpeg", "--background", "#00f")
    assert opened("cutouts/p.jpg").getpixel((0, 0))[2] > 250


def test_quality_changes_the_size_of_a_file(remove):
    write_image("p.png", tinted())
    for quality in (20, 90):
        remove("p.png", "-o", f"{quality}.jpg", "--background", "red", "--quality", quality)
    assert Path("20.jpg").stat().st_size < Path("90.jpg").stat().st_size
    assert "leave the quality out" in remove("p.png", "--quality", 20, status=2).stderr


def test_mask_is_the_alpha_alone_as_gray(remove):
    write_image("p.png", tinted())
    remove("p.png", "-o", "cut.png", "--no-refine")
    remove("p.png", "-o", "mask.png", "--no-refine", "--mask")
    mask = opened("mask.png")
    assert mask.mode == "L"
    assert np.array_equal(np.array(mask), np.array(opened("cut.png"))[..., 3])


def test_mask_has_no_background(remove):
    write_image("p.png", scene())
    assert "no background" in remove("p.png", "--mask", "--background", "red", status=2).stderr


def test_threshold_makes_a_hard_mask(remove):
    write_image("p.png", tinted())
    covered = []
    for threshold in (0.3, 0.7):
        remove("p.png", "-o", "m.png", "--mask", "--no-refine", "--threshold", threshold)
        mask = np.array(opened("m.png"))
        assert set(np.unique(mask)) == {0, 255}
        covered.append(mask.mean())
    assert covered[0] > covered[1]


def test_edges_are_refined_unless_told_otherwise(remove):
    """A box between two pixels of the working size: refined, its edge is a pixel wide."""
    write_image("p.png", scene())
    soft, told = {}, {}
    for flags in ((), ("--refine",), ("--no-refine",)):
        told[flags] = json.loads(remove("p.png", "-o", "c.png", *flags, "--json").stdout)["refine"]
        alpha = np.array(opened("c.png"))[..., 3]
        soft[flags] = np.count_nonzero((alpha > 5) & (alpha < 250))
    assert list(told.values()) == [True, True, False]
    assert soft[()] == soft[("--refine",)] < soft[("--no-refine",)]


def test_crop_ends_at_the_subject_and_leaves_the_margin(remove):
    write_image("p.png", scene())
    sizes = {}
    for margin in (None, "3", "25%", "1000"):
        options = [] if margin is None else ["--margin", margin]
        remove("p.png", "-o", "c.png", "--crop", "--threshold", "0.5", *options)
        sizes[margin] = opened("c.png").size
    width, height = sizes[None]
    assert abs(width - 24) <= 2 and abs(height - 16) <= 2
    assert sizes["3"] == (width + 6, height + 6)
    assert sizes["25%"] == (width + 2 * round(width / 4), height + 2 * round(width / 4))
    assert sizes["1000"] == (64, 48)


def test_crop_of_nothing_is_a_failure_of_that_image_alone(remove):
    write_image("in/empty.png", np.zeros((*SIZE, 3), np.uint8))
    write_image("in/full.png", scene())
    done = remove("in", "--crop", status=1)
    assert "empty.png: holds no subject" in done.stderr and Path("cutouts/full.png").exists()


@pytest.mark.parametrize(
    "options, says",
    [
        (["--margin", "3"], "needs crop"),
        (["--crop", "--margin", "wide"], "neither pixels"),
        (["--background", "nowhere.jpg"], "no opaque color"),
        (["-o", "p.gif"], "cannot be written as .gif"),
        (["-o", "q.png", "--format", "webp"], "end it in .webp"),
        (["--json", "-o", "-"], "name a file"),
        (["--device", "cuda"], "onnxruntime-gpu"),
        (["--device", "tpu"], "tpu"),
        (["--threshold", "2"], "threshold"),
    ],
)
def test_wrong_usage_is_said_with_status_two(remove, options, says):
    write_image("p.png", scene())
    done = remove("p.png", *options, status=2)
    assert says in done.stderr and "Traceback" not in done.stderr


def test_orientation_is_applied_and_resolution_and_profile_stay(remove):
    exif = Image.Exif()
    exif[274], exif[271] = 6, "Maker"  # turn clockwise; the camera's maker
    Image.fromarray(scene()).save("p.jpg", exif=exif, dpi=(240, 240), icc_profile=profile())
    for keep in (False, True):
        remove("p.jpg", "-o", "c.png", "--keep-metadata" if keep else "--drop-metadata")
        made = opened("c.png")
        assert made.size == (48, 64) and made.info["icc_profile"] == profile()
        assert made.info["dpi"] == pytest.approx((240, 240), abs=0.1)
        assert made.getexif().get(271) == ("Maker" if keep else None)
        assert made.getexif().get(274, 1) == 1


@pytest.mark.parametrize("format", ["png", "tiff"])
@pytest.mark.parametrize("background", [None, "white"])
def test_sixteen_bits_stay_sixteen_bits(remove, format, background):
    deep = np.random.default_rng(0).integers(60000, 65536, (*SIZE, 3), dtype=np.uint16)
    _write_deep("p.png", deep)
    behind = [] if background is None else ["--background", background]
    remove("p.png", "-o", f"c.{format}", "--threshold", "0.5", *behind)
    made = read_image(f"c.{format}")
    assert np.array_equal(made.deep, deep) and made.dpi == pytest.approx((300, 300), abs=0.1)


def test_small_png_files_hold_the_same_values_in_fewer_bytes(remove):
    write_image("p.png", np.random.default_rng(0).integers(150, 256, (*SIZE, 3), dtype=np.uint8))
    for setting in ("small", "fast"):
        remove("p.png", "-o", f"{setting}.png", "--png", setting)
    remove("p.png", "-o", "default.png")
    small, fast = (Path(f"{setting}.png").read_bytes() for setting in ("small", "fast"))
    assert Path("default.png").read_bytes() == small and len(small) < 0.98 * len(fast)
    assert np.array_equal(np.array(opened("small.png")), np.array(opened("fast.png")))


def test_what_cannot_be_kept_is_said(remove):
    _write_deep("p.png", np.full((*SIZE, 3), 60000, np.uint16))
    assert "16 bits became 8" in remove("p.png", "-o", "c.webp").stderr
    assert "metadata left out" in remove("p.png", "-o", "c.tiff", "--keep-metadata").stderr


def _write_deep(name: str, deep: np.ndarray) -> None:
    exif = Image.Exif()
    exif[271] = "Maker"
    Path(name).write_bytes(png.encode(deep, dpi=(300, 300), exif=exif.tobytes()))


def test_transparency_of_the_input_is_multiplied_in(remove):
    alpha = np.full(SIZE, 128, np.uint8)
    alpha[:, :32] = 0
    write_image("p.png", np.full((*SIZE, 3), 255, np.uint8), alpha)
    remove("p.png", "-o", "m.png", "--mask", "--no-refine")
    assert np.array_equal(np.array(opened("m.png")), alpha)


def test_standard_input_goes_to_standard_output(remove):
    write_image("p.png", scene())
    done = remove("-", "--format", "webp", stdin=Path("p.png").read_bytes())
    made = Image.open(BytesIO(done.stdout_bytes))
    assert (made.format, made.size) == ("WEBP", (64, 48))


def test_standard_input_that_is_no_image_is_one_sentence(remove):
    done = remove("-", stdin=b"text", status=2)
    assert done.stdout_bytes == b"" and "Standard input is not an image" in done.stderr


def test_json_tells_what_became_of_every_image(remove):
    write_image("in/a.png", scene())
    write_image("in/b.png", scene())
    Path("in/c.png").write_text("text")
    write_image("cutouts/b.png", scene())
    done = remove("in", "--json", "--skip-existing", status=1)
    told = json.loads(done.stdout)
    assert (told["device"], told["written"], told["skipped"], told["failed"]) == ("cpu", 1, 1, 1)
    a, b, c = told["images"]
    assert (a["status"], a["width"], a["height"], a["target"]) == (
        "written", 64, 48, "cutouts/a.png",
    )  # fmt: skip
    assert 0.05 < a["coverage"] < 0.25
    assert b["status"] == "skipped" and "not an image" in c["message"]


def test_quiet_run_prints_errors_alone(remove, monkeypatch):
    monkeypatch.setattr(progress, "progress", None)  # a bar would be made by calling it
    write_image("in/a.png", scene())
    write_image("in/b.png", scene())
    assert remove("in/a.png", "--quiet", "-o", "one.jpg", "--mask").output == ""
    assert remove("in", "--quiet").output == ""
    Path("in/c.png").write_text("text")
    done = remove("in", "--quiet", status=1)
    assert done.stdout == "" and len(done.stderr.splitlines()) == 1
    assert "c.png is not an image" in done.stderr
    assert json.loads(remove("in/a.png", "--quiet", "--json").stdout)["written"] == 1


def test_results_are_skipped_or_overwritten(remove):
    write_image("in/a.png", scene())
    Path("cutouts").mkdir()
    Path("cutouts/a.png").write_text("mine")
    remove("in", "--skip-existing")
    assert Path("cutouts/a.png").read_text() == "mine"
    remove("in", "--overwrite")
    assert opened("cutouts/a.png").mode == "RGBA"


def test_run_goes_on_or_ends_at_a_failure(remove):
    for index in range(12):
        write_image(f"in/p{index:02d}.png", scene())
    Path("in/p00.png").write_text("text")
    done = remove("in", "--fail-fast", "--batch", 1, status=1)
    assert "left undone" in done.stdout
    assert not Path("cutouts/p11.png").exists()
    done = remove("in", status=1)
    assert "12 images on cpu: 11 written, 1 failed" in done.stdout


def test_nothing_done_is_status_two_and_leaves_no_file(remove):
    Path("in").mkdir()
    Path("in/a.png").write_text("text")
    remove("in", status=2)
    assert not Path("cutouts").exists()


def test_input_that_is_missing_is_said_before_the_model_is():
    done = CliRunner().invoke(app, ["remove", "missing.jpg"])
    assert done.exit_code == 2 and not done.stdout
    assert done.stderr == "clearbg: missing.jpg does not exist: check the path.\n"
