"""The names under which the page or the server may be called.

A foreign page can point its own name at this computer and then read what is answered (DNS
rebinding). The browser still sends that foreign name as the host, so that it can be refused.
"""

import ipaddress
import socket
from collections.abc import Collection

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

ANY = "*"
"""Stands for every host: a proxy in front has chosen the page by its host already."""
LOCAL = "localhost"
HEADERS = ("host", "x-forwarded-host")
FOREIGN_HOST = (
    "This server does not answer to this host: start it with `--allow-host` and the host's name."
)

FOREIGN_ORIGIN = (
    "This server does not answer to pages of other websites: start it with `--allow-host` and the "
    "website's host."
)
PREFLIGHT = {
    "access-control-allow-methods": "GET, POST",
    "access-control-allow-headers": "accept, content-type",
    "access-control-max-age": "600",
}
EXPOSED = {"access-control-expose-headers": "*"}


class Hosts:
    """The hosts that a server answers to.

    Args:
        listening: the address on which the server listens. Every address of the computer is
            allowed when it stands for all of them (0.0.0.0, ::), else only its own or, when it
            is a local one, the local ones.
        further: names of further hosts, as a proxy passes them on; `ANY` allows all.
    """

    def __init__(self, listening: str, further: Collection[str] = ()):
        self._address, names = _address(listening), {_name(name) for name in further}
        if self._address is None:
            names.add(_name(listening))
        if self._address is None or self._address.is_loopback or self._address.is_unspecified:
            names.add(LOCAL)
        if self._address is not None and self._address.is_unspecified:
            names |= {_name(socket.gethostname()), _name(f"{socket.gethostname()}.local")}
        self._names = names

    def allow(self, headers: Headers) -> bool:
        """Whether a request names hosts of this server alone."""
        if ANY in self._names:
            return True
        said = [text for header in HEADERS for text in headers.getlist(header)]
        return bool(said) and all(self._serves(_name(one)) for one in ",".join(said).split(","))

    def allow_origin(self, headers: Headers) -> bool:
        """Whether a request comes from no other website than this server's own and its friends'."""
        origins = headers.getlist("origin")
        if not origins or ANY in self._names:
            return True
        name, own = _name(origins[0].rpartition("://")[2]), _name(headers.get("host", ""))
        address = _address(name)
        local = address is not None and address.is_loopback and LOCAL in self._names
        return len(origins) == 1 and bool(name) and (name in self._names | {own} or local)

    def _serves(self, name: str) -> bool:
        address = _address(name)
        if name in self._names or address is None or self._address is None:
            return name in self._names
        if self._address.is_unspecified:
            return True
        return address == self._address or (address.is_loopback and self._address.is_loopback)


class HostFilter:
    """An ASGI application that refuses requests to other hosts.

    Args:
        listening, further: see `Hosts`.
    """

    def __init__(self, app: ASGIApp, listening: str, further: Collection[str] = ()):
        self._app, self._hosts = app, Hosts(listening, further)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not self._hosts.allow(Headers(scope=scope)):
            return await JSONResponse({"detail": FOREIGN_HOST}, 421)(scope, receive, send)
        await self._app(scope, receive, send)


class OriginFilter:
    """An ASGI application that refuses what the pages of other websites send.

    A browser adds the website to what its pages send elsewhere. Pages of the hosts that the server
    answers to may call it from another port, and may read the answer (CORS).

    Args:
        listening, further: see `Hosts`.
    """

    def __init__(self, app: ASGIApp, listening: str, further: Collection[str] = ()):
        self._app, self._hosts = app, Hosts(listening, further)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope) if scope["type"] == "http" else Headers()
        if "origin" not in headers:
            return await self._app(scope, receive, send)
        if not self._hosts.allow_origin(headers):
            return await JSONResponse({"detail": FOREIGN_ORIGIN}, 403)(scope, receive, send)
        shared = {"access-control-allow-origin": headers["origin"], "vary": "Origin"}
        if scope["method"] == "OPTIONS" and "access-control-request-method" in headers:
            return await Response(None, 204, shared | PREFLIGHT)(scope, receive, send)

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(shared | EXPOSED)
            await send(message)

        await self._app(scope, receive, answer)


def guarded(app: ASGIApp, listening: str, further: Collection[str] = ()) -> ASGIApp:
    """The application, reached under its own hosts and from their websites alone; see `Hosts`."""
    return HostFilter(OriginFilter(app, listening, further), listening, further)


def _name(host: str) -> str:
    """A host as a client writes it, without its port, brackets and last dot."""
    host = host.strip().lower()
    if host.startswith("["):
        return host[1:].partition("]")[0]
    name, _, port = host.rpartition(":")
    return (name if port.isdecimal() and ":" not in name else host).removesuffix(".")


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
