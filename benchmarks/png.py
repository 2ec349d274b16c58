"""How large are the PNG files of cutouts, and what do they cost, beside Pillow's and rembg's?

    python benchmarks/png.py [--images FOLDER --alpha FOLDER]

Cutouts of generated images of 1600×1200 with a camera's noise, or of a folder's images with the
alpha of the same name. Pillow writes the same pixels at its level 6, and those of rembg, which
multiplies colors by alpha, as rembg does. Sizes are means, in kB; times are the processor's, in
milliseconds, the best of three. A page of text stands for flat graphics.
"""

import argparse
import io
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import removal_material as material
from PIL import Image, ImageDraw

from clearbg.images import png
from clearbg.images.foreground import foreground

SIZE = (1200, 1600)
PAGE = "alpha is what the image keeps of the subject " * 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=Path)
    parser.add_argument("--alpha", type=Path)
    options = parser.parse_args()
    if (options.images is None) != (options.alpha is None):
        raise SystemExit("--images and --alpha need each other: give both, or none.")
    images, alpha = options.images, options.alpha
    if images is None:
        images, alpha = material.images(8, SIZE)
    print(f"{'PNG files':39} {'kB':>8} {'of rembg':>8} {'ms':>10}")
    tell("cutouts", list(cutouts(images, alpha)))
    tell("a page of text", [page()])


def cutouts(images: Path, alphas: Path) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """RGB and alpha, uint8."""
    for path in sorted(images.iterdir()):
        with Image.open(path) as image, Image.open(alphas / f"{path.stem}.png") as alpha:
            yield np.array(image.convert("RGB")), np.array(alpha.convert("L"))


def page() -> tuple[np.ndarray, np.ndarray]:
    image = Image.new("RGB", SIZE[::-1], "white")
    draw = ImageDraw.Draw(image)
    for number, y in enumerate(range(20, SIZE[0] - 20, 18)):
        draw.text((20, y), PAGE[number % 40 :] + PAGE, fill=(20, 20, 60))
    return np.array(image), np.full(SIZE, 255, np.uint8)


def tell(name: str, found: list[tuple[np.ndarray, np.ndarray]]) -> None:
    ours = [(without_hidden(rgb, alpha), alpha) for rgb, alpha in found]
    writers = {
        "rembg's pixels, Pillow": [lambda p=p: by_pillow(multiplied(*p)) for p in found],
        "ours, Pillow": [lambda p=p: by_pillow(np.dstack(p)) for p in ours],
        "ours, --png small": [lambda p=p: png.encode(*p, setting="small") for p in ours],
        "ours, --png fast": [lambda p=p: png.encode(*p, setting="fast") for p in ours],
    }
    base = None
    for writer, calls in writers.items():
        sizes, times = zip(*map(measured, calls), strict=True)
        base = base or np.mean(sizes)
        print(f"{name:16} {writer:22} {np.mean(sizes) / 1e3:8.1f} {np.mean(sizes) / base:8.3f} "
              f"{np.mean(times) * 1e3:10.1f}")  # fmt: skip


def without_hidden(rgb: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    return foreground(rgb, alpha) * (alpha > 0)[..., None].astype(np.uint8)


def multiplied(rgb: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    empty = Image.new("RGBA", alpha.shape[::-1])
    opaque = Image.fromarray(rgb).convert("RGBA")
    return np.array(Image.composite(opaque, empty, Image.fromarray(alpha)))


def by_pillow(layers: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(layers).save(file, "PNG", compress_level=6)
    return file.getvalue()


def measured(write: Callable[[], bytes]) -> tuple[int, float]:
    times = []
    for _ in range(3):
        start = time.process_time()
        written = write()
        times.append(time.process_time() - start)
    return len(written), min(times)


if __name__ == "__main__":
    main()
