"""The command line: every command of `clearbg`, a file each. Heavy imports wait until then."""

import errno
import functools
import os
import sys
from collections.abc import Callable
from typing import Annotated

import typer
import typer.core

import clearbg
from clearbg.cli.benchmark import benchmark
from clearbg.cli.compare import compare
from clearbg.cli.compare_models import compare_models
from clearbg.cli.demo import demo
from clearbg.cli.doctor import UNUSABLE, DoctorCommand, doctor
from clearbg.cli.drift import drift
from clearbg.cli.estimate import estimate
from clearbg.cli.evaluate import evaluate
from clearbg.cli.fetch import fetch
from clearbg.cli.import_weights import import_weights
from clearbg.cli.init import init
from clearbg.cli.lineage import lineage
from clearbg.cli.lr_find import lr_find
from clearbg.cli.models import models
from clearbg.cli.options import Command
from clearbg.cli.promote import promote
from clearbg.cli.remove import NONE, remove
from clearbg.cli.retrain import retrain, stale
from clearbg.cli.score import score
from clearbg.cli.serve import serve
from clearbg.cli.stages import export, train
from clearbg.cli.ui import ui
from clearbg.cli.use import use
from clearbg.errors import ClearBGError
from clearbg.system import streams
from clearbg.system.files import too_long

OTHER_WORDS = {
    "remove": "rm cut cutout extract i infer matte p predict rembg run segment",
    "use": "recipe recipes",
    "init": "create new start",
    "evaluate": "eval test val validate",
    "fetch": "download",
    "models": "list ls",
    "train": "fit",
    "demo": "app gui page web",
    "doctor": "check",
}
"""What other tools, and people, call a command."""


class Commands(typer.core.TyperGroup):
    """Knows what other tools call a command; near misses are Typer's own hint."""

    def resolve_command(self, ctx, args):
        for command, words in OTHER_WORDS.items():
            if args[0] in words.split():
                ctx.fail(f"No such command {args[0]!r}. Did you mean {command!r}?")
        return super().resolve_command(ctx, args)


app = typer.Typer(
    cls=Commands,
    help="Train, measure, reproduce and run background removers.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"clearbg {clearbg.__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    pass


def _add(
    group: str, command: Callable[..., None], failure: int = 1, cls: type[Command] = Command
) -> None:
    """Add a command that prints a `ClearBGError` as its sentence and then exits with `failure`.

    Args:
        group: the heading of the command in `clearbg --help`.
    """

    @functools.wraps(command)
    def call(*args, **kwargs):
        try:
            return command(*args, **kwargs)
        except ClearBGError as error:
            typer.echo(f"clearbg: {error}", err=True)
            raise typer.Exit(failure) from None
        except ModuleNotFoundError as error:
            if (error.name or "clearbg").partition(".")[0] == "clearbg":
                raise
            typer.echo(
                f"clearbg: {error.name} is not installed, and only removing backgrounds works "
                "without it: run `pip install '.[train]'` in a checkout of ClearBG.",
                err=True,
            )
            raise typer.Exit(failure) from None

    summary = (command.__doc__ or "").partition("\n")[0]
    app.command(cls=cls, rich_help_panel=group, short_help=summary)(call)


REMOVE, TRAIN = "Remove backgrounds", "Train a model"
MEASURE, OPERATE = "Measure and compare", "Keep a model up to date"

_add(REMOVE, remove, failure=NONE)
_add(REMOVE, models)
_add(REMOVE, demo)
_add(REMOVE, serve)
_add(TRAIN, init)
_add(TRAIN, use)
_add(TRAIN, fetch)
_add(TRAIN, doctor, failure=UNUSABLE, cls=DoctorCommand)
_add(TRAIN, estimate)
_add(TRAIN, lr_find)
_add(TRAIN, train)
_add(TRAIN, export)
_add(TRAIN, import_weights)
_add(TRAIN, ui)
_add(MEASURE, evaluate)
_add(MEASURE, score)
_add(MEASURE, compare)
_add(MEASURE, compare_models)
_add(MEASURE, benchmark)
_add(OPERATE, promote)
_add(OPERATE, retrain)
_add(OPERATE, stale)
_add(OPERATE, drift)
_add(OPERATE, lineage)


def main() -> None:
    """Run the command line; that standard output could not take its lines ends in a sentence."""
    streams.prepare()
    try:
        app()
    except OSError as error:
        if error.errno != errno.ENAMETOOLONG:
            raise
        sys.exit(f"clearbg: {too_long(os.fsdecode(error.filename))}")
    except SystemExit as ended:
        streams.end("clearbg", ended.code)
