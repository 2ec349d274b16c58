"""What several tests of trainings share."""

import pytest
from support.two_processes import TINY_NETWORKS

from clearbg import models


@pytest.fixture
def tiny_networks(monkeypatch):
    """Networks of two layers, where it does not matter which network learns."""
    for name, make in TINY_NETWORKS.items():
        monkeypatch.setitem(models.MODELS, name, make)
