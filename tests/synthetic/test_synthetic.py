"""Generated images: a pure function of seed, index and kind, within their promised bounds."""

import functools
import hashlib
import os
import subprocess
import sys

import numpy as np
import pytest

from clearbg.synthetic import KINDS, generate
from clearbg.synthetic.hair import Hair, combed, curve, grown, painted

DRAWN = [kind for kind in KINDS if kind != "pages"]
"""The kinds whose images hold figures; pages of text have bounds of their own."""


@functools.cache
def sample() -> list[tuple[np.ndarray, np.ndarray]]:
    return [generate(7, index) for index in range(200)]


@functools.cache
def few(kind: str) -> list[tuple[np.ndarray, np.ndarray]]:
    return [generate(7, index, kind) for index in range(51)]


def subjects(kind: str) -> list[np.ndarray]:
    return [alpha for _, alpha in few(kind) if alpha.any()]


def soft_share(alphas: list[np.ndarray]) -> float:
    return float(np.mean([((alpha > 0) & (alpha < 255)).mean() for alpha in alphas]))


def with_subject() -> list[np.ndarray]:
    return [alpha for _, alpha in sample() if alpha.any()]


def digest(seed: int, index: int, kind: str = "objects") -> str:
    image, alpha = generate(seed, index, kind)
    return hashlib.sha256(image.tobytes() + alpha.tobytes()).hexdigest()


@pytest.mark.slow
@pytest.mark.parametrize("index", [0, 3, 11])
def test_the_same_arguments_give_the_same_bytes(index):
    image, alpha = sample()[index]
    again_image, again_alpha = generate(7, index)
    np.testing.assert_array_equal(image, again_image)
    np.testing.assert_array_equal(alpha, again_alpha)


def test_another_process_gives_the_same_bytes():
    lines = (
        "import hashlib",
        "from clearbg.synthetic import generate",
        "image, alpha = generate(3, 5)",
        "print(hashlib.sha256(image.tobytes() + alpha.tobytes()).hexdigest())",
    )
    run = subprocess.run(
        [sys.executable, "-c", "\n".join(lines)],
        env={**os.environ, "PYTHONHASHSEED": "1", "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.strip() == digest(3, 5)


def test_the_global_random_state_is_neither_read_nor_moved():
    np.random.seed(0)
    before = digest(7, 1)
    state = np.random.get_state()[1].copy()
    np.random.seed(1)
    assert digest(7, 1) == before
    np.random.seed(0)
    np.testing.assert_array_equal(np.random.get_state()[1], state)


def test_every_index_gives_another_image():
    assert len({digest(7, index) for index in range(8)}) == 8


def test_every_seed_gives_another_image():
    assert len({digest(seed, 0) for seed in range(8)}) == 8


@pytest.mark.slow
def test_images_are_rgb_bytes_and_alphas_fit_them():
    for image, alpha in sample():
        assert (image.dtype, alpha.dtype) == (np.uint8, np.uint8)
        assert image.shape == (*alpha.shape, 3)


@pytest.mark.slow
def test_sides_lie_between_240_and_420_pixels():
    sides = np.array([alpha.shape for _, alpha in sample()])
    assert sides.min() >= 240
    assert sides.max() <= 420


def test_portrait_landscape_and_square_all_occur():
    assert {np.sign(alpha.shape[0] - alpha.shape[1]) for _, alpha in sample()} == {-1, 0, 1}


def test_a_few_images_in_a_hundred_have_no_subject():
    empty = [not alpha.any() for _, alpha in sample()]
    assert 0.03 <= np.mean(empty) <= 0.10


def test_most_alphas_have_soft_values():
    soft = [((alpha > 12) & (alpha < 243)).mean() > 0.001 for alpha in with_subject()]
    assert np.mean(soft) > 0.9


def test_every_subject_has_an_opaque_core():
    assert all((alpha > 250).mean() > 0.005 for alpha in with_subject())


def test_subjects_cover_a_reasonable_share_of_the_image():
    coverage = [alpha.mean() / 255 for alpha in with_subject()]
    assert min(coverage) > 0.01
    assert max(coverage) < 0.8
    assert 0.12 < np.mean(coverage) < 0.35


def test_subjects_differ_from_their_surroundings():
    differences = [
        np.linalg.norm(image[alpha > 200].mean(0) - image[alpha < 50].mean(0))
        for image, alpha in sample()
        if alpha.any()
    ]
    assert np.median(differences) > 40


def test_objects_are_drawn_where_no_kind_is_named():
    assert [digest(7, index) for index in range(20)] == [
        hashlib.sha256(image.tobytes() + alpha.tobytes()).hexdigest()
        for image, alpha in sample()[:20]
    ]


def test_a_kind_that_does_not_exist_is_refused():
    with pytest.raises(KeyError, match="ghosts"):
        generate(7, 0, "ghosts")


@pytest.mark.slow
@pytest.mark.parametrize("kind", DRAWN)
def test_each_kind_gives_the_same_bytes_again(kind):
    for index, (image, alpha) in enumerate(few(kind)[:4]):
        again_image, again_alpha = generate(7, index, kind)
        np.testing.assert_array_equal(image, again_image)
        np.testing.assert_array_equal(alpha, again_alpha)


def test_each_kind_gives_other_images():
    assert len({digest(7, 0, kind) for kind in DRAWN}) == len(DRAWN)


@pytest.mark.slow
@pytest.mark.parametrize("kind", DRAWN)
def test_images_of_each_kind_are_rgb_bytes_with_fitting_alphas(kind):
    for image, alpha in few(kind):
        assert (image.dtype, alpha.dtype) == (np.uint8, np.uint8)
        assert image.shape == (*alpha.shape, 3)


@pytest.mark.slow
@pytest.mark.parametrize("kind", DRAWN)
def test_one_image_in_seventeen_of_each_kind_is_empty(kind):
    empty = np.array([not alpha.any() for _, alpha in few(kind)])
    assert empty.reshape(3, 17).sum(1).tolist() == [1, 1, 1]


def test_kinds_are_empty_at_other_places():
    places = {tuple(i for i, (_, alpha) in enumerate(few(kind)) if not alpha.any())
              for kind in DRAWN}  # fmt: skip
    assert len(places) > 1


@pytest.mark.parametrize("kind", ["people", "cars"])
def test_people_and_cars_cover_a_reasonable_share_of_the_image(kind):
    coverage = [alpha.mean() / 255 for alpha in subjects(kind)]
    assert min(coverage) > 0.01
    assert max(coverage) < 0.85
    assert 0.08 < np.mean(coverage) < 0.4


def test_portraits_are_upright_and_of_the_promised_size():
    sides = np.array([alpha.shape for _, alpha in few("portraits")])
    assert (sides.min(0) >= (240, 200)).all()
    assert (sides.max(0) <= (320, 256)).all()


def test_a_head_and_shoulders_fill_a_third_to_two_thirds_of_a_portrait():
    coverage = [alpha.mean() / 255 for alpha in subjects("portraits")]
    assert min(coverage) > 0.25
    assert max(coverage) < 0.8
    assert 0.35 < np.mean(coverage) < 0.65


def test_portraits_reach_the_lower_border_and_leave_the_upper_corners_free():
    for alpha in subjects("portraits"):
        assert (alpha[-1] == 255).mean() > 0.4
        assert alpha[:10, :10].max() < 128 or alpha[:10, -10:].max() < 128


def test_portraits_have_twice_the_soft_pixels_of_objects():
    assert soft_share(subjects("portraits")) > 2 * soft_share(with_subject())


def test_faces_are_opaque():
    for alpha in subjects("portraits"):
        height, width = alpha.shape
        middle = alpha[
            int(0.42 * height) : int(0.48 * height), int(0.47 * width) : -int(0.47 * width)
        ]
        assert middle.min() > 240


def test_a_guide_starts_and_ends_at_its_first_and_last_point():
    line = curve([[0, 0], [1, 0.5], [3, 0]])
    np.testing.assert_allclose(line[[0, -1]], [[0, 0], [3, 0]], atol=1e-12)


def test_strands_start_at_their_roots():
    rng = np.random.default_rng(0)
    roots = rng.uniform(-1, 1, (20, 2))
    strands = grown(rng, roots, np.zeros(20), np.ones(20), np.zeros(20))
    np.testing.assert_allclose(strands[:, 0], roots, atol=1e-12)


def test_combed_strands_start_between_their_guides():
    rng = np.random.default_rng(0)
    one, other = curve([[0, 0], [0, 1], [0, 2]]), curve([[1, 0], [1, 1], [1, 2]])
    across = rng.random(30)
    strands = combed(rng, one, other, across, wave=0.1, stray=0.1)
    np.testing.assert_allclose(strands[:, 0, 0], across, atol=1e-12)


def test_soft_hair_has_its_own_color_with_no_black_in_it():
    rng = np.random.default_rng(0)
    one, other = curve([[20, 10], [20, 40], [20, 70]]), curve([[60, 10], [60, 40], [60, 70]])
    hair = Hair(strands=[combed(rng, one, other, rng.random(60), 3, 3)])
    coat = np.float32([0.8, 0.5, 0.2])
    layer = painted(rng, hair, coat, np.ones((80, 80), np.float32), (80, 80))
    soft = layer.color[(layer.alpha > 0) & (layer.alpha < 1)]
    assert len(soft) > 500
    assert soft.min(0) == pytest.approx(coat, rel=0.6)
    assert (soft[:, 0] > soft[:, 1]).all()
    assert (soft[:, 1] > soft[:, 2]).all()


def test_pages_are_rgb_bytes_with_fitting_alphas_and_come_back_the_same():
    pytest.importorskip("clearbg.synthetic.pages")
    image, alpha = generate(7, 0, "pages")
    assert (image.dtype, alpha.dtype) == (np.uint8, np.uint8)
    assert image.shape == (*alpha.shape, 3)
    assert digest(7, 0, "pages") == digest(7, 0, "pages")
