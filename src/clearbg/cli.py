"""The command line: `clearbg use`, `clearbg remove`. Heavy imports wait until they are used."""

import functools
import sys
from pathlib import Path
from typing import Annotated

import typer

from clearbg.errors import ClearBGError

app = typer.Typer(
    help="Train, measure, reproduce and run background removers.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def in_one_sentence(command):
    """Print a `ClearBGError` as its sentence, with exit status 1."""

    @functools.wraps(command)
    def call(*args, **kwargs):
        try:
            return command(*args, **kwargs)
        except ClearBGError as error:
            typer.echo(f"clearbg: {error}", err=True)
            raise typer.Exit(1) from None

    return call


@app.command()
@in_one_sentence
def use(
    recipe: Annotated[str | None, typer.Argument(help="Name of a recipe; none: list them.")] = None,
    force: Annotated[bool, typer.Option(help="Overwrite uncommitted edits.")] = False,
) -> None:
    """Make a recipe the live params.yaml, or list the recipes."""
    from clearbg import recipes

    if recipe is None:
        for name, title, live in recipes.listed():
            typer.echo(f"{'*' if live else ' '} {name:15} {title}")
    else:
        recipes.use(recipe, force)
        typer.echo(f"params.yaml is now recipes/{recipe}.yaml; run `dvc repro`.")


@app.command()
@in_one_sentence
def remove(
    inputs: Annotated[list[Path], typer.Argument(help="Pictures or folders of pictures.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="A .png file for one picture, else a folder.")
    ] = Path("cutouts"),
    model: Annotated[Path, typer.Option(help="An exported model.")] = Path("exports/model.onnx"),
) -> None:
    """Cut out the subjects: RGBA PNG of exactly the input's size."""
    from clearbg.removal.files import remove_files

    failures = remove_files(inputs, output, model)
    for failure in failures:
        typer.echo(f"clearbg: {failure}", err=True)
    if failures:
        raise typer.Exit(1)


def main() -> None:
    sys.exit(app())
