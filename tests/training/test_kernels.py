"""A training step starts few kernels, and never waits for the device."""

import collections
import copy

import pytest
import torch
from support.project import TINY, demo
from torch.profiler import ProfilerActivity, profile
from torch.utils._python_dispatch import TorchDispatchMode

from clearbg import config, models
from clearbg.training.kernels import fuse_small_kernels
from clearbg.training.launch import launch
from clearbg.training.supervised import Supervised

NO_KERNELS = {
    "alias", "as_strided", "detach", "empty", "empty_like", "expand", "select", "slice", "t",
    "transpose", "unbind", "unsqueeze", "view", "_unsafe_view",
}  # fmt: skip
"""Operators that only look at a tensor in another way, or reserve memory."""


class Operators(TorchDispatchMode):
    """Counts what torch is asked to compute."""

    def __init__(self):
        super().__init__()
        self.counts = collections.Counter()

    def __torch_dispatch__(self, operator, types, args=(), kwargs=None):
        self.counts[operator.overloadpacket.__name__] += operator.namespace == "aten"
        return operator(*args, **(kwargs or {}))

    @property
    def kernels(self) -> int:
        return sum(count for name, count in self.counts.items() if name not in NO_KERNELS)


def supervised(**train) -> Supervised:
    changes = {**TINY, "train": {**TINY["train"], "accelerator": "cpu", **train}}
    settings = config.parse(demo(**changes))
    method = Supervised(launch(settings.train), settings)
    method.set_rate(1, 10, 0)
    return method


def batch() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(2, 3, 64, 64, generator=generator)
    return images, images[:, :1].round()


def test_step_of_u2net_lite_takes_eleven_hundred_kernels_and_no_look_at_a_value(monkeypatch):
    monkeypatch.setattr("torch.nn.utils.clip_grad._device_has_foreach_support", lambda _: True)
    method = supervised(precision="bf16-mixed", ema=0.9)
    method.descent._bad = torch.zeros(())  # as on CUDA, where the losses are read later
    method.step(*batch())  # makes the optimizer's state
    with Operators() as operators:
        method.step(*batch())
    assert operators.counts["_local_scalar_dense"] == 0
    assert operators.kernels < 1_100  # 1,900 with autocast's own casts and a loss an output


@pytest.mark.slow
def test_exact_training_fills_no_memory_that_it_will_overwrite():
    method = supervised(determinism="exact")
    with profile(activities=[ProfilerActivity.CPU]) as seen:
        method.step(*batch())
    assert sum(event.name == "aten::fill_" for event in seen.events()) < 100  # 3,600 by default


@pytest.mark.slow
@pytest.mark.parametrize("name", ["u2netp", "deeplab", "unet"])
def test_fused_kernels_give_the_same_bits(name):
    torch.manual_seed(0)
    plain = models.build(name).train()
    fused = copy.deepcopy(plain)
    fuse_small_kernels(fused, casts=True)
    images, alpha = batch()
    for network in (plain, fused):
        for _ in range(2):
            with torch.autocast("cpu", torch.bfloat16):
                loss = (network(images)[0].sigmoid() - alpha).square().mean()
            loss.backward()
    for (name, one), (_, other) in zip(plain.named_parameters(), fused.named_parameters()):
        assert one.grad is None or torch.equal(one.grad, other.grad), name
    for name, tensor in plain.state_dict().items():
        assert torch.equal(tensor, fused.state_dict()[name]), name


def test_step_does_not_go_back_through_frozen_first_stages():
    counts = []
    for freeze in ([], ["stage1", "stage2"]):
        method = supervised(precision="bf16-mixed", freeze=freeze)
        with Operators() as operators:
            method.step(*batch())
        counts.append(operators.counts["convolution_backward"])
    convolutions = sum(
        isinstance(layer, torch.nn.Conv2d) for part in method.frozen for layer in part.modules()
    )
    assert counts[0] - counts[1] == convolutions


def test_copy_of_a_fused_network_uses_its_own_weights():
    network = models.build("unet")
    fuse_small_kernels(network, casts=True)
    images, _ = batch()
    other = copy.deepcopy(network)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        for parameter in network.parameters():
            parameter.zero_()
        assert network(images)[0].abs().max() == 0
        assert other(images)[0].abs().max() > 0


def test_network_whose_forward_pass_fails_keeps_its_own_weights():
    network = models.build("unet")
    names = set(network.state_dict())
    fuse_small_kernels(network, casts=True)
    with pytest.raises(RuntimeError), torch.autocast("cpu", torch.bfloat16):
        network(torch.rand(1, 5, 64, 64))
    assert set(network.state_dict()) == names
    assert all(layer.weight.dtype == torch.float32 for layer, _ in network.__dict__["_fused"][0])
