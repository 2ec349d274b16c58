"""Where finished frames go: a video's file, or a folder of images."""

import os
import shutil
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from clearbg.errors import SettingsError
from clearbg.images import WRITERS
from clearbg.removal.options import OutputOptions
from clearbg.removal.plan import SUFFIX
from clearbg.system.files import replacing_file, write_json
from clearbg.video import folders, raw
from clearbg.video.finishing import Finished
from clearbg.video.formats import format_of
from clearbg.video.segments import Segment

if TYPE_CHECKING:  # PyAV is not needed for raw frames
    from clearbg.video.reading import Video
    from clearbg.video.writing import Part

MILLISECOND = Fraction(1, 1000)  # the unit of time in WebM and Matroska


class Sink(Protocol):
    """Takes the frames of one segment after the other.

    Attributes:
        step: the unit of the frames' times, in seconds.
        image_format: Pillow's name of the format that frames come in; None: as pixels.
    """

    step: Fraction
    image_format: str | None

    def add(self, frame: Finished, tick: int, number: int) -> None:
        """Write frame `number` of the video, from 0 on, at `tick` times the unit."""

    def end(self, name: str) -> tuple[Path, ...]:
        """End the segment, and put its files under their names onto the disk."""
        ...

    def join(self, segments: list[Segment]) -> list[str]:
        """Make the result of all segments, and tell what could not be kept."""
        ...


class FilmSink:
    """Writes a video."""

    image_format: str | None = None

    def __init__(
        self, target: Path, work: Path, transparent: bool, options: OutputOptions, video: "Video"
    ):
        self._format = format_of(target, transparent)
        codec = self._format.alpha if transparent else self._format.opaque
        assert codec is not None
        self._target, self._work, self._video, self._options = target, work, video, options
        self._codec = codec
        if options.quality is not None and codec.coarsest is None:
            raise SettingsError(f"{self._format.name} has no quality here: leave quality out.")
        if options.png != "small":
            raise SettingsError(f"{self._format.name} has no PNG compression: leave png out.")
        matroska = self._format.container in ("webm", "matroska")
        self.step = MILLISECOND if matroska else video.step
        video.square = matroska  # whose writer cannot be told of other pixels
        self._part: Part | None = None
        self._padded = False

    def add(self, frame: Finished, tick: int, number: int) -> None:
        if self._part is None:
            from clearbg.video.writing import Part

            self._part = Part(
                self._unfinished,
                self._target,
                self._format,
                self._codec,
                rate=self._video.rate,
                step=self.step,
                shape=self._video.shape(frame.image),
                matrix=self._video.matrix,
                quality=self._options.quality,
            )
        self._part.add(frame.image, tick)

    def end(self, name: str) -> tuple[Path, ...]:
        assert self._part is not None
        self._part.close()
        self._part = None
        whole = self._work / f"{name}{self._target.suffix}"
        with replacing_file(whole, synced=True) as aside:
            os.replace(self._unfinished, aside)
        return (whole,)

    def join(self, segments: list[Segment]) -> list[str]:
        from clearbg.video.joining import join

        width, height = segments[0].size
        notes = self._video.notes()
        if self._codec.even and (width % 2 or height % 2):
            notes.append(
                f"{self._format.name} holds even sizes alone: {width}×{height} became "
                f"{width + width % 2}×{height + height % 2}, with the last row or column twice"
            )
        keep = self._options.keep_metadata
        return notes + join(self._target, self._format, segments, self.step, self._video, keep)

    @property
    def _unfinished(self) -> Path:
        return self._work / f"unfinished{self._target.suffix}"


class FolderSink:
    """Writes an image for each frame, and their times."""

    def __init__(
        self,
        target: Path,
        work: Path,
        format: str | None,
        options: OutputOptions,
        video: "Video | None",
    ):
        if format is not None and format not in SUFFIX:
            raise SettingsError(f"The format {format!r} is not known: choose {', '.join(SUFFIX)}.")
        self._suffix = SUFFIX[format or "png"]
        self.image_format: str | None = WRITERS[self._suffix]
        options.refuse_formats({WRITERS[self._suffix]})
        self._target, self._frames, self._video = target, work / "frames", video
        self.step = raw.STEP if video is None else video.step
        self._names: list[Path] = []

    def add(self, frame: Finished, tick: int, number: int) -> None:
        assert frame.encoded is not None
        path = self._frames / f"{number + 1:06d}{self._suffix}"
        with replacing_file(path, synced=True) as aside:
            aside.write_bytes(frame.encoded)
        self._names.append(path)

    def end(self, name: str) -> tuple[Path, ...]:
        names, self._names = tuple(self._names), []
        return names

    def join(self, segments: list[Segment]) -> list[str]:
        count = sum(len(segment.ticks) for segment in segments)
        facts: dict = {"frames": count}
        notes = []
        if self._video is not None:
            facts["rate"] = str(self._video.rate)
            facts["times"] = [
                round(float(tick * self.step), 6) for part in segments for tick in part.ticks
            ]
            notes = self._video.notes()
            if self._video.container.streams.audio:
                notes.append("a folder of frames takes no sound")
        made = {path for segment in segments for path in segment.files}
        for path in self._frames.iterdir():
            if path not in made:  # by a run that was killed before it recorded them
                path.unlink()
        write_json(self._frames / folders.FACTS, facts)
        folders.refuse_to_lose(self._target)  # what has come into it meanwhile
        old = self._frames.with_name("old")
        shutil.rmtree(old, ignore_errors=True)
        if self._target.exists():
            os.replace(self._target, old)
        os.replace(self._frames, self._target)
        return notes
