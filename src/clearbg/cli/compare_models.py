"""The command `clearbg compare-models`. Heavy imports wait until they are used."""

from pathlib import Path
from typing import Annotated

import typer

from clearbg.cli.options import OnOption, OverwriteOption, choice_of, folder_of


def compare_models(
    first: Annotated[
        str, typer.Argument(help="As for `clearbg remove --model`, or a per_image.csv.")
    ],
    second: Annotated[str, typer.Argument(help="What it is compared with: the same kind.")],
    on: OnOption = None,
    metric: Annotated[
        str | None,
        typer.Option(
            help="In which the gain is measured.", show_default="the first one's headline"
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="A .md file; a sheet of images goes beside it."),
    ] = None,
    overwrite: OverwriteOption = False,
) -> None:
    """Say whether the second model is better than the first, and how sure that is."""
    from clearbg.errors import SettingsError
    from clearbg.evaluation import compare_models as comparison

    tables = [name.endswith(".csv") for name in (first, second)]
    if output is not None and output.suffix != ".md":
        raise SettingsError(f"-o {output}: the comparison is Markdown: name a file .md.")
    if all(tables):
        if on is not None:
            raise SettingsError("--on names images, and tables of figures need none: leave it out.")
        comparison.refuse_outputs(output, [Path(first), Path(second)], overwrite)
        found = comparison.compare_tables(Path(first), Path(second), metric)
        typer.echo(comparison.write(found, (first, second), output))
        return
    if any(tables):
        raise SettingsError(
            f"{first} and {second}: compare two models, or two tables of figures, not one of each."
        )
    images = comparison.of_folders(*on) if on else comparison.of_split(Path("data/ingested"))
    paths = [folder_of(name) or choice_of(name).file for name in (first, second)]
    comparison.refuse_outputs(output, [*images.files, *paths], overwrite)
    found, models = comparison.compare_models(paths[0], paths[1], images, metric)
    sheet = ""
    if output is not None and found.changed:
        sheet = output.with_suffix(".jpg").name
        changed = map(images.read, found.changed)
        comparison.write_sheet(output.with_name(sheet), changed, models, found.captions())
    typer.echo(comparison.write(found, (first, second), output, sheet))
