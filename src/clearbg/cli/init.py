"""The command `clearbg init`. Heavy imports wait until they are used."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from clearbg.starter import Started


def init(
    folder: Annotated[Path, typer.Argument(help="A new folder, or an empty one.")],
    recipe: Annotated[
        str | None,
        typer.Option(
            help="The recipe to start from; `clearbg use NAME` changes it later.",
            show_default="own: your images and masks",
        ),
    ] = None,
    demo: Annotated[
        bool, typer.Option("--demo", help="With generated data and a budget of minutes.")
    ] = False,
) -> None:
    """Make a project: a recipe, the pipeline, and a git repository for both."""
    from clearbg.starter import start

    typer.echo("\n".join(_told(start(folder, recipe, demo))))


def _told(started: "Started") -> list[str]:
    from clearbg.config import FolderData

    data = started.settings.data
    how = "its demo" if data.source == "synthetic" and started.recipe != "demo" else "as it is"
    lines = [f"{started.folder}: a project with the recipe {started.recipe}, {how}."]
    if not started.committed:
        lines += [
            "Nothing is committed, since git lacks your name: set user.name and",
            "user.email with `git config --global`, then run `git commit -m start` there.",
        ]
    lines += ["", "Next:", f"  cd {started.folder}"] if started.folder != Path() else ["", "Next:"]
    if isinstance(data, FolderData):
        lines.append(f"  put images into {data.path}/{data.images}, their masks of the same names")
        lines.append(f"  into {data.path}/{data.masks}; `clearbg doctor {data.path}` checks them")
    elif data.source == "dibco":
        lines.append(f"  put the contests' pages into {data.path}, see params.yaml")
    elif data.source != "synthetic":
        lines.append("  clearbg fetch      # downloads the data")
    return [
        *lines,
        "  dvc repro          # trains, measures, and exports to exports/",
        "  dvc metrics show   # the figures, which are there once dvc repro has ended",
    ]
