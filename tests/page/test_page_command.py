"""`clearbg demo`: which models are offered, what its options do, and the Space that it writes."""

import ast
import importlib.metadata
import socket
import sys
import time
import types
from pathlib import Path

import pytest
from support.models import brightness_model
from typer.testing import CliRunner

from clearbg.cli import demo as cli_demo
from clearbg.cli.app import app
from clearbg.errors import ModelError, SettingsError
from clearbg.page import server
from clearbg.page.limits import Limits
from clearbg.page.models import Offered


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    return brightness_model(tmp_path_factory.mktemp("model") / "model.onnx")


def test_models_are_offered_with_the_default_first_and_what_is_none_is_told(model, tmp_path):
    for name in ("model", "small", "champion"):
        brightness_model(tmp_path / f"{name}.onnx", height=64 if name == "small" else 32)
    (tmp_path / "broken.onnx").write_text("no model")
    told = []
    offered = Offered(sorted(tmp_path.glob("*.onnx")), champion=model, say=told.append)
    assert list(offered.models) == ["model", "champion", "small", "champion-of-registry"]
    assert len(told) == 1 and "broken.onnx is not a whole ONNX file" in told[0]
    assert offered.remover(None, True)[0] == "model"
    name, remover = offered.remover("small", refine=False)
    assert (name, remover.contract.height, remover.refine) == ("small", 64, False)
    assert offered.remover("small", refine=True)[1].refine
    with pytest.raises(SettingsError, match="no model 'big': choose model or"):
        offered.remover("big", True)
    brightness_model(tmp_path / "small.onnx", height=128)
    assert offered.remover("small", True)[1].contract.height == 128
    (tmp_path / "small.onnx").unlink()
    with pytest.raises(ModelError, match="has gone"):
        offered.remover("small", True)
    with pytest.raises(ModelError, match="broken"):
        Offered([tmp_path / "broken.onnx"])


@pytest.fixture
def demo(monkeypatch):
    """Runs the command without serving; gives what it would serve, and what it said."""
    served = {}

    def serve(offered, limits, host, port, login, say):
        served.update(offered=offered, limits=limits, host=host, port=port, login=login)

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
        "--images", 3, "--concurrency", 4,
    )  # fmt: skip
    limits = served["limits"]
    assert (limits.file_bytes, limits.pixels) == (1_000_000, 2_000_000)
    assert (limits.images, limits.concurrency) == (3, 4)
    assert (served["host"], served["port"]) == ("0.0.0.0", 1234)
    assert served["login"] == ("ann", "a:b") and list(served["offered"].models) == ["model"]


def test_page_is_on_this_computer_without_login_unless_told_otherwise(demo, model):
    served, told = demo("--model", model)
    assert (served["host"], served["login"], told) == ("127.0.0.1", None, "")


def test_champion_of_the_registry_can_be_picked(demo, model):
    served, _ = demo("--model", model.parent, fetch={"champion": model}.get)
    assert list(served["offered"].models) == ["model", "champion"]
    served, told = demo("--model", model.parent)
    assert list(served["offered"].models) == ["model"] and told == ""


def fails(alias):
    raise OSError("no route to host\nand more")


def refuses(alias):
    raise ModelError("The file is another one.")


@pytest.mark.parametrize(
    "fetch, says",
    [
        (fails, "OSError: no route to host\n"),
        (refuses, "The file is another one."),
        (lambda alias: time.sleep(2), "did not answer within"),
    ],
)
def test_registry_that_fails_or_hangs_does_not_keep_the_page_shut(
    fetch, says, demo, model, monkeypatch
):
    monkeypatch.setattr(cli_demo, "PATIENCE", 0.1)
    served, told = demo("--model", model.parent, fetch=fetch)
    assert list(served["offered"].models) == ["model"]
    assert "opens without the registry's champion" in told and says in told


def test_no_model_no_gradio_and_a_bad_login_are_said_in_a_sentence(
    demo, model, tmp_path, monkeypatch
):
    (tmp_path / "exports").mkdir()
    assert "exports holds no .onnx file" in demo(status=1)[1]
    assert "nowhere.onnx does not exist" in demo("--model", "nowhere.onnx", status=1)[1]
    monkeypatch.setenv(server.LOGIN, "secret")
    told = demo("--model", model, status=1)[1]
    assert "not name:password" in told and "secret" not in told
    monkeypatch.setitem(sys.modules, "gradio", None)
    assert 'pip install "clearbg[page]"' in demo("--model", model, status=1)[1]


def test_taken_port_is_said_in_a_sentence(model):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SettingsError, match=f"Port {port} of 127.0.0.1 cannot be used"):
            server.serve(Offered([model]), Limits(), port=port)


@pytest.fixture
def exports(tmp_path) -> Path:
    """An exported model with its card."""
    model = brightness_model(tmp_path / "exports.onnx")
    folder = tmp_path / "exports"
    folder.mkdir()
    model.rename(folder / "model.onnx")
    (folder / "card.md").write_text(f"# A card\n\nSHA-256 `{'0' * 64}`.\n")
    (folder / "training_images.csv").write_text("sha256,phash\n")
    return folder


def export(*arguments: str, status: int = 0) -> str:
    done = CliRunner().invoke(app, ["demo", "--export", *map(str, arguments)])
    assert done.exit_code == status, f"{done.stderr}{done.exception!r}"
    return done.stderr


def test_space_holds_all_that_it_needs_and_says_its_terms(exports):
    export("space")
    names = {path.name for path in Path("space").iterdir()}
    assert names == {
        ".gitattributes", "LICENSE", "README.md", "app.py", "card.md", "clearbg", "model.onnx",
        "requirements.txt", "training_images.csv",
    }  # fmt: skip
    header, text = Path("space/README.md").read_text().split("---\n")[1:]
    assert "sdk: gradio\n" in header and "app_file: app.py\n" in header
    assert f"sdk_version: {importlib.metadata.version('gradio')}\n" in header
    assert "license: cc0-1.0\n" in header and "# A card" in text
    assert Path("space/model.onnx").read_bytes() == (exports / "model.onnx").read_bytes()
    assert "MIT" in Path("space/LICENSE").read_text()


def test_space_requires_every_library_that_its_source_imports(exports):
    export("space")
    required = dict(
        line.split("==") for line in Path("space/requirements.txt").read_text().splitlines()
    )
    assert all(version for version in required.values())
    named = {"cv2": "opencv-python-headless", "PIL": "pillow"}
    optional = {"openvino", "pillow_heif", "fsspec"}  # asked for by name, or done without
    for path in Path("space").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names = {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                names = {node.module}
            else:
                continue
            for top in {name.split(".")[0] for name in names} - sys.stdlib_module_names - optional:
                assert top == "clearbg" or named.get(top, top) in required, (path, top)


@pytest.mark.parametrize(
    "license, line",
    [("CC-BY-4.0", "license: cc-by-4.0\n"), ("DUTS, academic use", "license: other\n")],
)
def test_space_names_the_terms_in_the_words_of_the_hub(license, line, exports):
    brightness_model(exports / "model.onnx", data_license=license)
    export("space")
    assert line in Path("space/README.md").read_text()


def test_space_replaces_itself_and_nothing_else(exports):
    export("space")
    Path("space/clearbg/old.py").write_text("")
    export("space")
    assert not Path("space/clearbg/old.py").exists()
    Path("space/.git").mkdir()
    assert "holds .git" in export("space", status=1) and Path("space/.git").is_dir()
    Path("mine").mkdir()
    export("mine")  # empty
    Path("other").mkdir()
    Path("other/app.py").write_text("print('mine')")
    assert "holds app.py" in export("other", status=1)
    Path("file").write_text("mine")
    assert "is a file" in export("file", status=1)


def test_space_wants_the_card_of_its_own_model(exports):
    (exports / "card.md").write_text("of something else")
    assert "other weights" in export("space", status=1)
    (exports / "card.md").unlink()
    assert "card.md does not exist" in export("space", status=1)
    assert not Path("space").exists()
