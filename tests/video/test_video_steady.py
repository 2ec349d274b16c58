"""The filter calms masks that flicker, and leaves no trail; few frames are in memory at once."""

import threading
from fractions import Fraction

import cv2
import numpy as np
import pytest

from clearbg.images import DecodedImage
from clearbg.removal.options import RunOptions
from clearbg.video.frames import Frame, removed
from clearbg.video.steady import SteadyAlpha

SIZE = (96, 128)


def scene(count: int = 24) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """A bright disc that crosses a pattern which itself moves, with the noise of a camera."""
    rng = np.random.default_rng(0)
    texture = cv2.GaussianBlur(rng.uniform(0, 255, (96, 300)).astype(np.float32), (0, 0), 3)
    texture = cv2.normalize(texture, None, 30, 120, cv2.NORM_MINMAX)
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    images, truths = [], []
    for index in range(count):
        back = texture[:, 2 * index : 2 * index + SIZE[1], None]
        distance = np.hypot(y - 48, x - 30 - 2.5 * index)
        alpha = np.clip(22 - distance + 0.5, 0, 1).astype(np.float32)
        front = 180 + 40 * np.sin((x - 2.5 * index) / 3)[..., None]
        rgb = alpha[..., None] * front + (1 - alpha[..., None]) * back + np.zeros(3)
        images.append((rgb + rng.normal(0, 2, rgb.shape)).clip(0, 255).astype(np.uint8))
        truths.append(alpha)
    return images, truths


def noisy(truths: list[np.ndarray]) -> list[np.ndarray]:
    rng = np.random.default_rng(1)
    coarse = [rng.normal(0, 0.2, (12, 16)).astype(np.float32) for _ in truths]
    return [(t + cv2.resize(c, SIZE[::-1])).clip(0, 1) for t, c in zip(truths, coarse)]


def flicker(masks, truths) -> float:
    return float(np.sqrt(np.square(np.diff(np.stack(masks) - np.stack(truths), axis=0)).mean()))


def mae(masks, truths) -> float:
    return float(np.abs(np.stack(masks) - np.stack(truths)).mean())


def steadied(strength: float, images, masks) -> list[np.ndarray]:
    steady = SteadyAlpha(strength)
    return [steady(rgb, mask) for rgb, mask in zip(images, masks, strict=True)]


def test_default_halves_the_flicker_of_a_moving_scene_and_costs_no_accuracy():
    images, truths = scene()
    masks = noisy(truths)
    calm = steadied(0.8, images, masks)
    assert flicker(calm, truths) < 0.5 * flicker(masks, truths)
    assert mae(calm, truths) < mae(masks, truths) + 0.01
    assert flicker(steadied(0.3, images, masks), truths) > flicker(calm, truths)
    assert steadied(0, images, masks) is not masks
    assert all(a is b for a, b in zip(steadied(0, images, masks), masks))


def test_no_trail_follows_a_subject_and_nothing_is_kept_after_a_cut():
    images, truths = scene()
    assert mae(steadied(1, images, truths), truths) < 0.01
    steady = SteadyAlpha(1)
    steady(images[0], truths[0])
    other = np.full((*SIZE, 3), 255, np.uint8)
    empty = np.zeros(SIZE, np.float32)
    assert steady(other, empty).max() < 0.05


@pytest.mark.parametrize("size", [(8, 8), (24, 100), (300, 32)])
def test_small_and_long_frames_pass(size):
    steady = SteadyAlpha(0.5)
    for value in (0.2, 0.4):
        found = steady(np.zeros((*size, 3), np.uint8), np.full(size, value, np.float32))
    assert found == pytest.approx(0.4 - 0.5 * 0.95 * 0.2, abs=1e-5)


class Network:
    """Stands for a remover: counts the frames that are in memory."""

    device, runs = "cpu", 2

    def __init__(self):
        self.read = self.done = self.most = 0
        self.batches = set()
        self._lock = threading.Lock()

    def frames(self, count: int):
        for index in range(count):
            with self._lock:
                self.read += 1
                self.most = max(self.most, self.read - self.done)
            yield Frame(DecodedImage(np.full((8, 8, 3), index % 256, np.uint8)), Fraction(index))

    def infer(self, images):
        with self._lock:
            self.batches.add(len(images))
        return [image.rgb[..., 0] / np.float32(255) for image in images]


@pytest.mark.parametrize("batch", [1, 3])
def test_frames_stay_in_order_and_few_are_in_memory_however_many_there_are(batch):
    network = Network()
    options = RunOptions(batch=batch, workers=2)
    times = []
    for time, made, _ in removed(
        network.frames(200), network, options, SteadyAlpha(0), lambda image, alpha: alpha.mean()
    ):
        assert made == pytest.approx(float(time) % 256 / 255)
        times.append(time)
        network.done += 1
    assert times == list(range(200))
    assert network.batches <= {batch, 200 % batch} and batch in network.batches
    assert network.most <= 4 * batch + 4
