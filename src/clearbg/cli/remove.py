"""The command `clearbg remove`. Heavy imports wait until they are used."""

import contextlib
import sys
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, NoReturn

import typer

from clearbg.errors import SettingsError
from clearbg.system import memory

if TYPE_CHECKING:
    from clearbg.removal.outcomes import Report

NONE = 2  # exit status when no image has its result, as of wrong usage


def remove(
    inputs: Annotated[
        list[str],
        typer.Argument(
            help="Images, folders (with all below), patterns such as 'photos/**/*.jpg', "
            "addresses such as s3://bucket/photos, or - for standard input."
        ),
    ],
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            help="A file for one image (.png, .webp, .tiff, or .jpg with a background), a "
            "folder, an address of either, or - for standard output.",
            show_default="the folder cutouts; - for standard input",
        ),
    ] = None,
    model: Annotated[
        Path, typer.Option(help="An exported model, or a folder with model.json and weights.")
    ] = Path("exports/model.onnx"),
    device: Annotated[
        Literal["cpu", "cuda", "openvino"],
        typer.Option(help="What runs the model; one that is not there is an error."),
    ] = "cpu",
    format: Annotated[
        Literal["png", "webp", "tiff", "jpeg"] | None,
        typer.Option(help="Of the files in a folder, or of standard output.", show_default="png"),
    ] = None,
    quality: Annotated[
        int | None,
        typer.Option(
            min=1, max=100, help="Of JPEG and WebP.", show_default="95 of JPEG, lossless WebP"
        ),
    ] = None,
    mask: Annotated[bool, typer.Option("--mask", help="The alpha alone, as gray.")] = False,
    background: Annotated[
        str | None,
        typer.Option(
            help="Behind the result: a color (a name or #rrggbb), an image's path, or blur.",
            show_default="transparent",
        ),
    ] = None,
    crop: Annotated[bool, typer.Option("--crop", help="Crop to the subject.")] = False,
    margin: Annotated[
        str | None,
        typer.Option(
            help="Around the crop: pixels (20), or a share of the subject's longer side (5%).",
            show_default="0",
        ),
    ] = None,
    threshold: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=1,
            help="Hard edges: the alpha from which a pixel is wholly opaque.",
            show_default="soft edges",
        ),
    ] = None,
    refine: Annotated[
        bool,
        typer.Option(
            "--refine/--no-refine",
            help="Follow the image's edges and take the old background's color out of them.",
        ),
    ] = True,
    keep_metadata: Annotated[
        bool,
        typer.Option(
            "--keep-metadata/--drop-metadata",
            help="Keep the EXIF block (camera, time, place). Color profile and resolution always "
            "stay, and orientation is applied.",
        ),
    ] = False,
    skip_existing: Annotated[
        bool,
        typer.Option("--skip-existing/--overwrite", help="Leave results that are there."),
    ] = False,
    fail_fast: Annotated[
        bool,
        typer.Option(
            "--fail-fast/--keep-going", help="Begin no further image once one has failed."
        ),
    ] = False,
    batch: Annotated[
        int | None,
        typer.Option(
            min=1, help="Images in a run of the network.", show_default="1; 8 with --device cuda"
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Threads that read, refine and encode; with Ray the processor cores of an actor.",
            show_default="one a processor core, 4 at most",
        ),
    ] = None,
    engine: Annotated[
        Literal["plain", "ray"],
        typer.Option(
            help="Ray: on the cluster at RAY_ADDRESS, or in several processes on this machine."
        ),
    ] = "plain",
    actors: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Processes of Ray that hold the model.",
            show_default="as many as there is room for",
        ),
    ] = None,
    gpus: Annotated[
        float | None,
        typer.Option(
            min=0.01,
            max=1,
            help="Of a GPU, the share that an actor of Ray takes.",
            show_default="1 with --device cuda",
        ),
    ] = None,
    log: Annotated[
        Path | None,
        typer.Option(
            help="Append a line of numbers an image, without name, path or time, for "
            "`clearbg drift`.",
            show_default="none",
        ),
    ] = None,
    json: Annotated[
        bool, typer.Option("--json", help="Print what became of every image as JSON.")
    ] = False,
) -> None:
    """Cut out the subjects, or the ink of documents.

    Exit status: 0 every image has its result; 1 some failed; 2 none has, or wrong usage.
    """
    output = "-" if output is None and inputs == ["-"] else output
    if margin is not None and not crop:
        raise SettingsError("--margin is of --crop: add it, or leave the margin out.")
    if json and output == "-":
        raise SettingsError("Standard output takes the image or the JSON: name a file with -o.")
    if output == "-" and sys.stdout.isatty():
        raise SettingsError("An image does not fit a terminal: redirect it, or name a file.")

    if engine == "plain" and (actors is not None or gpus is not None):
        raise SettingsError("--actors and --gpus are of --engine ray: add it, or leave them out.")
    if gpus is not None and device != "cuda":
        raise SettingsError("--gpus is of --device cuda: add it, or leave the share out.")
    if engine == "ray" and log is not None:
        raise SettingsError("--log is kept in one process: leave it out, or leave --engine out.")

    from clearbg.inference.sessions import BATCH, cores, open_model

    if engine == "plain":  # first, and the rest is imported while the network is opened
        memory.keep_freed()
        one = len(inputs) == 1 and (inputs == ["-"] or Path(inputs[0]).is_file())
        opened = open_model(onnx_file(model), device, images="one" if one else "many")

    from clearbg.removal import outputs
    from clearbg.removal.backgrounds import ground
    from clearbg.removal.files import Work, remove_files
    from clearbg.removal.remover import Remover

    look = outputs.Look(
        mask=mask,
        background=None if background is None else ground(background),
        crop=outputs.margin(margin or "0") if crop else None,
        threshold=threshold,
        quality=quality,
        keep_metadata=keep_metadata,
    )
    batch = batch or BATCH[device]
    if engine == "ray":
        from clearbg.removal.distributed.bulk import remove_in_bulk
        from clearbg.removal.distributed.cluster import Fleet

        # Ray prints there that a process has ended; --json is for programs.
        with contextlib.redirect_stdout(StringIO()):
            report = remove_in_bulk(
                inputs,
                output,
                onnx_file(model),
                name=str(model),
                device=device,
                refine=refine,
                look=look,
                work=Work(batch, skip_existing=skip_existing, fail_fast=fail_fast),
                fleet=Fleet(actors, workers, (gpus or 1) if device == "cuda" else 0),
                format=format,
            )
    else:
        workers = workers or min(4, cores())
        remover = Remover.of(opened, refine)
        lines = None
        if log is not None:
            from clearbg.drift.log import RemovalLog

            lines = RemovalLog(log, remover.contract.weights_sha256)
        report = remove_files(
            inputs,
            output,
            remover,
            model=str(model),
            look=look,
            work=Work(batch, workers, skip_existing, fail_fast),
            format=format,
            log=lines,
        )
        if lines is not None and lines.sentence():
            typer.echo(f"clearbg: {lines.sentence()}", err=True)
    _tell(report, json)


def _tell(report: "Report", as_json: bool) -> NoReturn:
    """Print what became of the images, and end with the exit status that says it too."""
    for outcome in report.outcomes:
        told = [outcome.message] if outcome.message else []
        for sentence in told + [f"{outcome.target}: {note}." for note in outcome.notes]:
            typer.echo(f"clearbg: {sentence}", err=True)
    if as_json:
        typer.echo(report.to_json())
    elif len(report.outcomes) > 1:
        typer.echo(report.summary())
    raise typer.Exit(report.exit_status)


def onnx_file(model: Path) -> Path:
    """The ONNX file of a model, exported on the way when `model` is a models folder."""
    if not model.is_dir():
        return model
    from clearbg.export.on_demand import exported

    return exported(model)
