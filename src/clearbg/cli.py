"""The command line. Heavy imports wait until they are used."""

import functools
import os
import sys
from pathlib import Path
from typing import Annotated

import typer
from typer.core import TyperCommand

from clearbg import cli_benchmark, cli_demo, cli_drift, cli_lineage, cli_remove
from clearbg.errors import ClearBGError

app = typer.Typer(
    help="Train, measure, reproduce and run background removers.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


UNUSABLE = 3  # exit status of `doctor` when it cannot examine: 1 and 2 speak of the pictures


def in_one_sentence(command, status: int = 1):
    """Print a `ClearBGError` as its sentence, with an exit status."""

    @functools.wraps(command)
    def call(*args, **kwargs):
        try:
            return command(*args, **kwargs)
        except ClearBGError as error:
            typer.echo(f"clearbg: {error}", err=True)
            raise typer.Exit(status) from None

    return call


class DoctorCommand(TyperCommand):
    """A command whose errors of usage do not look like broken pictures (2)."""

    def parse_args(self, ctx, args):
        try:
            return super().parse_args(ctx, args)
        except Exception as error:
            if getattr(error, "exit_code", None) == 2:
                error.exit_code = UNUSABLE
            raise


@app.command()
@in_one_sentence
def use(
    recipe: Annotated[str | None, typer.Argument(help="Name of a recipe; none: list them.")] = None,
    demo: Annotated[
        bool, typer.Option("--demo", help="With generated data and a budget of minutes.")
    ] = False,
    force: Annotated[bool, typer.Option(help="Overwrite uncommitted edits.")] = False,
) -> None:
    """Make a recipe the live params.yaml, or list the recipes."""
    from clearbg import recipes

    if recipe is None:
        for name, title, live in recipes.listed():
            typer.echo(f"{'*' if live else ' '} {name:15} {title}")
    else:
        recipes.use(recipe, demo, force)
        what = f"the demo of recipe {recipe}" if demo else f"recipes/{recipe}.yaml"
        typer.echo(f"params.yaml is now {what}; run `dvc repro`.")


@app.command()
@in_one_sentence
def fetch(
    by_hand: Annotated[
        list[Path],
        typer.Option("--from", help="An archive that you downloaded yourself; may be repeated."),
    ] = [],  # noqa: B006 - typer copies it
) -> None:
    """Bring the archives of the live recipe; `dvc repro` then finds them without a request."""
    from clearbg import config, places
    from clearbg.data.fetch import recorded_sum
    from clearbg.data.sources.archives import bring, named

    by_hand = [file.absolute() for file in by_hand]
    os.chdir(places.root())
    data = config.load().data
    brought = bring(data, places.state() / "downloads", by_hand)
    for one, path in brought:
        typer.echo(f"{one.key} ({named(one.address)}): {path}")
        if one.sha256 is None and (digest := recorded_sum(path)):
            typer.echo(f"  sha256 {digest}, to pin it in params.yaml")
    if not brought:
        typer.echo(f"data.source {data.source} has no archive to fetch.")


@app.command(cls=DoctorCommand)
@functools.partial(in_one_sentence, status=UNUSABLE)
def doctor(
    paths: Annotated[
        list[Path],
        typer.Argument(
            help="A data set in any known layout, or several as splits, or a folder of "
            "pictures and one of masks."
        ),
    ],
    json: Annotated[
        bool, typer.Option("--json", help="Print everything as JSON, in place of the table.")
    ] = False,
    html: Annotated[Path, typer.Option(help="The page of problem pictures to write.")] = Path(
        "doctor.html"
    ),
    fix: Annotated[
        Path | None, typer.Option(help="A new folder for a corrected copy and its log.")
    ] = None,
) -> None:
    """Find what is wrong with pictures and masks; mend it in a copy.

    Exit status: 0 nothing, or suspicions only; 1 all of it can be mended; 2 something is
    broken; 3 wrong usage, or nothing to examine.
    """
    from clearbg.doctor import diagnose

    status, text = diagnose(paths, as_json=json, page=html, fix=fix)
    typer.echo(text)
    raise typer.Exit(status)


app.command()(functools.partial(in_one_sentence, status=cli_remove.NONE)(cli_remove.remove))
app.command()(in_one_sentence(cli_benchmark.benchmark))
app.command()(in_one_sentence(cli_demo.demo))
app.command()(in_one_sentence(cli_drift.drift))
app.command()(in_one_sentence(cli_lineage.lineage))


@app.command()
@in_one_sentence
def compare(
    pictures: Annotated[Path, typer.Argument(help="A picture, or a folder of pictures.")],
    masks: Annotated[
        Path | None, typer.Option(help="The truth: masks of the same names, for a column.")
    ] = None,
    model: Annotated[
        list[Path], typer.Option(help="As for remove; give several for a column each.")
    ] = [Path("exports/model.onnx")],  # noqa: B006 - typer copies it
    count: Annotated[int, typer.Option("--count", "-n", min=1, help="Pictures to draw.")] = 8,
    seed: Annotated[int, typer.Option(help="Which pictures are drawn.")] = 0,
    output: Annotated[Path, typer.Option("--output", "-o", help="A .jpg or .png file.")] = Path(
        "comparison.jpg"
    ),
) -> None:
    """A sheet of pictures: input, prediction, truth, cut-out."""
    from clearbg.comparison import compare

    number = compare(
        pictures, masks, [cli_remove.onnx_file(path) for path in model], output, count, seed
    )
    typer.echo(f"{output}: {number} pictures")


@app.command()
@in_one_sentence
def evaluate(
    pictures: Annotated[Path, typer.Argument(help="A folder of pictures.")],
    masks: Annotated[Path, typer.Argument(help="A folder of masks of the same names.")],
    model: Annotated[
        Path, typer.Option(help="An exported model, or a folder with model.json and weights.")
    ] = Path("exports/model.onnx"),
    metrics: Annotated[
        str, typer.Option(help="saliency, segmentation, matting, document; commas between.")
    ] = "saliency,segmentation",
    inverted: Annotated[bool, typer.Option(help="The truth is black on white.")] = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="CSV of every picture's figures.")
    ] = None,
) -> None:
    """Measure a model on pictures with masks, at the pictures' own size."""
    from clearbg import scoring

    result = scoring.score_model(pictures, masks, model, metrics.split(","), inverted)
    typer.echo(scoring.table(result, output))


@app.command()
@in_one_sentence
def score(
    predictions: Annotated[Path, typer.Argument(help="A folder of predicted alpha mattes.")],
    masks: Annotated[Path, typer.Argument(help="A folder of masks of the same names.")],
    metrics: Annotated[
        str, typer.Option(help="saliency, segmentation, matting, document; commas between.")
    ] = "saliency,segmentation",
    threshold: Annotated[float, typer.Option(min=0, max=1, help="Of hard masks.")] = 0.5,
    inverted: Annotated[
        bool, typer.Option(help="Truth and predictions are black on white.")
    ] = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="CSV of every picture's figures.")
    ] = None,
) -> None:
    """Measure predictions that any program has written as pictures."""
    from clearbg import scoring

    result = scoring.score_files(predictions, masks, metrics.split(","), threshold, inverted)
    typer.echo(scoring.table(result, output))


@app.command("import-weights")
@in_one_sentence
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
            min=32, max=4096, help="The network's input, pixels.", show_default="as published"
        ),
    ] = None,
    licence: Annotated[
        str | None,
        typer.Option(help="Terms of the data behind the weights.", show_default="unknown"),
    ] = None,
    key: Annotated[str | None, typer.Option(help="Which of several networks in the file.")] = None,
) -> None:
    """Turn published weights into a model to start from, to evaluate or to use."""
    from clearbg import importing

    typer.echo(importing.summary(importing.import_weights(file, output, size, licence, key)))


def main() -> None:
    sys.exit(app())
