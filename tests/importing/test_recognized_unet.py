"""The widespread PyTorch U-Net is recognized in its variants."""

import pytest
import torch
from safetensors.torch import load_file
from support.published_weights import refusal, saved

from clearbg import importing
from clearbg.models import weights


def common_unet(classes: int) -> dict[str, torch.Tensor]:
    """A state dict with the names and order of the widespread PyTorch U-Net."""

    def convs(head: str, inside: int, outside: int) -> dict[str, tuple[int, ...]]:
        found = {}
        for place, channels in ((0, inside), (3, outside)):
            found[f"{head}.double_conv.{place}.weight"] = (outside, channels, 3, 3)
            for leaf in ("weight", "bias", "running_mean", "running_var"):
                found[f"{head}.double_conv.{place + 1}.{leaf}"] = (outside,)
            found[f"{head}.double_conv.{place + 1}.num_batches_tracked"] = ()
        return found

    shapes = convs("inc", 3, 64)
    widths = [64, 128, 256, 512, 1024]
    for level in range(1, 5):
        shapes |= convs(f"down{level}.maxpool_conv.1", widths[level - 1], widths[level])
    for level, inside in enumerate(widths[:0:-1], 1):
        outside = inside // 2
        shapes[f"up{level}.up.weight"] = (inside, outside, 2, 2)
        shapes[f"up{level}.up.bias"] = (outside,)
        shapes |= convs(f"up{level}.conv", inside, outside)
    shapes |= {"outc.conv.weight": (classes, 64, 1, 1), "outc.conv.bias": (classes,)}
    return {
        name: torch.tensor(i, dtype=torch.int64 if shape == () else torch.float32).expand(shape)
        for i, (name, shape) in enumerate(shapes.items())
    }


def test_common_unet_with_one_class_is_known():
    state = common_unet(1)
    found = importing.import_weights(saved(state))
    assert (found.model, found.parameters) == ("unet", 31_037_633)
    written = load_file(found.folder / weights.FILE)
    numbers = sorted(tensor.flatten()[0].item() for tensor in written.values())
    assert numbers == list(range(len(state)))


def test_two_classes_become_their_difference():
    state = common_unet(2) | {
        "outc.conv.weight": torch.stack([torch.full((64, 1, 1), 0.25), torch.ones(64, 1, 1)]),
        "outc.conv.bias": torch.tensor([3.0, 1.0]),
    }
    found = importing.import_weights(saved(state))
    assert any("two classes" in remark for remark in found.remarks)
    written = load_file(found.folder / weights.FILE).values()
    [weight] = [tensor for tensor in written if tensor.shape == (1, 64, 1, 1)]
    [bias] = [tensor for tensor in written if tensor.shape == (1,)]
    assert torch.equal(weight, torch.full((1, 64, 1, 1), 0.75))
    assert torch.equal(bias, torch.tensor([-2.0]))


@pytest.mark.slow
def test_unet_of_another_kind_is_refused_by_its_kind():
    bilinear = {k: v for k, v in common_unet(1).items() if ".up." not in k}
    assert "bilinear upsampling" in refusal(saved(bilinear))
    assert "for 5 classes" in refusal(saved(common_unet(5)))


@pytest.mark.slow
def test_unet_that_lists_its_decoder_first_is_put_in_order():
    state = common_unet(1)
    parts = {"ups": "up", "downs": ("inc", "down1", "down2", "down3"), "deepest": "down4",
             "last": "outc"}  # fmt: skip
    turned = {
        f"{part}.{name}": tensor
        for part, starts in parts.items()
        for name, tensor in state.items()
        if name.startswith(starts)
    }
    found = importing.import_weights(saved(turned))
    named = importing.import_weights(saved(state, "named.pth"))
    assert found.sha256 == named.sha256
