from types import SimpleNamespace

import torch

from clearbg.data import prefetch
from clearbg.data.prefetch import Prefetcher

BATCHES = [(torch.full((2,), n), torch.full((2,), -n)) for n in range(4)]


def test_batches_come_unchanged_and_in_order():
    for (images, alpha), wanted in zip(Prefetcher(BATCHES, "cpu"), BATCHES, strict=True):
        assert torch.equal(images, wanted[0]) and torch.equal(alpha, wanted[1])


def test_batches_can_be_asked_for_again():
    batches = Prefetcher(BATCHES, "cpu")
    assert len(list(batches)) == len(list(batches)) == 4


def test_bringing_makes_every_batch():
    doubled = Prefetcher(BATCHES, "cpu", bring=lambda batch: (2 * batch[0], batch[1]))
    assert [int(images[0]) for images, _ in doubled] == [0, 2, 4, 6]


def test_waited_counts_the_loader_and_not_the_work(monkeypatch):
    passed = [0.0]
    monkeypatch.setattr(prefetch, "time", SimpleNamespace(perf_counter=lambda: sum(passed)))

    def slow():
        for batch in BATCHES:
            passed.append(3)
            yield batch

    batches = Prefetcher(slow(), "cpu")
    for _ in batches:
        passed.append(10)
    assert batches.waited == 4 * 3
