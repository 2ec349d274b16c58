"""Checkpoints that no training wrote are refused within seconds, or imported as they are meant."""

import time

import pytest
import torch

from clearbg import models
from clearbg.errors import ModelError
from clearbg.importing import import_weights

NAME = "stage1.rebnconvin.conv_s1.weight"


@pytest.fixture
def imported(tmp_path):
    def run(content):
        torch.save(content, tmp_path / "net.pth")
        return import_weights(str(tmp_path / "net.pth"), tmp_path / "imported")

    return run


def network() -> dict[str, torch.Tensor]:
    return models.build("u2netp").state_dict()


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(1, 1, 1, 1), (4, 4, 2, 2), (2, 1, 1, 1)])
def test_thousands_of_tiny_convolutions_are_refused_within_seconds(imported, shape):
    many = {f"{n}.weight": torch.zeros(shape) for n in range(3000)}
    began = time.thread_time()
    with pytest.raises(ModelError, match="holds no known network"):
        imported({**many, "last.weight": torch.zeros(3, 1, 1, 1)})
    assert time.thread_time() - began < 20


@pytest.mark.slow
@pytest.mark.parametrize(
    "epoch, told",
    [(float("nan"), None), (float("inf"), None), (-1, None), (10**300, None), (7.0, 7)],
)
def test_epoch_is_told_where_it_is_one(imported, epoch, told):
    assert imported({"epoch": epoch, "state_dict": network()}).epoch == told


@pytest.mark.parametrize(
    "change, kind",
    [
        (lambda tensor: tensor.to_sparse(), "sparse"),
        (lambda tensor: tensor.to(torch.complex64), "complex64"),
        (lambda tensor: tensor.to(torch.int8), "int8"),
        (lambda tensor: tensor.to(torch.float8_e5m2), "float8_e5m2"),
        (lambda tensor: tensor.to("meta"), "empty"),
    ],
    ids=["sparse", "complex", "int8", "float8", "meta"],
)
def test_tensor_that_is_no_plain_array_of_floats_is_named(imported, change, kind):
    weights = network()
    weights[NAME] = change(weights[NAME])
    with pytest.raises(ModelError, match=f"net.pth holds {NAME} as a tensor that is {kind}, not"):
        imported(weights)


def test_dictionaries_that_hold_one_another_are_searched_once(imported):
    tree: dict = {}
    tree["itself"] = tree
    shared: dict = tree
    for _ in range(6):
        shared = {str(number): shared for number in range(30)}
    for content in (tree, shared):
        with pytest.raises(ModelError, match="holds no state dict"):
            imported(content)


def test_two_classes_without_their_two_biases_are_refused(imported):
    with pytest.raises(ModelError, match="holds no known network"):
        imported({"a.weight": torch.zeros(2, 1, 1, 1), "a.bias": torch.zeros(())})
