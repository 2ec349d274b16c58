"""Batch norm, group norm and frozen statistics behind one setting."""

import pytest
import torch
from torch import nn

from clearbg import models
from clearbg.models.normalization import groups, normalized


def layers() -> nn.Sequential:
    """Two normalized convolutions, the second with one channel; values tell them apart."""
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.Conv2d(8, 1, 1), nn.BatchNorm2d(1)
    )
    for layer in network[1::2]:
        for value in (layer.weight, layer.bias, layer.running_mean, layer.running_var):
            nn.init.uniform_(value, 0.5, 1.5)
    return network


def images() -> torch.Tensor:
    return torch.randn(4, 3, 8, 8, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    "channels, expected", [(2, 1), (4, 1), (6, 1), (8, 2), (16, 4), (48, 12), (64, 16), (512, 32)]
)
def test_groups_are_equal_and_of_four_channels_or_more(channels, expected):
    assert groups(channels) == expected


@pytest.mark.parametrize("training", [True, False])
def test_batch_norm_stays_what_it_was(training):
    before, after = layers().train(training), normalized(layers(), "batch").train(training)
    assert torch.equal(before(images()), after(images()))
    assert before.state_dict().keys() == after.state_dict().keys()
    assert torch.equal(before[1].running_mean, after[1].running_mean)


def test_batch_norm_without_a_batch_uses_its_running_statistics():
    network = normalized(layers(), "batch")
    pixel = images()[:1, :, :3, :3]
    assert torch.equal(network.train()(pixel), network.eval()(pixel))


def test_frozen_norm_is_batch_norm_in_evaluation():
    expected, network = layers().eval()(images()), normalized(layers(), "frozen").train()
    assert torch.equal(network(images()), expected)
    assert torch.equal(network[1].running_mean, layers()[1].running_mean)


def test_frozen_norm_trains_its_affine_parameters():
    network = normalized(layers(), "frozen").train()
    network(images()).sum().backward()
    assert network[1].weight.grad.abs().sum() > 0


def test_group_norm_sees_one_image_at_a_time():
    network = normalized(layers(), "group").train()
    assert torch.allclose(network(images())[:1], network(images()[:1]), atol=1e-6)


def test_group_norm_keeps_the_affine_values():
    network = normalized(layers(), "group")
    assert isinstance(network[1], nn.GroupNorm)
    assert torch.equal(network[1].weight, layers()[1].weight)
    assert torch.equal(network[1].bias, layers()[1].bias)


def test_single_channel_is_frozen_and_not_normalized_by_its_image():
    network = normalized(layers(), "group").train()
    bright = network[3](torch.full((1, 1, 4, 4), 3.0))
    dark = network[3](torch.full((1, 1, 4, 4), -3.0))
    assert (bright > dark).all()


@pytest.mark.slow
@pytest.mark.parametrize("norm", ["group", "frozen"])
@pytest.mark.parametrize("name", sorted(models.MODELS))
def test_no_batch_statistics_are_left_in_any_network(name, norm):
    with torch.device("meta"):
        batch, other = models.build(name), models.build(name, norm=norm).train()
    assert not any(isinstance(m, nn.BatchNorm2d) and m.training for m in other.modules())
    assert [key for key, _ in batch.named_parameters()] == [k for k, _ in other.named_parameters()]
