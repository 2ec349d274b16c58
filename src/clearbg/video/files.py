"""Write a video's result into a file or a folder, by segments, so that a killed run goes on."""

import dataclasses
import hashlib
import re
import shutil
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import clearbg
from clearbg.errors import ClearBGError
from clearbg.removal.options import OutputOptions, RunOptions
from clearbg.removal.plan import STREAM
from clearbg.removal.remover import Remover
from clearbg.system import signals
from clearbg.system.files import exclusive, file_sha256
from clearbg.system.overwriting import HEAD, Kind, refuse_to_lose
from clearbg.system.progress import progress
from clearbg.video import folders, raw, segments
from clearbg.video.finishing import Finished, finisher
from clearbg.video.formats import format_of
from clearbg.video.frames import Frame, removed
from clearbg.video.options import VideoOptions
from clearbg.video.segments import Segment, Segments
from clearbg.video.sinks import FilmSink, FolderSink, Sink
from clearbg.video.steady import SteadyAlpha, SteadyState

VIDEO = Kind("a video", re.compile(rb"\A(....ftyp|\x1a\x45\xdf\xa3)", re.DOTALL))


@dataclass(frozen=True)
class VideoJob:
    """All that decides a result; see `run.remove_video`."""

    source: str
    target: Path
    into_folder: bool
    model: Path
    refine: bool
    format: str | None
    output_options: OutputOptions
    run_options: RunOptions
    video_options: VideoOptions

    @property
    def transparent(self) -> bool:
        return not self.output_options.mask and self.output_options.background is None

    def plan(self, device: str) -> dict[str, Any]:
        """What two runs must agree in, so that the second one goes on from the first."""
        options = self.output_options
        looks = {field.name: getattr(options, field.name) for field in dataclasses.fields(options)}
        behind = looks.pop("background")
        if behind is not None:
            values = b"" if behind.values is None else behind.values.tobytes()
            looks["background"] = hashlib.sha256(values).hexdigest()
        return {
            "clearbg": clearbg.__version__,
            "source": file_sha256(self.source),
            "model": file_sha256(self.model),
            "device": device,
            "refine": self.refine,
            "suffix": self.target.suffix.lower(),
            "format": self.format,
            "steady": self.video_options.steady,
            **looks,
        }


def is_done(target: Path, into_folder: bool) -> bool:
    """Whether a result is there already, and whole."""
    if into_folder:
        return folders.holds_frames(target)
    try:
        with target.open("rb") as file:
            return VIDEO.mark.search(file.read(HEAD)) is not None
    except OSError:
        return False


def write_files(job: VideoJob, opened: Callable[[], Remover]) -> dict[str, Any]:
    """Do a job, or what is left of it.

    Args:
        opened: opens the model, once everything else has been found right.

    Returns:
        Fields of the report.

    Raises:
        See `run.remove_video`.
    """
    from_pipe = job.source == STREAM
    read = [None if from_pipe else Path(job.source), job.model, job.output_options.file]
    if job.into_folder:
        folders.refuse_to_lose(job.target, read)
    else:
        format_of(job.target, job.transparent)
        refuse_to_lose(job.target, VIDEO, read, job.run_options.overwrite)
    video = None
    if not from_pipe:
        from clearbg.video.reading import Video

        video = Video(Path(job.source))
    sink: Sink
    work = segments.place(job.target)
    if job.into_folder:
        sink = FolderSink(job.target, work, job.format, job.output_options, video)
    else:
        assert video is not None
        sink = FilmSink(job.target, work, job.transparent, job.output_options, video)
        from clearbg.video.joining import try_sound

        try_sound(video, format_of(job.target, job.transparent))
    _refuse_unwritable(work)
    remover = opened()
    with signals.noted(), exclusive(work):
        done = Segments(work, None if from_pipe else job.plan(remover.device))
        resumed = done.frames
        frames: Iterable[Frame]
        if video is None:
            assert job.video_options.pixels is not None
            frames = raw.standard_input(job.video_options.pixels)
        else:
            frames = video.frames(skip=resumed)
        count = None if video is None else video.count
        finish = finisher(remover, job.output_options, sink.image_format)
        steady = SteadyAlpha(job.video_options.steady)
        steady.state = done.state
        _write(
            progress(
                removed(frames, remover, job.run_options, steady, finish),
                what="remove", unit="frames", total=count, initial=resumed,
                disable=job.run_options.quiet,
            ),
            sink, done,
        )  # fmt: skip
        notes = sink.join(done.done)
        shutil.rmtree(work)
    return _facts(done, sink.step, resumed, video is not None) | {"notes": tuple(notes)}


def _refuse_unwritable(work: Path) -> None:
    """Raise ClearBGError where no file can be made beside `work`: its lock would wait for ever."""
    try:
        work.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=work.parent):
            pass
    except OSError as error:
        raise ClearBGError(
            f"{work.parent} cannot be written to ({error.strerror}): check its permissions and the "
            "free disk space, or name another folder."
        ) from error


def _write(
    made: Iterable[tuple[Fraction, Finished, SteadyState | None]], sink: Sink, done: Segments
) -> None:
    """Write the frames, and record a segment whenever one is whole or a signal has come.

    Raises:
        Stopped: a signal has come; all frames so far are recorded.
    """
    last = done.done[-1].ticks[-1] if done.done else -(2**62)
    ticks: list[int] = []
    coverage = 0.0
    reached: SteadyState | None = None
    size = (0, 0)

    def record() -> None:
        if ticks:
            done.add(Segment(sink.end(done.name), tuple(ticks), coverage, size), reached)

    for time, finished, state in made:
        last = max(round(time / sink.step), last + 1)
        sink.add(finished, last, done.frames + len(ticks))
        ticks.append(last)
        coverage += finished.coverage
        size, reached = (finished.image.width, finished.image.height), state
        if len(ticks) >= segments.FRAMES:
            record()
            ticks, coverage = [], 0.0
        signals.stop_if_requested(record)
    record()


def _facts(done: Segments, step: Fraction, resumed: int, timed: bool) -> dict[str, Any]:
    ticks = [tick for segment in done.done for tick in segment.ticks]
    lasting = (ticks[-1] - ticks[0]) * step if len(ticks) > 1 else Fraction(0)
    width, height = done.done[0].size
    return {
        "width": width,
        "height": height,
        "frames": len(ticks),
        "seconds": round(float(lasting * len(ticks) / max(1, len(ticks) - 1)), 3)
        if timed
        else None,
        "resumed": resumed,
        "coverage": round(sum(s.coverage for s in done.done) / len(ticks), 4),
    }
