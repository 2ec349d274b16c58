"""What a mask's numbers mean is read where only one meaning is possible, else it is asked."""

import io
from dataclasses import replace

import cv2
import numpy as np
import pytest
from PIL import Image
from support.faulty_sets import encoded, examined, found, hard, jpg, palette, png, scene
from support.image_files import png as raw_png

from clearbg.data.checks.examine import examine
from clearbg.data.pairs import FilePair
from clearbg.doctor import diagnose
from clearbg.errors import DataError
from clearbg.evaluation import score_files
from clearbg.evaluation.compare import compare
from clearbg.images import labels

SIZE = (120, 160)
RGB, ALPHA = scene(3, SIZE)
SUBJECT = ALPHA > 127
RIM = cv2.dilate(hard(ALPHA), np.ones((5, 5))) > cv2.erode(hard(ALPHA), np.ones((5, 5)))
RIGHT = np.arange(160) > np.argwhere(SUBJECT)[:, 1].mean()


def numbers(inside: int, rim: int, kind=np.uint8, around: int = 0, right: int | None = None):
    """A subject of one or two classes, a rim of 4 pixels around it, and the background."""
    mask = np.full(SIZE, around, kind)
    mask[SUBJECT] = inside
    mask[SUBJECT & RIGHT] = inside if right is None else right
    mask[RIM] = rim
    return mask


def soft(sigma: float) -> np.ndarray:
    return cv2.GaussianBlur(hard(ALPHA), (0, 0), sigma)


def gray_palette(mask: np.ndarray) -> Image.Image:
    return palette(mask, [value for value in range(256) for _ in range(3)])


def decoded(content: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(content)))


VOC = [0, 0, 0] + [128, 0, 0] * 20 + [9, 9, 99] * 234 + [224, 224, 192]
PETS = [0, 0, 0, 255, 0, 0, 0, 255, 0, 0, 0, 255]
OWN = {
    "void, one class": (png(numbers(15, 255)), "mask-void"),
    "void, two classes": (png(numbers(7, 255, right=24)), "mask-void"),
    "void, large class numbers": (png(numbers(96, 255, right=182)), "mask-void"),
    "void, no background": (png(numbers(15, 255, around=15)), "mask-unclear"),
    "void, 16 bits": (png(numbers(5, 65535, np.uint16)), "mask-void"),
    "void, small 16-bit values": (png(numbers(5, 255, np.uint16)), "mask-void"),
    "void, palette": (encoded(palette(numbers(15, 255), VOC), "PNG"), "mask-void"),
    "void, gray palette": (encoded(gray_palette(numbers(15, 255)), "PNG"), "mask-void"),
    "void, VOC's colors": (
        encoded(palette(numbers(15, 255), VOC).convert("RGB"), "PNG"),
        "mask-void",
    ),
    "void, in a JPEG": (jpg(numbers(15, 255)), "mask-unclear"),
    "trimap": (png(numbers(255, 128)), "mask-trimap"),
    "trimap, 127": (png(numbers(255, 127)), "mask-trimap"),
    "trimap of pets": (png(numbers(1, 3, around=2)), "mask-trimap"),
    "trimap, palette": (encoded(palette(numbers(1, 3, around=2), PETS), "PNG"), "mask-trimap"),
    "no number of the background": (png(numbers(2, 2, around=1)), "mask-unclear"),
}
CLASSES = {
    "one large number": png(numbers(200, 200)),
    "large numbers": png(numbers(96, 96, right=182)),
    "16 bits, small numbers": png(numbers(1, 1, np.uint16, right=2)),
    "16 bits, one number": png(numbers(5, 5, np.uint16)),
    "16 bits, small and large": png(numbers(100, 100, np.uint16, right=26001)),
    "32 bits": encoded(Image.fromarray(numbers(1, 1, np.int32, right=2)), "TIFF"),
    "4 bits": raw_png(4, 0, numbers(5, 5)[:, ::2] << 4 | numbers(5, 5)[:, 1::2]),
    "a palette that a program has sorted": encoded(
        palette(numbers(0, 0, around=1), [200, 0, 0, 0, 0, 0]), "PNG"
    ),
}
SHARES_OF_9 = np.uint8([[0, 85, 199, 0], [255, 113, 227, 142], [0, 255, 85, 0], [0, 199, 113, 0]])
"""One gray level above or below the ninths of 255 here and there, as in PASCAL-S's masks."""
LEVELS = {
    "soft": png(ALPHA),
    "very soft": png(soft(9)),
    "16 levels": png(soft(6) // 16 * 17),
    "4 levels": png(soft(6) // 64 * 85),
    "edges of one gray": png((ALPHA // 86 * 127.5).astype(np.uint8)),
    "how many of 9 agree": png(np.rint(soft(6) // 28 * (255 / 9)).astype(np.uint8) * SUBJECT),
    "how many of 9 agree, rescaled": png(np.kron(SHARES_OF_9, np.ones((30, 40), np.uint8))),
    "nearly white": png(hard(ALPHA) // 255 * np.uint8(254)),
}


def pair(tmp_path, mask: bytes) -> FilePair:
    (tmp_path / "images").mkdir()
    (tmp_path / "masks").mkdir()
    (tmp_path / "images/a.jpg").write_bytes(jpg(RGB))
    (tmp_path / "masks/a.png").write_bytes(mask)
    return FilePair("a", tmp_path / "images/a.jpg", tmp_path / "masks/a.png")


@pytest.mark.parametrize("mask, kind", OWN.values(), ids=OWN)
def test_numbers_with_two_meanings_are_asked_about(mask, kind, tmp_path):
    kinds = [k for k in examine(pair(tmp_path, mask), 10**7).kinds if k != "16-bit"]
    assert kinds == [kind]


@pytest.mark.parametrize(
    "void, subject", [("background", SUBJECT & ~RIM), ("subject", SUBJECT | RIM)]
)
@pytest.mark.parametrize("kind", [kind for kind in OWN if kind.startswith("void")])
def test_pixels_of_no_class_are_what_somebody_says(kind, void, subject, tmp_path):
    own = replace(pair(tmp_path, OWN[kind][0]), void=void)
    examination = examine(own, 10**7)
    if kind in ("void, no background", "void, in a JPEG"):  # still nobody knows
        assert "mask-unclear" in examination.kinds
    else:
        assert "mask-index" in examination.kinds and "mask-void" not in examination.kinds
        assert np.array_equal(examination.alpha, np.uint8(255) * subject)


def test_fixed_copy_says_what_pixels_of_no_class_are(tmp_path):
    (tmp_path / "own").mkdir()
    own = pair(tmp_path / "own", OWN["void, one class"][0])
    (finding,) = examine(own, 10**7).findings
    assert "--void background` (or subject)" in finding.detail
    made = {"page": tmp_path / "page.html", "fix": tmp_path / "fixed", "void": "background"}
    status, _ = diagnose([tmp_path / "own"], as_json=False, **made)
    assert status == 1
    fixed = replace(own, mask=tmp_path / "fixed/masks/a.png")
    assert np.array_equal(examine(fixed, 10**7).alpha, np.uint8(255) * (SUBJECT & ~RIM))


@pytest.mark.parametrize("mask", CLASSES.values(), ids=CLASSES)
def test_class_numbers_of_any_depth_are_the_subject(mask, tmp_path):
    examination = examine(pair(tmp_path, mask), 10**7)
    assert "mask-index" in examination.kinds
    assert np.array_equal(examination.alpha > 0, SUBJECT | RIM)
    assert {*np.unique(examination.alpha)} == {0, 255}


@pytest.mark.parametrize("mask", LEVELS.values(), ids=LEVELS)
def test_gray_levels_stay_alpha(mask, tmp_path):
    examination = examine(pair(tmp_path, mask), 10**7)
    assert examination.kinds == ()
    assert np.array_equal(examination.alpha, decoded(mask))


@pytest.mark.parametrize("quality", [20, 75, 95])
@pytest.mark.parametrize("sigma", [0, 2, 6])
def test_soft_and_hard_masks_in_jpeg_are_no_class_numbers(quality, sigma, tmp_path):
    mask = jpg(soft(sigma) if sigma else hard(ALPHA), quality=quality)
    examination = examine(pair(tmp_path, mask), 10**7)
    assert examination.kinds == ("mask-jpeg",)
    assert np.abs(examination.alpha.astype(int) - decoded(mask)).max() <= 32


def test_all_commands_read_a_truth_as_ingest_does(tmp_path):
    red = png(hard(ALPHA)[..., None] * np.uint8([1, 0, 0]))
    own = pair(tmp_path, red)
    (tmp_path / "guesses").mkdir()
    (tmp_path / "guesses/a.png").write_bytes(png(hard(ALPHA)))
    folders = tmp_path / "guesses", tmp_path / "masks"
    result = score_files.score_files(*folders, ["segmentation"], 0.5, inverted=False)
    assert result.figures["dice"] == 1
    assert "mask-index in 1 of 1 masks" in score_files.warning(result)
    own.mask.write_bytes(png(numbers(15, 255)))
    with pytest.raises(DataError, match=r"a\.png.*255 of no class"):
        score_files.score_files(*folders, ["segmentation"], 0.5, inverted=False)
    with pytest.raises(DataError, match=r"a\.png.*255 of no class"):
        compare(tmp_path / "images", tmp_path / "masks", [], tmp_path / "sheet.png", 1, 0)


@pytest.mark.parametrize("value, kind", [(0, "all-empty"), (255, "all-full")])
def test_set_of_empty_or_full_masks_alone_is_broken(value, kind, tmp_path):
    own = pair(tmp_path, png(np.full(SIZE, value, np.uint8)))
    status, facts = examined(own.image.parent.parent)
    assert status == 2 and found(facts) == {"a": {kind}}


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_areas_are_what_an_opening_by_a_block_leaves(dtype):
    values = np.kron(np.random.default_rng(0).integers(0, 3, (9, 12)), np.ones((3, 2))).astype(
        dtype
    )
    block = np.ones((3, 3), np.uint8)
    even = cv2.dilate(values, block) == cv2.erode(values, block)
    assert np.array_equal(labels._areas(values), cv2.dilate(even.astype(np.uint8), block) > 0)
