"""The hosts under which the page answers, and those that it refuses."""

import pytest
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient

from clearbg.web.hosts import HostFilter


def status(listening: str, host: str, *further: str, **headers: str) -> int:
    page = TestClient(HostFilter(PlainTextResponse("through"), listening, further))
    sent = {"host": host, **{name.replace("_", "-"): value for name, value in headers.items()}}
    return page.get("/", headers=sent).status_code


@pytest.mark.parametrize(
    "listening, host, allowed",
    [
        ("127.0.0.1", "127.0.0.1:7860", True),
        ("127.0.0.1", "localhost:9000", True),
        ("127.0.0.1", "LOCALHOST.", True),
        ("127.0.0.1", "[::1]:7860", True),
        ("127.0.0.1", "evil.example:7860", False),
        ("127.0.0.1", "localhost.evil.example", False),
        ("127.0.0.1", "127.0.0.1.evil.example", False),
        ("127.0.0.1", "192.168.0.7:7860", False),
        ("127.0.0.1", "localhost, evil.example", False),
        ("127.0.0.1", "", False),
        ("127.0.0.1", "localhost:x", False),
        ("127.0.0.1", "evil.example@localhost", False),
        ("localhost", "localhost:1", True),
        ("::1", "[::1]:7860", True),
        ("0.0.0.0", "192.168.0.7:7860", True),
        ("0.0.0.0", "[fe80::1]:7860", True),
        ("0.0.0.0", "evil.example", False),
        ("192.168.0.7", "192.168.0.7:7860", True),
        ("192.168.0.7", "192.168.0.8:7860", False),
        ("192.168.0.7", "localhost", False),
        ("page.lan", "page.lan:7860", True),
    ],
)
def test_page_answers_under_the_address_it_was_started_for(listening, host, allowed):
    assert status(listening, host) == (200 if allowed else 421)


def test_forwarded_host_is_held_to_the_same_names():
    assert status("127.0.0.1", "localhost", x_forwarded_host="localhost:7860") == 200
    assert status("127.0.0.1", "localhost", x_forwarded_host="evil.example") == 421
    assert status("127.0.0.1", "localhost", x_forwarded_host="localhost, evil.example") == 421


def test_further_hosts_are_those_of_a_proxy():
    proxied = {"x_forwarded_host": "cut.example"}
    assert status("127.0.0.1", "127.0.0.1", "cut.example", **proxied) == 200
    assert status("0.0.0.0", "Cut.Example:443", "cut.example") == 200
    assert status("0.0.0.0", "cut.example.evil.example", "cut.example") == 421
    assert status("0.0.0.0", "a-space.hf.space", "*", x_forwarded_host="any.example") == 200


def test_refusal_says_what_to_do():
    page = TestClient(HostFilter(PlainTextResponse("through"), "127.0.0.1"))
    assert "`--allow-host`" in page.get("/", headers={"host": "evil.example"}).text
