import math

import pytest
import torch

from clearbg import losses


def test_bce_of_zero_logits_is_log_two_for_every_output():
    logits = [torch.zeros(2, 1, 4, 4)] * 7
    assert losses.summed_bce(logits, torch.rand(2, 1, 4, 4)).item() == pytest.approx(
        7 * math.log(2)
    )


def test_bce_of_a_table():
    """-log σ(2) and -log(1 - σ(2)), averaged."""
    logits = torch.tensor([2.0, 2.0]).view(1, 1, 1, 2)
    truth = torch.tensor([1.0, 0.0]).view(1, 1, 1, 2)
    expected = (math.log1p(math.exp(-2)) + math.log1p(math.exp(2))) / 2
    assert losses.summed_bce([logits], truth).item() == pytest.approx(expected)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_extreme_logits_stay_finite_in_half_precision(dtype):
    logits = [torch.tensor([60000.0, -60000.0], dtype=dtype).view(1, 1, 1, 2)]
    assert torch.isfinite(losses.summed_bce(logits, torch.tensor([0.0, 1.0]).view(1, 1, 1, 2)))
