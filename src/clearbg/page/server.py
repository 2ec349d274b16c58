"""Serves the page until the process ends."""

import contextlib
import os
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from clearbg.errors import SettingsError
from clearbg.page.limits import Limits
from clearbg.page.models import ModelChoices
from clearbg.page.uploads import UploadFolder
from clearbg.system import signals
from clearbg.web.listening import LOCAL_HOSTS, address, listen

if TYPE_CHECKING:
    from starlette.types import ASGIApp

LOGIN = "CLEARBG_PAGE_LOGIN"
NO_ANALYTICS = {
    "GRADIO_ANALYTICS_ENABLED": "False",
    "GRADIO_ANALYTICS_MAX_EVENTS": "100",  # or it keeps thousands in memory
    "GRADIO_ANALYTICS_CACHE_FREQUENCY": "1000000000",  # or it counts them anew at every request
}


class Page(NamedTuple):
    """The page as an ASGI application, for any host.

    Attributes:
        lifespan: a context in which the application has to run, unless its own ASGI lifespan runs.
    """

    app: "ASGIApp"
    lifespan: Callable[[], contextlib.AbstractAsyncContextManager]


def build(
    models: ModelChoices, limits: Limits, login: tuple[str, str] | None = None, path: str = ""
) -> Page:
    """The page, with a temporary folder that is removed when it ends, or else the process.

    Args:
        login: the name and password that visitors have to enter; None: no login.
        path: of the page for a browser, such as "/page"; the application gets addresses without it.
    """
    uploads = UploadFolder(limits)
    os.environ.update(NO_ANALYTICS, GRADIO_TEMP_DIR=str(uploads.folder))  # read when it is imported
    import gradio as gr
    from fastapi import FastAPI

    from clearbg.page import layout
    from clearbg.page.security import RouteFilter

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI):
        with uploads.cleaned_regularly():
            yield

    blocks = layout.build(models, limits, uploads)
    app = FastAPI(lifespan=lifespan, openapi_url=None)
    gr.mount_gradio_app(
        app,
        blocks,
        path="/",
        root_path=path or None,
        auth=login,
        footer_links=["api"],
        run_history=False,
        show_error=False,  # except errors that are written for visitors
        max_file_size=limits.file_bytes,
        ssr_mode=False,
        enable_monitoring=False,
        pwa=False,
        favicon_path=str(Path(__file__).with_name("icon.svg")),
        mcp_server=False,
        theme=layout.theme(),
        css=layout.CSS,
    )
    filtered = RouteFilter(app, uploads, limits, blocks.fns)
    return Page(filtered, lambda: app.router.lifespan_context(app))


def serve(
    models: ModelChoices,
    limits: Limits,
    host: str = "127.0.0.1",
    port: int = 7860,
    login: tuple[str, str] | None = None,
    say: Callable[[str], None] = print,
    allowed_hosts: Collection[str] = (),
) -> None:
    """Serve the page until the process is interrupted or terminated.

    Args:
        port: port to listen on; 0 takes any free one.
        say: called with sentences for the person who started the server.
        allowed_hosts: names under which visitors may call the page besides the address `host`:
            those of a proxy in front of it; "*" allows all.

    Raises:
        SettingsError: the address or the port cannot be used.
    """
    import uvicorn

    from clearbg.web.connections import options
    from clearbg.web.hosts import guarded

    with signals.exit_at_sigterm(), listen(host, port) as listener:
        app = guarded(build(models, limits, login).app, host, allowed_hosts)
        if host not in LOCAL_HOSTS and login is None:
            say(
                f"Everybody who reaches this computer can use the page: set {LOGIN}=name:password "
                "to ask for a login."
            )
        say(f"The page: {address(listener, host)} (Ctrl+C ends it)")
        with contextlib.suppress(KeyboardInterrupt):
            uvicorn.Server(options(app)).run(sockets=[listener])


def login(environment: Mapping[str, str]) -> tuple[str, str] | None:
    """Name and password from the environment, or None when the page asks for no login.

    Raises:
        SettingsError: the variable is not of the form name:password.
    """
    text = environment.get(LOGIN)
    if text is None:
        return None
    name, _, password = text.partition(":")
    if not name or not password:
        raise SettingsError(f"{LOGIN} is not name:password: correct it, or remove it.")
    return name, password
