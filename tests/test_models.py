"""One contract for every model: what any family must keep to be trained and exported."""

import pytest
import torch
from safetensors.torch import save_file

from clearbg import losses, models
from clearbg.errors import ModelError
from clearbg.models import weights

PARAMETERS = {"u2net": 44_009_869, "u2netp": 1_131_181}


@pytest.fixture(params=sorted(models.MODELS))
def name(request):
    return request.param


def built(name: str) -> torch.nn.Module:
    torch.manual_seed(0)
    return models.build(name)


def test_parameter_count_is_the_published_one(name):
    assert sum(p.numel() for p in built(name).parameters()) == PARAMETERS[name]


@pytest.mark.parametrize("size", [(32, 32), (33, 47), (64, 31)])
def test_outputs_are_logits_at_input_size_finest_first(name, size):
    with torch.no_grad():
        logits = built(name).eval()(torch.randn(2, 3, *size))
    assert all(output.shape == (2, 1, *size) for output in logits)
    assert min(output.min() for output in logits) < 0


def test_forward_is_deterministic(name):
    network, images = built(name).eval(), torch.randn(1, 3, 32, 32)
    with torch.no_grad():
        assert torch.equal(network(images)[0], network(images)[0])


def test_batch_of_one_trains(name):
    network = built(name).train()
    loss = losses.summed_bce(network(torch.randn(1, 3, 64, 64)), torch.rand(1, 1, 64, 64))
    loss.backward()
    assert all(torch.isfinite(p.grad).all() for p in network.parameters() if p.grad is not None)


def test_weights_survive_a_round_trip(name, tmp_path):
    network = built(name)
    weights.save(network.state_dict(), tmp_path / "w.safetensors")
    copy = weights.load(models.build(name), tmp_path / "w.safetensors").state_dict()
    assert all(torch.equal(value, copy[key]) for key, value in network.state_dict().items())


def test_equal_weights_are_equal_files(name, tmp_path):
    for file in ("a", "b"):
        weights.save(built(name).state_dict(), tmp_path / file)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_four_pictures_are_learned_by_heart():
    network = built("u2netp").train()
    images = 0.1 * torch.randn(4, 3, 32, 32)
    images[:, :, 8:24, 8:24] = torch.randn(4, 3, 1, 1)
    alpha = torch.zeros(4, 1, 32, 32)
    alpha[:, :, 8:24, 8:24] = 1
    optimizer = torch.optim.Adam(network.parameters(), 2e-3)
    first = None
    for _ in range(20):
        optimizer.zero_grad()
        loss = losses.summed_bce(network(images), alpha)
        loss.backward()
        optimizer.step()
        first = first or loss.item()
    assert loss.item() < 0.6 * first


def test_state_dict_has_the_published_names():
    names = built("u2net").state_dict()
    assert len(names) == 798
    for known in (
        "stage1.rebnconvin.conv_s1.weight",
        "stage1.rebnconv6d.bn_s1.running_var",
        "stage4.rebnconv4.conv_s1.bias",
        "stage6.rebnconv3d.bn_s1.num_batches_tracked",
        "stage5d.rebnconv1d.conv_s1.weight",
        "side6.bias",
        "outconv.weight",
    ):
        assert known in names
    assert names["stage1d.rebnconv7.conv_s1.weight"].shape == (16, 16, 3, 3)
    assert names["outconv.weight"].shape == (1, 6, 1, 1)


def test_fusion_is_a_convolution_of_the_six_side_outputs():
    network = built("u2netp").eval()
    with torch.no_grad():
        fused, *sides = network(torch.randn(1, 3, 40, 40))
        assert len(sides) == 6
        assert torch.allclose(fused, network.outconv(torch.cat(sides, 1)), atol=1e-6)


def test_unknown_model_names_the_nearest_one():
    with pytest.raises(ModelError, match="did you mean 'u2netp'"):
        models.build("u2netpp")


def test_unknown_model_setting_is_one_sentence():
    with pytest.raises(ModelError, match="u2net"):
        models.build("u2net", blocks=3)


def test_weights_of_another_architecture_are_refused(tmp_path):
    save_file({"a": torch.zeros(1)}, tmp_path / "w.safetensors")
    with pytest.raises(ModelError, match="does not fit"):
        weights.load(models.build("u2netp"), tmp_path / "w.safetensors")


def test_damaged_weights_are_refused(tmp_path):
    (tmp_path / "w.safetensors").write_bytes(b"not weights at all")
    with pytest.raises(ModelError, match="not a readable safetensors"):
        weights.load(models.build("u2netp"), tmp_path / "w.safetensors")
