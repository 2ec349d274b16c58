"""What does the removal from videos give, and what does it cost?

    python benchmarks/video.py [--model clearbg-lite] [--frames 160] [--write FOLDER]

A scene is generated: a camera passes over a landscape, a subject crosses it, and every frame has
noise of its own. Its true alpha is known.

- Flicker and error of the alpha: of masks with generated flicker, and of the model's, each as it
  is, with `--steady`, and with a plain moving average of the same strength. Flicker is the root of
  the mean squared difference between the changes of alpha and of truth from frame to frame (dtSSD,
  Erofeev et al., "Perceptually Motivated Benchmark for Video Matting", BMVC 2015), divided by the
  root of the pixels.
- Peak of memory of a video and of one four times as long.
- A run that is killed after its first segment, and goes on: frames that were taken over, and
  whether the result has the bytes of an undisturbed run.

`--write` keeps the scene and its cutout, to look at.
"""

import argparse
import hashlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

from clearbg import Remover, synthetic
from clearbg.images import DecodedImage
from clearbg.video.steady import MOST, SteadyAlpha

SIZE = (240, 320)
NOISE = 2.0  # of the camera, in gray levels
FLICKER = 0.2  # standard deviation of alpha in the generated masks
STEADY = 0.8
SUBJECT, LANDSCAPE = 1, 36  # generated images: of a person, and of grass alone

Alphas = list[np.ndarray]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="clearbg-lite")
    parser.add_argument("--frames", type=int, default=160)
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    scene = list(moving_scene(48))
    report_flicker(scene, options.model)
    with tempfile.TemporaryDirectory() as name:
        folder = options.write or Path(name)
        folder.mkdir(parents=True, exist_ok=True)
        report_memory(folder, options.frames, options.model)
        report_kill(folder, options.frames, options.model)


def moving_scene(count: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Frames, uint8 `(H,W,3)`, and their alpha, float32 `(H,W)`."""
    rng = np.random.default_rng(0)
    height, width = SIZE
    subject, mask = synthetic.generate(0, SUBJECT, "people")
    landscape, _ = synthetic.generate(0, LANDSCAPE)
    wide = cv2.resize(landscape, (2 * width, 2 * height), interpolation=cv2.INTER_CUBIC)
    scale = 0.9 * height / len(subject)
    for index in range(count):
        phase = index / 48
        pan = np.float32([[1, 0, -width * (0.5 + 0.45 * np.sin(phase / 2))], [0, 1, -60]])
        back = cv2.warpAffine(wide, pan, (width, height), borderMode=cv2.BORDER_REFLECT)
        x, y = width * (0.2 + 0.25 * np.sin(2 * phase)), height * (0.05 + 0.03 * np.sin(9 * phase))
        place = np.float32([[scale, 0, x], [0, scale, y]])
        front = cv2.warpAffine(subject, place, (width, height), borderMode=cv2.BORDER_REPLICATE)
        alpha = cv2.warpAffine(mask, place, (width, height)).astype(np.float32) / 255
        rgb = alpha[..., None] * front + (1 - alpha[..., None]) * back
        noisy = rgb + rng.normal(0, NOISE, rgb.shape)
        yield np.rint(noisy.clip(0, 255)).astype(np.uint8), alpha


def flickering(truths: Alphas) -> Alphas:
    """The truth with patches of other alpha, new ones in each frame."""
    rng = np.random.default_rng(1)
    found = []
    for truth in truths:
        coarse = rng.normal(0, FLICKER, (SIZE[0] // 8, SIZE[1] // 8)).astype(np.float32)
        found.append((truth + cv2.resize(coarse, SIZE[::-1])).clip(0, 1))
    return found


def report_flicker(scene: list[tuple[np.ndarray, np.ndarray]], model: str) -> None:
    images, truths = [rgb for rgb, _ in scene], [alpha for _, alpha in scene]
    remover = Remover(model)
    predicted = [remover.infer([DecodedImage(rgb)])[0] for rgb in images]
    print(f"{'masks':12} {'filter':24} {'flicker':>8} {'MAE':>8}")
    for name, masks in (("generated", flickering(truths)), (model, predicted)):
        shape = masks[0].shape
        seen = [cv2.resize(truth, shape[::-1], interpolation=cv2.INTER_AREA) for truth in truths]
        for told, filtered in (
            ("none", masks),
            (f"--steady {STEADY}", steadied(images, masks, STEADY)),
            (f"moving average {STEADY}", averaged(masks)),
        ):
            print(f"{name:12} {told:24} {flicker(filtered, seen):8.4f} {mae(filtered, seen):8.4f}")


def steadied(images: Alphas, masks: Alphas, strength: float) -> Alphas:
    steady = SteadyAlpha(strength)
    return [steady(rgb, mask) for rgb, mask in zip(images, masks, strict=True)]


def averaged(masks: Alphas) -> Alphas:
    kept, found = masks[0], []
    for mask in masks:
        kept = mask + STEADY * MOST * (kept - mask)
        found.append(kept)
    return found


def flicker(masks: Alphas, truths: Alphas) -> float:
    errors = np.diff(np.stack(masks), axis=0) - np.diff(np.stack(truths), axis=0)
    return float(np.mean([np.sqrt(np.mean(np.square(error))) for error in errors]))


def mae(masks: Alphas, truths: Alphas) -> float:
    return float(np.abs(np.stack(masks) - np.stack(truths)).mean())


def write_scene(path: Path, count: int) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(24), options={"crf": "20"})
        stream.height, stream.width = SIZE
        for rgb, _ in moving_scene(count):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(rgb, format="rgb24")))
        container.mux(stream.encode(None))
    return path


PEAK = """
import sys
from clearbg.system import memory
from clearbg.video.run import remove_video
report = remove_video(*sys.argv[1:4])
print(memory.peak() / 2**20, report.resumed)
"""


def command(source: Path, target: Path, model: str) -> list[str]:
    return [sys.executable, "-c", PEAK, str(source), str(target), model]


def measured(source: Path, target: Path, model: str) -> tuple[float, int]:
    """Peak of memory in MiB, and frames of an earlier run."""
    done = subprocess.run(command(source, target, model), stdout=subprocess.PIPE, check=True)
    peak, resumed = done.stdout.split()
    return float(peak), int(resumed)


def report_memory(folder: Path, frames: int, model: str) -> None:
    for count in (frames // 4, frames):
        source = write_scene(folder / f"scene{count}.mp4", count)
        began = time.perf_counter()
        peak, _ = measured(source, folder / f"scene{count}.webm", model)
        rate = count / (time.perf_counter() - began)
        print(f"{count} frames of {SIZE[1]}×{SIZE[0]}: peak {peak:.0f} MiB, {rate:.1f} frames/s")


def report_kill(folder: Path, frames: int, model: str) -> None:
    source, whole, target = (
        folder / f"scene{frames}.mp4", folder / f"scene{frames}.webm", folder / "killed.webm",
    )  # fmt: skip
    process = subprocess.Popen(command(source, target, model), stdout=subprocess.DEVNULL)
    record = folder / ".killed.webm.clearbg-video/000000.npz"
    while not record.exists() and process.poll() is None:
        time.sleep(0.05)
    process.kill()
    process.wait()
    assert not target.exists()
    _, resumed = measured(source, target, model)
    same = digest(target) == digest(whole)
    print(f"killed and gone on: {resumed} of {frames} frames taken over, same bytes: {same}")


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


if __name__ == "__main__":
    main()
