"""The command `clearbg compare`. Heavy imports wait until they are used."""

from pathlib import Path
from typing import Annotated

import typer

from clearbg.cli.options import OverwriteOption, choice_of


def compare(
    images: Annotated[Path, typer.Argument(help="An image, or a folder of images.")],
    masks: Annotated[
        Path | None, typer.Option(help="A folder of ground-truth masks of the same names.")
    ] = None,
    model: Annotated[
        list[str] | None,
        typer.Option(
            help="As for `clearbg remove`; several give a column each.",
            show_default="the project's exports/model.onnx, else clearbg-lite",
        ),
    ] = None,
    count: Annotated[int, typer.Option("--count", "-n", min=1, help="Images to draw.")] = 8,
    seed: Annotated[int, typer.Option(help="Which images are drawn.")] = 0,
    output: Annotated[Path, typer.Option("--output", "-o", help="A .jpg or .png file.")] = Path(
        "comparison.jpg"
    ),
    overwrite: OverwriteOption = False,
) -> None:
    """Write a sheet that compares images: input, prediction, ground truth, cutout."""
    from clearbg.evaluation.compare import compare

    named: list[str] | list[None] = model or [None]
    files = [choice_of(name).file for name in named]
    number, found = compare(images, masks, files, output, count, seed, overwrite)
    typer.echo(f"{output}: {number} images")
    if found:
        typer.echo(found, err=True)
