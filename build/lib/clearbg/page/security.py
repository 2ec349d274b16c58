"""What stands between visitors and Gradio: only requests that the page needs get through.

Gradio serves more than the page needs. Some of it fetches addresses that a client names
(`/gradio_api/file=https://...`, `/proxy=`), records, or talks to hubs. `RouteFilter` lets a list
of routes through, and its file route leads to the server's own temporary folder alone.
`GuardedBlocks` checks the files that a request names before Gradio touches them.
"""

import contextlib
import re
from collections.abc import Iterator
from typing import Any

import gradio as gr
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from clearbg.page.limits import MEGA, Limits
from clearbg.page.uploads import UploadFolder

GET_ROUTES = (
    "", "config/?", "theme.css", "favicon.ico", "manifest.json", "robots.txt", "pwa_icon(/.*)?",
    "(assets|static|svelte)/.*", "login/?", "logout", "gradio_api/theme.css",
    "gradio_api/(info|app_id|user|login_check|token|startup-events|openapi.json)/?",
    "gradio_api/heartbeat/[^/]+", "gradio_api/queue/(data|status)", "gradio_api/upload_progress",
    "gradio_api/call/(v2/)?[^/]+/[^/]+",
)  # fmt: skip
POST_ROUTES = (
    "login/?", "gradio_api/(upload|cancel|reset|queue/join)/?", "gradio_api/call/(v2/)?[^/]+/?"
)  # fmt: skip
UPLOAD = "/gradio_api/upload"
FILE = "/gradio_api/file="
BODY_BYTES = MEGA
"""Largest body of a request that is no upload."""
FOREIGN_FILE = "This server fetches no address and reads no file of its own: send the image itself."
MISFIT = "The request does not fit this endpoint: see the page's API documentation."


class RouteFilter:
    """An ASGI application that stands in front of the page's."""

    def __init__(self, app: ASGIApp, uploads: UploadFolder, limits: Limits):
        self._app, self._uploads, self._limits = app, uploads, limits
        self._routes = {
            method: re.compile("/(" + "|".join(routes) + ")")
            for method, routes in {
                "GET": GET_ROUTES, "HEAD": GET_ROUTES, "POST": POST_ROUTES
            }.items()
        }  # fmt: skip

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":  # "lifespan"
            return await self._app(scope, receive, send)
        refusal = self._refusal(scope)
        if refusal is not None:
            status, sentence = refusal
            return await PlainTextResponse(sentence, status)(scope, receive, send)
        with contextlib.suppress(ClientDisconnect):  # somebody left while sending: no defect
            await self._app(scope, receive, send)

    def _refusal(self, scope: Scope) -> tuple[int, str] | None:
        """HTTP status and sentence for a request that is refused."""
        method, path = scope["method"], scope["path"]
        if path.startswith(FILE):
            if method in ("GET", "HEAD") and self._uploads.contains(path.removeprefix(FILE)):
                return None
            return 403, "The page serves no such file."
        if method not in self._routes or not self._routes[method].fullmatch(path):
            return 404, "The page has no such address."
        return self._size_refusal(path, Headers(scope=scope)) if method == "POST" else None

    def _size_refusal(self, path: str, headers: Headers) -> tuple[int, str] | None:
        length = headers.get("content-length", "")
        if not length.isdecimal():
            return 411, "The request does not say how long it is."
        upload = path.rstrip("/") == UPLOAD
        largest = self._limits.request_bytes if upload else BODY_BYTES
        if int(length) > largest:
            return 413, f"The request is longer than {largest / MEGA:g} MB: send less at once."
        if upload and not self._uploads.make_room(int(length)):
            return 503, "The server has no room just now: try again later."
        return None


def client_error(sentence: str) -> gr.Error:
    """An error that a client gets to read, without a traceback in the server's log."""
    return gr.Error(sentence, print_exception=False)


class GuardedBlocks(gr.Blocks):
    """Blocks that check all inputs of a request before Gradio does anything with them.

    Gradio itself would download a file whose path is an address, open any file of the server
    when it is mounted in another application, as here, and log a traceback for a typing error.
    """

    def __init__(self, uploads: UploadFolder, **options):
        super().__init__(**options)
        self._uploads = uploads

    async def preprocess_data(self, block_fn, inputs, state, explicit_call=False):
        if not all(self._uploads.contains(path) for path in _paths(inputs)):
            raise client_error(FOREIGN_FILE)
        try:
            return await super().preprocess_data(block_fn, inputs, state, explicit_call)
        except gr.Error:
            raise
        except Exception as error:  # whatever Gradio makes of values that it did not expect
            raise client_error(MISFIT) from error


def _paths(value: Any) -> Iterator[str]:
    """The paths of all files that a request names, at any depth."""
    if isinstance(value, dict):
        if "path" in value:
            yield value["path"] if isinstance(value["path"], str) else "\0"
        for inner in value.values():
            yield from _paths(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _paths(inner)
