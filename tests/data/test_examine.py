"""What a pair's files show: every fault by its name, the alpha fixed, clean pairs left alone."""

import itertools

import numpy as np
import pytest
from PIL import Image
from support.faulty_sets import FAULTS, Fault, close, exif, hard, jpg, png, same, scene, stored
from support.images import disc

from clearbg.data.checks import examine as checks
from clearbg.data.checks import orientations
from clearbg.data.checks.examine import broken, examine, polarity, set_is_inverted
from clearbg.data.pairs import CutoutPair, FilePair, GeneratedPair, UnusablePair
from clearbg.images import write_image, write_mask

MANY = 10**7


def written(tmp_path, image: bytes, mask: bytes, **flags) -> FilePair:
    (tmp_path / "a.jpg").write_bytes(image)
    (tmp_path / "a.png").write_bytes(mask)
    return FilePair("a", tmp_path / "a.jpg", tmp_path / "a.png", **flags)


def test_clean_pair_shows_nothing_and_keeps_its_alpha(tmp_path):
    pair = Fault("none").write(tmp_path, "a", 1)
    found = examine(pair, MANY)
    assert found.findings == () and broken(found) is None
    assert np.array_equal(found.alpha, scene(1)[1]) and found.original == pair.image


@pytest.mark.parametrize("fault", FAULTS, ids=lambda f: f.kind)
def test_fault_is_found_and_nothing_else(fault, tmp_path):
    pair = fault.write(tmp_path, "a", 3)
    found = examine(pair, MANY)
    assert found.kinds == (fault.kind,)
    assert str(tmp_path) in found.findings[0].detail  # a person must find the file
    assert found.findings[0].detail.endswith(".")


@pytest.mark.parametrize("fault", [f for f in FAULTS if f.alpha], ids=lambda f: f.kind)
def test_alpha_is_what_the_mask_stands_for(fault, tmp_path):
    found = examine(fault.write(tmp_path, "a", 3), MANY)
    assert close(found.alpha, fault.expected(scene(3, fault.size)[1]))


def test_reasons_are_those_that_reading_gives(tmp_path):
    for number, fault in enumerate(f for f in FAULTS if checks.KINDS[f.kind] == "broken"):
        found = examine(fault.write(tmp_path, f"a{number}", number), MANY)
        assert broken(found).kind == fault.kind


def test_pixel_limit_and_missing_file_are_findings(tmp_path):
    pair = Fault("none").write(tmp_path, "a", 1)
    assert examine(pair, 100).kinds == ("too-large",)
    pair.mask.unlink()
    assert examine(pair, MANY).kinds == ("missing",)


def test_reason_of_a_source_is_broken():
    found = examine(UnusablePair("a", "a names no user.", "no-user"), MANY)
    assert (broken(found).kind, broken(found).detail) == ("no-user", "a names no user.")


def test_generated_pair_is_true_by_construction():
    found = examine(GeneratedPair("a", 0, 1, "objects"), MANY)
    assert found.findings == () and found.original is None and found.alpha.any()


def test_opaque_cutout_is_broken_and_a_transparent_one_is_not(tmp_path):
    rgb, alpha = scene(2)
    write_image(tmp_path / "a.png", rgb, alpha)
    write_image(tmp_path / "b.png", rgb)
    opaque = tmp_path / "b.png"
    assert examine(CutoutPair("a", tmp_path / "a.png", opaque, 0), MANY).kinds == ()
    assert examine(CutoutPair("b", opaque, opaque, 0), MANY).kinds == ("no-alpha",)


def test_inversion_that_the_source_knows_of_is_no_fault(tmp_path):
    rgb, alpha = scene(5)
    found = examine(written(tmp_path, jpg(rgb), png(255 - alpha), invert=True), MANY)
    assert found.kinds == () and np.array_equal(found.alpha, alpha)


def test_class_numbers_that_the_source_knows_of_are_no_fault(tmp_path):
    rgb, alpha = scene(5)
    mask = png(hard(alpha) // 255 * 4)
    found = examine(written(tmp_path, jpg(rgb), mask, index_foreground=True), MANY)
    assert found.kinds == () and np.array_equal(found.alpha, hard(alpha))


def test_transparency_that_the_source_knows_of_is_no_fault(tmp_path):
    rgb, alpha = scene(5)
    mask = png(np.dstack([rgb, alpha]))
    found = examine(written(tmp_path, jpg(rgb), mask, transparency=True), MANY)
    assert found.kinds == () and np.array_equal(found.alpha, alpha)


def test_soft_matte_is_not_taken_for_the_traces_of_jpeg(tmp_path):
    y, x = np.mgrid[:60, :80]
    soft = np.clip(380 - 9 * np.hypot(y - 30, x - 40), 0, 255).astype(np.uint8)
    found = examine(written(tmp_path, jpg(scene(1)[0]), png(soft)), MANY)
    assert found.kinds == () and np.array_equal(found.alpha, soft)


def test_soft_matte_in_jpeg_keeps_its_softness(tmp_path):
    y, x = np.mgrid[:60, :80]
    soft = np.clip(380 - 9 * np.hypot(y - 30, x - 40), 0, 255).astype(np.uint8)
    found = examine(written(tmp_path, jpg(scene(1)[0]), jpg(soft)), MANY)
    assert found.kinds == ("mask-jpeg",)
    assert np.abs(found.alpha.astype(int) - soft).max() < 16


# EXIF: an image and a mask, each stored upright or turned, each with a tag or without

CASES = list(itertools.product(range(1, 9), ("image", "mask", "both")))


@pytest.mark.parametrize("orientation, which", CASES)
def test_honest_orientation_is_read_right(orientation, which, tmp_path):
    rgb, alpha = scene(1)
    image, mask = jpg(rgb), png(alpha)
    if which in ("image", "both"):
        image = jpg(stored(rgb, orientation), exif=exif(orientation))
    if which in ("mask", "both"):
        mask = png(stored(alpha, orientation), exif=exif(orientation))
    found = examine(written(tmp_path, image, mask), MANY)
    assert found.kinds == (() if orientation == 1 else ("exif-orientation",))
    assert close(found.image.rgb, rgb, of_jpeg=8) and np.array_equal(found.alpha, alpha)


@pytest.mark.parametrize("orientation, which", [c for c in CASES if c[0] > 1 and c[1] != "both"])
def test_orientation_of_one_file_that_the_pixels_contradict_is_found(orientation, which, tmp_path):
    rgb, alpha = scene(1)
    if which == "image":  # both are stored alike, and the mask lost its tag
        image = jpg(stored(rgb, orientation), exif=exif(orientation))
        mask = png(stored(alpha, orientation))
    else:  # both are upright, and the mask kept a tag that is no longer true
        image, mask = jpg(rgb), png(alpha, exif=exif(orientation))
    found = examine(written(tmp_path, image, mask), MANY)
    assert found.kinds == ("exif-disagreement",)
    assert broken(found) and close(found.image.rgb, rgb, of_jpeg=8)
    assert np.array_equal(found.alpha, alpha)


@pytest.mark.parametrize("one, other", [(6, 8), (2, 3), (5, 7)])
def test_two_different_orientations_are_weighed(one, other, tmp_path):
    rgb, alpha = scene(1)
    honest = [jpg(stored(rgb, one), exif=exif(one)), png(stored(alpha, other), exif=exif(other))]
    assert examine(written(tmp_path, *honest), MANY).kinds == ("exif-orientation",)
    false = [honest[0], png(stored(alpha, one), exif=exif(other))]
    found = examine(written(tmp_path, *false), MANY)
    assert found.kinds == ("exif-disagreement",) and np.array_equal(found.alpha, alpha)


def test_orientation_that_changes_no_pixel_of_the_mask_is_no_disagreement(tmp_path):
    rgb, _ = scene(1)
    y, x = np.mgrid[:60, :80]
    middle = np.uint8(255) * (np.hypot(y - 29.5, x - 39.5) < 20)
    found = examine(written(tmp_path, jpg(rgb, exif=exif(3)), png(middle)), MANY)
    assert found.kinds == ("exif-orientation",)


def test_mask_that_no_turn_fits_is_a_size_mismatch(tmp_path):
    rgb, alpha = scene(1)
    pair = written(tmp_path, jpg(rgb, exif=exif(6)), png(alpha[:40]))
    assert broken(examine(pair, MANY)).kind == "size-mismatch"


def test_outline_fits_the_edges_that_made_it():
    rgb, alpha = scene(1)
    right = orientations.edge_fit(rgb, alpha)
    assert right > 0.3
    assert all(orientations.edge_fit(rgb, turned) < right - 0.1
               for turned in (alpha[::-1], alpha[:, ::-1]))  # fmt: skip
    assert orientations.edge_fit(np.zeros_like(rgb), alpha) == 0


# Polarity


@pytest.mark.parametrize("seed", range(6))
def test_polarity_tells_a_mask_from_its_inverse(seed):
    alpha = scene(seed)[1]
    assert polarity(alpha)[0] == "upright" and polarity(255 - alpha)[0] == "inverted"


def test_subject_that_touches_the_edge_all_around_is_not_called_inverted():
    alpha = np.full((60, 80), 255, np.uint8)
    alpha[:25, :20] = 0  # a close-up with a corner of background
    assert polarity(alpha)[0] == "unclear"


def test_ink_along_lines_is_upright_and_paper_is_inverted():
    ink = np.zeros((100, 100), np.uint8)
    ink[10:90:8, 8:92] = 255
    assert polarity(ink)[0] == "upright" and polarity(255 - ink)[0] == "inverted"


def test_set_is_judged_by_most_of_its_masks():
    suspect, clean, silent = ["maybe-inverted"], [], ["full"]
    assert set_is_inverted([suspect] * 3 + [clean])
    assert set_is_inverted([suspect] * 3 + [silent] * 9)
    assert not set_is_inverted([suspect] * 3 + [clean] * 3)
    assert not set_is_inverted([suspect] * 2) and not set_is_inverted([])


def test_every_kind_that_ingest_can_meet_has_a_severity():
    assert {fault.kind for fault in FAULTS} <= {*checks.KINDS}
    assert {*checks.KINDS.values()} == {"broken", "fixable", "suspicious"}


@pytest.mark.parametrize("note", ["lab", "float", "bad-exif"])
def test_rare_notes_of_the_reader_are_findings(note, tmp_path):
    rgb, alpha = scene(6)
    path = tmp_path / "a.tif"
    if note == "lab":
        from PIL import ImageCms

        profiles = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
        ImageCms.profileToProfile(Image.fromarray(rgb), *profiles, outputMode="LAB").save(path)
    elif note == "float":
        Image.fromarray(rgb[..., 0].astype(np.float32) / 255).save(path)
    else:
        path = tmp_path / "a.jpg"
        block = exif(1)
        block[271] = "maker"
        # A text under the tag of a number
        damaged = block.tobytes().replace(b"\x01\x0f\0\x02", b"\x01\x07\0\x02")
        path.write_bytes(jpg(rgb, exif=damaged))
    write_mask(tmp_path / "a.png", alpha)
    found = examine(FilePair("a", path, tmp_path / "a.png"), MANY)
    assert found.kinds == ({"float": "16-bit"}.get(note, note),)


def test_two_faults_of_one_pair_are_both_told(tmp_path):
    rgb, alpha = disc(9, (36, 60))
    found = examine(written(tmp_path, jpg(rgb), png(np.dstack([hard(alpha) // 255] * 3))), MANY)
    assert set(found.kinds) == {"mask-0/1", "mask-rgb", "tiny"}
    assert close(found.alpha, hard(same(alpha)))
