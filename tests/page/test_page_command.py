"""`clearbg demo`: what its options do, the registry's champion, and what it refuses."""

import os
import socket
import subprocess
import sys
import threading
import types

import pytest
from typer.testing import CliRunner

from clearbg.cli import demo as cli_demo
from clearbg.cli.app import app
from clearbg.errors import ModelError, SettingsError
from clearbg.page import server
from clearbg.page.limits import Limits
from clearbg.page.models import ModelChoices


@pytest.fixture
def demo(monkeypatch):
    """Runs the command without serving; gives what it would serve, and what it said."""
    served = {}

    def serve(models, limits, host, port, login, say, allowed_hosts):
        served.update(models=models, limits=limits, host=host, port=port, login=login)
        served.update(allowed_hosts=allowed_hosts)

    monkeypatch.setattr(server, "serve", serve)

    def run(*arguments, status: int = 0, fetch=lambda alias: None):
        registry = types.ModuleType("clearbg.tracking.registry")
        registry.fetch = fetch
        monkeypatch.setitem(sys.modules, "clearbg.tracking.registry", registry)
        monkeypatch.setattr("clearbg.tracking.registry", registry, raising=False)
        done = CliRunner().invoke(app, ["demo", *map(str, arguments)])
        assert done.exit_code == status, f"{done.stderr}{done.exception!r}"
        assert "Traceback" not in done.stderr
        return served, done.stderr

    return run


def test_options_say_what_is_served_where_and_how_much(demo, model, monkeypatch):
    monkeypatch.setenv(server.LOGIN, "ann:a:b")
    served, _ = demo(
        "--model", model, "--host", "0.0.0.0", "--port", 1234, "--megabytes", 1, "--megapixels", 2,
        "--images", 3, "--concurrency", 4, "--allow-host", "a.example", "--allow-host", "b",
        "--gigabytes", 0.5,
    )  # fmt: skip
    limits = served["limits"]
    assert (limits.file_bytes, limits.pixels) == (1_000_000, 2_000_000)
    assert (limits.images, limits.concurrency, limits.storage_bytes) == (3, 4, 500_000_000)
    assert (served["host"], served["port"]) == ("0.0.0.0", 1234)
    assert served["allowed_hosts"] == ["a.example", "b"]
    assert served["login"] == ("ann", "a:b") and list(served["models"].models) == ["model"]


def test_page_is_on_this_computer_without_login_unless_told_otherwise(demo, model):
    served, told = demo("--model", model)
    assert (served["host"], served["login"], told) == ("127.0.0.1", None, "")
    assert served["allowed_hosts"] == ()


def test_names_of_the_page_come_from_the_environment_too(demo, model, monkeypatch):
    monkeypatch.setenv("CLEARBG_PAGE_HOSTS", "a.example b.example")
    assert demo("--model", model)[0]["allowed_hosts"] == ["a.example", "b.example"]


def test_champion_of_the_registry_can_be_picked(demo, model):
    served, _ = demo("--model", model.parent, fetch={"champion": model}.get)
    assert list(served["models"].models) == ["model", "champion"]
    served, told = demo("--model", model.parent)
    assert list(served["models"].models) == ["model"] and told == ""


def fails(alias):
    raise OSError("no route to host\nand more")


def refuses(alias):
    raise ModelError("The file is another one.")


@pytest.mark.parametrize(
    "fetch, says",
    [
        (fails, "OSError: no route to host\n"),
        (refuses, "The file is another one."),
        (lambda alias: threading.Event().wait(60), "did not answer within 0.1 seconds"),
    ],
)
def test_registry_that_fails_or_hangs_does_not_keep_the_page_shut(
    fetch, says, demo, model, monkeypatch
):
    monkeypatch.setattr(cli_demo, "PATIENCE", 60.0 if fetch in (fails, refuses) else 0.1)
    served, told = demo("--model", model.parent, fetch=fetch)
    assert list(served["models"].models) == ["model"]
    assert "opens without the registry's champion" in told and says in told


def test_page_without_exports_offers_the_models_of_the_package(demo):
    served, _ = demo()
    assert next(iter(served["models"].models)) == "clearbg-lite"
    served, _ = demo("--model", "clearbg-lite-fp16")
    assert list(served["models"].models) == ["clearbg-lite-fp16"]


def test_no_model_no_gradio_and_a_bad_login_are_said_in_a_sentence(
    demo, model, tmp_path, monkeypatch
):
    (tmp_path / "exports").mkdir()
    assert "exports holds no .onnx file" in demo("--model", "exports", status=1)[1]
    assert "nowhere.onnx does not exist" in demo("--model", "nowhere.onnx", status=1)[1]
    monkeypatch.setenv(server.LOGIN, "secret")
    told = demo("--model", model, status=1)[1]
    assert "not name:password" in told and "secret" not in told
    monkeypatch.setitem(sys.modules, "gradio", None)
    assert "pip install gradio" in demo("--model", model, status=1)[1]


@pytest.mark.slow
@pytest.mark.parametrize("command", [["demo"], ["serve", "--page"]])
def test_sigterm_during_the_start_leaves_no_folder(command, model, tmp_path):
    temporary, packages = tmp_path / "tmp", tmp_path / "packages"
    temporary.mkdir()
    packages.mkdir()
    (packages / "gradio.py").write_text(
        "import os, signal\n"
        "assert os.path.isdir(os.environ['GRADIO_TEMP_DIR'])\n"
        "os.kill(os.getpid(), signal.SIGTERM)\n"
    )
    paths = os.pathsep.join([str(packages), *filter(None, sys.path)])
    done = subprocess.run(
        [sys.executable, "-m", "clearbg", *command, "--model", str(model), "--port", "0"],
        env={**os.environ, "PYTHONPATH": paths, "TMPDIR": str(temporary)},
        cwd=tmp_path, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "") and not list(temporary.iterdir())


def test_taken_port_is_said_in_a_sentence(model):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SettingsError, match=f"Port {port} of 127.0.0.1 cannot be used"):
            server.serve(ModelChoices([model]), Limits(), port=port)
