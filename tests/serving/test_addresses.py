"""The server's other addresses, and who may call them."""

import asyncio
import re

import pytest
from support.page import photo
from support.serving import LIMITS, served

PHOTO = photo()


def test_documentation_needs_nothing_from_elsewhere(client):
    page = client.get("/")
    assert page.status_code == 200 and str(page.url).endswith("/docs")
    assert not re.search(r"(src|href|action)=\"?(https?:)?//", page.text)
    assert (
        "<script" not in page.text
        and "default-src 'none'" in (page.headers["content-security-policy"])
    )
    for word in ("keep_metadata", "/api/remove", "/readyz", "0.1 MB", "model", "429"):
        assert word in page.text


def test_metrics_are_prometheus_text(model):
    with served(model) as client:
        client.post("/remove", content=PHOTO)
        client.post("/remove", content=b"text")
        client.get("/nowhere")
        client.get("/healthz", headers={"host": "evil.example"})
        answer = client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    lines = answer.text.splitlines()
    assert all(re.fullmatch(r'# (HELP|TYPE) \w+ .+|\w+({\w+="[^"]*"(,\w+="[^"]*")*})? [\d.]+', line)
               for line in lines)  # fmt: skip
    assert 'clearbg_requests_total{path="/remove",status="200"} 1' in lines
    assert 'clearbg_requests_total{path="/remove",status="422"} 1' in lines
    assert 'clearbg_requests_total{path="other",status="404"} 1' in lines
    assert 'clearbg_requests_total{path="/healthz",status="421"} 1' in lines
    assert "clearbg_removal_seconds_count 1" in lines and "clearbg_pixels_total 4800" in lines
    assert 'clearbg_info{version="0.1.0",model="model"} 1' in lines


def test_client_that_leaves_counts_as_499_and_not_as_a_defect(client):
    async def leaves():
        return {"type": "http.disconnect"}

    async def nowhere(_):
        pass

    scope = {"type": "http", "method": "POST", "path": "/remove", "query_string": b"",
             "headers": [(b"host", b"127.0.0.1")]}  # fmt: skip
    asyncio.run(client.app(scope, leaves, nowhere))
    counted = client.get("/metrics").text
    assert 'path="/remove",status="499"} 1' in counted and 'status="500"' not in counted


def test_address_that_is_not_there_is_answered_with_a_sentence(client):
    assert client.get("/nowhere").json() == {"detail": "There is no such address: / lists all."}
    assert client.delete("/remove").status_code == 405
    assert client.get("/docs?" + "a" * 5000).status_code == 414
    assert client.head("/healthz").status_code == 200


@pytest.mark.parametrize(
    "origin, allowed",
    [
        ("http://127.0.0.1:3000", True),
        ("http://localhost:3000", True),
        ("http://[::1]:3000", True),
        ("https://friend.example", True),
        ("https://evil.example", False),
        ("https://friend.example.evil.example", False),
        ("http://6.6.6.6", False),
        ("null", False),
        ("", False),
    ],
)
def test_pages_of_other_websites_are_refused(origin, allowed, model):
    with served(model, LIMITS, "friend.example") as client:
        headers = {"origin": origin}
        asked = headers | {"access-control-request-method": "POST"}
        preflight = client.options("/remove", headers=asked)
        answer = client.post("/remove", content=PHOTO, headers=headers)
    if allowed:
        assert (preflight.status_code, answer.status_code) == (204, 200)
        assert answer.headers["access-control-allow-origin"] == origin
    else:
        assert (preflight.status_code, answer.status_code) == (403, 403)
        assert "access-control-allow-origin" not in answer.headers
        assert "--allow-host" in answer.text


def test_foreign_hosts_are_refused(client):
    refused = client.get("/healthz", headers={"host": "evil.example"})
    assert refused.status_code == 421 and refused.json()["detail"]
