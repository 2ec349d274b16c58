"""The command `clearbg lr-find`. Heavy imports wait until they are used."""

from pathlib import Path
from typing import Annotated

import typer

from clearbg.cli.options import OverwriteOption


def lr_find(
    params: Annotated[
        Path | None, typer.Argument(help="Settings, as a recipe.", show_default="params.yaml")
    ] = None,
    lowest: Annotated[float, typer.Option(min=1e-12, help="First learning rate.")] = 1e-6,
    highest: Annotated[float, typer.Option(max=10, help="Last learning rate.")] = 1.0,
    steps: Annotated[int, typer.Option(min=10, help="Training steps.")] = 100,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="A folder.", show_default=".clearbg/lr-find"),
    ] = None,
    overwrite: OverwriteOption = False,
) -> None:
    """Suggest a learning rate: raise it step by step on the real data, and watch the loss."""
    from clearbg import config
    from clearbg.data.dataset import Pairs
    from clearbg.system import project
    from clearbg.training import lr_find as training
    from clearbg.training import start
    from clearbg.training.trouble import memory_told

    root = project.required()
    folder = output or project.state() / "lr-find"
    training.refuse_output(folder, overwrite)
    settings = start.permitted(config.load(params or root / "params.yaml"))
    with memory_told(settings):
        pairs = Pairs(root / "data/augmented", "train", settings)
        found = training.sweep(settings, pairs, lowest, highest, steps)
    suggestion = training.suggest(found)
    image, table = training.write(found, suggestion, folder)
    if isinstance(suggestion, str):
        typer.echo(suggestion)
    else:
        typer.echo(f"train.lr {suggestion.rate:.2g}: {suggestion.reason}.")
        typer.echo(f"{params or 'params.yaml'} has {settings.train.lr:g}.")
    typer.echo(f"curve: {image}, {table}")
