"""The command `clearbg doctor`. Heavy imports wait until they are used."""

from pathlib import Path
from typing import Annotated

import typer
from typer.core import TyperCommand

UNUSABLE = 3  # exit status when it cannot examine: 1 and 2 speak of the images


class DoctorCommand(TyperCommand):
    """A command whose errors of usage do not look like broken images (2)."""

    def parse_args(self, ctx, args):
        try:
            return super().parse_args(ctx, args)
        except Exception as error:
            if getattr(error, "exit_code", None) == 2:
                error.exit_code = UNUSABLE
            raise


def doctor(
    paths: Annotated[
        list[Path],
        typer.Argument(
            help="A data set in any known layout, or several as splits, or a folder of "
            "images and one of masks."
        ),
    ],
    json: Annotated[
        bool, typer.Option("--json", help="Print everything as JSON, in place of the table.")
    ] = False,
    html: Annotated[Path, typer.Option(help="The page of problem images to write.")] = Path(
        "doctor.html"
    ),
    fix: Annotated[
        Path | None, typer.Option(help="A new folder for a corrected copy and its log.")
    ] = None,
) -> None:
    """Find what is wrong with images and masks; fix it in a copy.

    Exit status: 0 nothing, or suspicions only; 1 all of it can be fixed; 2 something is
    broken; 3 wrong usage, or nothing to examine.
    """
    from clearbg.doctor import diagnose

    status, text = diagnose(paths, as_json=json, page=html, fix=fix)
    typer.echo(text)
    raise typer.Exit(status)
