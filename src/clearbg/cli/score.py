"""The command `clearbg score`. Heavy imports wait until they are used."""

from pathlib import Path
from typing import Annotated

import typer

from clearbg.cli.options import OverwriteOption


def score(
    predictions: Annotated[Path, typer.Argument(help="A folder of predicted alpha mattes.")],
    masks: Annotated[Path, typer.Argument(help="A folder of masks of the same names.")],
    metrics: Annotated[
        str, typer.Option(help="saliency, segmentation, matting, document; separated by commas.")
    ] = "saliency,segmentation",
    threshold: Annotated[float, typer.Option(min=0, max=1, help="Of hard masks.")] = 0.5,
    inverted: Annotated[
        bool, typer.Option(help="Masks and predictions are black on white.")
    ] = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="A CSV file for each image's figures.")
    ] = None,
    overwrite: OverwriteOption = False,
) -> None:
    """Measure predictions that any program has written as images."""
    from clearbg.evaluation import score_files

    score_files.refuse_output(output, predictions, masks, None, overwrite)
    result = score_files.score_files(predictions, masks, metrics.split(","), threshold, inverted)
    typer.echo(score_files.table(result, output))
    if warning := score_files.warning(result):
        typer.echo(warning, err=True)
