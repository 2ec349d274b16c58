"""Requests that no honest client sends: each gets a polite answer, and nothing stays behind."""

import contextlib
import random
import socket
import time

import pytest
from support.page import part, photo
from support.serving import LIMITS, OnLoopback, waited

from clearbg.web import bodies

PHOTO = photo()
LARGEST = LIMITS.request_bytes


@pytest.fixture(scope="module")
def server(model):
    served = OnLoopback(model)
    yield served
    served.end()


def request(path="/remove", body=b"", *lines: str, method="POST", host="localhost") -> bytes:
    """A request as it goes over the wire; its length is added unless the lines say one."""
    head = [f"{method} {path} HTTP/1.1", f"Host: {host}", *lines]
    if not any("Length:" in line or "Transfer" in line for line in lines):
        head.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*head, "", ""]).encode() + body


def form(body: bytes, path: str = "/remove") -> bytes:
    return request(path, body, FORM)


FORM = "Content-Type: multipart/form-data; boundary=b"
CHUNKED = "Transfer-Encoding: chunked"
END = b"--b--\r\n"
WHOLE = part(PHOTO, "file") + END
HOSTILE = {
    "huge length": (request("/remove", b"", "Content-Length: 999999999999"), 413),
    "19 digits": (request("/remove", b"", f"Content-Length: {'9' * 19}"), 413),
    "300 digits": (request("/remove", b"", f"Content-Length: {'9' * 300}"), 400),
    "negative length": (request("/remove", b"", "Content-Length: -5"), 400),
    "length in words": (request("/remove", b"", "Content-Length: many"), 400),
    "two lengths": (request("/remove", b"xx", "Content-Length: 1", "Content-Length: 2"), 400),
    "form one byte too long": (request("/remove", bytes(LARGEST + 1)), 413),
    "chunk of no size": (request("/remove", b"zz\r\n", CHUNKED), 400),
    "chunked text": (request("/remove", b"2\r\nhi\r\n0\r\n\r\n", CHUNKED), 422),
    "chunked nothing": (request("/remove", b"0\r\n\r\n", CHUNKED), 422),
    "no boundary": (request("/remove", WHOLE, "Content-Type: multipart/form-data"), 400),
    "long boundary": (request("/remove", WHOLE, FORM + "b" * 300), 400),
    "other boundary": (request("/remove", WHOLE, FORM + "x"), 400),
    "another kind of form": (request("/remove", WHOLE, FORM.replace("form-data", "mixed")), 400),
    "no end": (form(WHOLE[:-6]), 400),
    "end in a part's head": (form(b"--b\r\nContent-Disp"), 400),
    "nothing in a form": (form(b""), 400),
    "the end alone": (form(END), 422),
    "no form": (form(PHOTO), 400),
    "many parts": (form(part(b"", "mask", None) * 51 + END), 413),
    "long field": (form(part(bytes(5000), "mask", None) + WHOLE), 413),
    "long name of a field": (form(part(b"1", "m" * 3000, None) + WHOLE), 422),
    "long name of a file": (form(part(b"text", "file", "a" * 3000) + END), 422),
    "part without a name": (form(b"--b\r\n\r\nx\r\n--b--\r\n"), 422),
    "file under another name": (form(part(PHOTO, "image") + END), 422),
    "two files": (form(part(PHOTO, "file") + WHOLE), 422),
    "field as a file": (form(part(b"1", "mask") + WHOLE), 422),
    "file as a field": (form(part(PHOTO, "file", None) + END), 422),
    "NUL in a name": (form(part(b"text", "file", "a\0b") + END), 422),
    "folders in a name": (form(part(b"text", "file", "../../etc/x") + END), 422),
    "NUL in a value": (form(part(b"a\0b", "background", None) + WHOLE), 422),
    "bytes in a value": (form(part(b"\xff\xfe", "margin", None) + WHOLE), 422),
    "file of the server": (request("/remove?background=/etc/passwd", PHOTO), 422),
    "address of the server": (request("/remove?background=http://127.0.0.1/", PHOTO), 422),
    "address as the body": (request("/remove", b"http://169.254.169.254/"), 422),
    "address in JSON": (request("/remove", b'{"url": "http://x"}', "Content-Type: text/json"), 422),
    "address in a form": (form(part(b"http://x", "url", None) + WHOLE), 422),
    "address for rembg": (request("/api/remove?url=file:///etc/passwd", method="GET"), 422),
    "nested JSON": (request("/remove", b'{"a":' * 9000), 422),
    "long query": (request("/remove?mask=" + "1" * 5000, PHOTO), 414),
    "long address": (request("/" + "a" * 70000), 404),
    "percent signs": (request("/remove?%zz=%f&%", PHOTO), 422),
    "option thrice": (request("/remove?mask=1&mask=1&mask=0", PHOTO), 422),
    "huge number": (request(f"/remove?quality={'9' * 3000}", PHOTO), 422),
    "infinite margin": (request(f"/remove?crop=1&margin={'9' * 150}%25", PHOTO), 422),
    "not a number": (request("/remove?threshold=nan", PHOTO), 422),
    "gzip": (request("/remove", b"\x1f\x8b\x08\0", "Content-Encoding: gzip"), 422),
    "path upward": (request("/../../etc/passwd", method="GET"), 404),
    "encoded path upward": (request("/docs/%2e%2e/%2e%2e/etc/passwd", method="GET"), 404),
    "two slashes": (request("//remove", PHOTO), 404),
    "backslash": (request("/docs\\..\\x", method="GET"), 404),
    "method": (request("/remove", PHOTO, method="BREW"), 405),
    "TRACE": (request("/healthz", method="TRACE"), 405),
    "host": (request("/remove", PHOTO, host="evil.example"), 421),
    "host behind a name": (request("/remove", PHOTO, host="localhost.evil.example"), 421),
    "forwarded host": (request("/remove", PHOTO, "X-Forwarded-Host: evil.example"), 421),
    "origin": (request("/remove", PHOTO, "Origin: https://evil.example"), 403),
    "origin null": (request("/remove", PHOTO, "Origin: null"), 403),
    "two origins": (request("/remove", PHOTO, "Origin: http://localhost", "Origin: http://x"), 403),
    "no host": (b"GET /healthz HTTP/1.1\r\n\r\n", 400),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
}  # fmt: skip


@pytest.mark.parametrize("sent, status", HOSTILE.values(), ids=HOSTILE)
def test_hostile_request_gets_a_polite_answer(sent, status, server, caplog):
    got, said = server.answer(sent)
    assert got == status and said
    assert "Traceback" not in caplog.text


def test_chunks_without_an_end_are_counted(server):
    piece = b"8000\r\n" + bytes(0x8000) + b"\r\n"
    with server.connect(request("/remove", b"", CHUNKED)) as opened:
        with contextlib.suppress(ConnectionError):
            for _ in range(LARGEST // 0x8000 + 2):
                opened.sendall(piece)
        assert b" 413 " in opened.recv(1000)


def test_slow_bodies_are_ended_and_leave_no_bytes(server, monkeypatch):
    monkeypatch.setattr(bodies, "SILENCE", 0.3)
    monkeypatch.setattr(bodies, "LINGER", 0.1)
    begun = request("/remove", b"", "Content-Length: 9000") + PHOTO[:50]
    held = [server.connect(begun) for _ in range(20)]
    assert all(b" 408 " in opened.recv(1000) for opened in held)
    assert waited(lambda: "clearbg_held_bytes 0\n" in metrics(server))


def test_heads_that_do_not_arrive_are_not_waited_for(server, monkeypatch):
    monkeypatch.setattr(bodies, "SILENCE", 0.3)
    asked = request("/healthz", method="GET")
    for begun in (b"", asked[:20], asked + asked[:20]):
        with server.connect(begun) as opened:
            said = b"".join(iter(lambda: opened.recv(1000), b""))
            assert said.count(b"alive") == begun.count(b"\r\n\r\n")


def test_dropped_connections_leave_nothing(server):
    chance = random.Random(0)
    for _ in range(40):
        sent = request("/remove", PHOTO)
        with server.connect(sent[: chance.randrange(1, len(sent) + 1)]):
            pass
    assert waited(lambda: server.removals.running == 0 and "held_bytes 0\n" in metrics(server))


def test_client_that_never_reads_takes_no_turn_of_others(server):
    deaf = []
    for _ in range(10):
        opened = server.connect(request("/remove?format=tiff", PHOTO), source="127.0.0.2")
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        deaf.append(opened)
    time.sleep(0.2)
    assert server.answer(request("/healthz", method="GET"))[0] == 200
    for opened in deaf:
        opened.close()
    assert waited(lambda: "held_bytes 0\n" in metrics(server))


def metrics(server) -> str:
    return server.answer(request("/metrics", method="GET"))[1]
