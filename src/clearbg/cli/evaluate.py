"""The command `clearbg evaluate`. Heavy imports wait until they are used."""

from pathlib import Path
from typing import Annotated

import typer

from clearbg.cli.options import ModelOption, OverwriteOption, choice_of, folder_of
from clearbg.cli.stages import reproduce
from clearbg.errors import SettingsError

METRICS = "saliency,segmentation"


def evaluate(
    images: Annotated[
        Path | None,
        typer.Argument(help="A folder of images.", show_default="the project's test images"),
    ] = None,
    masks: Annotated[
        Path | None, typer.Argument(help="A folder of masks of the same names.")
    ] = None,
    model: ModelOption = None,
    metrics: Annotated[
        str, typer.Option(help="saliency, segmentation, matting, document; separated by commas.")
    ] = METRICS,
    inverted: Annotated[bool, typer.Option(help="The masks are black on white.")] = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="A CSV file for each image's figures.")
    ] = None,
    overwrite: OverwriteOption = False,
) -> None:
    """Measure a model on images with masks, at the images' own size.

    Without folders: the project's model on its test images, by `dvc repro evaluate`.
    """
    if images is None or masks is None:
        if images or model or inverted or output or overwrite or metrics != METRICS:
            raise SettingsError(
                "these options need a folder of images and one of masks: name both, or run "
                "`clearbg evaluate` alone for the project's model on its test images."
            )
        return reproduce("evaluate")
    from clearbg.evaluation import score_files

    path = (folder_of(model) if model else None) or choice_of(model).file
    score_files.refuse_output(output, images, masks, path, overwrite)
    result = score_files.score_model(images, masks, path, metrics.split(","), inverted)
    typer.echo(score_files.table(result, output))
    if warning := score_files.warning(result):
        typer.echo(warning, err=True)
