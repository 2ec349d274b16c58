"""The command `clearbg benchmark`. Heavy imports wait until they are used."""

import os
from typing import Annotated

import typer

from clearbg.cli.options import DeviceOption


def benchmark(
    models: Annotated[
        list[str] | None,
        typer.Argument(
            help="Exported models, or names that `clearbg models` lists.",
            show_default="every .onnx in exports/, else those of the package",
        ),
    ] = None,
    device: DeviceOption = "cpu",
    images: Annotated[
        int, typer.Option("--images", "-n", min=1, help="Generated images of 1600×1200 to time.")
    ] = 5,
) -> None:
    """Measure the seconds and memory that exported models need on this machine."""
    from clearbg.evaluation import benchmark as speed
    from clearbg.pretrained import choice
    from clearbg.system import project

    exports = sorted(map(os.path.relpath, (project.root() / choice.EXPORT).parent.glob("*.onnx")))
    models = models or exports or choice.shipped()

    costs = list(speed.measure(models, device, images))
    typer.echo(speed.table(costs))
