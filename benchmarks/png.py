"""How large are the PNG files of cutouts, and what do they cost, beside Pillow's and rembg's?

    python benchmarks/png.py [--images FOLDER (--alpha FOLDER | --model MODEL)]

Cutouts of generated images of 1600×1200 with a camera's noise, or of a folder's images with the
alpha of the same name, or with what `clearbg remove --model MODEL` finds. Pillow writes the same
pixels at its level 6, and those of rembg, which multiplies colors by alpha, as rembg does; what
the model finds is then enlarged by Lanczos, which rembg does where we follow the edges.

Sizes are means, in kB; times are the processor's, in milliseconds, the best of three. A page of
text stands for flat graphics.
"""

import argparse
import io
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import removal_material as material
from PIL import Image, ImageDraw

from clearbg.images import png, read_image
from clearbg.images.foreground import foreground
from clearbg.removal.remover import Remover

SIZE = (1200, 1600)
PAGE = "alpha is what the image keeps of the subject " * 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=Path)
    parser.add_argument("--alpha", type=Path)
    parser.add_argument("--model", help="name or file")
    options = parser.parse_args()
    if (options.images is not None) != bool(options.alpha) + bool(options.model):
        raise SystemExit(
            "--images needs either --alpha or --model, which need it: give two, or none."
        )
    images, alpha = options.images, options.alpha
    if images is None:
        images, alpha = material.images(8, SIZE)
    print(f"{'PNG files':39} {'kB':>8} {'of rembg':>8} {'ms':>10}")
    tell("cutouts", list(found(images, options.model) if alpha is None else given(images, alpha)))
    tell("a page of text", [page()])


Cutout = tuple[np.ndarray, np.ndarray, np.ndarray]
"""RGB, alpha, and rembg's alpha, all uint8."""


def given(images: Path, alphas: Path) -> Iterator[Cutout]:
    for path in sorted(images.iterdir()):
        with Image.open(path) as image, Image.open(alphas / f"{path.stem}.png") as alpha:
            layer = np.array(alpha.convert("L"))
            yield np.array(image.convert("RGB")), layer, layer


def found(images: Path, model: str) -> Iterator[Cutout]:
    remover = Remover(model)
    for path in sorted(images.iterdir()):
        image = read_image(path)
        (inferred,) = remover.infer([image])
        with Image.fromarray(np.rint(inferred.clip(0, 1) * 255).astype(np.uint8)) as small:
            plain = np.array(small.resize((image.width, image.height), Image.Resampling.LANCZOS))
        yield image.rgb, remover.opacity(image, inferred), plain


def page() -> Cutout:
    image = Image.new("RGB", SIZE[::-1], "white")
    draw = ImageDraw.Draw(image)
    for number, y in enumerate(range(20, SIZE[0] - 20, 18)):
        draw.text((20, y), PAGE[number % 40 :] + PAGE, fill=(20, 20, 60))
    opaque = np.full(SIZE, 255, np.uint8)
    return np.array(image), opaque, opaque


def tell(name: str, cutouts: list[Cutout]) -> None:
    ours = [(without_hidden(rgb, alpha), alpha) for rgb, alpha, _ in cutouts]
    theirs = [multiplied(rgb, plain) for rgb, _, plain in cutouts]
    writers = {
        "rembg's pixels, Pillow": [lambda p=p: by_pillow(p) for p in theirs],
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
