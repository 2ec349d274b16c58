"""Reads the bodies of requests: so many bytes, so fast, and a sentence for what is refused."""

import asyncio
import contextlib
import ipaddress
import json
from collections.abc import AsyncIterator

from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive, Scope, Send

from clearbg.web import MEGA

SILENCE = 30.0
"""Seconds that may pass between two pieces of a body."""
PATIENCE = 900.0
"""Seconds in which a whole body has to arrive."""
LINGER = 2.0
"""Seconds for which the rest of a refused body is read and forgotten.

A connection that is closed before would take the answer from a client that is still sending.
"""
SLOW = "The request came too slowly: send it again."


class Refused(Exception):
    """A request that is answered with a status and one sentence.

    Args:
        retry_after: seconds after which the client may try again; None: nobody knows.
    """

    def __init__(self, status: int, sentence: str, retry_after: int | None = None):
        super().__init__(sentence)
        self.status, self.sentence, self.retry_after = status, sentence, retry_after


def too_long(largest: int) -> Refused:
    return Refused(413, f"The request is longer than {largest / MEGA:g} MB: send less at once.")


class Body:
    """The body of a request as an ASGI `receive`, which knows whether it has ended."""

    def __init__(self, receive: Receive):
        self._receive, self.ended = receive, False

    async def __call__(self) -> Message:
        message = await self._receive()
        self.ended = not message.get("more_body", False)
        return message


async def chunks(body: Body, largest: int) -> AsyncIterator[bytes]:
    """The pieces of a body as they arrive.

    Raises:
        Refused: it is longer than `largest` bytes, or comes too slowly.
        ClientDisconnect: the visitor left.
    """
    loop = asyncio.get_running_loop()
    arrived, end = 0, loop.time() + PATIENCE
    while not body.ended:
        try:
            async with asyncio.timeout(min(SILENCE, end - loop.time())):
                message = await body()
        except TimeoutError as error:
            raise Refused(408, SLOW) from error
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        chunk = message.get("body", b"")
        arrived += len(chunk)
        if arrived > largest:
            raise too_long(largest)
        if chunk:
            yield chunk


async def whole(body: Body, largest: int) -> bytes:
    """A body in one piece; see `chunks`."""
    return b"".join([chunk async for chunk in chunks(body, largest)])


def replayed(content: bytes, body: Body) -> Receive:
    """A `receive` that gives a body which has been read already."""
    messages = [{"type": "http.request", "body": content, "more_body": False}]

    async def receive() -> Message:
        return messages.pop() if messages else await body()

    return receive


async def refuse(refused: Refused, body: Body, send: Send, as_json: bool = False) -> None:
    """Answer at once, and read on for a moment if the body has not ended.

    Args:
        as_json: answer with {"detail": sentence} in place of text.
    """
    kind, answer = b"text/plain; charset=utf-8", refused.sentence.encode()
    if as_json:
        kind, answer = b"application/json", json.dumps({"detail": refused.sentence}).encode()
    headers = [(b"content-type", kind), (b"content-length", str(len(answer)).encode())]
    if not body.ended:
        headers.append((b"connection", b"close"))
    if refused.retry_after is not None:
        headers.append((b"retry-after", str(refused.retry_after).encode()))
    await send({"type": "http.response.start", "status": refused.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer, "more_body": True})
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(LINGER):
            while not body.ended:
                await body()
    await send({"type": "http.response.body", "body": b""})


def visitor_of(scope: Scope) -> str:
    """Whom a request counts for: the address, or in IPv6 the network that one customer gets."""
    host = (scope.get("client") or ("", 0))[0]
    with contextlib.suppress(ValueError):
        address = ipaddress.ip_address(host)
        if address.version == 6:
            return str(ipaddress.ip_network((host, 64), strict=False))
    return host
