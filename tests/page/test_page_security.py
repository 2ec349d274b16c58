"""What reaches the page from outside, how much of it is stored, and how it is shown."""

import os
import time

import pytest
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient
from support.page import LIMITS

from clearbg.page.handlers import error_html, table_html
from clearbg.page.jobs import Row
from clearbg.page.limits import Limits
from clearbg.page.security import RouteFilter
from clearbg.page.uploads import UploadFolder


@pytest.fixture
def client(uploads):
    """A client of the filter before an application that agrees to everything."""
    return TestClient(RouteFilter(PlainTextResponse("through"), uploads, LIMITS))


@pytest.mark.parametrize(
    "method, path, status",
    [
        ("GET", "/", 200),
        ("GET", "/assets/index.js", 200),
        ("GET", "/gradio_api/info", 200),
        ("POST", "/gradio_api/queue/join", 200),
        ("POST", "/gradio_api/call/remove", 200),
        ("GET", "/gradio_api/file={folder}/x.png", 200),
        ("GET", "/gradio_api/file={folder}/../../etc/passwd", 403),
        ("GET", "/gradio_api/file=/etc/passwd", 403),
        ("GET", "/gradio_api/file=https://example.com/a.png", 403),
        ("GET", "/gradio_api/file=http:/example.com/a.png", 403),
        ("GET", "/gradio_api/file/https://example.com/a.png", 404),
        ("GET", "/gradio_api/proxy=https://example.com/a.png", 404),
        ("GET", "/gradio_api/runs", 404),
        ("GET", "/gradio_api/run-history/buckets", 404),
        ("GET", "/gradio_api/deep_link", 404),
        ("GET", "/monitoring", 404),
        ("POST", "/gradio_api/run/remove", 404),
        ("POST", "/gradio_api/component_server", 404),
        ("POST", "/gradio_api/process_recording", 404),
        ("POST", "/gradio_api/vibe-edit", 404),
        ("PUT", "/gradio_api/upload", 404),
    ],
)
def test_filter_opens_to_what_the_page_needs_alone(method, path, status, client, uploads):
    address = path.replace("{folder}", str(uploads.folder)).replace("..", "%2e%2e")
    content = b"{}" if method == "POST" else None
    assert client.request(method, address, content=content).status_code == status


def test_filter_refuses_what_is_too_long_or_does_not_say_how_long_it_is(client):
    upload = "/gradio_api/upload"
    assert client.post(upload, content=bytes(LIMITS.request_bytes)).status_code == 200
    long = client.post(upload, content=bytes(LIMITS.request_bytes + 1))
    assert (long.status_code, long.text.endswith("send less at once.")) == (413, True)
    assert client.post("/gradio_api/queue/join", content=bytes(1_000_001)).status_code == 413
    assert client.post(upload, content=iter([b"some"])).status_code == 411


def test_filter_takes_no_upload_that_the_folder_has_no_room_for(uploads):
    limits = Limits(storage_bytes=1000)
    held = UploadFolder(limits)
    full = TestClient(RouteFilter(PlainTextResponse("through"), held, limits))
    assert full.post("/gradio_api/upload", content=bytes(900)).status_code == 200
    refused = full.post("/gradio_api/upload", content=bytes(1001))
    assert (refused.status_code, "no room" in refused.text) == (503, True)
    held.remove()


def test_old_files_go_and_beyond_the_limit_the_oldest():
    held = UploadFolder(Limits(retention_seconds=100, storage_bytes=2_000_000))
    for age, name in ((1000, "old"), (3, "second"), (2, "third"), (1, "last")):
        path = held.new_folder() / name
        path.write_bytes(bytes(10 if name == "old" else 900_000))
        os.utime(path, (time.time() - age,) * 2)
    empty, new = held.new_folder(), held.new_folder()
    os.utime(empty, (time.time() - 1000,) * 2)
    assert held.make_room()
    assert {path.name for path in held.folder.rglob("*") if path.is_file()} == {"third", "last"}
    assert not empty.exists() and new.exists()
    assert held.make_room(1_500_000) and not held.make_room(2_000_001)
    with held.cleaned_regularly():
        assert held.folder.is_dir()
    assert not held.folder.exists()


def test_table_and_errors_escape_what_came_from_outside():
    rows = [Row("<b>.jpg", reason="<i>"), Row("&.jpg", "&.png", 3, 2, 0.5)]
    shown = table_html(rows, 1.0) + error_html("<script>")
    assert "&lt;b&gt;.jpg" in shown and "&amp;.png" in shown and "1 of 2" in shown
    assert not {"<b>", "<i>", "<script>"} & {shown[i : i + n] for i in range(len(shown))
                                             for n in (3, 8)}  # fmt: skip
