"""What is particular to one family of networks."""

import pytest
import torch
import torchvision

from clearbg import models
from clearbg.errors import ModelError
from clearbg.models.deeplab import SqueezeExcitation

U2NET = [
    "stage1.rebnconvin.conv_s1.weight",
    "stage1.rebnconv6d.bn_s1.running_var",
    "stage4.rebnconv4.conv_s1.bias",
    "stage6.rebnconv3d.bn_s1.num_batches_tracked",
    "stage5d.rebnconv1d.conv_s1.weight",
    "side6.bias",
]


def built(name: str, **settings) -> torch.nn.Module:
    torch.manual_seed(0)
    return models.build(name, **settings)


@pytest.mark.parametrize(
    "name, count, known",
    [
        ("u2net", 798, {"outconv.weight": (1, 6, 1, 1), "stage1d.rebnconv7.conv_s1.bias": (16,)}),
        ("isnet", 798, {"conv_in.weight": (64, 3, 3, 3), "conv_in.bias": (64,)}),
    ],
)
def test_state_dict_has_the_published_names(name, count, known):
    tensors = built(name).state_dict()
    assert len(tensors) == count
    assert set(U2NET) <= set(tensors)
    assert {key: tuple(tensors[key].shape) for key in known} == known


def test_unet_has_the_widespread_names():
    shapes = {key: tuple(tensor.shape) for key, tensor in built("unet").state_dict().items()}
    known = {
        "inc.double_conv.0.weight": (64, 3, 3, 3),
        "inc.double_conv.4.running_mean": (64,),
        "down1.maxpool_conv.1.double_conv.0.weight": (128, 64, 3, 3),
        "down4.maxpool_conv.1.double_conv.3.weight": (1024, 1024, 3, 3),
        "up1.up.weight": (1024, 512, 2, 2),
        "up1.up.bias": (512,),
        "up4.conv.double_conv.0.weight": (64, 128, 3, 3),
        "outc.conv.weight": (1, 64, 1, 1),
        "outc.conv.bias": (1,),
    }
    assert {key: shapes[key] for key in known} == known
    assert "inc.double_conv.0.bias" not in shapes


def test_fusion_is_a_convolution_of_the_six_side_outputs():
    network = built("u2netp").eval()
    with torch.no_grad():
        fused, *sides = network(torch.randn(1, 3, 40, 40))
        assert len(sides) == 6
        assert torch.allclose(fused, network.outconv(torch.cat(sides, 1)), atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("size", [(32, 32), (37, 51)])
def test_features_of_the_ground_truth_encoder_fit_those_of_isnet(size):
    with torch.no_grad():
        logits, maps = built("isnet").eval().features(torch.rand(1, 3, *size))
        alphas, targets = built("isnet_gt").eval().features(torch.rand(1, 1, *size))
    assert [m.shape for m in maps] == [m.shape for m in targets]
    assert [m.shape[1] for m in maps] == [64, 64, 128, 256, 512, 512]
    assert [len(logits), len(alphas)] == [6, 6]


def test_isnet_weights_are_xavier_uniform():
    weight = built("isnet").stage6.rebnconv1.conv_s1.weight
    bound = (6 / (512 * 9 + 256 * 9)) ** 0.5
    assert bound * 0.99 < weight.abs().max() <= bound


def test_squeeze_excitation_weighs_channels_by_hand():
    gate = SqueezeExcitation(8)
    torch.nn.init.ones_(gate.squeeze.weight)
    torch.nn.init.ones_(gate.excite.weight)
    x = torch.full((1, 8, 2, 2), 0.25)
    assert torch.allclose(gate(x), x * torch.tensor(2.0).sigmoid())


def test_deeplab_grows_with_its_backbone():
    small, large = built("deeplab"), built("deeplab", backbone="resnet34")
    extra = sum(len(p.flatten()) for p in large.parameters())
    extra -= sum(len(p.flatten()) for p in small.parameters())
    assert extra == 21_284_672 - 11_176_512  # the ResNets without their classifiers


@pytest.fixture
def cached_weights(tmp_path, monkeypatch):
    """Where torchvision looks for ResNet-18 before it asks the network."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    folder = tmp_path / "hub/checkpoints"
    folder.mkdir(parents=True)
    return folder / torchvision.models.ResNet18_Weights.IMAGENET1K_V1.url.rpartition("/")[2]


def test_pretrained_encoder_has_torchvisions_weights(cached_weights):
    resnet = torchvision.models.resnet18()
    torch.save(resnet.state_dict(), cached_weights)
    encoder = built("deeplab", pretrained=True).encoder.state_dict()
    assert len(encoder) == len(resnet.state_dict()) - 2  # the classifier's
    assert all(torch.equal(value, resnet.state_dict()[key]) for key, value in encoder.items())


def test_missing_pretrained_weights_are_one_sentence(cached_weights):
    cached_weights.write_bytes(b"cut off")
    with pytest.raises(ModelError, match=r"set model\.pretrained to false"):
        built("deeplab", pretrained=True)


def test_generated_image_is_color_and_alpha():
    network, images = built("gan_generator").eval(), torch.rand(2, 3, 33, 20)
    with torch.no_grad():
        rgba, alpha = network.generate(images), network(images)[0].sigmoid()
    assert rgba.shape == (2, 4, 33, 20)
    assert torch.equal(rgba, rgba.clamp(0, 1))
    assert torch.allclose(rgba[:, 3:], alpha)


@pytest.mark.parametrize("alpha", [0.0, 0.25, 1.0])
def test_alpha_of_a_generator_without_one_explains_its_colors(alpha, monkeypatch):
    network, images = built("gan_generator", channels=3).eval(), torch.rand(1, 3, 8, 8)
    monkeypatch.setattr(network, "_raw", lambda images: (alpha * images).logit())
    found = network(images)[0].sigmoid()
    assert torch.allclose(found, torch.full((1, 1, 8, 8), alpha), atol=2e-3)


def test_alpha_of_a_generator_without_one_is_zero_where_the_image_is_black():
    network = built("gan_generator", channels=3).eval()
    with torch.no_grad():
        logits = network(torch.zeros(1, 3, 8, 8))[0]
    assert torch.isfinite(logits).all()
    assert logits.sigmoid().max() < 1e-5


def test_generator_has_the_widths_that_are_asked_for():
    network = built("gan_generator", widths=[4, 8, 12]).eval()
    with torch.no_grad():
        assert network.generate(torch.rand(1, 3, 9, 5)).shape == (1, 4, 9, 5)
    assert network.encoder[2].double_conv[0].out_channels == 12


@pytest.mark.parametrize("size", [(1, 1), (33, 47), (64, 64)])
def test_discriminator_gives_one_logit_for_an_image_of_any_size(size):
    network = built("gan_discriminator", widths=[4, 8], depths=[1, 2]).eval()
    with torch.no_grad():
        [logits] = network(torch.rand(3, 4, *size))
    assert logits.shape == (3, 1)
