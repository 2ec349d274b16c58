"""One SQLite store for the tests of runs, in a folder of its own."""

import os
import subprocess
import sys

import mlflow
import pytest

from clearbg.tracking import runs as tracking


@pytest.fixture(scope="session")
def first_run(tmp_path_factory):
    """A process that made the store which these tests share."""
    code = """
from clearbg.tracking import runs as tracking
with tracking.train_run("first", {}, "demo") as run:
    run.metrics({"train/loss": 0.5})
"""
    folder = tmp_path_factory.mktemp("a store")
    variables = {k: v for k, v in os.environ.items() if not k.startswith(("DVC_", "MLFLOW_"))}
    return subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=variables, capture_output=True, text=True
    ), folder


@pytest.fixture
def folder(first_run):
    return first_run[1]


@pytest.fixture
def store(folder, monkeypatch):
    monkeypatch.setenv("DVC_ROOT", str(folder))
    return mlflow.MlflowClient(tracking.uri())


@pytest.fixture
def fingerprint(request):
    return request.node.name
