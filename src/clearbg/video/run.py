"""A whole run of `clearbg remove` on a video, for Python and for the command."""

import os
import sys
from pathlib import Path
from typing import Any

from clearbg.errors import DataError, SettingsError
from clearbg.inference.sessions import Device, open_model
from clearbg.pretrained.choice import choose
from clearbg.removal.options import OutputOptions, RunOptions
from clearbg.removal.plan import DEFAULT_OUTPUT, STREAM
from clearbg.removal.remover import Remover
from clearbg.system.object_store import without_secrets
from clearbg.system.progress import progress
from clearbg.video import is_video, need, raw
from clearbg.video.finishing import finisher
from clearbg.video.frames import removed
from clearbg.video.options import VideoOptions
from clearbg.video.report import VideoReport
from clearbg.video.steady import SteadyAlpha


def remove_video(
    source: str | Path,
    output: str | Path | None = None,
    model: str | Path | None = None,
    *,
    name: str | None = None,
    device: Device = "cpu",
    refine: bool = True,
    format: str | None = None,
    output_options: OutputOptions | None = None,
    run_options: RunOptions | None = None,
    video_options: VideoOptions | None = None,
) -> VideoReport:
    """Remove the background of every frame of a video, as `clearbg remove` does.

    Args:
        source: a video's file, or "-" for raw rgb24 frames on standard input.
        output: a file (.webm, .mkv and .mov can be transparent, .mp4 cannot), a folder for frames,
            or "-" for raw frames on standard output; None: "-" for standard input, else a WebM in
            the folder "cutouts".
        model, device, refine: see `Remover`.
        name: what the report calls the model.
        format: of frames in a folder: "png", "webp", "tiff" or "jpeg".
        output_options, run_options, video_options: None: the defaults.

    Raises:
        DataError: the video is damaged or none, or `output` would lose another file.
        ImageError: its frames are too large.
        ModelError: the model cannot be used.
        SettingsError: options exclude each other, or PyAV is not installed.
        Stopped: a signal has ended the run; the same call goes on.
    """
    output_options, run_options = output_options or OutputOptions(), run_options or RunOptions()
    video_options = video_options or VideoOptions()
    source, output = str(source), None if output is None else str(output)
    if output is None:
        named = f"{DEFAULT_OUTPUT}/{Path(source).stem}.webm"
        output = STREAM if source == STREAM else named
    into_folder = output != STREAM and (
        output.endswith(("/", os.sep)) or Path(output).is_dir() or not Path(output).suffix
    )
    _refuse(source, output, into_folder, format, output_options, video_options)
    _refuse_without_effect(output, into_folder, output_options, run_options)
    if source != STREAM or is_video(output):
        need("av")
    runs = choose(model, device)
    facts: dict[str, Any] = {"model": name or runs.name, "device": device, "refine": refine}

    def opened() -> Remover:
        return Remover.of(open_model(runs.file, device, images="many"), refine)

    if output == STREAM:
        found = _into_pipe(source, opened(), output_options, run_options, video_options)
    else:
        from clearbg.video.files import VideoJob, is_done, write_files

        target = Path(os.path.realpath(output) if into_folder else output)
        if run_options.skip_existing and is_done(target, into_folder):
            return VideoReport(source, output, "skipped", **facts)
        job = VideoJob(
            source, target, into_folder, runs.file, refine, format, output_options,
            run_options, video_options,
        )  # fmt: skip
        found = write_files(job, opened)
    return VideoReport(source, output, "written", **facts, **found)


def _refuse(
    source: str,
    output: str,
    into_folder: bool,
    format: str | None,
    options: OutputOptions,
    video: VideoOptions,
) -> None:
    """Refuse what this video cannot become."""
    if "://" in output:
        raise SettingsError(
            f"{without_secrets(output)} is an address, and a video is written to a disk: name a "
            "file here, and copy it there afterwards."
        )
    if options.crop:
        raise SettingsError(
            "A crop would change from frame to frame: leave crop out, and cut the video itself."
        )
    if video.size is not None and source != STREAM:
        raise SettingsError(
            f"A size is for raw frames of standard input, and {source} has its own: leave size out."
        )
    if source == STREAM and output != STREAM and not into_folder:
        raise SettingsError(
            f"Raw frames have no frame rate, which {output} needs: write to - and let ffmpeg make "
            "the file, or name a folder for frames."
        )
    if format is not None and not into_folder:
        raise SettingsError(
            f"The format {format} is one of single frames: name a folder, or leave format out."
        )
    if output == STREAM and sys.stdout.isatty():
        raise SettingsError("Raw frames do not fit a terminal: pipe them into ffmpeg.")


def _refuse_without_effect(
    output: str, into_folder: bool, options: OutputOptions, run: RunOptions
) -> None:
    """Refuse options that have no effect on this kind of output."""
    pipe = output == STREAM
    without = {
        "quality": pipe and options.quality is not None,
        "png": pipe and options.png != "small",
        "keep-metadata": (pipe or into_folder) and options.keep_metadata,
        "overwrite": (pipe or into_folder) and run.overwrite,
        "skip-existing": pipe and run.skip_existing,
    }
    for name in (name for name, given in without.items() if given):
        kind = "A pipe of raw frames" if pipe else "A folder of frames"
        raise SettingsError(f"{kind} has no use for {name}: leave it out, or name a video's file.")


def _into_pipe(
    source: str,
    remover: Remover,
    output_options: OutputOptions,
    run_options: RunOptions,
    video_options: VideoOptions,
) -> dict[str, Any]:
    """Write raw frames to standard output; nothing can be resumed there."""
    count, video = None, None
    if source == STREAM:
        assert video_options.pixels is not None
        frames = raw.standard_input(video_options.pixels)
    else:
        from clearbg.video.reading import Video

        video = Video(Path(source))
        frames, count = video.frames(), video.count
    done = removed(
        frames, remover, run_options, SteadyAlpha(video_options.steady),
        finisher(remover, output_options, None),
    )  # fmt: skip
    total, coverage, last = 0, 0.0, None
    quiet = run_options.quiet
    for _, made, _ in progress(done, what="remove", unit="frames", total=count, disable=quiet):
        sys.stdout.buffer.write(raw.pixels(made.image))
        total, coverage, last = total + 1, coverage + made.coverage, made.image
    sys.stdout.buffer.flush()
    if last is None:
        raise DataError(f"{source} holds no frame: nothing was written.")
    notes = [] if video is None else [*video.notes(), "a pipe takes neither sound nor times"]
    return {
        "width": last.width, "height": last.height, "frames": total,
        "coverage": round(coverage / total, 4), "notes": tuple(notes),
    }  # fmt: skip
