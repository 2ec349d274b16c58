"""Turns uploads into the same files that `clearbg remove` writes, one after the other."""

import contextlib
import dataclasses
import io
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
from clearbg.page.models import Model, ModelChoices
from clearbg.page.requests import JobOptions, RequestParser
from clearbg.page.uploads import UploadFolder
from clearbg.removal.cutout import cut
from clearbg.removal.plan import plan
from clearbg.system import memory

PREVIEW_SIDE = 1400
"""Longer side of what a browser shows, pixels; the download has the image's own size."""
CHECKERS = 60
"""Number of squares along the longer side of the checkerboard that shows transparency."""
LIGHT, DARK = 255, 226
PREVIEW_QUALITY = 88


@dataclass(frozen=True)
class Cutout:
    """The result of one image.

    Attributes:
        path: a PNG file of the image's full size.
        before, after: JPEG files for a browser; None unless previews were requested.
        width, height: size of the result, pixels.
        coverage: mean alpha of the image, in [0, 1].
        seconds: time from reading the upload to writing the file, without previews.
        model: the model that made it.
        notes: what the file could not keep of the image, a sentence each.
    """

    path: Path
    before: Path | None
    after: Path | None
    width: int
    height: int
    coverage: float
    seconds: float
    model: Model
    notes: tuple[str, ...]

    def facts(self) -> dict[str, Any]:
        """What a program gets to know about the result."""
        return {
            "width": self.width,
            "height": self.height,
            "coverage": round(self.coverage, 4),
            "seconds": round(self.seconds, 3),
            "model": self.model.name,
            "notes": list(self.notes),
        }


@dataclass(frozen=True)
class Row:
    """One image of a batch: the result's name, size and time, or the reason why there is none."""

    image: str
    result: str | None = None
    width: int | None = None
    height: int | None = None
    seconds: float | None = None
    reason: str | None = None


class Jobs:
    """Removes the backgrounds of uploads; several threads may share one object."""

    def __init__(self, parser: RequestParser, models: ModelChoices, uploads: UploadFolder):
        self._parser, self._models, self._uploads = parser, models, uploads

    def remove(self, sent: Any, options: JobOptions, previews: bool = False) -> Cutout:
        """The cutout of one upload, in a folder of its own.

        Raises:
            ClearBGError: the upload, an option or the model cannot be used.
        """
        source = self._parser.upload(sent)
        with _server_errors(source.name):
            target = self._uploads.new_folder() / f"{source.stem}.png"
            return self._cut_out(source, target, options, previews)

    def remove_batch(
        self,
        sent: Any,
        options: JobOptions,
        progress: Callable[[int, int, str], None] | None = None,
    ) -> tuple[Path | None, list[Row]]:
        """A zip of cutouts, or None when no image could be used, and a row for each upload.

        Args:
            progress: called before each image with its index, the number of images and its name.

        Raises:
            ClearBGError: an option or the number of uploads cannot be used, or the server has
                no room.
        """
        sent = self._parser.batch(sent)
        # An unknown model is an error of the request, not a reason in each image's row.
        self._models.open(options.model, options.refine_edges)
        with _server_errors("The batch"):
            folder = self._uploads.new_folder()
        items = [self._source_or_row(item) for item in sent]
        sources = [item for item in items if isinstance(item, Path)]
        planned = plan(sources, folder, None) if sources else []
        archive, rows = folder / "cutouts.zip", {}
        visitor = self._uploads.visitor(sources[0]) if sources else ""
        with (
            _server_errors("The batch"),
            self._uploads.writing(archive, visitor) as take,
            zipfile.ZipFile(archive, "w") as file,  # stored: PNGs are packed already
        ):
            for index, job in enumerate(planned):
                if progress is not None:
                    progress(index, len(planned), job.source.name)
                rows[job.source] = self._row(job.source, job.target, options, file, take)
        table = [rows[item] if isinstance(item, Path) else item for item in items]
        if not any(row.result for row in table):
            self._uploads.discard(archive)
            return None, table
        return archive, table

    def _source_or_row(self, sent: Any) -> Path | Row:
        try:
            return self._parser.upload(sent)
        except ClearBGError as error:
            path = sent.get("path") if isinstance(sent, dict) else None
            return Row(Path(path).name if isinstance(path, str) else "?", reason=str(error))

    def _row(
        self,
        source: Path,
        target: Path,
        options: JobOptions,
        archive: zipfile.ZipFile,
        take: Callable[[int], None],
    ) -> Row:
        try:
            with _server_errors(source.name):
                cutout = self._cut_out(source, target, options, previews=False)
                try:
                    take(target.stat().st_size)
                    archive.write(target, target.name)
                finally:
                    self._uploads.discard(target)
        except ClearBGError as error:
            return Row(source.name, reason=str(error))
        return Row(source.name, target.name, cutout.width, cutout.height, round(cutout.seconds, 3))

    def _cut_out(self, source: Path, target: Path, options: JobOptions, previews: bool) -> Cutout:
        try:
            return self._write_cutout(source, target, options, previews)
        finally:
            memory.trim()  # a server has many threads, and each would keep what it freed

    def _write_cutout(
        self, source: Path, target: Path, options: JobOptions, previews: bool
    ) -> Cutout:
        model, remover = self._models.open(options.model, options.refine_edges)
        started = time.perf_counter()
        image = self._parser.read(source)
        made = cut(remover, image, options.output)
        visitor = self._uploads.visitor(source)
        self._uploads.write(target, made.encoded, visitor)
        seconds = time.perf_counter() - started
        before = after = None
        if previews:
            before, after = (target.parent / f"preview-{name}.jpg" for name in ("before", "after"))
            self._uploads.write(before, _preview(image), visitor)
            self._uploads.write(after, _preview(made.image), visitor)
        width, height = made.image.width, made.image.height
        return Cutout(
            target, before, after, width, height, made.coverage, seconds, model, made.notes
        )


@contextlib.contextmanager
def _server_errors(name: str) -> Iterator[None]:
    """Turn a lack of memory or disk space into a sentence about an image or a batch."""
    try:
        yield
    except MemoryError as error:
        raise ImageError(f"{name} needs more memory than the server has: scale it down.") from error
    except OSError as error:
        raise ImageError(
            f"{name} found no room on the server ({error.strerror or error}): try again later."
        ) from error


def _preview(decoded: DecodedImage) -> bytes:
    """A small sRGB JPEG, in which a checkerboard shows what is transparent."""
    opaque = decoded.alpha is None
    image = Image.fromarray(decoded.rgb if opaque else np.dstack([decoded.rgb, decoded.alpha]))
    image.thumbnail((PREVIEW_SIDE, PREVIEW_SIDE), Image.Resampling.BILINEAR)
    small = dataclasses.replace(decoded, rgb=np.array(image.convert("RGB")), deep=None)
    shown = Image.fromarray(small.srgb())
    if not opaque:
        shown = Image.composite(shown, _checkerboard(shown.size), image.getchannel("A"))
    buffer = io.BytesIO()
    shown.save(buffer, "JPEG", quality=PREVIEW_QUALITY)
    return buffer.getvalue()


def _checkerboard(size: tuple[int, int]) -> Image.Image:
    x, y = (np.arange(side) * CHECKERS // max(size) for side in size)
    odd = (x[None, :] + y[:, None]) % 2
    return Image.fromarray(np.where(odd, DARK, LIGHT).astype(np.uint8)).convert("RGB")
