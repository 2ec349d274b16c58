"""The command `clearbg use`. Heavy imports wait until they are used."""

from typing import Annotated

import typer


def use(
    recipe: Annotated[str | None, typer.Argument(help="Name of a recipe; none: list them.")] = None,
    demo: Annotated[
        bool, typer.Option("--demo", help="With generated data and a budget of minutes.")
    ] = False,
    force: Annotated[bool, typer.Option(help="Overwrite uncommitted edits.")] = False,
) -> None:
    """Make a recipe the live params.yaml, or list the recipes."""
    from clearbg.config import recipes
    from clearbg.system import project

    project.required()
    if recipe is None:
        for name, title, live in recipes.listed():
            typer.echo(f"{'*' if live else ' '} {name:15} {title}")
    else:
        recipes.use(recipe, demo, force)
        what = f"the demo of recipe {recipe}" if demo else f"recipes/{recipe}.yaml"
        ways = {} if demo else recipes.ways(recipe)
        if not ways:
            typer.echo(f"params.yaml is now {what}; run `dvc repro`.")
            return
        typer.echo(f"params.yaml is now {what}.")
        for way, command in ways.items():
            typer.echo(f"  {way:9} {command}")
