"""What stands between visitors and Gradio: only requests that the page needs get through.

Gradio serves more than the page needs. Some of it fetches addresses that a client names
(`/gradio_api/file=https://...`, `/proxy=`), records, or talks to hubs. `RouteFilter` lets a list
of routes through, and its file route leads to the server's own temporary folder alone; uploads go
to `UploadReceiver` in place of Gradio. `GuardedBlocks` checks the files that a request names before
Gradio touches them.
"""

import json
import logging
import re
from collections.abc import Iterator, Mapping
from typing import Any

import gradio as gr
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from clearbg.page.limits import Limits
from clearbg.page.receiving import UploadReceiver
from clearbg.page.uploads import UploadFolder
from clearbg.web import MEGA
from clearbg.web.bodies import Body, Refused, refuse, replayed, too_long, whole

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
CALL = re.compile("/gradio_api/call/(?:v2/)?([^/]+)/?")
BODY_BYTES = MEGA
"""Largest body of a request that is no upload."""
QUERY_BYTES = 4096
LENGTH_DIGITS = 15
HTTP_DEFECT = 500
LATE_REFUSAL = "Caught handled exception, but response already started"
"""What Starlette says when Gradio begins its answer before it finds that there is none."""
NO_EVENT = b'event: error\ndata: "The page has no such event: send the request again."\n\n'
DEPTH = 50
"""Deepest nesting of a request's values."""
FOREIGN_FILE = "This server fetches no address and reads no file of its own: send the image itself."
MISFIT = "The request does not fit this endpoint: see the page's API documentation."


class RouteFilter:
    """An ASGI application that stands in front of the page's.

    Args:
        functions: the page's functions by their numbers, which a request may name.
    """

    def __init__(
        self,
        app: ASGIApp,
        uploads: UploadFolder,
        limits: Limits,
        functions: Mapping[int, Any],
    ):
        self._app, self._uploads, self._limits = app, uploads, limits
        self._functions, self._receiver = functions, UploadReceiver(app, uploads, limits)
        self._routes = {
            method: re.compile("/(" + "|".join(routes) + ")")
            for method, routes in {
                "GET": GET_ROUTES, "HEAD": GET_ROUTES, "POST": POST_ROUTES
            }.items()
        }  # fmt: skip

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":  # "lifespan"
            return await self._app(scope, receive, send)
        body = Body(receive)
        try:
            self._check(scope)
            if scope["method"] != "POST":
                await self._app(scope, receive, send)
            elif scope["path"].rstrip("/") == UPLOAD:
                await self._receiver(scope, body, send)
            else:
                content = await whole(body, BODY_BYTES)
                self._check_body(scope["path"], content)
                await self._answer(scope, replayed(content, body), send)
        except Refused as refused:
            await refuse(refused, body, send)
        except ClientDisconnect:  # no defect
            logging.getLogger(__name__).warning("A visitor left before a request was complete.")
        except RuntimeError as error:
            if not str(error).startswith(LATE_REFUSAL):
                raise
            logging.getLogger(__name__).warning("A visitor asked for an event that is not there.")
            await send({"type": "http.response.body", "body": NO_EVENT})

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let Gradio answer; where it fails over named values, say that they do not fit."""
        if "/call/v2/" not in scope["path"]:
            return await self._app(scope, receive, send)
        failed = False

        async def sound(message: Message) -> None:
            nonlocal failed
            failed = failed or message.get("status") == HTTP_DEFECT
            if not failed:
                await send(message)

        try:
            await self._app(scope, receive, sound)
        except (KeyError, TypeError, ValueError) as error:
            raise Refused(400, MISFIT) from error

    def _check(self, scope: Scope) -> None:
        """Raise `Refused` for a request whose body need not be read to refuse it."""
        method, path = scope["method"], scope["path"]
        if len(scope["query_string"]) > QUERY_BYTES:
            raise Refused(414, "The address is too long.")
        if path.startswith(FILE):
            name = path.removeprefix(FILE)
            if method not in ("GET", "HEAD") or not self._uploads.contains(name):
                raise Refused(403, "The page serves no such file.")
        elif method not in self._routes or not self._routes[method].fullmatch(path):
            raise Refused(404, "The page has no such address.")
        elif method == "POST":
            self._check_length(path, Headers(scope=scope).get("content-length", ""))

    def _check_length(self, path: str, length: str) -> None:
        if not length.isdecimal():
            raise Refused(411, "The request does not say how long it is.")
        largest = self._limits.request_bytes if path.rstrip("/") == UPLOAD else BODY_BYTES
        if len(length) > LENGTH_DIGITS or int(length) > largest:
            raise too_long(largest)

    def _check_body(self, path: str, content: bytes) -> None:
        """Refuse what Gradio would answer with a defect of its own."""
        if path.startswith("/login"):  # a form
            return
        try:
            said = json.loads(content)
            content.decode()
        except (ValueError, RecursionError) as error:
            raise Refused(400, MISFIT) from error
        if not isinstance(said, dict) or not _shallow(said, DEPTH):
            raise Refused(400, MISFIT)
        index = said.get("fn_index")
        if index is not None and (type(index) is not int or index not in self._functions):
            raise Refused(404, "The page has no function of this number: reload it.")
        called = CALL.fullmatch(path)
        if called and called[1] not in {one.api_name for one in self._functions.values()}:
            raise Refused(404, "The page has no such endpoint: see its API documentation.")


def _shallow(value: Any, depth: int) -> bool:
    """Whether the lists and mappings of a value are nested at most so deep."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return depth > 0 and all(_shallow(one, depth - 1) for one in inner)


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
