"""The commands `clearbg retrain` and `clearbg stale`. Heavy imports wait until they are used."""

import os
from typing import Annotated

import typer

from clearbg.system import project

STALE = 3  # exit status when the champion is too old, or there is none


def retrain(
    recipe: Annotated[
        str | None,
        typer.Option(help="Make this recipe the live params.yaml first.", show_default="the live"),
    ] = None,
    recent: Annotated[
        str | None,
        typer.Option(
            help="Only if these have drifted: a folder of images, a removal log, or an address.",
            show_default="in any case",
        ),
    ] = None,
    open_: Annotated[bool, typer.Option("--open", help="Open a pull request with gh.")] = False,
) -> None:
    """Bring new data, train, judge, push a branch, and move the champion if the model is better."""
    from clearbg.retraining import retrain as retraining

    if recent and "://" not in recent:
        recent = os.path.abspath(recent)
    os.chdir(project.required())
    done = retraining.retrain(recipe, open_, recent)
    if done is None:
        typer.echo("retrain: no drift was found, nothing is trained")
        return
    result = "the new model is champion" if done.verdict.promoted else "the champion stays"
    typer.echo(f"retrain: {result}; {done.address or done.branch or 'no branch'}; {done.body}")


def stale(
    days: Annotated[float, typer.Option(min=0, help="The age allowed.")] = 45,
    open_: Annotated[bool, typer.Option("--open", help="Open an issue with gh, once.")] = False,
) -> None:
    """Say whether the champion has grown old.

    Exit status: 0 it is young, or --open has opened an issue; 3 it is older, or there is none.
    """
    os.chdir(project.required())
    from clearbg.retraining import github, staleness

    is_stale, text = staleness.judge(days)
    typer.echo(f"stale: {text}")
    if is_stale and not open_:
        raise typer.Exit(STALE)
    if is_stale:
        github.require_gh()
        typer.echo(f"stale: {github.open_issue(staleness.TITLE, text)}")
