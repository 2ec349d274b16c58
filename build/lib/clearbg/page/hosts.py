"""The names under which the page may be called.

A foreign page can point its own name at this computer and then read what the page answers (DNS
rebinding). The browser still sends that foreign name as the host, so that it can be refused.
"""

import ipaddress
import socket
from collections.abc import Collection

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

ANY = "*"
"""Stands for every host: a proxy in front has chosen the page by its host already."""
LOCAL = "localhost"
HEADERS = ("host", "x-forwarded-host")
FOREIGN_HOST = (
    "The page does not serve this host: start it with `--allow-host` and the host's name."
)


class HostFilter:
    """An ASGI application that refuses requests to hosts for which the page was not started.

    Args:
        listening: the address on which the server listens. Every address of the computer is
            allowed when it stands for all of them (0.0.0.0, ::), else only its own or, when it
            is a local one, the local ones.
        further: names of further hosts, as a proxy passes them on; `ANY` allows all.
    """

    def __init__(self, app: ASGIApp, listening: str, further: Collection[str] = ()):
        self._app = app
        self._address, names = _address(listening), {_name(name) for name in further}
        if self._address is None:
            names.add(_name(listening))
        if self._address is None or self._address.is_loopback or self._address.is_unspecified:
            names.add(LOCAL)
        if self._address is not None and self._address.is_unspecified:
            names |= {_name(socket.gethostname()), _name(f"{socket.gethostname()}.local")}
        self._names = names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not self._allowed(Headers(scope=scope)):
            return await PlainTextResponse(FOREIGN_HOST, 421)(scope, receive, send)
        await self._app(scope, receive, send)

    def _allowed(self, headers: Headers) -> bool:
        if ANY in self._names:
            return True
        said = [text for header in HEADERS for text in headers.getlist(header)]
        return bool(said) and all(self._serves(_name(one)) for one in ",".join(said).split(","))

    def _serves(self, name: str) -> bool:
        address = _address(name)
        if name in self._names or address is None or self._address is None:
            return name in self._names
        if self._address.is_unspecified:
            return True
        return address == self._address or (address.is_loopback and self._address.is_loopback)


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
