"""Serves the page, until somebody ends it."""

import contextlib
import os
import socket
from collections.abc import Callable, Mapping
from pathlib import Path

from clearbg.errors import SettingsError
from clearbg.page.limits import Limits
from clearbg.page.models import Offered
from clearbg.page.uploads import Temporary

LOGIN = "CLEARBG_PAGE_LOGIN"
QUIET = {
    "GRADIO_ANALYTICS_ENABLED": "False",
    "GRADIO_ANALYTICS_MAX_EVENTS": "100",  # or it keeps thousands in memory
    "GRADIO_ANALYTICS_CACHE_FREQUENCY": "1000000000",  # or it counts them anew at every request
}
HERE = ("127.0.0.1", "localhost", "::1")


def application(offered: Offered, limits: Limits, login: tuple[str, str] | None = None):
    """The page as an ASGI application, with a temporary folder that lives as long as it runs.

    Args:
        login: name and password, without which nobody gets in.
    """
    temporary = Temporary(limits)
    os.environ.update(QUIET, GRADIO_TEMP_DIR=str(temporary.folder))  # read when it is imported
    import gradio as gr
    from fastapi import FastAPI

    from clearbg.page import style
    from clearbg.page.layout import build
    from clearbg.page.security import Gate

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI):
        with temporary.kept_small():
            yield

    app = FastAPI(lifespan=lifespan, openapi_url=None)
    gr.mount_gradio_app(
        app,
        build(offered, limits, temporary),
        path="/",
        auth=login,
        footer_links=["api"],
        run_history=False,
        show_error=False,  # but for errors that are meant to be read
        max_file_size=limits.file_bytes,
        ssr_mode=False,
        enable_monitoring=False,
        pwa=False,
        favicon_path=str(Path(__file__).with_name("icon.svg")),
        mcp_server=False,
        theme=style.theme(),
        css=style.CSS,
    )
    return Gate(app, temporary, limits)


def serve(
    offered: Offered,
    limits: Limits,
    host: str = "127.0.0.1",
    port: int = 7860,
    login: tuple[str, str] | None = None,
    say: Callable[[str], None] = print,
) -> None:
    """Serve the page until the process is interrupted or terminated.

    Args:
        port: 0 takes any that is free.
        say: told the page's address.

    Raises:
        SettingsError: nobody can listen there.
    """
    import uvicorn

    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family)
    except OSError as error:
        raise SettingsError(
            f"Port {port} of {host} cannot be used ({error.strerror or error}): choose another."
        ) from error
    with listener:
        app = application(offered, limits, login)
        if host not in HERE and login is None:
            say(
                f"Whoever reaches this computer can use the page; {LOGIN}=name:password asks first."
            )
        shown = f"[{host}]" if ":" in host else host
        say(f"The page: http://{shown}:{listener.getsockname()[1]} (Ctrl+C ends it)")
        options = uvicorn.Config(
            app, log_level="warning", ws="none", timeout_graceful_shutdown=2, server_header=False
        )
        with contextlib.suppress(KeyboardInterrupt):
            uvicorn.Server(options).run(sockets=[listener])


def login(environment: Mapping[str, str]) -> tuple[str, str] | None:
    """Name and password that the page asks for, from the environment; None: it asks for none.

    Raises:
        SettingsError: the variable holds something else.
    """
    text = environment.get(LOGIN)
    if text is None:
        return None
    name, _, password = text.partition(":")
    if not name or not password:
        raise SettingsError(f"{LOGIN} is not name:password: correct it, or remove it.")
    return name, password
