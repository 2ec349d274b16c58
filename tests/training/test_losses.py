"""Losses on tables that a hand can compute."""

import math

import pytest
import torch

from clearbg import losses

DEEP = {
    **losses.LOSSES,
    "summed_iou": losses.summed_iou,
    "summed_ssim": losses.summed_ssim,
}


def row(*values: float, dtype=torch.float32) -> torch.Tensor:
    return torch.tensor(values, dtype=dtype).view(1, 1, 1, -1)


def logit(probability: torch.Tensor) -> torch.Tensor:
    return torch.logit(probability)


def test_bce_of_zero_logits_is_log_two_for_every_output():
    logits = [torch.zeros(2, 1, 4, 4)] * 7
    assert losses.summed_bce(logits, torch.rand(2, 1, 4, 4)).item() == pytest.approx(
        7 * math.log(2)
    )


def test_bce_of_a_table():
    """-log σ(2) and -log(1 - σ(2)), averaged."""
    expected = (math.log1p(math.exp(-2)) + math.log1p(math.exp(2))) / 2
    assert losses.summed_bce([row(2, 2)], row(1, 0)).item() == pytest.approx(expected)


def test_rmse_is_the_mean_over_outputs():
    """Errors 0.5 and 0.5, then 0.8 and 0: roots of 0.25 and 0.32."""
    logits = [row(0, 0), logit(row(0.2, 0.5))]
    expected = (math.sqrt(0.25 + 1e-6) + math.sqrt(0.25 / 2 + 0.64 / 2 + 1e-6)) / 2
    assert losses.rmse(logits, row(1, 0)).item() == pytest.approx(expected)


def test_edges_reach_three_pixels_to_either_side():
    alpha = row(*[0.0] * 8, *[1.0] * 8)
    assert losses.edges(alpha).flatten().tolist() == [0] * 5 + [1] * 6 + [0] * 5


def test_edges_are_those_of_seven_by_seven_squares():
    alpha = torch.zeros(1, 1, 15, 15)
    alpha[0, 0, 7, 7] = 1
    expected = torch.zeros(15, 15)
    expected[4:11, 4:11] = 1
    assert torch.equal(losses.edges(alpha)[0, 0], expected)


def test_rounding_errors_are_no_edges():
    assert losses.edges(1 - 1e-6 * torch.rand(1, 1, 16, 16)).sum() == 0


def test_edge_rmse_adds_four_times_the_error_near_edges():
    """Twelve pixels, alpha 1 in the last: E holds the last four; all errors are 0.5."""
    alpha = row(*[0.0] * 11, 1.0)
    expected = math.sqrt(0.25 + 1e-6) + 4 * math.sqrt(0.25 * 4 / 12 + 1e-6)
    for count in (1, 7):
        loss = losses.edge_rmse([torch.zeros(1, 1, 1, 12)] * count, alpha)
        assert loss.item() == pytest.approx(expected)


def test_edge_rmse_of_a_flat_truth_is_rmse():
    """But for the root of the addend, 4 · 0.001."""
    logits, alpha = [torch.randn(1, 1, 9, 9)], torch.zeros(1, 1, 9, 9)
    loss = losses.edge_rmse(logits, alpha).item()
    assert loss == pytest.approx(losses.rmse(logits, alpha).item() + 0.004)


def test_mse_is_the_mean_squared_error_averaged_over_blocks():
    """Squares 0.25 and 0.25, then 0.04 and 0.16."""
    logits = [row(0, 0), logit(row(0.8, 0.4))]
    assert losses.mse(logits, row(1, 0)).item() == pytest.approx((0.25 + 0.1) / 2)


def test_iou_of_a_table():
    """I = 0.5, U = 1 + 0.5, with one pixel added to both; twice."""
    loss = losses.summed_iou([row(0, 0)] * 2, row(1, 0))
    assert loss.item() == pytest.approx(2 * (1 - 1.5 / 2.5))


def test_iou_is_averaged_over_images_not_over_pixels():
    logits = torch.cat([row(-99, -99), row(0, 0)])
    alpha = torch.cat([row(0, 0), row(0, 0)])
    assert losses.summed_iou([logits], alpha).item() == pytest.approx((0 + (1 - 1 / 2)) / 2)


def test_ssim_of_equal_maps_is_zero():
    alpha = torch.rand(2, 1, 16, 16) * 0.98 + 0.01
    assert losses.summed_ssim([logit(alpha)] * 3, alpha).item() == pytest.approx(0, abs=1e-5)


def test_ssim_of_flat_maps_compares_their_brightness():
    """Far from the border: mean 0.5 against 1, no variance."""
    predicted, alpha = torch.full((1, 1, 31, 31), 0.5), torch.ones(1, 1, 31, 31)
    center = losses._ssim(predicted, alpha)[0, 0, 15, 15].item()
    assert center == pytest.approx((2 * 0.5 + 1e-4) / (1.25 + 1e-4), abs=1e-4)


def test_ssim_is_that_of_the_reference():
    """scikit-image's with the same window, away from the border."""
    from skimage.metrics import structural_similarity

    generator = torch.Generator().manual_seed(0)
    a, b = torch.rand(2, 40, 40, generator=generator)
    _, expected = structural_similarity(
        a.numpy(), b.numpy(), data_range=1, gaussian_weights=True, sigma=1.5, truncate=3.4,
        use_sample_covariance=False, full=True,
    )  # fmt: skip
    ours = losses._ssim(a[None, None], b[None, None])[0, 0, 6:-6, 6:-6]
    assert torch.allclose(ours, torch.from_numpy(expected[6:-6, 6:-6]), atol=1e-4)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("name", DEEP)
def test_extreme_logits_in_half_precision_have_finite_loss_and_gradient(name, dtype):
    logits = row(1e4, -1e4, -1e4, 1e4, 0, dtype=dtype).requires_grad_()
    loss = DEEP[name]([logits, logits], row(0, 1, 0, 1, 0.5))
    loss.backward()
    assert torch.isfinite(loss) and loss.dtype == torch.float32
    assert torch.isfinite(logits.grad).all()


@pytest.mark.parametrize("name", DEEP)
def test_perfect_output_has_a_finite_gradient(name):
    logits = torch.full((1, 1, 12, 12), 99.0).requires_grad_()
    DEEP[name]([logits], torch.ones(1, 1, 12, 12)).backward()
    assert torch.isfinite(logits.grad).all()


@pytest.mark.parametrize("name", DEEP)
def test_better_output_costs_less(name):
    alpha = torch.zeros(1, 1, 20, 20)
    alpha[..., 5:15, 5:15] = 1
    bad, good = ((2 * alpha - 1) * sharpness for sharpness in (0.5, 5))
    assert DEEP[name]([good], alpha) < DEEP[name]([bad], alpha)


@pytest.mark.parametrize("name", DEEP)
def test_autocast_changes_nothing(name):
    logits, alpha = [torch.randn(1, 1, 16, 16)], torch.rand(1, 1, 16, 16)
    expected = DEEP[name](logits, alpha)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(DEEP[name](logits, alpha), expected)


def test_undecided_discriminator_costs_log_two():
    zeros = torch.zeros(3, 1)
    assert losses.discriminator_loss(zeros, zeros).item() == pytest.approx(math.log(2))
    assert losses.generator_loss(zeros).item() == pytest.approx(math.log(2))


def test_right_discriminator_costs_nothing_and_its_generator_much():
    fake, real = torch.full((2, 1), -20.0), torch.full((2, 1), 20.0)
    assert losses.discriminator_loss(fake, real).item() == pytest.approx(0, abs=1e-6)
    assert losses.generator_loss(fake).item() == pytest.approx(20)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_extreme_discriminators_stay_finite_in_half_precision(dtype):
    logits = torch.tensor([1e4, -1e4], dtype=dtype, requires_grad=True)
    loss = losses.discriminator_loss(logits, logits) + losses.generator_loss(logits)
    loss.backward()
    assert torch.isfinite(loss) and torch.isfinite(logits.grad).all()


def test_l1_of_a_table():
    assert losses.l1(row(0.5, 0.5), row(1, 0.25)).item() == pytest.approx(0.375)


def test_feature_errors_add_up_over_maps():
    features = [torch.zeros(1, 2, 4, 4), torch.zeros(1, 3, 2, 2)]
    targets = [torch.full((1, 2, 4, 4), 2.0), torch.ones(1, 3, 2, 2)]
    assert losses.feature_mse(features, targets).item() == 5
    with pytest.raises(ValueError):
        losses.feature_mse(features, targets[:1])


def test_every_loss_has_a_validation_loss_of_its_name():
    assert losses.LOSSES.keys() == losses.VALIDATION.keys()
    assert losses.VALIDATION["edge_rmse"] is losses.rmse
