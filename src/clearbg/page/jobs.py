"""Turns uploads into the same files that `clearbg remove` writes, one after the other."""

import contextlib
import dataclasses
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clearbg.errors import ClearBGError, ImageError
from clearbg.page.models import Model, ModelChoices
from clearbg.page.previews import preview, thumbnail
from clearbg.page.requests import JobOptions, RequestParser
from clearbg.page.uploads import UploadFolder
from clearbg.removal.cutout import cut
from clearbg.removal.plan import plan
from clearbg.system import memory


@dataclass(frozen=True)
class Cutout:
    """The result of one image.

    Attributes:
        path: a PNG file of the image's full size.
        before, after: JPEG files for a browser; None unless previews were requested.
        thumbnail: a small JPEG of the result; None unless it was requested.
        width, height: size of the result, pixels.
        coverage: mean alpha of the image, in [0, 1].
        seconds: time from reading the upload to writing the file, without previews.
        model: the model that made it.
        notes: what the file could not keep of the image, a sentence each.
    """

    path: Path
    before: Path | None
    after: Path | None
    thumbnail: bytes | None
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
    """One image of a batch: the result's name, size and time, or the reason why there is none.

    Attributes:
        thumbnail: a small JPEG of the result; None unless it was requested.
    """

    image: str
    result: str | None = None
    width: int | None = None
    height: int | None = None
    seconds: float | None = None
    reason: str | None = None
    thumbnail: bytes | None = None

    def facts(self) -> dict[str, Any]:
        """What a program gets to know about the row."""
        facts = dataclasses.asdict(self)
        del facts["thumbnail"]
        return facts


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
            return self._cut_out(source, target, options, previews=previews)

    def remove_batch(
        self,
        sent: Any,
        options: JobOptions,
        progress: Callable[[int, int, str], None] | None = None,
        thumbnails: int = 0,
    ) -> tuple[Path | None, list[Row]]:
        """A zip of cutouts, or None when no image could be used, and a row for each upload.

        Args:
            progress: called before each image with its index, the number of images and its name.
            thumbnails: number of images, from the first, whose rows have a thumbnail.

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
                small = index < thumbnails
                rows[job.source] = self._row(job.source, job.target, options, file, take, small)
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
        small: bool,
    ) -> Row:
        try:
            with _server_errors(source.name):
                cutout = self._cut_out(source, target, options, small=small)
                try:
                    take(target.stat().st_size)
                    archive.write(target, target.name)
                finally:
                    self._uploads.discard(target)
        except ClearBGError as error:
            return Row(source.name, reason=str(error))
        return Row(
            source.name,
            target.name,
            cutout.width,
            cutout.height,
            round(cutout.seconds, 3),
            thumbnail=cutout.thumbnail,
        )

    def _cut_out(
        self,
        source: Path,
        target: Path,
        options: JobOptions,
        previews: bool = False,
        small: bool = False,
    ) -> Cutout:
        try:
            return self._write_cutout(source, target, options, previews, small)
        finally:
            memory.trim()  # a server has many threads, and each would keep what it freed

    def _write_cutout(
        self, source: Path, target: Path, options: JobOptions, previews: bool, small: bool
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
            self._uploads.write(before, preview(image), visitor)
            self._uploads.write(after, preview(made.image), visitor)
        return Cutout(
            target,
            before,
            after,
            thumbnail(made.image) if small else None,
            made.image.width,
            made.image.height,
            made.coverage,
            seconds,
            model,
            made.notes,
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
