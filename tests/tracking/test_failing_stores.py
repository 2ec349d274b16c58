"""A store that fails costs one warning and no work; real servers on loopback."""

import contextlib
import re
import shutil
import socket
import subprocess
import sys
import time

import mlflow
import pytest
from support.loopback import Handler, page, served, status
from support.mlflow_servers import local
from support.ports import free_port
from support.tracked_runs import HISTORY, SETTINGS, from_files, not_called, points, train

from clearbg.errors import RegistryError
from clearbg.tracking import registry
from clearbg.tracking import runs as tracking

pytestmark = pytest.mark.slow  # the first store of MLflow takes seconds


LONG = 60  # seconds; MLflow by itself would go on trying for minutes


class Ill(Handler):
    """Says that it is well, and gives everything else the answer of the site."""

    def do_GET(self):
        well = self.path == "/health"
        (status(200, b"OK") if well else self.server.answer)(self)

    do_POST = do_PATCH = do_GET


def hang_up(handler):
    handler.close_connection = True


def say_nothing(handler):
    time.sleep(20)


@pytest.mark.parametrize(
    "answer, why",
    [
        (status(500), "500 error"), (status(404), "404 !="), (hang_up, "without response"),
        (status(200, page("Sign in")), "not in a valid JSON"), (status(200, b"[1]"), "valid JSON"),
        (say_nothing, "[Tt]imed out|timeout"), (status(200, b""), "its answers are empty"),
    ],
    ids=["500", "404", "hangs up", "page", "list", "silent", "empty"],
)  # fmt: skip
def test_server_that_answers_badly_is_one_sentence_within_seconds(monkeypatch, capfd, answer, why):
    if answer is say_nothing:  # else a busy machine may take seconds for an answer
        monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    with served(Ill) as site:
        site.answer = answer
        monkeypatch.setenv("MLFLOW_TRACKING_URI", site.url)
        start = time.monotonic()
        train("nowhere")
        tracking.run_of_weights("abc", SETTINGS, "demo", not_called)
        with pytest.raises(RegistryError, match=why) as error:
            registry.fetch()
        assert time.monotonic() - start < LONG
    warnings = capfd.readouterr().err.splitlines()
    assert len(warnings) == 2 and all(re.search(why, warning) for warning in warnings)
    assert str(error.value).endswith("then run again.") and "\n" not in str(error.value)


def test_unreachable_server_is_one_warning(monkeypatch, capfd):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://me:secret@127.0.0.1:9")
    train("nowhere")
    (warning,) = capfd.readouterr().err.splitlines()
    assert "Connection refused" in warning
    assert "next stage" in warning
    assert "secret" not in warning


def test_unreachable_server_costs_no_time(monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    start = time.monotonic()
    train("nowhere")
    assert time.monotonic() - start < LONG


def test_nothing_is_filled_in_without_a_store(monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    tracking.run_of_weights("abc", SETTINGS, "demo", not_called)


@pytest.mark.parametrize("uri", ["mlruns", "sqlite:///damaged.db", "nonsense://host"])
def test_unusable_store_is_one_warning(monkeypatch, capfd, tmp_path, uri):
    (tmp_path / "damaged.db").write_bytes(b"no database" * 100)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    train("nowhere")
    assert len(capfd.readouterr().err.splitlines()) == 1


def test_store_that_breaks_in_the_middle_is_one_warning(
    store, folder, monkeypatch, capfd, tmp_path
):
    train("makes the database")
    shutil.copy(folder / "mlflow.db", tmp_path / "mlflow.db")
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    with tracking.train_run("broken", SETTINGS, "demo") as run:
        run.history(HISTORY[:1])
        (tmp_path / "mlflow.db").write_bytes(b"no database" * 100)
        run.history(HISTORY)
        run.metrics({"test/max_f": 0.9})
    assert len(capfd.readouterr().err.splitlines()) == 1


@pytest.mark.slow
def test_server_that_dies_in_the_middle_gets_the_rest_later(tmp_path, monkeypatch, capfd):
    port = free_port()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{port}")
    with contextlib.ExitStack() as running:
        running.enter_context(local(tmp_path, port))
        with tracking.train_run("cut short", SETTINGS, "demo") as run:
            run.history(HISTORY[:1])
            running.close()
            start = time.monotonic()
            run.history(HISTORY[:2])
            run.history(HISTORY)
            assert time.monotonic() - start < LONG
    (warning,) = capfd.readouterr().err.splitlines()
    assert "Connection refused" in warning

    report = tmp_path / "report.txt"
    report.write_text("A file that no process writes to.\n")  # MLflow sends the length first
    with local(tmp_path, port):
        again = tracking.run_of_weights("abc", SETTINGS, "demo", from_files, "cut short")
        again.file(report)
        client = mlflow.MlflowClient(tracking.uri())
        assert again.id == run.id
        assert points(client, run, "train/loss") == [(1, 0.5), (2, 0.4), (3, 0.3)]
        assert client.get_run(run.id).info.status == "FINISHED"
    assert capfd.readouterr().err == ""


@pytest.mark.slow
def test_server_that_never_answers_costs_seconds(monkeypatch, capfd):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{silent.getsockname()[1]}")
        start = time.monotonic()
        train("nowhere")
    assert time.monotonic() - start < LONG
    assert "timed out" in capfd.readouterr().err


@pytest.mark.slow
def test_two_processes_share_a_new_database(tmp_path):
    code = """
import sys, pandas as pd
from clearbg.tracking import runs as tracking
for index in range(5):
    with tracking.train_run(f"{sys.argv[1]} {index}", {"train.seed": index}, "demo") as run:
        for epoch in range(1, 6):
            run.history(pd.DataFrame({"epoch": range(1, epoch + 1), "train/loss": 0.5}))
"""
    workers = [
        subprocess.Popen([sys.executable, "-c", code, name], stderr=subprocess.PIPE, text=True)
        for name in "ab"
    ]
    assert [worker.communicate(timeout=120)[1] for worker in workers] == ["", ""]
    client = mlflow.MlflowClient(tracking.uri())
    experiment = client.get_experiment_by_name("clearbg").experiment_id
    runs = client.search_runs([experiment])
    assert [run.info.status for run in runs] == ["FINISHED"] * 10
