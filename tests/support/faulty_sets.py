"""Images and masks with one fault each, for the tests of examine and of the doctor."""

import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from PIL import Image
from typer.testing import CliRunner

from clearbg.cli.app import app
from clearbg.data.pairs import FilePair
from clearbg.images import read_mask
from clearbg.images.decoding import upright
from support.images import disc

SIZE = (60, 80)
EXIF_TAG = 274
UNDO = {1: 1, 2: 2, 3: 3, 4: 4, 5: 5, 6: 8, 7: 7, 8: 6}


def scene(
    seed: int, size: tuple[int, int] = SIZE, subject: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """A disc on dark patches that differ from seed to seed, uint8 (H,W,3), and its alpha."""
    rng = np.random.default_rng(seed)
    rgb, alpha = disc(seed if subject is None else subject, size)
    patches = Image.fromarray(rng.integers(0, 110, (5, 6, 3), np.uint8))
    background = np.asarray(patches.resize(size[::-1], Image.Resampling.NEAREST))
    return np.where(alpha[..., None] > 0, rgb, background), alpha


def hard(alpha: np.ndarray) -> np.ndarray:
    return np.uint8(255) * (alpha > 127)


def exif(orientation: int) -> Image.Exif:
    block = Image.Exif()
    block[EXIF_TAG] = orientation
    return block


def stored(array: np.ndarray, orientation: int) -> np.ndarray:
    """The pixels as a camera stores them that writes this orientation beside them."""
    return upright(array, UNDO[orientation])


def encoded(image, format: str, **options) -> bytes:
    image = Image.fromarray(image) if isinstance(image, np.ndarray) else image
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def palette(values: np.ndarray, colors: list[int]) -> Image.Image:
    image = Image.fromarray(values, "P")
    image.putpalette(colors + [0] * (768 - len(colors)))
    return image


def jpg(rgb: np.ndarray, **options) -> bytes:
    return encoded(rgb, "JPEG", **{"quality": 95, **options})


def png(array: np.ndarray, **options) -> bytes:
    return encoded(array, "PNG", **options)


class Fault:
    """How a pair is written: makers of the files' bytes, given the scene; None: no file."""

    def __init__(
        self,
        kind: str,
        image: Callable[[np.ndarray], bytes] | None = jpg,
        mask: Callable[[np.ndarray], bytes] | None = png,
        suffixes: tuple[str, str] = (".jpg", ".png"),
        size: tuple[int, int] = SIZE,
        alpha: Callable[[np.ndarray], np.ndarray] | None = None,
    ):
        self.kind, self.image, self.mask, self.suffixes = kind, image, mask, suffixes
        self.size, self.alpha = size, alpha

    def write(self, folder: Path, name: str, seed: int) -> FilePair:
        """Write `images/name.*` and `masks/name.*`."""
        rgb, alpha = scene(seed, self.size)
        files = []
        for part, maker, array, suffix in (
            ("images", self.image, rgb, self.suffixes[0]),
            ("masks", self.mask, alpha, self.suffixes[1]),
        ):
            path = folder / part / f"{name}{suffix}"
            path.parent.mkdir(parents=True, exist_ok=True)
            if maker:
                path.write_bytes(maker(array))
            files.append(path if maker else None)
        return FilePair(name, *files)

    def expected(self, alpha: np.ndarray) -> np.ndarray | None:
        """The alpha that the mask stands for; None where nobody can know."""
        return self.alpha(alpha) if self.alpha else None


def same(alpha: np.ndarray) -> np.ndarray:
    return alpha


def _noise(rgb: np.ndarray) -> np.ndarray:
    return np.random.default_rng(7).integers(0, 255, rgb.shape, np.uint8)


def _animation(rgb: np.ndarray) -> bytes:
    frames = [Image.fromarray(rgb), Image.fromarray(rgb[::-1])]
    return encoded(frames[0], "WEBP", save_all=True, append_images=frames[1:], lossless=True)


def _damaged(rgb: np.ndarray) -> bytes:
    content = bytearray(png(rgb))
    content[len(content) // 2] ^= 0xFF
    return bytes(content)


def _see_through(rgb: np.ndarray) -> bytes:
    opacity = np.full(rgb.shape[:2], 255, np.uint8)
    opacity[:9] = 0
    return png(np.dstack([rgb, opacity]))


def _rimmed(alpha: np.ndarray, inside: int, rim: int) -> bytes:
    subject = alpha > 127
    wide = cv2.dilate(hard(alpha), np.ones((7, 7))) > 0
    return png(np.where(subject, inside, np.where(wide, rim, 0)).astype(np.uint8))


FAULTS = [
    Fault("no-mask", mask=None),
    Fault("no-image", image=None),
    Fault("empty-file", image=lambda rgb: b""),
    Fault("not-an-image", mask=lambda a: b"this is no image"),
    Fault("truncated", image=lambda rgb: jpg(rgb)[:900]),
    Fault("unreadable", _damaged, suffixes=(".png", ".png")),
    Fault("size-mismatch", mask=lambda a: png(a[:-5])),
    Fault(
        "exif-disagreement",
        image=lambda rgb: jpg(stored(rgb, 6), exif=exif(6)),
        mask=lambda a: png(stored(a, 6)),
        alpha=same,
    ),
    Fault(
        "exif-orientation",
        image=lambda rgb: jpg(stored(rgb, 8), exif=exif(8)),
        alpha=same,
    ),
    Fault("exif-unclear", image=lambda rgb: jpg(_noise(rgb), exif=exif(3))),
    Fault(
        "16-bit",
        mask=lambda a: png(a.astype(np.uint16) * 257),
        alpha=same,
    ),
    Fault("cmyk", image=lambda rgb: jpg(Image.fromarray(rgb).convert("CMYK")), alpha=same),
    Fault("animated", _animation, suffixes=(".webp", ".png"), alpha=same),
    Fault("bad-profile", image=lambda rgb: jpg(rgb, icc_profile=b"no profile"), alpha=same),
    Fault("mask-0/1", mask=lambda a: png(hard(a) // 255), alpha=hard),
    Fault("mask-rgb", mask=lambda a: png(np.dstack([a] * 3)), alpha=same),
    Fault(
        "mask-palette",
        mask=lambda a: encoded(palette(hard(a) // 255, [0] * 3 + [255] * 3), "PNG"),
        alpha=hard,
    ),
    Fault(
        "mask-transparency",
        mask=lambda a: png(np.dstack([np.full((*a.shape, 3), 90, np.uint8), a])),
        alpha=same,
    ),
    Fault("mask-index", mask=lambda a: png(hard(a) // 255 * 7), alpha=hard),
    Fault(
        "mask-index",
        mask=lambda a: encoded(palette(hard(a) // 255 * 2, [0] * 3 + [0, 9, 0, 99, 0, 0]), "PNG"),
        alpha=hard,
    ),
    Fault("mask-index", mask=lambda a: png(hard(a)[..., None] * np.uint8([1, 0, 0])), alpha=hard),
    Fault("mask-jpeg", mask=lambda a: jpg(hard(a)), suffixes=(".jpg", ".jpg"), alpha=hard),
    Fault(
        "mask-jpeg",
        mask=lambda a: png(read_mask(jpg(hard(a), quality=75))[0]),
        alpha=hard,
    ),
    Fault("mask-color", mask=lambda a: png(np.dstack([a, a // 2, a // 4]))),
    Fault("mask-range", mask=lambda a: png(a // 2)),
    Fault("maybe-inverted", mask=lambda a: png(255 - a)),
    Fault("empty", mask=lambda a: png(a * 0), alpha=lambda a: a * 0),
    Fault("full", mask=lambda a: png(a * 0 + 255), alpha=lambda a: a * 0 + 255),
    Fault("tiny", size=(36, 48), alpha=same),
    Fault("odd-aspect", size=(64, 320), alpha=same),
    Fault("transparent-image", _see_through, suffixes=(".png", ".png"), alpha=same),
    Fault("unsupported", lambda rgb: b"8BPS\0\1" + bytes(40), suffixes=(".tif", ".png")),
    Fault("mask-void", mask=lambda a: _rimmed(a, 15, 255)),
    Fault("mask-trimap", mask=lambda a: _rimmed(a, 255, 128)),
    Fault("mask-unclear", mask=lambda a: png(hard(a) // 255 + 1)),
]
"""One of each that a pair shows alone."""
CLEAN = Fault("none")

TOLERATED = 2.0  # mean difference of alpha that JPEG leaves at a hard edge, gray values


def close(one: np.ndarray, other: np.ndarray, of_jpeg: float = TOLERATED) -> bool:
    return one.shape == other.shape and np.abs(one.astype(int) - other).mean() < of_jpeg


def doctor(*arguments) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["doctor", *map(str, arguments)])
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code, done.output


def examined(*arguments) -> tuple[int, dict]:
    done = CliRunner().invoke(app, ["doctor", *map(str, arguments), "--json"])
    return done.exit_code, json.loads(done.stdout)


def found(facts: dict) -> dict[str, set[str]]:
    """id -> kinds."""
    result: dict[str, set[str]] = {}
    for finding in facts["findings"]:
        result.setdefault(finding["id"], set()).add(finding["kind"])
    return result


def clean(folder: Path, numbers=range(100, 104)) -> Path:
    for number in numbers:
        Fault("none").write(folder, f"c{number}", number)
    return folder


def copied(folder: Path, name: str, source: Path, original: str, quality: int | None = None):
    """The pair `original` of `source` once more in `folder`, perhaps encoded anew."""
    for part, suffix in (("images", "jpg"), ("masks", "png")):
        (folder / part).mkdir(parents=True, exist_ok=True)
        target = folder / part / f"{name}.{suffix}"
        shutil.copy(source / part / f"{original}.{suffix}", target)
        if quality and suffix == "jpg":
            Image.open(target).save(target, quality=quality)
