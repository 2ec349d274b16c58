"""The command `clearbg import-weights`. Heavy imports wait until they are used."""

from pathlib import Path
from typing import Annotated

import typer


def import_weights(
    file: Annotated[
        str, typer.Argument(help="Published weights: a file, or http(s)://, gdrive:, kaggle:.")
    ],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="The folder to make.", show_default="imported/NAME"),
    ] = None,
    size: Annotated[
        int | None,
        typer.Option(
            min=32,
            max=4096,
            help="Side of the network's input, pixels.",
            show_default="as published",
        ),
    ] = None,
    license: Annotated[
        str | None,
        typer.Option(help="License of the training data.", show_default="unknown"),
    ] = None,
    key: Annotated[str | None, typer.Option(help="Network to import, of several.")] = None,
) -> None:
    """Import published weights as a model that you can use, evaluate or train further."""
    from clearbg import importing

    typer.echo(importing.summary(importing.import_weights(file, output, size, license, key)))
