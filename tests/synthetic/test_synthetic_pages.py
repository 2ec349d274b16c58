"""Generated pages: repeatable, truthful about their own ink, and neither easy nor illegible."""

import functools

import cv2
import numpy as np
import pytest

from clearbg.synthetic import pages
from clearbg.synthetic.pages import blackletter, ink, words

COUNT = 60
INK = 128


def drawn(index: int) -> tuple[np.ndarray, np.ndarray]:
    return pages.page(np.random.default_rng([11, index]))


@functools.cache
def sample() -> list[tuple[np.ndarray, np.ndarray]]:
    return [drawn(index) for index in range(COUNT)]


def shares() -> np.ndarray:
    return np.array([(alpha >= INK).mean() for _, alpha in sample()])


def gray(image: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)


def contrast(image: np.ndarray, alpha: np.ndarray) -> float:
    """By how many gray levels ink is darker than the paper within 7 pixels of it."""
    near = cv2.dilate((alpha >= INK).astype(np.uint8), np.ones((15, 15), np.uint8)) > 0
    level = gray(image)
    return level[near & (alpha < 13)].mean() - level[alpha >= INK].mean()


def otsu(image: np.ndarray, alpha: np.ndarray) -> float:
    """F-measure of one threshold for the whole page (Otsu 1979)."""
    _, bright = cv2.threshold(gray(image), 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    found, true = bright == 0, alpha >= INK
    return 2 * (found & true).sum() / (found.sum() + true.sum())


@pytest.mark.slow
@pytest.mark.parametrize("index", [0, 1, 2, 3])
def test_the_same_generator_state_gives_the_same_bytes(index):
    image, alpha = drawn(index)
    np.testing.assert_array_equal(image, sample()[index][0])
    np.testing.assert_array_equal(alpha, sample()[index][1])


def test_the_global_random_state_is_not_touched():
    np.random.seed(0)
    state = np.random.get_state()[1].copy()
    drawn(5)
    np.testing.assert_array_equal(np.random.get_state()[1], state)


@pytest.mark.slow
def test_no_two_pages_are_alike():
    assert len({image.tobytes() for image, _ in sample()}) == COUNT
    assert len({alpha.tobytes() for _, alpha in sample()}) == COUNT


@pytest.mark.slow
def test_pages_are_rgb_bytes_and_alphas_fit_them():
    for image, alpha in sample():
        assert (image.dtype, alpha.dtype) == (np.uint8, np.uint8)
        assert image.shape == (*alpha.shape, 3)


def test_sides_lie_between_256_and_640_pixels():
    sides = np.array([alpha.shape for _, alpha in sample()])
    assert sides.min() >= 256
    assert sides.max() <= 640


def test_color_and_gray_pages_both_occur():
    colored = [bool((image.max(2) > image.min(2)).any()) for image, _ in sample()]
    assert 0.3 < np.mean(colored) < 0.9


def test_every_page_has_ink():
    assert shares().min() > 0.0003


def test_ordinary_pages_are_covered_as_written_pages_are():
    assert np.mean((shares() > 0.02) & (shares() < 0.25)) > 0.8
    assert shares().max() < 0.4


def test_some_pages_are_almost_blank():
    assert np.mean(shares() < 0.02) > 0.02


def test_alpha_is_ink_or_paper_in_most_pixels():
    for _, alpha in sample():
        assert ((alpha < 13) | (alpha > 242)).mean() > 0.75


def test_edges_of_strokes_are_soft():
    assert all(((alpha > 60) & (alpha < 195)).any() for _, alpha in sample())


def test_strokes_are_a_few_pixels_wide():
    widths = []
    for _, alpha in sample():
        depth = cv2.distanceTransform((alpha >= INK).astype(np.uint8), cv2.DIST_L2, 5)
        widths.append(4 * depth[alpha >= INK].mean())  # a band of width w has mean depth w/4
    assert 4 < np.median(widths) < 10


def test_ink_is_darker_than_the_paper_around_it():
    assert min(contrast(*page) for page in sample()) > 6


def test_one_threshold_for_the_page_is_not_enough():
    assert 0.55 < np.mean([otsu(*page) for page in sample()]) < 0.9


def test_some_pages_are_easy():
    assert max(otsu(*page) for page in sample()) > 0.95


@pytest.mark.parametrize("index", range(4))
def test_what_shows_through_is_no_part_of_the_truth(index, monkeypatch):
    monkeypatch.setattr(pages, "TIDY", 0.0)
    monkeypatch.setattr(pages, "BLEEDING", 0.0)
    clean, alpha = drawn(index)
    monkeypatch.setattr(pages, "BLEEDING", 1.0)
    bled, same = drawn(index)
    assert (clean != bled).any()
    np.testing.assert_array_equal(alpha, same)


def test_the_other_side_stays_fainter_than_this_one():
    other = np.zeros((300, 300), np.float32)
    other[100:200] = 1
    for seed in range(10):
        paper = np.ones((300, 300, 3), np.float32)
        ink.shone_through(np.random.default_rng(seed), paper, other, 0.5)
        assert paper[120:180].mean() < 0.99
        assert paper[120:180].mean() > 1 - 0.5
        assert paper[:80].min() > 0.99


def test_blackletter_has_every_small_letter_and_digit():
    alphabet = blackletter.alphabet()
    assert set("abcdefghijklmnopqrstuvwxyz0123456789.,;") <= set(alphabet)
    assert all(stroke.shape[1] == 2 for _, strokes in alphabet.values() for stroke in strokes)


def test_blackletter_advances_by_each_letter_and_skips_what_it_lacks():
    length, strokes = blackletter.lettered("in?")
    assert length == pytest.approx(1.8 + 3.7)
    assert len(strokes) == 4


@pytest.mark.parametrize("language", words.LANGUAGES)
def test_words_are_made_of_letters(language):
    rng = np.random.default_rng(0)
    made = [language.word(rng) for _ in range(200)]
    assert all(word.isalpha() and word.islower() for word in made)
    assert len(set(made)) > 80
