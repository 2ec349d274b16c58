"""How a training is launched: devices, and which algorithms it may use."""

import json
import subprocess
import sys
from types import SimpleNamespace

import pytest
import torch
from support.project import ROOT, TINY, demo

from clearbg import config
from clearbg.errors import ClearBGError, SettingsError
from clearbg.training import batch_size, launch, processes


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


TRAINS = """
import os, sys
from types import SimpleNamespace
from clearbg.training import processes
with processes.alone(SimpleNamespace(is_global_zero=True, world_size=1)):
    if os.fork():  # the other one stands for a process that loads images
        print("trains", flush=True)
    sys.stdin.readline()
"""


@pytest.mark.slow
def test_second_training_is_refused_while_the_first_lives_and_not_after_its_kill(tmp_path):
    first = subprocess.Popen([sys.executable, "-c", TRAINS], stdin=-1, stdout=-1, text=True)
    assert first.stdout.readline() == "trains\n"
    here = SimpleNamespace(is_global_zero=True, world_size=1)
    refused = pytest.raises(ClearBGError, match=f"process {first.pid} still trains in this project")
    with refused, processes.alone(here):
        pass
    first.kill()
    first.wait()
    with processes.alone(here):
        pass
    first.stdin.close()
    first.stdout.close()


BENCHMARK = """
import sys, time
for name in {missing}:
    sys.modules[name] = None
sys.path.insert(0, {folder!r})
import train
train.attempt("right", 0, lambda: 6.0, "images/s", 2.0)
train.attempt("wrong", 0, lambda: 1 / 0)
train.LIMIT = time.monotonic() - train.BEGUN + 1
train.attempt("slow", 0, lambda: time.sleep(60))
train.attempt("late", 1, lambda: 1.0)
"""
NOT_NEEDED = ["dvc", "gradio", "imagehash", "joblib", "matplotlib", "mlflow", "onnx", "onnxruntime",
              "py_sod_metrics", "ray", "rich", "scipy", "skimage", "sklearn", "tifffile",
              "typer"]  # fmt: skip


@pytest.mark.slow
def test_benchmark_runs_on_a_bare_machine_and_no_row_takes_the_others_with_it():
    code = BENCHMARK.format(missing=NOT_NEEDED, folder=str(ROOT / "benchmarks"))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    right, wrong, slow, late = map(json.loads, done.stdout.splitlines())
    assert (right["value"], right["ratio"]) == (6.0, "3.00 x textbook")
    assert wrong["value"] == "ZeroDivisionError: division by zero"
    assert slow["what"] == "slow failed" and "TimeoutError" in slow["value"]
    assert late["what"] == "late left out"
