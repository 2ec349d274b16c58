"""The command `clearbg estimate`. Heavy imports wait until they are used."""

from pathlib import Path
from typing import Annotated

import typer


def estimate(
    params: Annotated[
        Path | None, typer.Argument(help="Settings, as a recipe.", show_default="params.yaml")
    ] = None,
    images: Annotated[
        int | None, typer.Option(min=1, help="Training images, where none are ingested yet.")
    ] = None,
) -> None:
    """Say what a training needs on this machine, and when it ends, after a few steps on trial."""
    from clearbg import config
    from clearbg.data.dataset import Pairs
    from clearbg.system import project
    from clearbg.training import estimate as training
    from clearbg.training import start
    from clearbg.training.image_counts import AUGMENTED, counted
    from clearbg.training.trouble import memory_told

    root = project.required()
    settings = start.permitted(config.load(params or root / "params.yaml"))
    counts = counted(settings, root, images)
    pairs = []
    if counts.origin == AUGMENTED:
        pairs = [Pairs(root / AUGMENTED, split, settings) for split in ("train", "validation")]
    with memory_told(settings):
        typer.echo(training.report(settings, counts, *pairs))
