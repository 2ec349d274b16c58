"""One contract for every model: what any family must keep to be trained and exported."""

import copy
import functools

import numpy as np
import onnxruntime
import pytest
import torch
from safetensors.torch import save_file
from support.training import same

from clearbg import losses, models
from clearbg.contract import Contract
from clearbg.errors import ModelError
from clearbg.export.onnx import export
from clearbg.models import weights

ENTRIES = {
    "u2net": ("u2net", {}, 44_009_869),
    "u2netp": ("u2netp", {}, 1_131_181),
    "isnet": ("isnet", {}, 44_046_790),
    "isnet_gt": ("isnet_gt", {}, 6_877_734),
    "unet": ("unet", {}, 31_037_633),
    "deeplab": ("deeplab", {}, 16_708_066),
    "stacked_unet": ("stacked_unet", {}, 355_864),
    # As published: three channels. Ours has a fourth one in its last convolution (32·9 + 1).
    "gan_generator3": ("gan_generator", {"channels": 3}, 7_766_819),
    "gan_generator": ("gan_generator", {}, 7_766_819 + 289),
    # As published: three channels. A fourth one adds to the first convolution (16·9).
    "gan_discriminator3": ("gan_discriminator", {"channels": 3}, 5_035_489),
    "gan_discriminator": ("gan_discriminator", {}, 5_035_489 + 144),
}
"""Test name -> model, settings, parameters."""

CHANNELS = {
    "isnet_gt": 1,
    "stacked_unet": 1,
    "gan_discriminator3": 3,
    "gan_discriminator": 4,
}
"""Of the input, where they are not 3."""

SEGMENTING = [name for name in ENTRIES if not name.startswith("gan_discriminator")]
EXPORTED = [name for name in SEGMENTING if name != "isnet_gt"]

every_entry = pytest.mark.parametrize("name", ENTRIES)


@functools.cache
def fresh(name: str) -> torch.nn.Module:
    torch.manual_seed(0)
    model, settings, _ = ENTRIES[name]
    return models.build(model, **settings)


def built(name: str) -> torch.nn.Module:
    """A network of its own for each test, with the same weights."""
    return copy.deepcopy(fresh(name))


def noise(name: str, count: int, *size: int) -> torch.Tensor:
    """Input in [0, 1], which every entry takes."""
    source = torch.Generator().manual_seed(1)
    return torch.rand(count, CHANNELS.get(name, 3), *size, generator=source)


def squares(name: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Four 32×32 inputs with a bright square each, and what the network should say."""
    alpha = torch.zeros(4, 1, 32, 32)
    for index in range(4):
        alpha[index, :, 6 + index : 22 + index, 8:24] = 1
    if name == "isnet_gt":
        return alpha, alpha
    images = 0.2 * noise(name, 4, 32, 32) + 0.6 * alpha
    if name.startswith("gan_discriminator"):
        return images, torch.tensor([[0.0], [1.0], [0.0], [1.0]])
    return images, alpha


def loss_of(name: str, network: torch.nn.Module, images, truth) -> torch.Tensor:
    if name == "gan_generator3":  # its alpha is derived; what it learns is the image
        return losses.l1(network.generate(images), truth * images)
    return losses.summed_bce(network(images), truth)


@every_entry
def test_parameter_count_is_the_published_one(name):
    assert sum(p.numel() for p in fresh(name).parameters()) == ENTRIES[name][2]


def test_every_model_keeps_the_contract():
    assert {model for model, _, _ in ENTRIES.values()} == set(models.MODELS)


@pytest.mark.parametrize("size", [(5, 4), (33, 47), (64, 31)])
@pytest.mark.parametrize("name", SEGMENTING)
def test_outputs_are_logits_at_input_size(name, size):
    with torch.no_grad():
        logits = built(name).eval()(noise(name, 2, *size))
    assert all(output.shape == (2, 1, *size) for output in logits)
    assert all(torch.isfinite(output).all() for output in logits)


@every_entry
def test_outputs_are_not_confined_to_probabilities(name):
    images = noise(name, 2, 32, 32)
    with torch.no_grad():
        logits = torch.cat([output.flatten() for output in built(name).train()(images)])
    assert logits.min() < 0 or logits.max() > 1


@every_entry
def test_forward_is_deterministic(name):
    network, images = built(name).eval(), noise(name, 1, 32, 32)
    with torch.no_grad():
        assert torch.equal(network(images)[0], network(images)[0])


@pytest.mark.parametrize(
    "norm, side", [("batch", 64), ("batch", 32), ("group", 32), ("frozen", 32)]
)
@every_entry
def test_batch_of_one_trains(name, norm, side):
    model, settings, _ = ENTRIES[name]
    network = models.build(model, norm=norm, **settings).train()
    logits = network(noise(name, 1, side, side))
    losses.summed_bce(logits, torch.rand_like(logits[0])).backward()
    gradients = [p.grad for p in network.parameters() if p.grad is not None]
    assert gradients and all(torch.isfinite(gradient).all() for gradient in gradients)


@every_entry
def test_every_parameter_learns(name):
    network = built(name).train()
    images, truth = squares(name)
    loss_of(name, network, images, truth).backward()
    assert [key for key, p in network.named_parameters() if p.grad is None] == []


@pytest.mark.slow
@every_entry
def test_four_images_are_learned_by_heart(name):
    torch.manual_seed(0)  # for dropout
    network, (images, truth) = built(name).train(), squares(name)
    optimizer = torch.optim.Adam(network.parameters(), 2e-3)
    history = []
    for _ in range(10):
        optimizer.zero_grad()
        loss = loss_of(name, network, images, truth)
        loss.backward()
        optimizer.step()
        history.append(loss.item())
    assert history[-1] < 0.7 * history[0]


def test_weights_survive_a_round_trip(tmp_path):
    network, other = built("u2netp"), built("u2netp")
    for value in other.state_dict().values():
        value.zero_()
    weights.save(network.state_dict(), tmp_path / "w.safetensors")
    assert same(network.state_dict(), weights.load(other, tmp_path / "w.safetensors").state_dict())


@every_entry
def test_no_two_weights_share_memory(name):
    """Safetensors refuses to write those that do."""
    places = [value.data_ptr() for value in fresh(name).state_dict().values()]
    assert len(set(places)) == len(places)


@every_entry
def test_equal_seeds_are_equal_weights(name):
    model, settings, _ = ENTRIES[name]
    torch.manual_seed(0)
    assert same(models.build(model, **settings).state_dict(), fresh(name).state_dict())


def settled(network: torch.nn.Module, images: torch.Tensor) -> torch.nn.Module:
    """In evaluation mode, the statistics halfway to these images' own, so that outputs vary."""
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = 0.5
    with torch.no_grad():
        network.train()(images)
    return network.eval()


def exported(network: torch.nn.Module, channels: int, path) -> onnxruntime.InferenceSession:
    contract = Contract(
        model="any", settings={}, height=64, width=64, fit="stretch", overlap=0, kernel="bilinear",
        color_order="RGB" if channels == 3 else "L", mean=(0.0,) * channels,
        std=(1.0,) * channels, threshold=0.5, output="cutout", headline="mae",
        weights_sha256="0" * 64, data_digest="", data_license="CC0-1.0",
    )  # fmt: skip
    export(network, contract, path, opset=20)
    return onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])


def largest_difference(network, session, images: torch.Tensor) -> float:
    [alpha] = session.run(None, {"images": images.numpy()})
    with torch.no_grad():
        trained = network(images)[0].sigmoid().numpy()
    assert alpha.shape == trained.shape
    assert trained.std() > 1e-4
    return float(np.abs(alpha - trained).max())


@pytest.mark.slow
def test_group_norm_is_exported_too(tmp_path):
    torch.manual_seed(0)
    network = models.build("unet", norm="group").eval()
    session = exported(network, 3, tmp_path / "m.onnx")
    assert largest_difference(network, session, noise("unet", 1, 33, 47)) < 1e-5


def test_unknown_model_names_the_nearest_one():
    with pytest.raises(ModelError, match="did you mean 'u2netp'"):
        models.build("u2netpp")


@pytest.mark.parametrize(
    "name, settings, sentence",
    [
        ("u2net", {"blocks": 3}, "no setting 'blocks'; it takes norm."),
        ("deeplab", {"depth": 18}, "it takes norm, backbone, pretrained."),
        ("deeplab", {"backbone": "resnet50"}, "one of resnet18, resnet34"),
        ("deeplab", {"pretrained": "no"}, "a value like False"),
        ("stacked_unet", {"blocks": 0}, "a value like 2"),
        ("stacked_unet", {"blocks": "2"}, "a value like 2"),
        ("stacked_unet", {"blocks": True}, "a value like 2"),
        ("gan_generator", {"channels": 5}, "set 4 for color and alpha, or 3"),
        ("gan_generator", {"widths": []}, "a value like"),
        ("gan_generator", {"widths": 32}, "a value like"),
        ("gan_generator", {"widths": [32, -1]}, "a value like"),
        ("gan_discriminator", {"widths": [8, 16]}, "2 widths and 4 depths"),
        ("gan_discriminator", {"channels": 1}, "set 4"),
        ("u2netp", {"norm": "layer"}, "one of batch, group, frozen"),
        ("u2netp", {"norm": ["batch"]}, "one of batch, group, frozen"),
    ],
)
def test_bad_setting_is_one_sentence_with_the_way_out(name, settings, sentence):
    with pytest.raises(ModelError, match=sentence) as caught:
        models.build(name, **settings)
    assert "\n" not in str(caught.value)


def test_weights_of_another_architecture_are_refused(tmp_path):
    save_file({"a": torch.zeros(1)}, tmp_path / "w.safetensors")
    with pytest.raises(ModelError, match="does not fit"):
        weights.load(built("u2netp"), tmp_path / "w.safetensors")


def test_damaged_weights_are_refused(tmp_path):
    (tmp_path / "w.safetensors").write_bytes(b"not weights at all")
    with pytest.raises(ModelError, match="not a readable safetensors"):
        weights.load(built("u2netp"), tmp_path / "w.safetensors")
