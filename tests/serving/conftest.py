"""A model and a server that the tests of a file share."""

from pathlib import Path

import pytest
from support.models import brightness_model
from support.serving import served


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    return brightness_model(tmp_path_factory.mktemp("model") / "model.onnx")


@pytest.fixture(scope="module")
def client(model):
    with served(model) as client:
        yield client
