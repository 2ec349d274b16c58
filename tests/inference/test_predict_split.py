"""Many images through a network, for scoring."""

import numpy as np
import pytest
from support.models import brightness_model

from clearbg import Remover
from clearbg.inference.predict import predict, predict_split


def images():
    """Five gray images of different sizes, each with its truth."""
    for index in range(5):
        size = (30 + index, 40)
        yield np.full((*size, 3), 50 * index, np.uint8), np.full(size, index, np.uint8)


@pytest.mark.parametrize("batch_size, batches", [(1, [1] * 5), (2, [2, 2, 1]), (9, [5])])
def test_every_image_gets_its_own_alpha_in_batches_of_the_size_asked_for(
    tmp_path, batch_size, batches
):
    remover, seen = Remover(brightness_model(tmp_path / "m.onnx")), []

    def network(batch):
        seen.append(len(batch))
        return remover.network(batch)

    found = list(predict_split(network, remover.contract, images(), batch_size))
    assert seen == batches
    for (alpha, truth), (rgb, expected) in zip(found, images(), strict=True):
        assert np.array_equal(truth, expected)
        assert np.array_equal(alpha, predict([rgb], remover.network, remover.contract)[0])


def test_images_are_read_as_their_batch_comes(tmp_path):
    remover, read = Remover(brightness_model(tmp_path / "m.onnx")), []

    def watched():
        for pair in images():
            read.append(pair)
            yield pair

    found = predict_split(remover.network, remover.contract, watched(), 2)
    next(found)
    assert len(read) == 2


def test_no_images_give_nothing(tmp_path):
    remover = Remover(brightness_model(tmp_path / "m.onnx"))
    assert list(predict_split(remover.network, remover.contract, iter(()))) == []
