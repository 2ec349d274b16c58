"""How fast does training run beside a textbook loop, on this machine's GPU or CPU?

python benchmarks/train.py [--cpu] [--json FILE]

Both sides run in this process, one after the other, with the same network and batches. The
textbook loop is what most people write first: fp32 without TF32, contiguous tensors, Adam, one
process that loads images with scikit-image, the loss read at every step. A row of JSON is printed
for each measurement, then a table.

GPU: the step on random batches (textbook; `determinism: exact`; as the recipe trains), equal bits
of two exact trainings by family, and the share of time that a training waits for its images.
CPU: from JPEG files to weights, and the share of its speed that is left beside two busy loops.

Needs torch, torchvision, lightning-fabric, pydantic, OpenCV, safetensors, pandas, PyYAML and tqdm;
for the CPU's textbook loop scikit-image as well. On a GPU it ends within 170 s: a measurement for
which no time is left is left out, and a row says so.
"""

import argparse
import dataclasses
import gc
import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

BEGUN, LIMIT = time.monotonic(), 165.0  # seconds of a run on a GPU; the rest is for its end
os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "src"))

import torch  # noqa: E402
from training_material import (  # noqa: E402
    PAIRS,
    ours_on_cpu,
    paces,
    recipe,
    textbook_on_cpu,
    write_pairs,
)

from clearbg import config, losses, models  # noqa: E402
from clearbg.training.adversarial import Adversarial  # noqa: E402
from clearbg.training.launch import launch  # noqa: E402
from clearbg.training.supervised import Supervised  # noqa: E402

# network: recipe, side, the textbook's batch, the goal of the recipe's step over the textbook's
STEPS = {
    "u2netp": ("clearbg-lite", 288, 12, 4.5),
    "u2net": ("clearbg", 288, 12, 4.0),
    "isnet": ("dis", 1024, 4, 2.5),
}
FAMILIES = ["clearbg-lite", "clearbg", "dis", "portrait", "people-deeplab", "people-unet", "gan",
            "documents"]  # fmt: skip
ROWS: list[dict] = []


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cpu", action="store_true", help="measure the CPU where a GPU is too")
    parser.add_argument("--json", type=Path, help="where the rows are written as well")
    given = parser.parse_args()
    if given.cpu or not torch.cuda.is_available():
        global LIMIT
        LIMIT = 1e6
        on_cpu()
    else:
        on_gpu()
    table = [f"{r['what']:44} {r['value']:>10} {r.get('unit', ''):10} {r.get('ratio', '')}"
             for r in ROWS]  # fmt: skip
    print("\n".join(table))
    if given.json:
        given.json.write_text("\n".join(map(json.dumps, ROWS)) + "\n")


def tell(what: str, value: float | str, unit: str = "", **more) -> None:
    shown = float(f"{value:.4g}") if isinstance(value, float) else value
    ROWS.append({"what": what, "value": shown, "unit": unit, **more})
    print(json.dumps(ROWS[-1]), flush=True)


def on_gpu() -> None:
    tell("device", torch.cuda.get_device_name(), torch_version=torch.__version__)
    for network in STEPS:
        steps(network)
    with tempfile.TemporaryDirectory() as folder:
        attempt("waiting for data", 45, lambda: waiting(Path(folder)))
    for name in FAMILIES:
        attempt(f"exact twice: {name}", 4, lambda name=name: exactness(name))


def steps(network: str) -> None:
    """The textbook's step, and this project's in three ways."""
    name, side, batch, goal = STEPS[network]
    plain = attempt(f"{network} {side}² textbook, batch {batch}", 5,
                    lambda: rate(textbook(network, side, batch), batch), "images/s")  # fmt: skip
    for kind, changes in (
        ("exact", {"determinism": "exact", "batch_size": batch, "compile": "off"}),
        ("fast", {"determinism": "fast", "batch_size": batch, "compile": "off"}),
        ("recipe", {}),
    ):
        chosen = alone(recipe(name, {"accelerator": "cuda", "init_from": None, **changes}))
        size = chosen.train.batch
        attempt(
            f"{network} {side}² {kind}, batch {size}", 8,
            lambda chosen=chosen, size=size: rate(step_of(chosen, side, size), size), "images/s",
            plain, **({"goal": goal} if kind == "recipe" else {}),
        )  # fmt: skip


def alone(chosen: config.Settings) -> config.Settings:
    """The settings without a teacher and without weights from elsewhere."""
    model = chosen.model
    changes = {key: off for key, off in (("teacher_epochs", 0), ("pretrained", False))
               if getattr(model, key)}  # fmt: skip
    return dataclasses.replace(chosen, model=model.model_copy(update=changes))


def attempt(
    what: str,
    seconds: float,
    measure: Callable[[], Any],
    unit: str = "",
    plain: float | None = None,
    **more,
) -> Any:
    """Tell what is measured, and return it. One that fails is told, and the others go on.

    It is left out where fewer seconds are left than it takes, and given up at the end of the time.
    """
    left = LIMIT - (time.monotonic() - BEGUN)
    if left < seconds:
        tell(f"{what} left out", f"{LIMIT:.0f} s are over")
        return None
    found = None
    try:
        signal.signal(signal.SIGALRM, out_of_time)
        signal.setitimer(signal.ITIMER_REAL, left)
        found = measure()
        if found is not None:
            ratio = {"ratio": f"{found / plain:.2f} x textbook"} if plain else {}
            tell(what, found, unit, **ratio, **more)
    except Exception as error:
        tell(f"{what} failed", f"{type(error).__name__}: {str(error)[:300]}")
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    gc.collect()  # a failed step's frames hold its tensors
    if "torch._dynamo" in sys.modules:
        torch.compiler.reset()  # and CUDA graphs have memory of their own
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    return found


def out_of_time(_number: int, _frame: object) -> None:
    raise TimeoutError(f"{LIMIT:.0f} s are over")


def textbook(network: str, side: int, batch: int) -> Callable[[], None]:
    torch.use_deterministic_algorithms(False)
    torch.backends.cudnn.benchmark = torch.backends.cudnn.deterministic = False
    torch.backends.cudnn.allow_tf32 = False
    torch.set_float32_matmul_precision("highest")
    net = models.build(network).cuda().train()
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
    images, alpha = random_batch(batch, side)

    def step() -> None:
        loss = losses.summed_bce(net(images), alpha)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        loss.item()

    return step


def random_batch(batch: int, side: int, channels: int = 3) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(batch, channels, side, side, generator=generator)
    return images.cuda(), (
        torch.rand(batch, 1, side, side, generator=generator) > 0.5
    ).float().cuda()


def step_of(settings: config.Settings, side: int, batch: int) -> Callable[[], None]:
    fabric = launch(settings.train)
    kind = Adversarial if settings.train.method == "adversarial" else Supervised
    method = kind(fabric, settings)
    images, alpha = random_batch(batch, side, len(settings.model.mean))
    method.set_rate(1, 100, 0)
    return lambda: method.step(images, alpha)


def rate(step: Callable[[], None], images: int, seconds: float = 2.5) -> float:
    """Images a second, after warming up."""
    for _ in range(6):
        step()
    torch.cuda.synchronize()
    start, steps = time.monotonic(), 0
    while time.monotonic() - start < seconds:
        for _ in range(5):
            step()
        torch.cuda.synchronize()
        steps += 5
    return steps * images / (time.monotonic() - start)


def exactness(name: str) -> str:
    """Whether two exact trainings of a few steps give the same bits."""
    changes = {"accelerator": "cuda", "determinism": "exact", "batch_size": 2,
               "compile": "off", "sizes": None, "init_from": None}  # fmt: skip
    chosen = alone(recipe(name, changes))
    first, second = (digest_after(chosen, steps=4) for _ in range(2))
    return "equal" if first == second else "DIFFERENT"


def digest_after(settings: config.Settings, steps: int) -> str:
    fabric = launch(settings.train)
    kind = Adversarial if settings.train.method == "adversarial" else Supervised
    method = kind(fabric, settings)
    side = 128 if settings.model.name != "isnet" else 256
    images, alpha = random_batch(2, side, len(settings.model.mean))
    for step in range(steps):
        torch.manual_seed(step)
        method.set_rate(1 + step, 100, 0)
        method.step(images, alpha)
    digest = hashlib.sha256()
    for tensor in method.weights().values():
        digest.update(tensor.numpy().tobytes())
    return digest.hexdigest()


def waiting(data: Path) -> None:
    """A training from JPEG files by its recipe: images a second, and time lost to waiting."""
    workers = min(16, os.cpu_count() or 1)
    own = {"accelerator": "cuda", "init_from": None, "workers": workers, "steps": None,
           "epochs": None, "minutes": 0.2, "sizes": None}  # fmt: skip
    write_pairs(data, 1200, recipe("clearbg-lite", own).augment.size)
    for kind, changes in (
        (f"files, {workers} workers", {"cache": "off", "augment_on": "cpu"}),
        ("as the recipe says", {}),
    ):
        pace = paces(recipe("clearbg-lite", {**own, **changes}), data)[-1]
        tell(f"end to end, {kind}", pace["images_per_second"], "images/s")
        tell(f"waiting for data, {kind}", pace["waiting_for_data"], "of 1", goal=0.05)


def on_cpu() -> None:
    """From files to weights; U²-Net-lite at 288², batch 12."""
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder)
        write_pairs(data, PAIRS, 320)
        plain = attempt("textbook, batch 12, from JPEG files", 0,
                        lambda: of_another("--textbook", data), "images/s")  # fmt: skip
        ours = of_another("--ours", data)
        attempt("clearbg, batch 12, from JPEG files", 0, lambda: ours["images_per_second"],
                "images/s", plain, goal=1.8)  # fmt: skip
        tell("waiting for data", ours["waiting_for_data"], "of 1", goal=0.05)
        busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(2)]
        try:
            beside = of_another("--ours", data)["images_per_second"]
        finally:
            for process in busy:
                process.kill()
        tell("clearbg beside two busy loops", beside, "images/s",
             ratio=f"{beside / ours['images_per_second']:.2f} of alone", goal=0.4)  # fmt: skip


def of_another(side: str, data: Path):
    """What a process of its own measures: OpenMP reads its environment once."""
    command = [sys.executable, __file__, side, str(data)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr[-300:])
    return json.loads(done.stdout.splitlines()[-1])


if __name__ == "__main__":
    if len(sys.argv) == 3 and sys.argv[1] in ("--textbook", "--ours"):
        measured = textbook_on_cpu if sys.argv[1] == "--textbook" else ours_on_cpu
        print(json.dumps(measured(Path(sys.argv[2]))))
    else:
        main()
