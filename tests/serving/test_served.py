"""The command `clearbg serve`: one real process on loopback, from its start to SIGTERM."""

import http.client
import re
import signal
import socket

import httpx
import pytest
from support.page import answer_of, get, photo, post
from support.serving import Process
from typer.testing import CliRunner

from clearbg.cli.app import app

PHOTO = photo()
BROKEN = [
    b"POST /remove HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
]


@pytest.mark.slow
def test_server_removes_backgrounds_counts_and_ends_politely(model, tmp_path):
    server = Process(tmp_path, "--model", str(model), "--concurrency", "1")
    host = server.url.removeprefix("http://")
    for request in BROKEN:
        with socket.create_connection(host.split(":"), 120) as opened:
            opened.sendall(request)
            assert answer_of(opened)[0] == 400
    held = socket.create_connection(host.split(":"), 120)  # a client that thinks
    held.sendall(f"POST /remove HTTP/1.1\r\nHost: {host}\r\nContent-Length: 900\r\n\r\n".encode())
    done = post(f"{server.url}/remove", files={"file": ("a.jpg", PHOTO)})
    assert done.status_code == 200 and done.content.startswith(b"\x89PNG")
    assert 'path="/remove",status="200"} 1' in get(f"{server.url}/metrics").text
    gone = http.client.HTTPConnection(host)
    gone.request("POST", "/remove", PHOTO)
    gone.close()
    with httpx.Client(base_url=server.url, timeout=120) as client:  # keeps its connection
        assert client.get("/healthz").status_code == 200
        server.process.send_signal(signal.SIGTERM)
        assert answer_of(held)[0] == 503
        assert server.process.wait(timeout=120) == 0
    held.close()
    said = server.log.read_text()
    assert re.search(r"The server has stopped after \d removals; none was left unfinished.", said)
    assert "Traceback" not in said


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["--model", "absent.onnx"], "does not exist"),
        (["--host", "256.1.1.1"], "cannot be used"),
        (["--model", "text.onnx"], "text.onnx"),
    ],
)
def test_what_cannot_be_served_is_said(arguments, words, model, tmp_path):
    (tmp_path / "text.onnx").write_text("no model")
    given = arguments if "--model" in arguments else ["--model", str(model), *arguments]
    done = CliRunner().invoke(app, ["serve", "--port", "0", *given])
    assert done.exit_code == 1 and words in done.stderr and done.stderr.startswith("clearbg: ")
