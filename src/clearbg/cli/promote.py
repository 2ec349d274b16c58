"""The command `clearbg promote`. Heavy imports wait until they are used."""

import os
from typing import Annotated

import typer

from clearbg.errors import SettingsError
from clearbg.system import project

STAYS = 3  # exit status when the champion stays


def promote(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Judge, and write the report; change nothing else.")
    ] = False,
    rollback: Annotated[
        bool, typer.Option("--rollback", help="Make the champion before this one the champion.")
    ] = False,
) -> None:
    """Make the exported model the champion if it is better.

    Exit status: 0 promoted, or rolled back; 3 the champion stays; 1 or 2 it could not be judged.
    """
    os.chdir(project.required())
    if dry_run and rollback:
        raise SettingsError("A rollback judges nothing: leave --dry-run or --rollback out.")
    from clearbg import config
    from clearbg.promotion import promote as promotion

    if rollback:
        typer.echo(f"promote: rolled back: {promotion.rollback().sentence}")
        return
    challenge = promotion.judge(promotion.Candidate(), config.load())
    verdict = challenge.verdict if dry_run else promotion.promote(challenge)
    word = "promoted" if verdict.promoted else "kept"
    typer.echo(f"promote: {'dry run, ' if dry_run else ''}{word}: {verdict.sentence}")
    if verdict.report:
        typer.echo(f"promote: wrote {verdict.report}")
    if not verdict.promoted:
        raise typer.Exit(STAYS)
