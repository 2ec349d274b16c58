"""Requests that wait, that find no place, and whose clients leave."""

import dataclasses
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from support.page import photo
from support.serving import LIMITS, Gate, served, waited

from clearbg.errors import ModelError
from clearbg.serving.limits import Limits

PHOTO = photo()


@pytest.fixture
def gate(model) -> Gate:
    return Gate(model)


@pytest.fixture(params=[1, 2], ids=["single images", "batches"])
def busy(model, gate, request):
    """A client of a server whose removals wait at the gate."""
    limits = dataclasses.replace(LIMITS, batch=request.param)
    with served(model, limits, opened=lambda: gate) as client, ThreadPoolExecutor(8) as pool:
        client.begin = lambda: pool.submit(client.post, "/remove", content=PHOTO)
        try:
            yield client
        finally:
            gate.opened.set()


def filled(client) -> list:
    """Four requests: two that run, two that wait."""
    sent = [client.begin() for _ in range(LIMITS.concurrency + LIMITS.queue)]
    assert waited(lambda: client.removals.waiting == 2)
    return sent


def test_full_queue_answers_429_with_a_time_and_the_others_get_their_cutouts(busy, gate):
    sent = filled(busy)
    refused = busy.post("/remove", content=PHOTO)
    assert refused.status_code == 429 and int(refused.headers["retry-after"]) >= 1
    assert "queue is full" in refused.json()["detail"]
    said = busy.get("/metrics").text
    assert "clearbg_running 2\n" in said and "clearbg_waiting 2\n" in said
    assert f"clearbg_held_bytes {4 * len(PHOTO)}\n" in said
    gate.opened.set()
    assert [one.result().status_code for one in sent] == [200] * 4
    assert waited(lambda: busy.removals.running == 0)
    assert busy.post("/remove", content=PHOTO).status_code == 200
    assert "clearbg_held_bytes 0\n" in busy.get("/metrics").text


def test_stopping_server_finishes_what_it_took_and_refuses_what_is_new(busy, gate):
    sent = filled(busy)
    busy.removals.stop()
    refused = busy.post("/remove", content=PHOTO)
    assert refused.status_code == 503 and "stopping" in refused.json()["detail"]
    assert busy.get("/readyz").status_code == 503 and busy.get("/healthz").status_code == 200
    gate.opened.set()
    assert [one.result().status_code for one in sent] == [200] * 4


def test_server_is_ready_when_its_model_is(model, gate):
    begun = threading.Event()

    def opened():
        assert begun.wait(120)
        return gate

    with served(model, opened=opened, loading=True) as client:
        assert client.get("/healthz").status_code == 200
        assert client.get("/readyz").status_code == 503
        for path in ("/remove", "/api/remove?model=u2net"):
            early = client.post(path, content=PHOTO)
            assert early.status_code == 503 and early.headers["retry-after"] == "1"
        assert "clearbg_ready 0\n" in client.get("/metrics").text
        begun.set()
        assert waited(lambda: client.get("/readyz").status_code == 200)


@pytest.mark.parametrize("error", [ModelError("broken."), MemoryError()])
def test_model_that_cannot_be_opened_is_told(model, error):
    def opened():
        raise error

    with served(model, opened=opened, loading=True) as client:
        assert waited(lambda: client.removals.failure is not None)
        assert client.get("/readyz").status_code == 503


class Narrow(Limits):
    room_bytes = 3 * len(PHOTO)


def test_requests_beyond_the_room_are_asked_to_come_back(model, gate):
    limits = Narrow(file_bytes=len(PHOTO), concurrency=1, queue=100)
    with served(model, limits, opened=lambda: gate) as client, ThreadPoolExecutor(8) as pool:
        sent = [pool.submit(client.post, "/remove", content=PHOTO) for _ in range(2)]
        assert waited(lambda: f"held_bytes {2 * len(PHOTO)}\n" in client.get("/metrics").text)
        refused = client.post("/remove", content=PHOTO)
        assert refused.status_code == 429 and "no room" in refused.json()["detail"]
        gate.opened.set()
        assert [one.result().status_code for one in sent] == [200] * 2
