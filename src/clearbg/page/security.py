"""What stands before Gradio: only what the page needs gets through, and nothing without end.

Gradio serves more than the page asks for. Some of it fetches addresses that a client names
(`/gradio_api/file=https://...`, `/proxy=`), records, or talks to hubs. The gate lets a list
of routes through; the file route leads to the server's own temporary folder alone.
"""

import contextlib
import re

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from clearbg.page.limits import MEGA, Limits
from clearbg.page.uploads import Temporary

READ = (
    "", "config/?", "theme.css", "favicon.ico", "manifest.json", "robots.txt", "pwa_icon(/.*)?",
    "(assets|static|svelte)/.*", "login/?", "logout", "gradio_api/theme.css",
    "gradio_api/(info|app_id|user|login_check|token|startup-events|openapi.json)/?",
    "gradio_api/heartbeat/[^/]+", "gradio_api/queue/(data|status)", "gradio_api/upload_progress",
    "gradio_api/call/(v2/)?[^/]+/[^/]+",
)  # fmt: skip
WRITTEN = (
    "login/?", "gradio_api/(upload|cancel|reset|queue/join)/?", "gradio_api/call/(v2/)?[^/]+/?"
)  # fmt: skip
UPLOAD = "/gradio_api/upload"
FILE = "/gradio_api/file="
WORDS = MEGA
"""Bytes of a request that is no upload."""


class Gate:
    """An ASGI application in front of the page's."""

    def __init__(self, app: ASGIApp, temporary: Temporary, limits: Limits):
        self._app, self._temporary, self._limits = app, temporary, limits
        self._routes = {
            method: re.compile("/(" + "|".join(routes) + ")")
            for method, routes in {"GET": READ, "HEAD": READ, "POST": WRITTEN}.items()
        }

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
        """Status and sentence for what does not get through."""
        method, path = scope["method"], scope["path"]
        if path.startswith(FILE):
            if method in ("GET", "HEAD") and self._temporary.holds(path.removeprefix(FILE)):
                return None
            return 403, "The page serves no such file."
        if method not in self._routes or not self._routes[method].fullmatch(path):
            return 404, "The page has no such address."
        return self._too_much(path, Headers(scope=scope)) if method == "POST" else None

    def _too_much(self, path: str, headers: Headers) -> tuple[int, str] | None:
        length = headers.get("content-length", "")
        if not length.isdecimal():
            return 411, "The request does not say how long it is."
        upload = path.rstrip("/") == UPLOAD
        most = self._limits.request_bytes if upload else WORDS
        if int(length) > most:
            return 413, f"The request is longer than {most / MEGA:g} MB: send less at once."
        if upload and not self._temporary.make_room(int(length)):
            return 503, "The server has no room just now: try again later."
        return None
