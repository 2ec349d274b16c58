"""The command `clearbg remove`. Heavy imports wait until they are used."""

import os
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from clearbg.errors import SettingsError

NONE = 2  # exit status when no picture has its result, as of wrong usage


def remove(
    inputs: Annotated[
        list[str],
        typer.Argument(
            help="Pictures, folders (with all below), patterns such as 'photos/**/*.jpg', or - "
            "for standard input."
        ),
    ],
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            help="A file for one picture (.png, .webp, .tiff, or .jpg with a background), a "
            "folder, or - for standard output.",
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
    mask: Annotated[bool, typer.Option("--mask", help="The alpha alone, as grey.")] = False,
    background: Annotated[
        str | None,
        typer.Option(
            help="Behind the result: a colour (a name or #rrggbb), a picture's path, or blur.",
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
            help="Follow the picture's edges and take the old background's colour out of them.",
        ),
    ] = True,
    keep_metadata: Annotated[
        bool,
        typer.Option(
            "--keep-metadata/--drop-metadata",
            help="Keep the EXIF block (camera, time, place). Colour profile and resolution always "
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
            "--fail-fast/--keep-going", help="Begin no further picture once one has failed."
        ),
    ] = False,
    batch: Annotated[int, typer.Option(min=1, help="Pictures in a run of the network.")] = 4,
    workers: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Threads that read, refine and encode.",
            show_default="one a processor core, 4 at most",
        ),
    ] = None,
    json: Annotated[
        bool, typer.Option("--json", help="Print what became of every picture as JSON.")
    ] = False,
) -> None:
    """Cut out the subjects, or the ink of documents.

    Exit status: 0 every picture has its result; 1 some failed; 2 none has, or wrong usage.
    """
    output = "-" if output is None and inputs == ["-"] else output
    if margin is not None and not crop:
        raise SettingsError("--margin is of --crop: add it, or leave the margin out.")
    if json and output == "-":
        raise SettingsError("Standard output takes the picture or the JSON: name a file with -o.")
    if output == "-" and sys.stdout.isatty():
        raise SettingsError("A picture does not fit a terminal: redirect it, or name a file.")

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
    workers = workers or min(4, os.cpu_count() or 1)
    report = remove_files(
        inputs,
        output,
        Remover(onnx_file(model), device=device, refine=refine),
        model=str(model),
        look=look,
        work=Work(batch, workers, skip_existing, fail_fast),
        format=format,
    )
    for outcome in report.outcomes:
        told = [outcome.message] if outcome.message else []
        for sentence in told + [f"{outcome.target}: {note}." for note in outcome.notes]:
            typer.echo(f"clearbg: {sentence}", err=True)
    if json:
        typer.echo(report.to_json())
    elif len(report.outcomes) > 1:
        typer.echo(report.summary())
    raise typer.Exit(report.exit_status)


def onnx_file(model: Path) -> Path:
    """The ONNX file of a model, exported on the way when `model` is a models folder."""
    if not model.is_dir():
        return model
    from clearbg.export.exported import exported

    return exported(model)
