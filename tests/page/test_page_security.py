"""What reaches the page from outside, and how it is shown."""

import pytest
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient
from support.page import FUNCTIONS, LIMITS

from clearbg.page.handlers import error_html, table_html
from clearbg.page.jobs import Row
from clearbg.page.security import RouteFilter


@pytest.fixture
def client(uploads):
    """A client of the filter before an application that agrees to everything."""
    return TestClient(RouteFilter(PlainTextResponse("through"), uploads, LIMITS, FUNCTIONS))


@pytest.mark.parametrize(
    "method, path, status",
    [
        ("GET", "/", 200),
        ("GET", "/assets/index.js", 200),
        ("GET", "/gradio_api/info", 200),
        ("POST", "/gradio_api/queue/join", 200),
        ("POST", "/gradio_api/call/remove", 200),
        ("POST", "/gradio_api/call/nothing", 404),
        ("POST", "/gradio_api/call/v2/-1", 404),
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


HOSTILE = {
    "no JSON": b"{", "a list": b"[]", "not text": b'{"a": "\xff"}', "nothing": b"",
    "deep": b"[" * 200_000, "rather deep": b'{"data": ' + b"[" * 60 + b"]" * 60 + b"}",
    "long number": b'{"data": [' + b"9" * 6000 + b"]}",
}  # fmt: skip


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE)
def test_body_that_no_browser_sends_is_refused_in_a_sentence(content, client):
    answer = client.post("/gradio_api/queue/join", content=content)
    assert (answer.status_code, "does not fit" in answer.text) == (400, True)


@pytest.mark.parametrize("index", [-1, 3, 2**70, 0.0, True, "0", [0]])
def test_number_of_no_function_is_refused_in_a_sentence(index, client):
    for route in ("queue/join", "call/remove", "cancel"):
        answer = client.post(f"/gradio_api/{route}", json={"fn_index": index, "data": []})
        assert answer.status_code == 404 and "no function of this number" in answer.text
    for known in (0, None):
        assert client.post("/gradio_api/queue/join", json={"fn_index": known}).is_success


def test_upload_without_login_is_refused(uploads):
    closed = RouteFilter(PlainTextResponse("log in", 401), uploads, LIMITS, FUNCTIONS)
    answer = TestClient(closed).post("/gradio_api/upload", files={"files": b"some"})
    assert answer.status_code == 401 and list(uploads.folder.iterdir()) == []


def test_table_and_errors_escape_what_came_from_outside():
    rows = [Row("<b>.jpg", reason="<i>"), Row("&'.jpg", "&.png", 3, 2, 0.5, thumbnail=b"small")]
    shown = table_html(rows, 1.0) + error_html("<script>")
    assert "&lt;b&gt;.jpg" in shown and "&amp;.png" in shown and "1 of 2" in shown
    assert "alt='cutout of &amp;&#x27;.jpg'" in shown
    assert not {"<b>", "<i>", "<script>"} & {shown[i : i + n] for i in range(len(shown))
                                             for n in (3, 8)}  # fmt: skip
