"""Connections that do not wait for ever for the head of a request, as uvicorn's own do."""

import asyncio
from typing import Any

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from clearbg.web import bodies

KEEP_ALIVE = 75
"""Seconds for which an idle connection stays; proxies keep theirs for 60, and must end it first."""


def options(app: ASGIApp, **further: Any) -> uvicorn.Config:
    """How uvicorn runs the page or the server: with such connections, and quietly.

    Its own logging is left out, since setting it up closes the handlers of all other libraries.

    Args:
        further: of `uvicorn.Config`.
    """
    return uvicorn.Config(
        app,
        http=Connection,
        ws="none",
        log_level="warning",
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=2,
        timeout_keep_alive=KEEP_ALIVE,
        **further,
    )


class Connection(H11Protocol):
    """Ends a connection whose next request has begun, or never begins, and does not go on."""

    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._begin()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.conn.trailing_data[0]:
            self._watch()  # the next head began with the request that was answered

    def _watch(self) -> None:
        if self.cycle is not None and not self.cycle.response_complete:
            self._end()  # the head is here; `bodies` watches over the rest
        elif self._timer is None:
            self._begin()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end()
        super().connection_lost(exc)

    def _begin(self) -> None:
        self._timer = self.loop.call_later(bodies.SILENCE, self.transport.close)

    def _end(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
