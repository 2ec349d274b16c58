"""The command `clearbg benchmark`. Heavy imports wait until they are used."""

import os
from pathlib import Path
from typing import Annotated

import typer

from clearbg.cli.options import DeviceOption, OnOption, OverwriteOption


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
    on: OnOption = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="A page (.html): the evaluation's report with quality over cost, which scores "
            "the models.",
        ),
    ] = None,
    overwrite: OverwriteOption = False,
) -> None:
    """Measure the seconds and memory that exported models need on this machine."""
    from clearbg.errors import SettingsError
    from clearbg.evaluation import benchmark as speed
    from clearbg.pretrained import choice
    from clearbg.system import project

    if output is not None and output.suffix.lower() not in (".html", ".htm"):
        raise SettingsError(f"-o {output}: the page is HTML: name a file .html.")
    exports = sorted(map(os.path.relpath, (project.root() / choice.EXPORT).parent.glob("*.onnx")))
    models = models or exports or choice.shipped()

    if output is None:
        if on is not None:
            raise SettingsError("--on names images for the page: add `-o report.html`.")
        typer.echo(speed.table(list(speed.measure(models, device, images))))
        return
    from clearbg.evaluation import costs as quality_and_cost
    from clearbg.evaluation import report
    from clearbg.evaluation.compare_models import of_folders, of_split
    from clearbg.system.overwriting import refuse_to_lose

    scored = of_folders(*on) if on else of_split(project.root() / "data/ingested")
    files = [choice.choose(model, device).file for model in models]
    folder = Path(os.path.relpath(project.root() / "reports/evaluate"))
    read = [*scored.files, *files, folder / report.FILE]
    refuse_to_lose(output, quality_and_cost.PAGE, read, overwrite)
    evaluated = "" if on else quality_and_cost.report_of(folder, files)
    metric = quality_and_cost.headline_of(files[0])
    costs = list(speed.measure(models, device, images))
    typer.echo(speed.table(costs))
    found = [quality_and_cost.quality(file, scored, metric) for file in files]
    quality_and_cost.write_page(output, costs, found, metric, len(scored.ids), evaluated)
    alone = "speed and size alone"
    if on is None:
        alone += f", as {folder} holds no evaluation of these models"
    told = f"{folder / report.FILE}, with speed and size" if evaluated else alone
    typer.echo(f"wrote {output}: {told}")
