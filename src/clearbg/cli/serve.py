"""The command `clearbg serve`. Heavy imports wait until they are used."""

import importlib.util
from typing import Annotated

import typer

from clearbg.cli.options import DeviceOption, ModelOption, choice_of
from clearbg.errors import SettingsError


def serve(
    model: ModelOption = None,
    device: DeviceOption = "cpu",
    host: Annotated[
        str, typer.Option(help="Address to listen on; 0.0.0.0 opens the server to the network.")
    ] = "127.0.0.1",
    allow_host: Annotated[
        list[str] | None,
        typer.Option(
            help="A further name of the server, such as a proxy's, or the host of a website whose "
            "pages may call it; may be repeated.",
            envvar="CLEARBG_SERVE_HOSTS",
        ),
    ] = None,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port to listen on; 0: any free one.")
    ] = 7000,
    megabytes: Annotated[float, typer.Option(min=0.01, help="Largest file of an image, MB.")] = 25,
    megapixels: Annotated[float, typer.Option(min=0.01, help="Largest image, megapixels.")] = 40,
    concurrency: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Removals at the same time; others wait.",
            show_default="one for each core and one more, at most 5",
        ),
    ] = None,
    queue: Annotated[
        int, typer.Option(min=0, help="Requests that may wait; a further one is answered with 429.")
    ] = 32,
) -> None:
    """Serve removal to other programs over HTTP: /remove, and /api/remove in rembg's form.

    /docs describes all options, /healthz and /readyz tell how the server is, and /metrics has
    numbers for Prometheus.
    """
    missing = [name for name in ("fastapi", "uvicorn", "python_multipart")
               if importlib.util.find_spec(name) is None]  # fmt: skip
    if missing:
        raise SettingsError(
            f'The server needs {missing[0]}: `pip install ".[serve]"` in a checkout.'
        )

    from clearbg.inference.sessions import cores
    from clearbg.pretrained.choice import introduction
    from clearbg.serving import server
    from clearbg.serving.limits import Limits
    from clearbg.web import MEGA

    limits = Limits(
        file_bytes=round(megabytes * MEGA),
        pixels=round(megapixels * MEGA),
        concurrency=concurrency or 1 + min(4, cores()),
        queue=queue,
    )
    runs = choice_of(model, device)
    if model is None:
        typer.echo(f"clearbg: {introduction(runs)}", err=True)
    server.serve(runs, limits, device, host, port, typer.echo, allow_host or ())
