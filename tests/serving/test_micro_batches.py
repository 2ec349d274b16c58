"""Requests that wait together go through the network together, and are answered singly."""

import io
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image
from support.models import brightness_model
from support.page import photo
from support.serving import served, waited
from typer.testing import CliRunner

from clearbg.cli.app import app
from clearbg.errors import ModelError
from clearbg.images.convert import image_of
from clearbg.inference.sessions import BATCH
from clearbg.removal.cutout import cut
from clearbg.removal.remover import Remover
from clearbg.serving import server
from clearbg.serving.batches import Batches
from clearbg.serving.limits import Limits

LIMITS = Limits(100_000, 20_000, concurrency=8, queue=2, batch=4)


class Counted:
    """A network that notes how many images each run has; the runs wait until it is opened."""

    def __init__(self, network=lambda batch: batch.mean(1, keepdims=True)):
        self._network, self.runs, self.opened = network, [], threading.Event()

    def __call__(self, batch: np.ndarray) -> np.ndarray:
        self.runs.append(len(batch))
        assert self.opened.wait(20)
        return self._network(batch)


def inputs(number: int, images: int = 1) -> np.ndarray:
    return np.full((images, 3, 2, 2), number, np.float32)


def together(batches: Batches, network: Counted, *given: np.ndarray) -> list:
    """What calls give, or raise, that come while another one runs."""
    with ThreadPoolExecutor(len(given) + 1) as pool:
        first = pool.submit(batches, inputs(0))
        assert waited(lambda: network.runs == [1])
        calls = []
        for one in given:  # one after the other, so that their order is known
            calls.append(pool.submit(batches, one))
            assert waited(lambda: batches.waiting == len(calls))
        network.opened.set()
        assert first.result().shape == (1, 1, 2, 2)
        return [call.exception() or call.result() for call in calls]


def test_calls_that_wait_are_run_together_in_their_order_and_get_their_own():
    network = Counted()
    given = [inputs(1), inputs(2, 3), inputs(3), inputs(4, 6), inputs(5)]
    found = together(Batches(network, 4), network, *given)
    assert network.runs == [1, 4, 1, 6, 1]  # six at once are more than a batch, and go alone
    for number, (alphas, images) in enumerate(zip(found, given, strict=True), 1):
        assert alphas.shape == (len(images), 1, 2, 2) and (alphas == number).all()


def test_call_that_fails_does_not_spoil_those_that_ran_with_it():
    def fragile(batch):
        if (batch == 2).any():
            raise ModelError("two.")
        return batch[:, :1]

    network = Counted(fragile)
    found = together(Batches(network, 4), network, *map(inputs, (1, 2, 3)))
    assert network.runs == [1, 3, 1, 1, 1] and str(found[1]) == "two."
    assert [found[0].max(), found[2].max()] == [1, 3]


@pytest.mark.slow
def test_eight_requests_at_once_with_a_bad_one_get_their_answers_in_fewer_runs(model):
    photos = [photo(index) for index in range(7)]
    remover = Remover(model)
    expected = [np.array(cut(remover, image_of(one)).image.alpha) for one in photos]
    counted = Counted(remover.network)
    remover.network = counted
    counted.opened.set()
    with served(model, LIMITS, opened=lambda: remover) as client, ThreadPoolExecutor(8) as pool:
        assert counted.runs == [1, 4]  # the server has tried a whole batch
        counted.runs.clear()
        counted.opened.clear()
        sent = [pool.submit(client.post, "/remove", content=one) for one in photos]
        bad = client.post("/remove", content=photos[0][:300])
        arrived = waited(lambda: client.removals.shared().network.waiting == 6)
        counted.opened.set()
        answers = [one.result() for one in sent]
        told = client.get("/metrics").text
    assert 'batch_images_bucket{le="1"} 1\n' in told and 'batch_images_bucket{le="4"} 3\n' in told
    assert "clearbg_batch_images_sum 7" in told and "clearbg_batch_images_count 3\n" in told
    assert arrived and (bad.status_code, "cut short" in bad.json()["detail"]) == (422, True)
    assert counted.runs == [1, 4, 2]
    for answer, alpha in zip(answers, expected, strict=True):
        assert answer.status_code == 200
        made = np.array(Image.open(io.BytesIO(answer.content)))[..., 3]
        assert np.abs(made.astype(int) - alpha).max() <= 1


def test_model_that_takes_one_image_at_a_time_is_refused_at_the_start(tmp_path):
    single = brightness_model(tmp_path / "single.onnx", images=1)
    with served(single, LIMITS, loading=True) as client:
        assert waited(lambda: client.removals.failure is not None)
        assert "start the server with --batch 1" in str(client.removals.failure)
    with served(single) as client:
        assert client.post("/remove", content=photo()).status_code == 200
        assert "clearbg_batch_images" not in client.get("/metrics").text


@pytest.mark.parametrize(
    "given, batch, concurrency",
    [
        ("--batch 4", 4, 8),
        ("--batch 2 --concurrency 3", 2, 3),
        ("--concurrency 3", 1, 3),
        ("--device cuda", 8, 16),
        ("--device cuda --concurrency 3", 3, 3),
    ],
)
def test_batch_decides_how_many_removals_are_side_by_side(given, batch, concurrency, monkeypatch):
    served = []
    monkeypatch.setattr(server, "serve", lambda runs, limits, *_: served.append(limits))
    CliRunner().invoke(app, ["serve", "--model", "clearbg-lite", *given.split()])
    assert (served[0].batch, served[0].concurrency) == (batch, concurrency)


def test_batch_without_as_many_removals_at_once_is_refused():
    done = CliRunner().invoke(app, ["serve", "--batch", "4", "--concurrency", "3"])
    assert done.exit_code == 1 and "raise --concurrency to that" in done.stderr
    assert BATCH["cpu"] == 1
