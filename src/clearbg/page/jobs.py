"""Uploads -> cutouts as `clearbg remove` writes them, one after the other."""

import contextlib
import dataclasses
import errno
import os
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from clearbg.errors import ClearBGError, ImageError
from clearbg.images import DecodedImage
from clearbg.page.models import Offered
from clearbg.page.requests import Asked, Wish
from clearbg.page.uploads import Temporary
from clearbg.removal import outputs
from clearbg.removal.inputs import plan
from clearbg.system import memory

PREVIEW = 1400
"""Pixels of the longer side of what a browser shows; the download has them all."""
SQUARES = 60
"""Along the longer side, of the pattern that stands for transparency."""
LIGHT, DARK = 255, 226
QUALITY = 88


@dataclass(frozen=True)
class CutOut:
    """An image's result.

    Attributes:
        path: of a PNG, of the image's full size.
        before, after: images for a browser, JPEG; None unless asked for.
        width, height: of the result, pixels.
        coverage: mean alpha of the image in [0, 1].
        seconds: from reading to writing, without previews.
        model: that made it.
        notes: what could not be kept.
    """

    path: Path
    before: Path | None
    after: Path | None
    width: int
    height: int
    coverage: float
    seconds: float
    model: str
    notes: tuple[str, ...]

    def facts(self) -> dict[str, Any]:
        """For a program."""
        return {
            "width": self.width,
            "height": self.height,
            "coverage": round(self.coverage, 4),
            "seconds": round(self.seconds, 3),
            "model": self.model,
            "notes": list(self.notes),
        }


@dataclass(frozen=True)
class Row:
    """What became of one image of a batch: a result's name and facts, or a reason."""

    image: str
    result: str | None = None
    width: int | None = None
    height: int | None = None
    seconds: float | None = None
    reason: str | None = None


class Removing:
    """Removes the backgrounds of uploads; threads may share one."""

    def __init__(self, asked: Asked, offered: Offered, temporary: Temporary):
        self._asked, self._offered, self._temporary = asked, offered, temporary

    def one(self, sent: Any, wish: Wish, previews: bool = False) -> CutOut:
        """One upload's cutout, in a folder of its own.

        Raises:
            ClearBGError: the upload, the wish or the model cannot be used, in a sentence.
        """
        source = self._asked.image(sent)
        with _room_for(source.name):
            target = self._temporary.new() / f"{source.stem}.png"
            return self._cut_out(source, target, wish, previews)

    def batch(
        self, sent: Any, wish: Wish, tell: Callable[[int, int, str], None] | None = None
    ) -> tuple[Path | None, list[Row]]:
        """A zip of cutouts, None when there is none, and a row for each upload in its order.

        Args:
            tell: called before each image with its index, their number and its name.

        Raises:
            ClearBGError: the wish, or the number of uploads, cannot be used, or there is no room.
        """
        sent = self._asked.images(sent)
        self._offered.remover(wish.model, wish.refine)  # an unknown name is no image's fault
        with _room_for("The batch"):
            folder = self._temporary.new()
        found = [self._found(one) for one in sent]
        sources = [source for source in found if isinstance(source, Path)]
        jobs = plan(sources, folder, None) if sources else []
        archive, rows = folder / "cutouts.zip", {}
        with _room_for("The batch"), zipfile.ZipFile(archive, "w") as file:  # PNG is packed already
            for index, job in enumerate(jobs):
                if tell is not None:
                    tell(index, len(jobs), job.source.name)
                rows[job.source] = self._row(job.source, job.target, wish, file)
        table = [rows[one] if isinstance(one, Path) else one for one in found]
        if not any(row.result for row in table):
            return None, table
        if not archive.exists():  # made room for others, or for its own images
            raise ImageError("The batch found no room on the server: send fewer images.")
        return archive, table

    def _found(self, sent: Any) -> Path | Row:
        try:
            return self._asked.image(sent)
        except ClearBGError as error:
            path = sent.get("path") if isinstance(sent, dict) else None
            return Row(Path(path).name if isinstance(path, str) else "?", reason=str(error))

    def _row(self, source: Path, target: Path, wish: Wish, archive: zipfile.ZipFile) -> Row:
        try:
            with _room_for(source.name):
                made = self._cut_out(source, target, wish, previews=False)
                archive.write(target, target.name)
                target.unlink()
        except ClearBGError as error:
            return Row(source.name, reason=str(error))
        return Row(source.name, target.name, made.width, made.height, round(made.seconds, 3))

    def _cut_out(self, source: Path, target: Path, wish: Wish, previews: bool) -> CutOut:
        try:
            return self._made(source, target, wish, previews)
        finally:
            memory.trim()  # a server has many threads, and each would keep what it freed

    def _made(self, source: Path, target: Path, wish: Wish, previews: bool) -> CutOut:
        name, remover = self._offered.remover(wish.model, wish.refine)
        started = time.perf_counter()
        image = self._asked.read(source)
        inferred = remover.infer([image])[0]
        found, coverage = outputs.result(remover, image, inferred, wish.look)
        encoded, notes = outputs.encode(found, "PNG", wish.look)
        if not self._temporary.make_room(len(encoded)):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        target.write_bytes(encoded)
        seconds = time.perf_counter() - started
        before = after = None
        if previews:
            before = _preview(image, target.parent / "preview-before.jpg")
            after = _preview(found, target.parent / "preview-after.jpg")
        return CutOut(
            target, before, after, found.width, found.height, coverage, seconds, name, notes
        )


@contextlib.contextmanager
def _room_for(name: str) -> Iterator[None]:
    """What the server lacks, as a sentence about an image."""
    try:
        yield
    except MemoryError as error:
        raise ImageError(f"{name} needs more memory than the server has: scale it down.") from error
    except OSError as error:
        raise ImageError(
            f"{name} found no room on the server ({error.strerror or error}): try again later."
        ) from error


def _preview(decoded: DecodedImage, path: Path) -> Path:
    """Write a small sRGB JPEG; transparency shows as a pattern of squares."""
    opaque = decoded.alpha is None
    image = Image.fromarray(decoded.rgb if opaque else np.dstack([decoded.rgb, decoded.alpha]))
    image.thumbnail((PREVIEW, PREVIEW), Image.Resampling.BILINEAR)
    small = dataclasses.replace(decoded, rgb=np.array(image.convert("RGB")), deep=None)
    shown = Image.fromarray(small.srgb())
    if not opaque:
        shown = Image.composite(shown, _squares(shown.size), image.getchannel("A"))
    shown.save(path, "JPEG", quality=QUALITY)
    return path


def _squares(size: tuple[int, int]) -> Image.Image:
    x, y = (np.arange(side) * SQUARES // max(size) for side in size)
    odd = (x[None, :] + y[:, None]) % 2
    return Image.fromarray(np.where(odd, DARK, LIGHT).astype(np.uint8)).convert("RGB")
