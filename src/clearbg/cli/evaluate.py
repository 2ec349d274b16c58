"""The command `clearbg evaluate`. Heavy imports wait until they are used."""

from pathlib import Path
from typing import Annotated

import typer

from clearbg.cli.options import ModelOption, OverwriteOption, choice_of, folder_of


def evaluate(
    images: Annotated[Path, typer.Argument(help="A folder of images.")],
    masks: Annotated[Path, typer.Argument(help="A folder of masks of the same names.")],
    model: ModelOption = None,
    metrics: Annotated[
        str, typer.Option(help="saliency, segmentation, matting, document; separated by commas.")
    ] = "saliency,segmentation",
    inverted: Annotated[bool, typer.Option(help="The masks are black on white.")] = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="A CSV file for each image's figures.")
    ] = None,
    overwrite: OverwriteOption = False,
) -> None:
    """Measure a model on images with masks, at the images' own size."""
    from clearbg.evaluation import score_files

    path = (folder_of(model) if model else None) or choice_of(model).file
    score_files.refuse_output(output, images, masks, path, overwrite)
    result = score_files.score_model(images, masks, path, metrics.split(","), inverted)
    typer.echo(score_files.table(result, output))
    if warning := score_files.warning(result):
        typer.echo(warning, err=True)
