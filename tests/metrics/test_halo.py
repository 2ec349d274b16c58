"""The halo: color errors of a cutout on new backgrounds, near its edge."""

import cv2
import numpy as np
import pytest

from clearbg.images.foreground import foreground
from clearbg.metrics.halo import edge_band, halo

RED, GRAY = np.float32([200, 30, 30]), np.float32([120, 120, 120])


def photograph() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A red disc before gray: image, truth, and the true colors of the subject."""
    truth = np.zeros((120, 160), np.uint8)
    cv2.circle(truth, (80, 60), 35, 255, -1)
    truth = cv2.GaussianBlur(truth, (0, 0), 2)
    share = truth[..., None] / np.float32(255)
    rgb = np.rint(share * RED + (1 - share) * GRAY).astype(np.uint8)
    return rgb, truth, np.broadcast_to(RED, rgb.shape).astype(np.uint8)


def test_true_cutout_has_no_halo_and_the_estimate_of_its_colors_hardly_one():
    rgb, truth, colors = photograph()
    assert set(halo(truth / 255, colors, truth, colors).values()) == {0}
    estimated = halo(truth / 255, foreground(rgb, truth), truth, colors)
    assert max(estimated.values()) < 0.6


def test_colors_of_the_old_background_are_a_halo():
    rgb, truth, colors = photograph()
    dirty = halo(truth / 255, rgb, truth, colors)  # alpha is right, the colors are the image's
    clean = halo(truth / 255, foreground(rgb, truth), truth, colors)
    assert all(dirty[name] > 5 * clean[name] + 1 for name in dirty)


def test_halo_is_what_two_composites_differ_by_in_the_band():
    rgb, truth, colors = photograph()
    alpha = np.clip(cv2.GaussianBlur(truth, (0, 0), 4) / 255, 0, 1)
    found = halo(alpha, rgb, truth, colors)
    for name, background in {"black": (0, 0, 0), "green": (0, 255, 0)}.items():
        one, other = (
            a[..., None] * front + (1 - a[..., None]) * np.array(background)
            for a, front in ((alpha, rgb), (truth / 255, colors))
        )
        expected = np.abs(one - other)[edge_band(truth)].mean()
        assert found[f"halo_{name}"] == pytest.approx(expected, rel=1e-4)


def test_only_the_band_around_the_true_edge_counts():
    _, truth, colors = photograph()
    alpha = truth / 255
    alpha[:10, :10] = 1  # a blob far from the edge
    assert set(halo(alpha, colors, truth, colors).values()) == {0}
    assert 0.05 < edge_band(truth).mean() < 0.3


def test_truth_without_an_edge_has_no_halo_and_sizes_must_agree():
    rgb, truth, colors = photograph()
    nothing = np.zeros_like(truth)
    assert np.isnan(list(halo(truth / 255, rgb, nothing, rgb).values())).all()
    with pytest.raises(ValueError, match="resize alpha"):
        halo(np.zeros((2, 2)), rgb, truth, colors)
