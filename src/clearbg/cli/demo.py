"""The command `clearbg demo`. Heavy imports wait until they are used."""

import importlib.util
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from clearbg.cli.options import (
    MegabytesOption,
    MegapixelsOption,
    PortOption,
    choice_of,
    folder_of,
)
from clearbg.errors import ClearBGError, ModelError, SettingsError

if TYPE_CHECKING:
    from clearbg.page.models import ModelChoices

PATIENCE = 20.0
"""Seconds that the registry may take to answer; then the page opens without its champion."""


def demo(
    model: Annotated[
        str | None,
        typer.Option(
            help="A model as for `clearbg remove`, or a folder of exported ones to choose from.",
            show_default="the project's exports/, and the models of the package",
        ),
    ] = None,
    host: Annotated[
        str, typer.Option(help="Address to listen on; 0.0.0.0 opens the page to the network.")
    ] = "127.0.0.1",
    allow_host: Annotated[
        list[str] | None,
        typer.Option(
            help="A further name of the page, such as a proxy's; may be repeated.",
            envvar="CLEARBG_PAGE_HOSTS",
        ),
    ] = None,
    port: PortOption = 7860,
    megabytes: MegabytesOption = 25,
    megapixels: MegapixelsOption = 40,
    images: Annotated[int, typer.Option(min=1, help="Most images in a batch.")] = 20,
    gigabytes: Annotated[
        float, typer.Option(min=0.001, help="Largest total size of the files held, GB.")
    ] = 2,
    concurrency: Annotated[
        int, typer.Option(min=1, help="Removals at the same time; others wait in a queue.")
    ] = 2,
    export: Annotated[
        Path | None,
        typer.Option(help="Write a folder that runs as a Hugging Face Space, and serve nothing."),
    ] = None,
) -> None:
    """Serve a page on which anybody can try the model, and an API.

    Unless a single model is named, the registry's champion can be chosen too. The page asks for a
    login when the environment has CLEARBG_PAGE_LOGIN=name:password.
    """
    if export is not None:
        from clearbg.page import space

        folder = folder_of(model) if model else None
        space.write(folder / "model.onnx" if folder else choice_of(model).file, export)
        typer.echo(f"{export} is a Space; `python app.py` in it serves the page on this computer.")
        return
    if importlib.util.find_spec("gradio") is None:  # the server sets it up before it is imported
        raise SettingsError(
            'The page needs Gradio: `pip install gradio`, or `pip install ".[page]"` in a checkout.'
        )

    from clearbg.page import server
    from clearbg.page.limits import Limits
    from clearbg.web import MEGA

    login = server.login(os.environ)
    limits = Limits(
        file_bytes=round(megabytes * MEGA),
        pixels=round(megapixels * MEGA),
        images=images,
        concurrency=concurrency,
        storage_bytes=round(gigabytes * 1000 * MEGA),
    )
    server.serve(offered(model), limits, host, port, login, typer.echo, allow_host or ())


def offered(model: str | None) -> "ModelChoices":
    """The models that the page offers for what `--model` says.

    Raises:
        ModelError: there is no such model, or the folder holds none.
    """
    from clearbg import pretrained
    from clearbg.page.models import ModelChoices
    from clearbg.pretrained.choice import EXPORT, shipped
    from clearbg.system import project

    if model is None:
        paths = sorted((project.root() / EXPORT).parent.glob("*.onnx"))
        return ModelChoices(paths, fetch_champion(), pretrained.names(), warn)
    if model in shipped():
        return ModelChoices([], None, [model], warn)
    folder = folder_of(model)
    if folder is None:
        return ModelChoices([choice_of(model).file], None, [], warn)
    paths, champion = sorted(folder.glob("*.onnx")), fetch_champion()
    if not paths and champion is None:
        raise ModelError(
            f"{model} holds no .onnx file: name another folder, or {project.to_run('dvc repro')}."
        )
    return ModelChoices(paths, champion, [], warn)


def warn(sentence: str) -> None:
    typer.echo(f"clearbg: {sentence}", err=True)


def fetch_champion() -> Path | None:
    """The registry's champion, or None and a message when the registry fails or hangs."""
    answer: list[Path | None] = []
    failure: list[str] = [f"it did not answer within {PATIENCE:g} seconds"]

    def ask() -> None:
        try:
            from clearbg.tracking import registry

            answer.append(registry.fetch("champion"))
        except ImportError:
            failure[0] = "MLflow is not installed here."
        except ClearBGError as error:
            failure[0] = str(error)
        except Exception as error:  # whatever a foreign server makes a client raise
            failure[0] = f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"

    asking = threading.Thread(target=ask, name="clearbg-registry", daemon=True)
    asking.start()
    asking.join(PATIENCE)
    if not answer:
        warn(f"The page opens without the registry's champion: {failure[0]}")
        return None
    return answer[0]
