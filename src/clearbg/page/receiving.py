"""Receives uploads in place of Gradio, so that every byte is counted before it is stored.

Gradio's own route stores what arrives without a limit on the whole, keeps text fields in memory,
and leaves the parts of an upload that broke off.
"""

import asyncio
import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs

import anyio.to_thread
from gradio.routes import file_upload_statuses as progress
from gradio_client.utils import strip_invalid_filename_characters
from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Scope, Send

from clearbg.page.limits import Limits
from clearbg.page.uploads import UploadFolder
from clearbg.web import MEGA
from clearbg.web.bodies import Body, Refused, chunks, visitor_of
from clearbg.web.multipart import NO_FORM, FormReader, Sink, boundary_of

LOGIN_CHECK = "/gradio_api/login_check"
NO_ROOM = "The server has no room just now: try again later."
PROGRESS_SECONDS = 60.0
"""Seconds for which the progress of an upload can be asked for after its end."""


class UploadReceiver:
    """An ASGI application that stores the files of a form and answers with their paths.

    Args:
        app: the page, which is asked whether the visitor has logged in.
    """

    def __init__(self, app: ASGIApp, uploads: UploadFolder, limits: Limits):
        self._app, self._uploads, self._limits = app, uploads, limits

    async def __call__(self, scope: Scope, body: Body, send: Send) -> None:
        """Store the files, or raise `Refused` or `ClientDisconnect` and store nothing."""
        if not await self._logged_in(scope):
            raise Refused(401, "Log in before you send files.")
        headers = Headers(scope=scope)
        boundary = boundary_of(headers.get("content-type"))
        if not boundary:
            raise Refused(400, NO_FORM)
        visitor = visitor_of(scope)
        if not self._uploads.fits(int(headers["content-length"]), visitor):
            raise Refused(503, NO_ROOM)
        said = parse_qs(scope["query_string"].decode("latin-1")).get("upload_id", [""])[0]
        with contextlib.ExitStack() as stack:  # it removes the files when anything fails
            if said:
                stack.enter_context(_tracked(said))
            try:
                form = _Form(boundary, self._uploads, self._limits, visitor, stack, said)
                async for chunk in chunks(body, self._limits.request_bytes):
                    await form.write(chunk)
                paths = form.paths()
            except OSError as error:
                logging.getLogger(__name__).warning("No room for an upload: %s", error.strerror)
                raise Refused(503, NO_ROOM) from error
        await JSONResponse([str(path) for path in paths])(scope, body, send)

    async def _logged_in(self, scope: Scope) -> bool:
        statuses = []

        async def nothing() -> dict:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def heard(message) -> None:
            if message["type"] == "http.response.start":
                statuses.append(message["status"])

        asked = {"method": "GET", "path": LOGIN_CHECK, "raw_path": LOGIN_CHECK.encode()}
        await self._app({**scope, **asked, "query_string": b""}, nothing, heard)
        return statuses == [200]


class _Form:
    """The parts of a form, written to files while they arrive."""

    def __init__(
        self,
        boundary: bytes,
        uploads: UploadFolder,
        limits: Limits,
        visitor: str,
        stack: contextlib.ExitStack,
        upload_id: str,
    ):
        self._uploads, self._limits, self._visitor = uploads, limits, visitor
        self._stack, self._upload_id = stack, upload_id
        self._paths: list[Path] = []
        self._arrived: list[tuple[Path, bytes]] = []
        self._reader = FormReader(boundary, self._open)

    async def write(self, chunk: bytes) -> None:
        """Store the bytes that have arrived.

        Raises:
            OSError, Refused: the form cannot be stored.
        """
        self._reader.write(chunk)
        arrived, self._arrived = self._arrived, []
        if arrived:
            await anyio.to_thread.run_sync(_append, arrived)

    def paths(self) -> list[Path]:
        """The files of a form that has ended.

        Raises:
            Refused: it has not.
        """
        self._reader.end()
        return self._paths

    def _open(self, part: str, sent: str | None) -> Sink | None:
        """Open a file for a part that is one; other parts are read and forgotten."""
        if part != "files" or sent is None:
            return None
        name = strip_invalid_filename_characters(Path(sent).name).strip(".") or "image"
        path = self._uploads.new_folder() / name
        take = self._stack.enter_context(self._uploads.writing(path, self._visitor))
        path.touch()
        self._paths.append(path)
        size = 0

        def sink(data: bytes) -> None:
            nonlocal size
            size += len(data)
            if size > self._limits.file_bytes:
                largest = f"{self._limits.file_bytes / MEGA:g} MB"
                raise Refused(413, f"{name} is larger than the maximum allowed size of {largest}.")
            take(len(data))
            self._arrived.append((path, data))
            if self._upload_id:
                progress.append(self._upload_id, name, data)

        return sink


def _append(arrived: list[tuple[Path, bytes]]) -> None:
    for path, data in arrived:
        with path.open("ab") as file:  # no file stays open while a visitor thinks
            file.write(data)


@contextlib.contextmanager
def _tracked(upload_id: str) -> Iterator[None]:
    """The browser asks for the progress of an upload under a name of its own choice."""
    progress.track(upload_id)
    try:
        yield
    finally:
        progress.set_done(upload_id)
        loop = asyncio.get_running_loop()
        loop.call_later(PROGRESS_SECONDS, progress.stop_tracking, upload_id)
