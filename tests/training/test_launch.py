"""How a training is launched: devices, and which algorithms it may use."""

import pytest
import torch
from support.project import TINY, demo

from clearbg import config
from clearbg.errors import SettingsError
from clearbg.training import batch_size, launch


def settings(**train) -> config.Settings:
    return config.parse(demo(**{**TINY, "train": {**TINY["train"], **train}}))


def test_gpu_that_is_not_there_is_a_sentence(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(SettingsError, match=r"train\.accelerator = cuda"):
        launch.launch(settings(accelerator="cuda").train)


def test_half_precision_on_a_cpu_is_a_sentence():
    with pytest.raises(SettingsError, match="bf16-mixed"):
        launch.launch(settings(precision="16-mixed").train)


@pytest.mark.parametrize("determinism, exact", [("exact", True), ("fast", False)])
def test_determinism_decides_the_algorithms(determinism, exact):
    launch.launch(settings(determinism=determinism).train)
    assert torch.are_deterministic_algorithms_enabled() is exact
    assert torch.backends.cudnn.benchmark is not exact
    assert (torch.get_float32_matmul_precision() == "highest") is exact
    launch.launch(settings().train)


def test_several_machines_train_with_ddp(monkeypatch):
    asked = {}

    class Recorded:
        strategy, is_global_zero = None, True

        def __init__(self, **options):
            asked.update(options)

        def launch(self):
            pass

    monkeypatch.setattr(launch, "Fabric", Recorded)
    launch.launch(settings(accelerator="cpu", nodes=2).train)
    assert (asked["devices"], asked["num_nodes"]) == (1, 2)
    assert isinstance(asked["strategy"], launch.DDPStrategy)


def test_batch_size_that_is_chosen_is_kept_for_a_restart(tmp_path):
    chosen = settings(batch_size="auto", accelerator="cpu")
    fabric = launch.launch(chosen.train)
    first = batch_size.with_batch_size(chosen, tmp_path, 100, fabric)
    assert first.train.batch == batch_size.SMALL
    (tmp_path / "batch_size.txt").write_text("5\n")
    assert batch_size.with_batch_size(chosen, tmp_path, 100, fabric).train.batch == 5
