"""The decoded pixels of a split, in memory once for all processes that read them.

They lie uncompressed in a file under `.clearbg/pixels/` that every process maps: the system keeps
it in memory while there is room and reads it again where there is none. The next training on the
same images finds it there; it may be deleted at any time.
"""

import contextlib
import hashlib
import os
import shutil
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import numpy as np

from clearbg.data import manifest
from clearbg.errors import DataError
from clearbg.system import code, memory, project
from clearbg.system.files import replacing_file
from clearbg.system.progress import progress

Mode = Literal["off", "auto", "on"]
SHARE = 0.5  # of the free memory, and of the free disk, that "auto" takes at most
UNUSED = 7 * 24 * 3600  # seconds after which the pixels of other images are removed
CHANNELS = 4  # R, G, B and alpha


class Pixels:
    """Images and alpha of a split in the order of its manifest, all of one size, read-only."""

    def __init__(self, path: Path, count: int, height: int, width: int):
        self.path, self.shape = path, (count, height, width)

    @cached_property
    def images(self) -> np.ndarray:
        """uint8 `(N,H,W,3)`, sRGB."""
        return np.memmap(self.path, np.uint8, "r", 0, (*self.shape, 3))

    @cached_property
    def alpha(self) -> np.ndarray:
        """uint8 `(N,H,W)`."""
        return np.memmap(self.path, np.uint8, "r", 3 * int(np.prod(self.shape)), self.shape)

    @property
    def bytes(self) -> int:
        return CHANNELS * int(np.prod(self.shape))

    def __getstate__(self) -> dict[str, Any]:
        """Another process maps the file itself."""
        return {"path": self.path, "shape": self.shape}


def cached(
    folder: Path, rows: Sequence[Mapping[str, Any]], split: str, mode: Mode
) -> Pixels | None:
    """The pixels of a split, decoded now unless an earlier run left them; None: without a cache.

    Prints a line that says what was decided and how large it is.

    Args:
        folder: an augmented folder.
        rows: of its manifest, those of the split.
        split: its name, for that line.
        mode: "off": no cache; "on": always; "auto": where the images take at most half of
            the free memory and of the free disk.

    Raises:
        DataError: an image cannot be read, or has another size than its row says; with "on",
            the images are not all of one size.
        ClearBGError: the file cannot be written, for example because the disk is full.
    """
    if mode == "off":
        return None
    sizes = {(int(row["height"]), int(row["width"])) for row in rows}
    if len(sizes) > 1:
        if mode == "auto":
            return None
        raise DataError(f"{folder} holds {split} images of {len(sizes)} sizes: rerun augment.")
    store = project.state() / "pixels"
    pixels = Pixels(store / f"{_key(folder, rows)}.bin", len(rows), *sizes.pop())
    size = f"{len(rows):,} {split} images, {pixels.bytes / 1e9:.2f} GB decoded"
    if pixels.path.is_file() and pixels.path.stat().st_size == pixels.bytes:
        os.utime(pixels.path)
    elif mode == "auto" and (limit := _too_large(pixels, store)):
        print(f"cache: {size} are more than half of the {limit}; read anew each time")
        return None
    else:
        _fill(pixels, folder, rows)
        _remove_unused(store)
    print(f"cache: {size}, in memory")
    return pixels


def _too_large(pixels: Pixels, store: Path) -> str:
    """What there is too little of, memory or disk; empty if there is enough of both."""
    existing = next(place for place in (store, *store.parents) if place.exists())
    free = memory.available()
    for count, what in ((free, "memory"), (shutil.disk_usage(existing).free, "disk")):
        if count is None:
            return f"free {what}, which this system does not tell"
        if pixels.bytes > SHARE * count:
            return f"{count / 1e9:.2f} GB of free {what}"
    return ""


def _key(folder: Path, rows: Iterable[Mapping[str, Any]]) -> str:
    """The name of a cache: a hash of the files' contents, of the code and of its libraries."""
    content = hashlib.sha256(code.digest("data/manifest.py").encode())
    for library in ("pillow", "numpy", "opencv-python-headless"):
        with contextlib.suppress(ImportError):  # OpenCV goes by several names
            content.update(version(library).encode())
    for row in rows:
        content.update(f"{row['id']}\0{row['sha256']}\0".encode())
        try:
            content.update(hashlib.sha256((folder / row["mask"]).read_bytes()).digest())
        except OSError as error:
            raise DataError(
                f"{folder / row['mask']} cannot be read ({error.strerror}). "
                "Run `dvc checkout` or `dvc repro -f augment`."
            ) from None
    return content.hexdigest()[:24]


def _fill(pixels: Pixels, folder: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Decode all images on all cores; the libraries that do it let threads run side by side."""
    with replacing_file(pixels.path) as aside:
        with open(aside, "wb") as file:
            if hasattr(os, "posix_fallocate"):
                # A full disk is an error here, and would kill the process later.
                os.posix_fallocate(file.fileno(), 0, pixels.bytes)
            else:
                file.truncate(pixels.bytes)
        flat = np.memmap(aside, np.uint8, "r+")
        border = 3 * int(np.prod(pixels.shape))
        images, alphas = flat[:border].reshape(*pixels.shape, 3), flat[border:]
        alphas = alphas.reshape(pixels.shape)

        def decode(index: int) -> None:
            rgb, alpha = manifest.read_pair(folder, rows[index])
            if rgb.shape[:2] != pixels.shape[1:] or alpha.shape != pixels.shape[1:]:
                raise DataError(
                    f"{folder / rows[index]['image']} is {rgb.shape[:2]}, its manifest says "
                    f"{pixels.shape[1:]}: run `dvc repro -f augment`."
                )
            images[index], alphas[index] = rgb, alpha

        with ThreadPoolExecutor(os.cpu_count()) as threads:
            done = threads.map(decode, range(len(rows)))
            for _ in progress(done, what="decode", unit="images", total=len(rows), leave=False):
                pass
        flat.flush()


def _remove_unused(store: Path) -> None:
    """Remove pixels that no training asked for in a week; whoever maps them still has them."""
    for path in store.glob("*.bin"):
        with contextlib.suppress(OSError):
            if path.stat().st_mtime < time.time() - UNUSED:
                path.unlink()
