"""Resizing by matrices: torch's values, torch's gradients, and the same bits every time."""

import sys

import pytest
import torch
import torch.nn.functional as F
from torch._dynamo.testing import CompileCounterWithBackend

from clearbg import models
from clearbg.models import resize
from clearbg.models.resize import ExactBilinear, resize_bicubic, resize_bilinear

SIZES = [
    ((4, 6), (8, 12)),
    ((8, 12), (4, 6)),
    ((5, 7), (10, 13)),
    ((9, 9), (288, 288)),
    ((31, 17), (7, 40)),
    ((1, 1), (6, 5)),
    ((6, 5), (1, 1)),
    ((1, 9), (2, 17)),
    ((3, 3), (3, 3)),
    ((143, 18), (144, 36)),
]
LAYOUTS = {"plain": torch.contiguous_format, "channels last": torch.channels_last}
KERNELS = {
    "bilinear": (lambda x, size: ExactBilinear.apply(x, size), False),
    "bicubic": (resize_bicubic, True),
}


def material(size, channels=3, dtype=torch.float64, layout=torch.contiguous_format):
    x = torch.randn(2, channels, *size, dtype=dtype, generator=torch.Generator().manual_seed(1))
    return x.to(memory_format=layout).requires_grad_()


def resized_with_gradient(resized, x):
    """The values of a resize, and the gradient of a sum of them with unequal weights."""
    y = resized(x)
    weights = torch.linspace(-1, 1, y.numel(), dtype=y.dtype, device=y.device).view_as(y)
    weights = torch.empty_like(y).copy_(weights)  # in the memory format of the values
    return y, *torch.autograd.grad((y * weights).sum(), x)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("before, after", SIZES, ids=str)
def test_values_and_gradients_are_torchs_in_double_precision(
    before, after, kernel, layout, channels
):
    ours, aligned = KERNELS[kernel]
    x = material(before, channels, layout=LAYOUTS[layout])
    found = resized_with_gradient(lambda x: ours(x, after), x)
    wanted = resized_with_gradient(
        lambda x: F.interpolate(x, after, mode=kernel, align_corners=aligned), x
    )
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("kernel", KERNELS)
def test_gradients_are_those_of_finite_differences(kernel):
    x = material((3, 5)).to(memory_format=torch.channels_last)
    assert torch.autograd.gradcheck(lambda x: KERNELS[kernel][0](x, (7, 4)), x)
    assert torch.autograd.gradgradcheck(lambda x: KERNELS[kernel][0](x, (7, 4)), x)


@pytest.mark.parametrize("dtype, error", [(torch.float32, 1e-5), (torch.bfloat16, 0.02)])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_gradient_has_the_type_and_the_memory_format_of_its_input(dtype, error, layout):
    x = material((18, 18), 8, dtype, LAYOUTS[layout])
    for autocast in (False, True):
        with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
            found = resized_with_gradient(lambda x: ExactBilinear.apply(x, (36, 35)), x)[1]
        wanted = resized_with_gradient(lambda x: F.interpolate(x, (36, 35), mode="bilinear"), x)[1]
        assert found.dtype == dtype and found.is_contiguous(memory_format=LAYOUTS[layout])
        assert (found - wanted).abs().max() <= error * wanted.abs().max()


def test_gradient_of_a_part_of_joined_channels_is_taken_in_place():
    x = material((4, 4), 8, layout=torch.channels_last)
    skip = torch.zeros(2, 5, 8, 8, dtype=torch.float64).to(memory_format=torch.channels_last)
    ours, torchs = (
        resized_with_gradient(lambda x, up=up: torch.cat((up(x, (8, 8)), skip), 1), x)[1]
        for up in (ExactBilinear.apply, lambda x, size: F.interpolate(x, size, mode="bilinear"))
    )
    torch.testing.assert_close(ours, torchs, rtol=1e-12, atol=1e-12)


def test_on_the_cpu_bilinear_resizing_is_torchs_bit_for_bit():
    x = material((9, 11), 4, torch.float32, torch.channels_last)
    ours = resized_with_gradient(lambda x: resize_bilinear(x, (18, 21)), x)
    torchs = resized_with_gradient(lambda x: F.interpolate(x, (18, 21), mode="bilinear"), x)
    assert all(torch.equal(a, b) for a, b in zip(ours, torchs, strict=True))


def test_bicubic_resizing_is_torchs_kernel_where_nothing_learns():
    x = material((9, 11), 4, torch.float32).detach()
    wanted = F.interpolate(x, (18, 22), mode="bicubic", align_corners=True)
    assert torch.equal(resize_bicubic(x, (18, 22)), wanted)


@pytest.mark.slow
@pytest.mark.parametrize("kernel", KERNELS)
def test_compiled_step_resizes_in_one_graph_at_every_size(kernel):
    ours = KERNELS[kernel][0]
    graphs = CompileCounterWithBackend("aot_eager")  # inductor takes half a minute for its code
    compiled = torch.compile(
        lambda x, size: ours(x, size).square().sum(), backend=graphs, fullgraph=True, dynamic=False
    )
    for before, after in [((4, 6), (8, 12)), ((5, 7), (10, 14)), ((6, 6), (12, 11))]:
        x = material(before, 4, torch.float32, torch.channels_last)
        found = torch.autograd.grad(compiled(x, after), x)[0]
        wanted = torch.autograd.grad(ours(x, after).square().sum(), x)[0]
        torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-4)
    assert graphs.frame_count == 3


@pytest.mark.parametrize("name", ["u2netp", "isnet_gt", "deeplab"])
def test_networks_learn_the_same_by_exact_resizing(name, monkeypatch):
    network = models.build(name, norm="group").double()
    images = torch.rand(1, 1 if name == "isnet_gt" else 3, 40, 52, dtype=torch.float64)

    def gradients():
        network.zero_grad()
        sum(output.square().mean() for output in network(images)).backward()
        return [p.grad.clone() for p in network.parameters() if p.grad is not None]

    wanted, used = gradients(), []

    def exact(x, size):
        used.append(size)
        return ExactBilinear.apply(x, tuple(size))

    for module in ("u2net", "isnet", "deeplab"):
        monkeypatch.setattr(sys.modules[f"clearbg.models.{module}"], "resize_bilinear", exact)
    for found, other in zip(gradients(), wanted, strict=True):
        torch.testing.assert_close(found, other, rtol=1e-8, atol=1e-10)
    assert used


def test_matrices_are_made_once_for_a_size():
    resize._matrix.cache_clear()
    for _ in range(3):
        resized_with_gradient(lambda x: ExactBilinear.apply(x, (8, 8)), material((4, 4)))
    assert resize._matrix.cache_info().misses == 1


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("kernel", KERNELS)
def test_on_cuda_gradients_are_the_same_bits_every_time(kernel):
    resized = resize_bilinear if kernel == "bilinear" else resize_bicubic
    x = material((36, 36), 16, torch.float32, torch.channels_last).detach().cuda().requires_grad_()
    torch.use_deterministic_algorithms(True)
    try:
        runs = [resized_with_gradient(lambda x: resized(x, (72, 71)), x)[1] for _ in range(4)]
    finally:
        torch.use_deterministic_algorithms(False)
    assert all(torch.equal(runs[0], other) for other in runs[1:])
