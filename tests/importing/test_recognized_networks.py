"""Each published network is recognized by the shapes of its tensors."""

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from support.published_weights import (
    assert_same_outputs,
    placeholders,
    random_network,
    refusal,
    renamed_by_place,
    saved,
)

from clearbg import importing
from clearbg.contract import read_contract
from clearbg.models import weights


@pytest.mark.slow
@pytest.mark.parametrize(
    "model, size, mean, std",
    [
        ("u2net", 320, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
        ("isnet", 1024, (0.5, 0.5, 0.5), (1.0, 1.0, 1.0)),
        ("unet", 256, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)),
        ("deeplab", 512, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    ],
)
def test_large_network_is_known_with_its_own_preprocessing(model, size, mean, std):
    settings = {"backbone": "resnet34", "pretrained": False} if model == "deeplab" else {}
    state = placeholders(model, **settings)
    folder = importing.import_weights(saved(state)).folder
    contract = read_contract(folder)
    assert (contract.model, contract.height, contract.mean, contract.std) == (
        model,
        size,
        mean,
        std,
    )
    assert contract.settings == settings
    written = load_file(folder / weights.FILE)
    assert all(torch.equal(written[name], tensor) for name, tensor in state.items())


def test_ground_truth_encoder_is_known_for_what_it_is():
    assert "ground-truth encoder" in refusal(saved(placeholders("isnet_gt")))


def stack_checkpoint(blocks: int) -> tuple[torch.nn.Module, dict[str, torch.Tensor]]:
    net = random_network("stacked_unet", blocks=blocks)
    return net, {f"module.{k}": v for k, v in renamed_by_place(net.state_dict(), "nets.").items()}


@pytest.mark.parametrize("blocks", [1, 3])
def test_stacked_unet_of_any_height_is_known_behind_its_wrapper(blocks):
    net, state = stack_checkpoint(blocks)
    folder = importing.import_weights(saved(state)).folder
    contract = read_contract(folder)
    assert (contract.model, contract.settings) == ("stacked_unet", {"blocks": blocks})
    assert (contract.color_order, contract.mean, contract.std) == ("L", (1.0,), (-1.0,))
    assert (contract.fit, contract.height, contract.overlap, contract.output) == (
        "tile",
        256,
        64,
        "ink",
    )
    assert_same_outputs(folder, net, channels=1)


@pytest.mark.slow
@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("widths", [[4, 8, 16], [4, 4, 8, 8]])
def test_gan_checkpoint_gives_its_generator(channels, widths):
    generator = random_network("gan_generator", channels=channels, widths=widths)
    judge = random_network("gan_discriminator", channels=channels, widths=[4, 8], depths=[1, 1])
    optimizer = torch.optim.Adam(generator.parameters())
    checkpoint = {
        "generator_sd": renamed_by_place(generator.state_dict()),
        "discriminator_sd": renamed_by_place(judge.state_dict()),
        "g_opt": optimizer.state_dict(),
        "d_opt": torch.optim.Adam(judge.parameters()).state_dict(),
        "current_epoch": 41,
        "lowest_g": np.float64(0.5),
        "lowest_d": 0.25,
    }
    found = importing.import_weights(saved(checkpoint, "gan.pth.tar"))
    assert (found.model, found.epoch, found.folder.name) == ("gan_generator", 41, "gan")
    assert any("'discriminator_sd': a discriminator" in remark for remark in found.remarks)
    contract = read_contract(found.folder)
    assert contract.settings == {"channels": channels, "widths": widths}
    assert (contract.height, contract.mean, contract.std) == (256, (0.0,) * 3, (1.0,) * 3)
    assert_same_outputs(found.folder, generator)


def test_generator_with_its_parts_in_lists_of_their_own_is_put_in_order():
    generator = random_network("gan_generator", channels=4, widths=[4, 8, 16])
    lists = {"rises.0": "decoder.0", "rises.1": "decoder.2", "joins.0": "decoder.1",
             "joins.1": "decoder.3", "falls.0": "encoder.0", "falls.1": "encoder.1",
             "falls.2": "encoder.2", "last": "head"}  # fmt: skip
    state = {
        name.replace(ours, theirs): tensor
        for theirs, ours in lists.items()
        for name, tensor in generator.state_dict().items()
        if name.startswith(ours)
    }
    assert_same_outputs(importing.import_weights(saved(state)).folder, generator)


def test_lone_discriminator_is_refused():
    judge = random_network("gan_discriminator", channels=4, widths=[4, 8], depths=[1, 1])
    assert "a discriminator, which only judges images" in refusal(saved(judge.state_dict()))
