"""Reads what a client sends: a form with files, or an image alone, held in memory."""

import contextlib
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from starlette.datastructures import Headers
from starlette.requests import Request

from clearbg.errors import SettingsError
from clearbg.serving.limits import Limits
from clearbg.serving.parameters import ADDRESSES, NO_ADDRESS, SENT
from clearbg.web import MEGA
from clearbg.web.bodies import Body, Refused, chunks, too_long, visitor_of
from clearbg.web.multipart import NO_FORM, FormReader, Sink, boundary_of
from clearbg.web.room import Room

MOST_PARTS = 50
FIELD_BYTES = 4096
"""Longest text of a form."""
RETRY_AFTER = 1
"""Seconds after which a client that found no room may come back."""
NO_ROOM = "The server has no room just now: try again later."
NO_IMAGE = "The request holds no image: send it as the file `file` of a form, or alone as the body."
_ADDRESS = re.compile(rb"\s*(?:https?:|ftp:|file:|s3:|data:|url=|\{)", re.IGNORECASE)


@dataclass
class File:
    """A file that a client sent; `name` has no folder in it."""

    name: str
    content: bytes


@dataclass
class Sent:
    """What a client sent.

    Attributes:
        files: by the names of their parts; "file" is the image.
        fields: the texts of the form.
    """

    files: dict[str, File] = field(default_factory=dict)
    fields: list[tuple[str, str]] = field(default_factory=list)


@contextlib.asynccontextmanager
async def received(request: Request, body: Body, room: Room, limits: Limits) -> AsyncIterator[Sent]:
    """The image, and what else is in the form; its bytes count until the block ends.

    Raises:
        Refused: it is too large, too slow or no sound form, or there is no room.
        SettingsError: the form has another file, or two of a name, or names an address.
        ClientDisconnect: the client left.
    """
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length[:16]) > limits.request_bytes:
        raise too_long(limits.request_bytes)
    visitor, held = visitor_of(request.scope), 0
    reader = _reader(request.headers, limits)
    try:
        async for chunk in chunks(body, limits.request_bytes):
            if not room.take(len(chunk), visitor):
                raise Refused(429, NO_ROOM, RETRY_AFTER)
            held += len(chunk)
            reader.write(chunk)
        sent = reader.sent()
        del reader
        yield sent
    finally:
        room.give_back(held, visitor)


class _Alone:
    """A body that is an image."""

    def __init__(self, limits: Limits):
        self._pieces, self._size, self._limits = list[bytes](), 0, limits

    def write(self, chunk: bytes) -> None:
        self._size += len(chunk)
        _refuse_above(self._size, self._limits)
        self._pieces.append(chunk)

    def sent(self) -> Sent:
        content = b"".join(self._pieces)
        if not content:
            raise SettingsError(NO_IMAGE)
        if _ADDRESS.match(content[:64]):
            raise SettingsError(NO_ADDRESS)
        return Sent({"file": File("The body", content)})


class _Form:
    """A body that is a form."""

    def __init__(self, boundary: bytes, limits: Limits):
        self._files: list[tuple[str, str, list[bytes]]] = []
        self._fields: list[tuple[str, bytearray]] = []
        self._limits = limits
        self._reader = FormReader(boundary, self._begin, MOST_PARTS)

    def write(self, chunk: bytes) -> None:
        self._reader.write(chunk)

    def sent(self) -> Sent:
        self._reader.end()
        sent = Sent()
        for part, name, pieces in self._files:
            if part not in SENT:
                raise SettingsError(f"There is no file {part[:50]!r}: call the image's part file.")
            if part in sent.files:
                raise SettingsError(f"{part} is sent twice: send one image in a request.")
            sent.files[part] = File(_bare(name), b"".join(pieces))
        if "file" not in sent.files:
            if any(name in ADDRESSES for name, _ in self._fields):
                raise SettingsError(NO_ADDRESS)
            raise SettingsError(NO_IMAGE)
        sent.fields = [(name, text.decode("utf-8", "replace")) for name, text in self._fields]
        return sent

    def _begin(self, part: str, name: str | None) -> Sink:
        if name is None:
            text = bytearray()
            self._fields.append((part, text))
            return lambda data: self._extend(text, data)
        pieces: list[bytes] = []
        self._files.append((part, name, pieces))
        size = 0

        def sink(data: bytes) -> None:
            nonlocal size
            size += len(data)
            _refuse_above(size, self._limits)
            pieces.append(data)

        return sink

    def _extend(self, text: bytearray, data: bytes) -> None:
        if len(text) + len(data) > FIELD_BYTES:
            raise Refused(413, f"A text of the form is longer than {FIELD_BYTES} bytes.")
        text.extend(data)


def _reader(headers: Headers, limits: Limits) -> _Alone | _Form:
    kind = headers.get("content-type", "")
    if not kind.lower().startswith("multipart/"):
        return _Alone(limits)
    boundary = boundary_of(kind)
    if not boundary:
        raise Refused(400, NO_FORM)
    return _Form(boundary, limits)


def _refuse_above(size: int, limits: Limits) -> None:
    if size > limits.file_bytes:
        raise Refused(
            413, f"The image is larger than {limits.file_bytes / MEGA:g} MB: scale it down."
        )


def _bare(name: str) -> str:
    """A file's name without folders and without what a terminal would obey."""
    last = PurePosixPath(name.replace("\\", "/")).name
    return "".join(letter for letter in last if letter.isprintable())[-80:] or "The image"
