"""Generated pictures: a pure function of seed and index, within its promised bounds."""

import functools
import hashlib
import os
import subprocess
import sys

import numpy as np
import pytest

from clearbg.data.synthetic import generate


@functools.cache
def sample() -> list[tuple[np.ndarray, np.ndarray]]:
    return [generate(7, index) for index in range(200)]


def with_subject() -> list[np.ndarray]:
    return [alpha for _, alpha in sample() if alpha.any()]


def digest(seed: int, index: int) -> str:
    picture, alpha = generate(seed, index)
    return hashlib.sha256(picture.tobytes() + alpha.tobytes()).hexdigest()


@pytest.mark.parametrize("index", [0, 3, 11])
def test_the_same_arguments_give_the_same_bytes(index):
    picture, alpha = sample()[index]
    again_picture, again_alpha = generate(7, index)
    np.testing.assert_array_equal(picture, again_picture)
    np.testing.assert_array_equal(alpha, again_alpha)


def test_another_process_gives_the_same_bytes():
    lines = (
        "import hashlib",
        "from clearbg.data.synthetic import generate",
        "picture, alpha = generate(3, 5)",
        "print(hashlib.sha256(picture.tobytes() + alpha.tobytes()).hexdigest())",
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


def test_every_index_gives_another_picture():
    assert len({digest(7, index) for index in range(8)}) == 8


def test_every_seed_gives_another_picture():
    assert len({digest(seed, 0) for seed in range(8)}) == 8


def test_pictures_are_rgb_bytes_and_alphas_fit_them():
    for picture, alpha in sample():
        assert (picture.dtype, alpha.dtype) == (np.uint8, np.uint8)
        assert picture.shape == (*alpha.shape, 3)


def test_sides_lie_between_240_and_420_pixels():
    sides = np.array([alpha.shape for _, alpha in sample()])
    assert sides.min() >= 240
    assert sides.max() <= 420


def test_portrait_landscape_and_square_all_occur():
    assert {np.sign(alpha.shape[0] - alpha.shape[1]) for _, alpha in sample()} == {-1, 0, 1}


def test_a_few_pictures_in_a_hundred_have_no_subject():
    empty = [not alpha.any() for _, alpha in sample()]
    assert 0.03 <= np.mean(empty) <= 0.10


def test_most_alphas_have_soft_values():
    soft = [((alpha > 12) & (alpha < 243)).mean() > 0.001 for alpha in with_subject()]
    assert np.mean(soft) > 0.9


def test_every_subject_has_an_opaque_core():
    assert all((alpha > 250).mean() > 0.005 for alpha in with_subject())


def test_subjects_cover_a_reasonable_share_of_the_picture():
    coverage = [alpha.mean() / 255 for alpha in with_subject()]
    assert min(coverage) > 0.01
    assert max(coverage) < 0.8
    assert 0.12 < np.mean(coverage) < 0.35


def test_subjects_differ_from_their_surroundings():
    differences = [
        np.linalg.norm(picture[alpha > 200].mean(0) - picture[alpha < 50].mean(0))
        for picture, alpha in sample()
        if alpha.any()
    ]
    assert np.median(differences) > 40
