"""Photographs as people send them, a server of the page, and a visitor with a browser."""

import contextlib
import functools
import http.client
import io
import os
import re
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import httpx
import uvicorn
from PIL import Image
from starlette.responses import PlainTextResponse

from clearbg.page.limits import Limits
from clearbg.page.security import RouteFilter
from clearbg.page.uploads import UploadFolder
from clearbg.web.connections import options
from clearbg.web.hosts import guarded
from support.images import disc, profile

get, post = (functools.partial(call, timeout=120) for call in (httpx.get, httpx.post))
"""Requests whose answer may take long on a busy machine."""

LIMITS = Limits(file_bytes=100_000, pixels=20_000, images=4)
FUNCTIONS = {0: SimpleNamespace(api_name="remove"), 1: SimpleNamespace(api_name="batch")}
"""Stands for the functions of Gradio's page."""
DEFAULTS = {
    "background": "transparent", "background_image": None, "refine_edges": True,
    "hard_edges": False, "threshold": None, "model": None,
}  # fmt: skip
"""What a request says when its sender chose nothing."""

WATCHED = """
import sys
log = open(sys.argv.pop(1), "a", buffering=1)
def heard(event, facts):
    if event == "socket.getaddrinfo":
        log.write(f"{facts[0]}\\n")
    elif event == "socket.connect" and isinstance(facts[1], tuple):
        log.write(f"{facts[1][0]}\\n")
sys.addaudithook(heard)
from clearbg.cli.app import main
main()
"""
"""Runs the command line, and writes down every name and address that Python asks or calls."""


@functools.cache
def photo(index: int = 0, format: str = "JPEG", size: tuple[int, int] = (60, 80)) -> bytes:
    """An image of `size` (height, width) with a profile, a resolution and a camera."""
    exif = Image.Exif()
    exif[271] = "Maker"
    buffer = io.BytesIO()
    Image.fromarray(disc(index, size)[0]).save(
        buffer, format, quality=90, icc_profile=profile(), dpi=(240, 240), exif=exif
    )
    return buffer.getvalue()


def write_photo(path: Path, index: int = 0, size: tuple[int, int] = (60, 80)) -> Path:
    path.write_bytes(photo(index, size=size))
    return path


class Loopback:
    """The page's filters on 127.0.0.1, in this process, before an application that agrees."""

    def __init__(self, limits: Limits):
        self.uploads = UploadFolder(limits)
        app = guarded(
            RouteFilter(PlainTextResponse("through"), self.uploads, limits, FUNCTIONS), "127.0.0.1"
        )
        self._server = uvicorn.Server(options(app, lifespan="off"))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._server.run, args=([self._listener],))
        self._thread.start()

    def end(self) -> None:
        self._server.should_exit = self._server.force_exit = True
        self._thread.join()
        self._listener.close()
        self.uploads.remove()

    def begin(self, content: bytes, length: int, source: str = "127.0.0.1") -> socket.socket:
        """Begin an upload of `length` bytes, send `content`, and leave it open."""
        return begin_upload(self.port, content, length, source)

    def send(self, *files: bytes, source: str = "127.0.0.1") -> tuple[int, str]:
        """Status and answer of a whole upload."""
        body = form(*files)
        with self.begin(body, len(body), source) as opened:
            return answer_of(opened)

    def stored(self) -> int:
        """Bytes of all files that lie in the folder now."""
        total = 0
        for folder, _, names in os.walk(self.uploads.folder):  # bears what is removed meanwhile
            for name in names:
                with contextlib.suppress(FileNotFoundError):
                    total += os.stat(os.path.join(folder, name)).st_size
        return total


def begin_upload(port: int, content: bytes, length: int, source: str) -> socket.socket:
    """A connection over which an upload of `length` bytes has begun with `content`."""
    opened = socket.create_connection(("127.0.0.1", port), 120, (source, 0))
    head = (
        f"POST /gradio_api/upload HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {length}\r\n"
        "Content-Type: multipart/form-data; boundary=b\r\n\r\n"
    )
    opened.sendall(head.encode() + content)
    return opened


def part(content: bytes, name: str = "files", filename: str | None = "a.jpg") -> bytes:
    """One part of a form whose boundary is `b`, without the form's end."""
    said = "" if filename is None else f'; filename="{filename}"'
    head = f'--b\r\nContent-Disposition: form-data; name="{name}"{said}\r\n\r\n'
    return head.encode() + content + b"\r\n"


def form(*files: bytes) -> bytes:
    return b"".join(map(part, files)) + b"--b--\r\n"


def answer_of(opened: socket.socket) -> tuple[int, str]:
    response = http.client.HTTPResponse(opened)
    response.begin()
    return response.status, response.read().decode()


class Server:
    """A process that serves the page, with what it said and whom it called."""

    def __init__(self, folder: Path, command: list[str], cwd: Path, **variables: str):
        self.temporary, self.log = folder / "tmp", folder / "log.txt"
        self.temporary.mkdir()
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(("GRADIO", "CLEARBG"))}
        environment = {
            **inherited,
            "TMPDIR": str(self.temporary),
            "PYTHONUNBUFFERED": "1",
            **variables,
        }
        with open(self.log, "w") as log:
            self.process = subprocess.Popen(
                command, cwd=cwd, env=environment, stdout=log, stderr=subprocess.STDOUT
            )
        self.url = self._wait()

    def _wait(self) -> str:
        for _ in range(4800):
            found = re.search(r"The page: (http://\S+)", self.log.read_text())
            if found or self.process.poll() is not None:
                break
            time.sleep(0.05)
        assert found and self.process.poll() is None, self.log.read_text()
        get(found[1])  # its socket queues who comes early
        return found[1]

    def end(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=120)


class Visit:
    """A browser's page, with what went wrong in it and whom it asked."""

    def __init__(self, browser, url: str, **options):
        self.context = browser.new_context(accept_downloads=True, **options)
        self.page, self.url = self.context.new_page(), url
        self.errors, self.requested = [], set()
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("request", lambda request: self.requested.add(request.url))
        self.page.set_default_timeout(60_000)
        self.page.goto(url)
        self.page.wait_for_selector("#image input[type=file]", state="attached")

    def _heard(self, message) -> None:
        if message.type == "error":
            self.errors.append(message.text)

    def drop(self, path: Path, where: str = "#image") -> None:
        self.page.set_input_files(f"{where} input[type=file]", path)

    def outside(self) -> set[str]:
        return {url for url in self.requested if not url.startswith((self.url, "data:", "blob:"))}
