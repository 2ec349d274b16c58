"""Uploads over the loopback: what arrives is counted, and nobody's file goes before its time."""

import json
import logging
import os
import select
import socket
import time
from pathlib import Path

import pytest
from support.page import Loopback, answer_of, form, part
from support.serving import waited

from clearbg.page.limits import Limits
from clearbg.page.uploads import FILE_BYTES, UploadFolder
from clearbg.web import bodies

MB = 1_000_000
SMALL = Limits(file_bytes=MB, images=4, storage_bytes=4 * MB)


@pytest.fixture
def page():
    served = Loopback(SMALL)
    yield served
    served.end()


def test_files_of_a_form_are_stored_as_they_were_sent(page):
    body = part(b"first", filename="../../a b.jpg") + part(b"note", "text", None)
    body += part(b"ignored", "other") + part(b"", filename="..") + b"--b--\r\n"
    with page.begin(body[:70], len(body)) as opened:
        for at in range(70, len(body), 9):  # a chunk may end anywhere
            opened.sendall(body[at : at + 9])
        status, answer = answer_of(opened)
    paths = [Path(path) for path in json.loads(answer)]
    assert (status, [path.name for path in paths]) == (200, ["a b.jpg", "image"])
    assert [path.read_bytes() for path in paths] == [b"first", b""]
    assert all(page.uploads.contains(path) for path in paths) and page.stored() == 5
    assert page.uploads.visitor(paths[0]) == "127.0.0.1"


def test_announced_bytes_take_no_room_and_no_file_of_others(page):
    (path,) = json.loads(page.send(b"mine")[1])
    announced = [page.begin(b"", 4 * MB) for _ in range(20)]
    with page.begin(b"", 500 * MB) as huge:
        assert answer_of(huge)[0] == 413
    assert Path(path).read_bytes() == b"mine"
    assert page.send(b"more")[0] == 200
    for opened in announced:
        opened.close()


def test_held_uploads_stay_within_the_limit_and_what_does_not_fit_is_not_answered_200(page):
    (path,) = json.loads(page.send(b"mine", source="127.0.0.2")[1])
    body = form(bytes(900_000))
    held = [page.begin(body[:-100], len(body)) for _ in range(12)]
    assert waited(lambda: page.stored() > 2.6 * MB) and page.stored() <= 0.8 * 4 * MB
    assert page.send(b"theirs", source="127.0.0.2")[0] == 200  # others find room meanwhile
    statuses = []
    for opened in held:
        with opened:
            try:
                opened.sendall(body[-100:])
                statuses.append(answer_of(opened)[0])
            except ConnectionError:
                statuses.append(503)
    assert 1 <= statuses.count(200) <= 3 and statuses.count(503) == 12 - statuses.count(200)
    assert waited(lambda: page.stored() == statuses.count(200) * 900_000 + 10)
    assert Path(path).read_bytes() == b"mine" and page.send(bytes(900_000))[0] in (200, 503)


def test_upload_that_breaks_off_leaves_nothing_but_a_line(page, caplog):
    caplog.set_level(logging.WARNING, "clearbg")  # a library may have silenced the root logger
    with page.begin(part(bytes(200_000)), MB):
        assert waited(lambda: page.stored() == 200_000)
    assert waited(lambda: list(page.uploads.folder.iterdir()) == [])
    assert waited(lambda: "A visitor left before" in caplog.text)
    assert "Traceback" not in caplog.text
    assert page.uploads.fits(int(0.8 * 4 * MB), "127.0.0.1")


def test_body_that_stands_still_is_ended(page, monkeypatch):
    monkeypatch.setattr(bodies, "SILENCE", 0.1)
    with page.begin(part(bytes(1000)), 5000) as opened:
        status, sentence = answer_of(opened)
    assert (status, "too slowly" in sentence) == (408, True)
    assert waited(lambda: page.stored() == 0)


def test_body_that_trickles_is_ended(page, monkeypatch):
    monkeypatch.setattr(bodies, "PATIENCE", 0.2)
    with page.begin(part(b""), 5000) as opened:
        while not select.select([opened], [], [], 0.02)[0]:
            opened.sendall(b"x")
        assert answer_of(opened)[0] == 408


BROKEN = {
    "no end": (part(b"some"), 400), "no form": (b"x" * 100, 400), "empty": (b"", 400),
    "too large": (form(bytes(MB + 1)), 413),
    "many parts": (part(b"", "x") * 1001 + b"--b--\r\n", 413),
    "long header": (part(b"", filename="a" * 9000) + b"--b--\r\n", 400),
    "field instead of a file": (part(bytes(10), filename=None) + b"--b--\r\n", 200),
}  # fmt: skip


@pytest.mark.parametrize("body, status", BROKEN.values(), ids=BROKEN)
def test_broken_form_is_answered_and_leaves_nothing(body, status, page, caplog):
    with page.begin(body, len(body)) as opened:
        assert answer_of(opened)[0] == status
    assert page.stored() == 0 and "Traceback" not in caplog.text


HEADS = {
    "no length": ("", 411), "words": ("Content-Length: many", 400),
    "many digits": (f"Content-Length: {'9' * 19}", 413),
    "chunked": ("Transfer-Encoding: chunked", 411),
    "no boundary": ("Content-Length: 4\r\nContent-Type: multipart/form-data", 400),
    "long boundary": (
        f"Content-Length: 4\r\nContent-Type: multipart/form-data; boundary={'b' * 300}", 400
    ),
    "JSON": ("Content-Length: 4\r\nContent-Type: application/json", 400),
    "another host": ("Content-Length: 4\r\nX-Forwarded-Host: evil.example", 421),
    "another website": ("Content-Length: 4\r\nOrigin: https://evil.example", 403),
    "an unknown website": ("Content-Length: 4\r\nOrigin: null", 403),
}  # fmt: skip


@pytest.mark.parametrize("head, status", HEADS.values(), ids=HEADS)
def test_odd_head_of_an_upload_is_answered(head, status, page):
    with socket.create_connection(("127.0.0.1", page.port), 120) as opened:
        request = f"POST /gradio_api/upload HTTP/1.1\r\nHost: localhost\r\n{head}\r\n\r\n"
        opened.sendall(request.encode() + b"body")
        assert answer_of(opened)[0] == status


def test_finished_file_stays_until_its_time_and_then_goes():
    held = UploadFolder(Limits(retention_seconds=100, storage_bytes=MB))
    old, new = held.new_folder() / "old", held.new_folder() / "new"
    for path in (old, new):
        held.write(path, bytes(300_000), "ann")
    os.utime(old, (time.time() - 1000,) * 2)
    with pytest.raises(OSError, match="No space left"):
        held.write(held.new_folder() / "more", bytes(300_000), "ann")
    held.write(held.new_folder() / "other", bytes(200_000), "bob")
    slow = held.new_folder() / "slow"
    with held.writing(slow, "ann") as take:
        take(10)
        slow.write_bytes(bytes(10))
        os.utime(slow, (time.time() - 1000,) * 2)
        held.clean()
    assert not old.parent.exists() and new.exists() and slow.exists()
    held.write(held.new_folder() / "more", bytes(290_000), "ann")
    with held.cleaned_regularly():
        assert held.folder.is_dir()
    assert not held.folder.exists()


def test_files_of_unknown_origin_count_and_vanished_ones_do_not():
    held = UploadFolder(Limits(storage_bytes=MB))
    (held.folder / "found").write_bytes(bytes(500_000))
    known = held.new_folder() / "known"
    held.write(known, bytes(100_000), "ann")
    known.unlink()
    held.clean()
    assert held.fits(400_000, "ann") and not held.fits(400_001, "ann")
    held.remove()


def test_empty_files_are_not_endless():
    held = UploadFolder(Limits(storage_bytes=100 * FILE_BYTES))
    with pytest.raises(OSError, match="No space left"):
        for _ in range(81):
            held.write(held.new_folder() / "empty", b"", "ann")
    held.remove()
