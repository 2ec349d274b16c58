"""A server on loopback that serves one body, or answers as badly as it is told to."""

import contextlib
import hashlib
import http.server
import re
import threading

import numpy as np
import pytest

from clearbg.data.fetching import download
from clearbg.data.fetching.fetch import fetch
from clearbg.errors import FetchError

DATA = b"PK\3\4" + np.random.default_rng(0).bytes((3 << 20) - 4)
OTHER = b"PK\3\4" + np.random.default_rng(1).bytes((3 << 20) - 4)
SHA = hashlib.sha256(DATA).hexdigest()


class Site(http.server.ThreadingHTTPServer):
    """Serves `body` at every path; `answers` are used up first, one for each request."""

    daemon_threads = True

    def __init__(self, handler):
        super().__init__(("127.0.0.1", 0), handler)
        self.body, self.headers, self.answers, self.requests = DATA, {"ETag": '"1"'}, [], []
        self.url = f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request, client_address):
        """A client that hangs up is no news."""

    @property
    def ranges(self):
        return [headers.get("Range") for headers in self.requests]


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, format, *args):
        pass

    def do_GET(self):
        self.server.requests.append(dict(self.headers))
        answer = self.server.answers.pop(0) if self.server.answers else whole
        answer(self)

    def begin(self, status, length, headers):
        self.send_response(status)
        if length is not None:
            self.send_header("Content-Length", str(length))
        for key, value in headers.items():
            self.send_header(key, value)
        self.end_headers()


def whole(handler, cut=None, length=True):
    """The body or the asked range of it; `cut` ends the connection after that many bytes."""
    site = handler.server
    body, status, headers, begin = site.body, 200, dict(site.headers), 0
    asked = re.match(r"bytes=(\d+)-", handler.headers.get("Range", ""))
    if asked and handler.headers.get("If-Range") in (
        headers.get("ETag"),
        headers.get("Last-Modified"),
    ):
        begin = int(asked[1])
        if begin >= len(body):
            handler.begin(416, 0, {"Content-Range": f"bytes */{len(body)}"})
            return
        status = 206
        headers["Content-Range"] = f"bytes {begin}-{len(body) - 1}/{len(body)}"
    handler.begin(status, len(body) - begin if length else None, headers)
    handler.wfile.write(body[begin:][:cut])


def cut_after(count):
    return lambda handler: whole(handler, cut=count)


def status(code, body=b"", **headers):
    def answer(handler):
        handler.begin(code, len(body), {k.replace("_", "-"): v for k, v in headers.items()})
        handler.wfile.write(body)

    return answer


def page(title):
    return f"<!DOCTYPE html>\n<html><head><title>{title}</title></head></html>".encode()


@contextlib.contextmanager
def served(handler=Handler):
    server = Site(handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextlib.contextmanager
def impatient_client():
    """Waits of a thousandth of a second between two tries."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(download, "FIRST_WAIT", 0.001)
        yield


def refusal(*args, **options):
    with pytest.raises(FetchError) as caught:
        fetch(*args, **options)
    return str(caught.value)
