"""The command `clearbg models`. Heavy imports wait until they are used."""

import typer

from clearbg.errors import ClearBGError


def models() -> None:
    """List the models at hand: the project's exports, the champion, and those of the package."""
    from clearbg.cli.options import CHAMPION, choice_of
    from clearbg.pretrained import catalog, choice
    from clearbg.system import project
    from clearbg.tracking import store

    exports = sorted((project.root() / choice.EXPORT).parent.glob("*.onnx"))
    found = [choice.Choice(f"{path.parent.name}/{path.name}", path) for path in exports]
    database = store.database(store.uri())
    names = [CHAMPION] if database is None or database.exists() else []
    entries = []
    known: list[choice.Choice | str] = [*found, *names, *choice.shipped()]
    for one in known:
        try:
            entries.append(catalog.entry(choice_of(one) if isinstance(one, str) else one))
        except ClearBGError as error:
            typer.echo(f"clearbg: left out: {error}", err=True)
    typer.echo(catalog.table(entries))
    typer.echo(
        "\nms: the network alone, on this machine. `clearbg remove` takes the project's "
        f"{choice.EXPORT} if there is one, else {choice.shipped()[0]}, or what --model names."
    )
