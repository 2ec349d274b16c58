"""The command `clearbg fetch`. Heavy imports wait until they are used."""

import os
from pathlib import Path
from typing import Annotated

import typer


def fetch(
    by_hand: Annotated[
        list[Path],
        typer.Option("--from", help="An archive that you downloaded yourself; may be repeated."),
    ] = [],  # noqa: B006 - typer copies it
) -> None:
    """Download the archives of the live recipe; `dvc repro` then needs no download."""
    from clearbg import config
    from clearbg.data.fetching.fetch import recorded_sha256
    from clearbg.data.sources.archives import display_name, fetch_archives
    from clearbg.system import project

    by_hand = [file.absolute() for file in by_hand]
    os.chdir(project.required())
    data = config.load().data
    fetched = fetch_archives(data, project.state() / "downloads", by_hand)
    for one, path in fetched:
        typer.echo(f"{one.key} ({display_name(one.address)}): {path}")
        if one.sha256 is None and (digest := recorded_sha256(path)):
            typer.echo(f"  sha256 {digest}, to pin it in params.yaml")
    if not fetched:
        typer.echo(f"data.source {data.source} has no archive to fetch.")
