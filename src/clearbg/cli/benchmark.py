"""The command `clearbg benchmark`. Heavy imports wait until they are used."""

from pathlib import Path
from typing import Annotated

import typer

from clearbg.cli.options import DeviceOption
from clearbg.errors import ModelError

EXPORTS = Path("exports")


def benchmark(
    models: Annotated[
        list[Path] | None,
        typer.Argument(help="Exported models.", show_default="every .onnx in exports/"),
    ] = None,
    device: DeviceOption = "cpu",
    images: Annotated[
        int, typer.Option("--images", "-n", min=1, help="Generated images of 1600×1200 to time.")
    ] = 5,
) -> None:
    """Measure the seconds and memory that exported models need on this machine."""
    models = models or sorted(EXPORTS.glob("*.onnx"))
    if not models:
        raise ModelError(
            f"{EXPORTS} holds no .onnx file: make one with `dvc repro`, or name another."
        )

    from clearbg.evaluation import benchmark as speed

    costs = list(speed.measure(models, device, images))
    typer.echo(speed.table(costs))
