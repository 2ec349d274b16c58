"""What the tests of the page share: a folder of uploads, a parser of requests, and jobs."""

from pathlib import Path

import pytest
from support.models import brightness_model
from support.page import LIMITS

from clearbg.page.jobs import Jobs
from clearbg.page.models import ModelChoices
from clearbg.page.requests import RequestParser
from clearbg.page.uploads import UploadFolder


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    return brightness_model(tmp_path_factory.mktemp("model") / "model.onnx")


@pytest.fixture
def uploads():
    folder = UploadFolder(LIMITS)
    yield folder
    folder.remove()


@pytest.fixture
def parser(uploads) -> RequestParser:
    return RequestParser(uploads, LIMITS)


@pytest.fixture
def jobs(parser, uploads, model) -> Jobs:
    return Jobs(parser, ModelChoices([model]), uploads)


@pytest.fixture
def send(uploads):
    """Puts a file where uploads lie; gives what a request then says of it."""

    def put(name: str, content: bytes) -> dict:
        path = uploads.new_folder() / name
        path.write_bytes(content)
        return {
            "path": str(path),
            "url": "http://testserver/x",
            "meta": {"_type": "gradio.FileData"},
        }

    return put
