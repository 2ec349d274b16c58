"""The server's addresses: removal, health, numbers and documentation."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Collection
from typing import Any, cast

from fastapi import FastAPI, Request
from starlette.background import BackgroundTask
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

import clearbg
from clearbg.errors import ClearBGError, ImageError, ModelError
from clearbg.page.server import Page
from clearbg.serving import documentation, rembg
from clearbg.serving.forms import Sent, received
from clearbg.serving.limits import Limits
from clearbg.serving.metrics import MEDIA_TYPE, Metrics
from clearbg.serving.mounted import Mounted
from clearbg.serving.parameters import MEDIA_TYPES, NO_ADDRESS, Wanted, read_values, wanted
from clearbg.serving.removals import LOADING, SOON, STOPPING, Removals, Result
from clearbg.system import memory
from clearbg.web.bodies import Body, Refused, refuse, visitor_of
from clearbg.web.hosts import guarded
from clearbg.web.room import Room

TOO_MUCH = "The image needs more memory than the server has: scale it down."
DEFECT = "The server has a defect, which its log describes: please report it."
NOWHERE = {404: "There is no such address: / lists all.", 405: "This address takes another method."}
PAGE = "/page"
"""Where the page for a browser is, if the server has one."""
QUERY_BYTES = 4096
GONE = 499
"""The status with which a request counts whose client left, as in nginx."""
DOCUMENTS = {
    "content-security-policy": (
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'"
    ),
}


class Refusal(Response):
    """A refused request as an answer in JSON."""

    def __init__(self, refused: Refused):
        super().__init__(status_code=refused.status)
        self._refused = refused

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await refuse(self._refused, cast(Body, receive), send, as_json=True)


class Api:
    """The endpoints.

    Args:
        name: what people call the model.
        paged: whether the server has the page.
    """

    def __init__(
        self, removals: Removals, limits: Limits, metrics: Metrics, name: str, paged: bool
    ):
        self._removals, self._limits, self._metrics = removals, limits, metrics
        self._paged = paged
        self._name, self._room = name, Room(limits.room_bytes)

    def add_to(self, app: FastAPI) -> None:
        document = documentation.of_remove(), documentation.of_rembg()
        post: dict[str, Any] = {"methods": ["POST"], "response_class": Response}
        app.add_api_route("/remove", self.remove, openapi_extra=document[0], **post)
        app.add_api_route("/api/remove", self.rembg, openapi_extra=document[1], **post)
        hidden: dict[str, Any] = {"methods": ["GET"], "include_in_schema": False}
        for path in ("/remove", "/api/remove"):
            app.add_api_route(path, self.refuse_address, **hidden)
        app.add_api_route("/docs", self.docs, **hidden)
        app.add_api_route("/", self.root, **hidden)
        if self._paged:  # browsers look for it here
            app.add_api_route("/favicon.ico", self.icon, **hidden)
        for path, endpoint in (
            ("/healthz", self.healthy), ("/readyz", self.ready), ("/metrics", self.metrics)
        ):  # fmt: skip
            app.add_api_route(path, endpoint, response_class=PlainTextResponse)
            app.add_api_route(path, endpoint, **hidden | {"methods": ["HEAD"]})

    async def remove(self, request: Request) -> Response:
        """Remove an image's background.

        Send the image as the file `file` of a form, or alone as the body. Options are in the query
        or in the form.
        """
        asked = request.query_params.multi_items()
        read_values(asked)  # what is wrong here is refused before the image arrives

        def choose(sent: Sent) -> Wanted:
            behind = sent.files.get("background")
            values = read_values([*asked, *sent.fields])
            content = None if behind is None else behind.content
            return wanted(values, content, request.headers.get("accept"))

        return await self._remove(request, choose)

    async def rembg(self, request: Request) -> Response:
        """Remove an image's background: the form of rembg's server.

        Send the image as the file `file` of a form, with rembg's parameters in it or in the query.
        The answer is a PNG.
        """
        self._removals.admit()  # before the model is open, its architecture is not known
        asked = request.query_params.multi_items()
        rembg.wanted(asked, self._removals.architecture)
        return await self._remove(
            request,
            lambda sent: rembg.wanted([*asked, *sent.fields], self._removals.architecture),
        )

    async def _remove(self, request: Request, choose: Any) -> Response:
        self._removals.admit()
        body = cast(Body, request.receive)
        async with received(request, body, self._room, self._limits) as sent:
            chosen = choose(sent)
            result = await self._removals.run(sent.files["file"], chosen, body)
        size, visitor = len(result.content), visitor_of(request.scope)
        self._room.add(size, visitor)  # until it is sent: a client may read slowly, or never

        async def sent_whole() -> None:
            self._room.give_back(size, visitor)

        return Response(
            result.content,
            headers=self._facts(result),
            media_type=MEDIA_TYPES[chosen.format],
            background=BackgroundTask(sent_whole),
        )

    def _facts(self, result: Result) -> dict[str, str]:
        facts = {
            "clearbg-coverage": f"{result.coverage:.4f}",
            "server-timing": f"removal;dur={1000 * result.seconds:.0f}",
            "x-content-type-options": "nosniff",
        }
        if result.notes:
            facts["clearbg-notes"] = "; ".join(result.notes)
        return facts

    async def refuse_address(self) -> Response:
        raise Refused(422, NO_ADDRESS)

    async def healthy(self) -> Response:
        """200 while the process answers."""
        return PlainTextResponse("alive\n")

    async def ready(self) -> Response:
        """200 when removals are taken; 503 until the model is open, and while the server stops."""
        if not self._removals.ready:
            raise Refused(503, STOPPING if self._removals.stopping else LOADING, SOON)
        return PlainTextResponse("ready\n")

    async def metrics(self) -> Response:
        """Numbers for Prometheus."""
        removals = self._removals
        gauges = {
            "clearbg_ready": ("1 when removals are taken.", int(removals.ready)),
            "clearbg_running": ("Removals that run now.", removals.running),
            "clearbg_waiting": ("Requests that wait for their turn.", removals.waiting),
            "clearbg_held_bytes": ("Bytes of requests and results in memory.", self._room.held),
            "process_resident_memory_bytes": ("Resident memory.", memory.held() or 0),
        }
        info = {"version": clearbg.__version__, "model": self._name}
        return Response(self._metrics.text(gauges, info), media_type=MEDIA_TYPE)

    async def docs(self, request: Request) -> Response:
        page = documentation.page(request.app.openapi(), self._name, self._limits, self._paged)
        return HTMLResponse(page, headers=DOCUMENTS)

    async def root(self) -> Response:
        return RedirectResponse("docs")

    async def icon(self) -> Response:
        return RedirectResponse(f"{PAGE[1:]}/favicon.ico")


def application(
    removals: Removals,
    limits: Limits,
    metrics: Metrics,
    name: str,
    host: str = "127.0.0.1",
    allowed_hosts: Collection[str] = (),
    page: Page | None = None,
) -> ASGIApp:
    """The server as an ASGI application, which opens the model when it starts.

    Args:
        name: what people call the model.
        host: the address on which the server listens.
        allowed_hosts: see `clearbg.web.hosts.Hosts`.
        page: the page to have at `PAGE`.
    """

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        removals.open()
        try:
            async with page.lifespan() if page else contextlib.nullcontext():
                yield
        finally:
            removals.close()

    app = FastAPI(
        title="ClearBG",
        version=clearbg.__version__,
        description="Removes the background of images.",
        docs_url=None,  # Swagger's page loads its scripts from elsewhere
        redoc_url=None,
        lifespan=lifespan,
        exception_handlers={
            Refused: _refused, ClearBGError: _failed, MemoryError: _failed,
            HTTPException: _nowhere, ClientDisconnect: _gone, Exception: _defect,
        },
    )  # fmt: skip
    Api(removals, limits, metrics, name, paged=page is not None).add_to(app)
    paths = {route.path for route in app.routes if hasattr(route, "path")}
    if page is None:
        return _Outermost(guarded(app, host, allowed_hosts), metrics, paths)
    both = Mounted(app, page.app, PAGE)
    return _Outermost(guarded(both, host, allowed_hosts), metrics, paths | {PAGE})


class _Outermost:
    """Counts requests by their answers, and refuses what no endpoint has to see."""

    def __init__(self, app: ASGIApp, metrics: Metrics, paths: Collection[str]):
        self._app, self._metrics, self._paths = app, metrics, paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":  # "lifespan"
            return await self._app(scope, receive, send)
        body, path = Body(receive), scope["path"]
        label = PAGE if path.startswith(f"{PAGE}/") else path
        label = label if label in self._paths else "other"

        begun = False

        async def counted(message: Message) -> None:
            nonlocal begun
            begun = True
            if message["type"] == "http.response.start":
                self._metrics.count_request(label, message["status"])
            await send(message)

        try:
            if len(scope["query_string"]) > QUERY_BYTES:
                raise Refused(414, "The address is too long.")
            await self._app(scope, body, counted)
        except Refused as refused:
            await refuse(refused, body, counted, as_json=True)
        except asyncio.CancelledError:  # the server ends, and the request is still not whole
            if not begun:
                body.ended = True
                await refuse(Refused(503, STOPPING, SOON), body, counted, as_json=True)


async def _refused(_: Request, error: Exception) -> Response:
    return Refusal(cast(Refused, error))


async def _failed(_: Request, error: Exception) -> Response:
    """A sentence for what the image, the options or the model are to blame for."""
    if isinstance(error, MemoryError):
        return Refusal(Refused(413, TOO_MUCH))
    too_large = isinstance(error, ImageError) and error.reason == "too-large"
    status = 413 if too_large else 500 if isinstance(error, ModelError) else 422
    return Refusal(Refused(status, str(error)))


async def _nowhere(_: Request, error: Exception) -> Response:
    status = cast(HTTPException, error).status_code
    return Refusal(Refused(status, NOWHERE.get(status, str(error))))


async def _gone(_: Request, error: Exception) -> Response:
    """An answer that nobody gets, so that the request counts, and not as a defect."""
    logging.getLogger(__name__).warning("A client left before its request was answered.")
    return Response(status_code=GONE)


async def _defect(_: Request, error: Exception) -> Response:
    return Refusal(Refused(500, DEFECT))
