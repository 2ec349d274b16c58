"""The command `clearbg doctor`. Heavy imports wait until they are used."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from clearbg.cli.options import Command, OverwriteOption

UNUSABLE = 3  # exit status of wrong usage; 1 and 2 are about the images


class DoctorCommand(Command):
    """A command whose usage errors have another exit status than broken images (2)."""

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
            help="A data set of any usual layout, several data sets (one for each split), or a "
            "folder of images and a folder of masks."
        ),
    ],
    json: Annotated[bool, typer.Option("--json", help="Print JSON, not the table.")] = False,
    html: Annotated[
        Path, typer.Option(help="The page to write, with the images to look at.")
    ] = Path("doctor.html"),
    fix: Annotated[
        Path | None, typer.Option(help="A new folder for a fixed copy and its log.")
    ] = None,
    void: Annotated[
        Literal["background", "subject"] | None,
        typer.Option(
            help="What pixels of no class (255 beside class numbers) are; else such masks are "
            "broken.",
            show_default="nobody knows",
        ),
    ] = None,
    overwrite: OverwriteOption = False,
) -> None:
    """Find what is wrong with images and masks, and fix it in a copy.

    Exit status: 0 nothing was found, or only suspicions; 1 all faults can be fixed; 2 something is
    broken; 3 wrong usage, or there is nothing to examine.
    """
    from clearbg.doctor import diagnose

    status, text = diagnose(
        paths, as_json=json, page=html, fix=fix, overwrite=overwrite, void=void or ""
    )
    typer.echo(text)
    raise typer.Exit(status)
