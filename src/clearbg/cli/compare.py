"""The command `clearbg compare`. Heavy imports wait until they are used."""

from pathlib import Path
from typing import Annotated

import typer

from clearbg.cli.options import DEFAULT_MODEL, onnx_file


def compare(
    images: Annotated[Path, typer.Argument(help="An image, or a folder of images.")],
    masks: Annotated[
        Path | None, typer.Option(help="A folder of ground-truth masks of the same names.")
    ] = None,
    model: Annotated[
        list[Path], typer.Option(help="As for `clearbg remove`; several give a column each.")
    ] = [DEFAULT_MODEL],  # noqa: B006 - typer copies it
    count: Annotated[int, typer.Option("--count", "-n", min=1, help="Images to draw.")] = 8,
    seed: Annotated[int, typer.Option(help="Which images are drawn.")] = 0,
    output: Annotated[Path, typer.Option("--output", "-o", help="A .jpg or .png file.")] = Path(
        "comparison.jpg"
    ),
) -> None:
    """Write a sheet that compares images: input, prediction, ground truth, cutout."""
    from clearbg.evaluation.compare import compare

    models = [onnx_file(path) for path in model]
    number, found = compare(images, masks, models, output, count, seed)
    typer.echo(f"{output}: {number} images")
    if found:
        typer.echo(found, err=True)
