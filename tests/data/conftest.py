"""Google Drive and Kaggle, and their real clients, for the tests of fetching."""

import pytest
from support.loopback_hubs import client_behind, every_host


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    with every_host(tmp_path_factory.mktemp("tls")) as server:
        yield server


@pytest.fixture(scope="module")
def client(hub):
    with client_behind(hub) as fetch:
        yield fetch
