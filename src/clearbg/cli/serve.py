"""The command `clearbg serve`. Heavy imports wait until they are used."""

import importlib.util
import os
from typing import TYPE_CHECKING, Annotated

import typer

from clearbg.cli.options import (
    DeviceOption,
    MegabytesOption,
    MegapixelsOption,
    ModelOption,
    PortOption,
    choice_of,
)
from clearbg.errors import SettingsError

if TYPE_CHECKING:
    from clearbg.page.limits import Limits as PageLimits
    from clearbg.serving.limits import Limits

ConcurrencyOption = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="Removals at the same time; others wait.",
        show_default="one for each core and one more, at most 5; twice the batch if that is more",
    ),
]
BatchOption = Annotated[
    int | None,
    typer.Option(
        min=1, help="Most waiting requests in a run of the network.", show_default="1; on cuda 8"
    ),
]
ImagesOption = Annotated[
    int | None,
    typer.Option(min=1, help="With --page: most images in a batch.", show_default="20"),
]
GigabytesOption = Annotated[
    float | None,
    typer.Option(
        min=0.001, help="With --page: largest total size of its files, GB.", show_default="2"
    ),
]


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
    port: PortOption = 7000,
    megabytes: MegabytesOption = 25,
    megapixels: MegapixelsOption = 40,
    concurrency: ConcurrencyOption = None,
    queue: Annotated[
        int, typer.Option(min=0, help="Requests that may wait; a further one is answered with 429.")
    ] = 32,
    batch: BatchOption = None,
    page: Annotated[
        bool, typer.Option("--page", help="Have the page of `clearbg demo` at /page too.")
    ] = False,
    images: ImagesOption = None,
    gigabytes: GigabytesOption = None,
) -> None:
    """Serve removal to other programs over HTTP: /remove, and /api/remove in rembg's form.

    /docs describes all options, /healthz and /readyz tell how the server is, and /metrics has
    numbers for Prometheus. The page asks for a login when the environment has
    CLEARBG_PAGE_LOGIN=name:password.
    """
    _refuse_missing(page)

    from clearbg.inference.sessions import BATCH
    from clearbg.page.server import login
    from clearbg.pretrained.choice import introduction
    from clearbg.serving import server
    from clearbg.serving.limits import Limits
    from clearbg.web import MEGA

    batch = batch or min(BATCH[device], concurrency or BATCH[device])
    limits = Limits(
        file_bytes=round(megabytes * MEGA),
        pixels=round(megapixels * MEGA),
        concurrency=_concurrency(concurrency, batch),
        queue=queue,
        batch=batch,
    )
    limits_of_page = _limits_of_page(page, limits, images, gigabytes)
    runs = choice_of(model, device)
    if model is None:
        typer.echo(f"clearbg: {introduction(runs)}", err=True)
    server.serve(
        runs, limits, device, host, port, typer.echo, allow_host or (),
        limits_of_page, login(os.environ) if page else None,
    )  # fmt: skip


def _refuse_missing(page: bool) -> None:
    needed = dict.fromkeys(("fastapi", "uvicorn", "python_multipart"), "serve")
    if page:  # the page sets Gradio up before it is imported
        needed["gradio"] = "page,serve"
    for name, extra in needed.items():
        if importlib.util.find_spec(name) is None:
            raise SettingsError(
                f'The server needs {name}: `pip install ".[{extra}]"` in a checkout.'
            )


def _concurrency(asked: int | None, batch: int) -> int:
    """Removals side by side: enough for a batch to wait while another one runs."""
    from clearbg.inference.sessions import cores

    if asked is None:
        return max(1 + min(4, cores()), 2 * batch if batch > 1 else 0)
    if asked < batch:
        raise SettingsError(
            f"--batch {batch} needs {batch} removals at the same time: raise --concurrency to "
            "that, or leave it out."
        )
    return asked


def _limits_of_page(
    page: bool, limits: "Limits", images: int | None, gigabytes: float | None
) -> "PageLimits | None":
    """Those of the server, as far as the page has the same; None: there is no page."""
    from clearbg.page.limits import Limits as PageLimits
    from clearbg.web import MEGA

    for name, size in (("--images", images), ("--gigabytes", gigabytes)):
        if size is not None and not page:
            raise SettingsError(f"{name} is for the page alone: add --page, or leave it out.")
    if not page:
        return None
    return PageLimits(
        file_bytes=limits.file_bytes,
        pixels=limits.pixels,
        images=images or PageLimits.images,
        concurrency=limits.concurrency,
        queue_length=limits.queue + limits.concurrency,  # what runs passes Gradio's queue, too
        storage_bytes=round((gigabytes or 0) * 1000 * MEGA) or PageLimits.storage_bytes,
    )
