"""Published checkpoints, in the forms in which they are found, become models folders."""

import functools
import os
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from typer.testing import CliRunner

from clearbg import importing, models
from clearbg.cli.app import app
from clearbg.contract import read_contract
from clearbg.errors import FetchError, ModelError
from clearbg.inference.predict import predict
from clearbg.inference.torch_network import as_network
from clearbg.models import weights


def network(name: str, **settings) -> torch.nn.Module:
    """Random weights, and statistics off their start."""
    torch.manual_seed(1)
    net = models.build(name, **settings)
    for tensor in net.buffers():
        if tensor.is_floating_point():
            tensor.uniform_(0.5, 1.5)
    return net.eval()


@functools.cache
def lite() -> torch.nn.Module:
    return network("u2netp")


def hollow(name: str, **settings) -> dict[str, torch.Tensor]:
    """A state dict of the right shapes that takes no room: a number for each tensor."""
    with torch.device("meta"):
        shapes = models.build(name, **settings).state_dict()
    return {
        key: torch.tensor(i, dtype=tensor.dtype).expand(tensor.shape)
        for i, (key, tensor) in enumerate(shapes.items())
    }


def elsewhere(state: dict[str, torch.Tensor], prefix: str = "layer") -> dict[str, torch.Tensor]:
    """The same tensors with modules named by their place alone."""
    places: dict[str, int] = {}
    renamed = {}
    for name, tensor in state.items():
        module, _, leaf = name.rpartition(".")
        renamed[f"{prefix}{places.setdefault(module, len(places))}.{leaf}"] = tensor
    return renamed


def saved(content, name: str = "net.pth", **options) -> str:
    torch.save(content, name, **options)
    return name


def outputs(folder: Path, images: torch.Tensor) -> list[torch.Tensor]:
    contract = read_contract(folder)
    net = weights.load(models.build(contract.model, **contract.settings), folder / weights.FILE)
    with torch.no_grad():
        return net(images)


def assert_same_outputs(folder: Path, original: torch.nn.Module, channels: int = 3) -> None:
    images = torch.rand(1, channels, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        expected = original(images)
    for ours, theirs in zip(outputs(folder, images), expected, strict=True):
        assert torch.equal(ours, theirs)


def refusal(source: str, **options) -> str:
    """The one sentence that a file is refused with; nothing is left behind."""
    with pytest.raises((ModelError, FetchError)) as caught:
        importing.import_weights(source, **options)
    assert "\n" not in str(caught.value)
    assert not Path("imported").exists() or not list(Path("imported").iterdir())
    return str(caught.value)


@pytest.mark.parametrize(
    "wrap",
    [
        lambda state: state,
        lambda state: {f"module.{name}": tensor for name, tensor in state.items()},
        lambda state: {f"_orig_mod.module.{name}": tensor for name, tensor in state.items()},
        lambda state: {"state_dict": {f"model.{k}": v for k, v in state.items()}, "epoch": 7},
        lambda state: {"model_state_dict": state, "best_loss": np.float64(0.25)},
        lambda state: {"run": {"net": state}, "mask_values": [0, 1]},
        lambda state: {**state, "mask_values": [0, 255]},
        elsewhere,
    ],
    ids="plain module compiled lightning numpy nested values by-order".split(),
)
def test_every_wrapping_gives_the_same_weights(wrap):
    found = importing.import_weights(saved(wrap(lite().state_dict())))
    assert (found.model, found.tensors, found.parameters) == ("u2netp", 798, 1_131_181)
    assert found.folder == Path.cwd() / "imported/net"
    written = load_file(found.folder / weights.FILE)
    assert written.keys() == lite().state_dict().keys()
    assert all(torch.equal(written[k], v) for k, v in lite().state_dict().items())


def test_imported_network_gives_the_originals_outputs():
    assert_same_outputs(importing.import_weights(saved(lite().state_dict())).folder, lite())


def test_equal_input_gives_equal_bytes():
    first = importing.import_weights(saved(lite().state_dict(), "a.pth"))
    second = importing.import_weights(saved({"model": elsewhere(lite().state_dict())}, "b.pth"))
    for name in ("weights.safetensors", "model.json"):
        assert (first.folder / name).read_bytes() == (second.folder / name).read_bytes()


def test_what_was_done_by_order_is_said():
    found = importing.import_weights(saved(elsewhere(lite().state_dict())))
    assert "matched by their order" in found.remarks[0]


def test_old_format_of_torch_is_read():
    file = saved(lite().state_dict(), _use_new_zipfile_serialization=False)
    assert importing.import_weights(file).model == "u2netp"


def test_checkpoint_without_batch_counters_is_read():
    state = {k: v for k, v in lite().state_dict().items() if "num_batches" not in k}
    assert_same_outputs(importing.import_weights(saved(state)).folder, lite())


@pytest.mark.slow
def test_safetensors_are_read_by_name_and_never_by_order():
    state = {k: v.contiguous() for k, v in lite().state_dict().items()}
    save_file(state, "named.safetensors")
    assert importing.import_weights("named.safetensors").model == "u2netp"
    Path("imported/named").rename("kept")
    save_file(elsewhere(state), "other.safetensors")
    assert "nearest is u2netp" in refusal("other.safetensors")


def test_half_precision_becomes_single():
    state = {k: v.half() if v.is_floating_point() else v for k, v in lite().state_dict().items()}
    found = importing.import_weights(saved(state))
    dtypes = {tensor.dtype for tensor in load_file(found.folder / weights.FILE).values()}
    assert dtypes == {torch.float32, torch.int64}


class Attack:
    def __reduce__(self):
        return os.system, ("touch attacked",)


@pytest.mark.parametrize("new_format", [True, False])
def test_pickle_that_runs_code_is_refused_and_runs_nothing(new_format):
    content = {"state_dict": lite().state_dict(), "epoch": Attack()}
    file = saved(content, "bad.pth", _use_new_zipfile_serialization=new_format)
    message = refusal(file)
    assert "bad.pth asks to run" in message and "system" in message and "state dict" in message
    assert not Path("attacked").exists()


@pytest.mark.parametrize("protocol", range(6))
def test_bare_pickle_that_runs_code_runs_nothing(protocol):
    Path("bad.pth").write_bytes(pickle.dumps(Attack(), protocol=protocol))
    assert refusal("bad.pth").startswith("bad.pth ")
    assert not Path("attacked").exists()


def test_pickled_module_is_refused_by_the_name_of_its_class():
    assert "asks to run torch.nn.modules.conv.Conv2d" in refusal(saved(torch.nn.Conv2d(1, 1, 1)))


@pytest.mark.parametrize("new_format", [True, False])
def test_truncated_checkpoint_is_refused(new_format):
    file = saved(lite().state_dict(), _use_new_zipfile_serialization=new_format)
    content = Path(file).read_bytes()
    Path(file).write_bytes(content[: len(content) // 2])
    assert "net.pth is no whole checkpoint" in refusal(file)


@pytest.mark.parametrize(
    "content, said",
    [
        (b"version https://git-lfs.github.com/spec/v1\n", "no whole checkpoint"),
        (b"<!doctype html><title>Sign in</title>", "web page"),
        (b"", "empty"),
        (b"\x40\0\0\0\0\0\0\0{" + b" " * 20, "damaged safetensors"),
    ],
    ids="pointer page empty safetensors".split(),
)
def test_other_file_is_refused(content, said):
    Path("net.pth").write_bytes(content)
    assert said in refusal("net.pth")


@pytest.mark.parametrize("content", [[1, 2], {}, {"epoch": 3}, {"w": torch.zeros(3)}])
def test_checkpoint_without_a_network_is_refused(content):
    assert "holds no state dict of a network" in refusal(saved(content))


def test_missing_file_and_folder_are_refused():
    Path("folder").mkdir()
    assert "does not exist" in refusal("nowhere.pth")
    assert "folder is a folder" in refusal("folder")


def test_shape_that_does_not_fit_is_named_with_the_nearest_network():
    state = lite().state_dict() | {"side3.weight": torch.zeros(2, 64, 3, 3)}
    message = refusal(saved(state))
    assert "nearest is u2netp, whose side3.weight is 1×64×3×3 and here 2×64×3×3" in message
    state = elsewhere(lite().state_dict() | {"stage1.rebnconvin.conv_s1.weight": torch.ones(9, 9)})
    message = refusal(saved(state))
    assert "tensor 1, stage1.rebnconvin.conv_s1.weight, is 64×3×3×3" in message
    assert "here layer0.weight, 9×9" in message


def test_values_that_are_no_numbers_are_refused():
    state = lite().state_dict() | {"side3.bias": torch.tensor([float("nan")])}
    assert "side3.bias" in refusal(saved(state))


def test_of_several_networks_one_must_be_chosen():
    state = lite().state_dict()
    file = saved({"model": state, "ema": elsewhere(state)})
    assert "'model' (u2netp), 'ema' (u2netp): choose one with --key" in refusal(file)
    assert "only at 'model', 'ema'" in refusal(file, key="best")
    assert importing.import_weights(file, key="ema").remarks[0] == "it is 'ema' of the file"


def test_optimizer_is_no_network():
    optimizer = torch.optim.Adam(lite().parameters())
    optimizer.state = {p: {"exp_avg": torch.zeros_like(p)} for p in lite().parameters()}
    checkpoint = {"net": lite().state_dict(), "optimizer": optimizer.state_dict(), "epoch": 12}
    found = importing.import_weights(saved(checkpoint))
    assert (found.model, found.epoch) == ("u2netp", 12)


def test_same_import_again_is_fine_and_another_does_not_replace_it():
    state = lite().state_dict()
    importing.import_weights(saved(state))
    importing.import_weights("net.pth")
    saved({name: tensor + 1 for name, tensor in state.items()})
    before = Path("imported/net/weights.safetensors").read_bytes()
    with pytest.raises(ModelError, match="already holds something else: name another"):
        importing.import_weights("net.pth")
    assert Path("imported/net/weights.safetensors").read_bytes() == before


def test_folder_with_other_files_is_never_replaced():
    Path("models").mkdir()
    Path("models/notes.txt").write_text("mine")
    with pytest.raises(ModelError, match="models already holds something else"):
        importing.import_weights(saved(lite().state_dict()), output=Path("models"))
    assert Path("models/notes.txt").read_text() == "mine"


def test_archive_with_one_checkpoint_is_opened():
    saved(lite().state_dict(), "inside.pth.tar")
    Path("inside.pth.tar").rename("inside.pth")
    with zipfile.ZipFile("all.zip", "w") as archive:
        archive.write("inside.pth", "weights/inside.pth")
    assert importing.import_weights("all.zip").folder.name == "inside"
    with zipfile.ZipFile("more.zip", "w") as archive:
        archive.write("inside.pth", "a.pth")
        archive.write("inside.pth", "b.pth")
    with pytest.raises(ModelError, match="several checkpoints: import one of"):
        importing.import_weights("more.zip")


def test_command_says_what_was_found_and_how_to_start_from_it():
    file = saved({"model": lite().state_dict(), "epoch": 4}, "light.pth")
    done = CliRunner().invoke(app, ["import-weights", file, "--size", "64", "--license", "CC0-1.0"])
    assert done.exit_code == 0, done.output
    lines = done.output.splitlines()
    assert "imported/light: u2netp, 798 tensors, 1,131,181 parameters, epoch 4" in lines
    contract = read_contract(Path("imported/light"))
    assert (contract.height, contract.width, contract.data_license) == (64, 64, "CC0-1.0")
    assert lines[-2:] == [
        "  init_from: imported/light",
        f"  init_sha256: {contract.weights_sha256}",
    ]


def test_command_fails_in_one_sentence():
    done = CliRunner().invoke(app, ["import-weights", "nowhere.pth"])
    assert done.exit_code == 1
    assert done.output.startswith("clearbg: nowhere.pth does not exist")


@pytest.mark.slow
def test_training_starts_from_the_imported_folder():
    found = importing.import_weights(saved(lite().state_dict()))
    fresh = models.build("u2netp")
    weights.start(fresh, Path("imported/net"), found.sha256)
    assert all(torch.equal(v, fresh.state_dict()[k]) for k, v in lite().state_dict().items())


def test_imported_folder_predicts():
    folder = importing.import_weights(saved(lite().state_dict()), size=32).folder
    contract = read_contract(folder)
    net = weights.load(models.build(contract.model, **contract.settings), folder / weights.FILE)
    [alpha] = predict([np.full((20, 30, 3), 128, np.uint8)], as_network(net), contract)
    assert alpha.shape == (20, 30)


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
    state = hollow(model, **settings)
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
    assert "ground-truth encoder" in refusal(saved(hollow("isnet_gt")))


def stack_checkpoint(blocks: int) -> tuple[torch.nn.Module, dict[str, torch.Tensor]]:
    net = network("stacked_unet", blocks=blocks)
    return net, {f"module.{k}": v for k, v in elsewhere(net.state_dict(), "nets.").items()}


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
    generator = network("gan_generator", channels=channels, widths=widths)
    judge = network("gan_discriminator", channels=channels, widths=[4, 8], depths=[1, 1])
    optimizer = torch.optim.Adam(generator.parameters())
    checkpoint = {
        "generator_sd": elsewhere(generator.state_dict()),
        "discriminator_sd": elsewhere(judge.state_dict()),
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
    generator = network("gan_generator", channels=4, widths=[4, 8, 16])
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
    judge = network("gan_discriminator", channels=4, widths=[4, 8], depths=[1, 1])
    assert "a discriminator, which only judges images" in refusal(saved(judge.state_dict()))


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
