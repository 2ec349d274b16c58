"""The Hugging Face Space that `clearbg demo --export` writes."""

import ast
import importlib.metadata
import sys
from pathlib import Path

import pytest
from gradio_client import Client, handle_file
from PIL import Image
from support.models import brightness_model
from support.page import Server, get, post, write_photo
from support.project import ROOT
from typer.testing import CliRunner

from clearbg.cli.app import app


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
    named = {
        "cv2": "opencv-python-headless", "PIL": "pillow", "pydantic_core": "pydantic-core",
        "yaml": "pyyaml",
    }  # fmt: skip
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


@pytest.mark.slow
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


ALONE = f"""
import sys
sys.path[:] = [path for path in sys.path if path != {str(ROOT / "src")!r}]
"""


@pytest.mark.slow
def test_exported_space_runs_on_its_own_and_asks_for_the_login_of_its_environment(
    exports, tmp_path
):
    model = str(exports / "model.onnx")
    command = ["demo", "--model", model, "--export", str(tmp_path / "space")]
    assert CliRunner().invoke(app, command).exit_code == 0
    (tmp_path / "site").mkdir()
    (tmp_path / "site/sitecustomize.py").write_text(ALONE)  # the project is installed as it lies
    space = Server(
        tmp_path, [sys.executable, "app.py"], tmp_path / "space", PORT="0",
        PYTHONPATH=str(tmp_path / "site"), PYTHONDONTWRITEBYTECODE="",
        CLEARBG_PAGE_LOGIN="ann:secret",
    )  # fmt: skip
    try:
        for route in ("config", "gradio_api/info"):
            assert get(f"{space.url}/{route}").status_code == 401
        for route in ("gradio_api/queue/join", "gradio_api/call/remove", "gradio_api/upload"):
            assert post(f"{space.url}/{route}", json={"data": []}).status_code == 401
        with pytest.raises(ValueError, match="Could not login"):
            Client(space.url, verbose=False, auth=("ann", "guess"), analytics_enabled=False)
        client = Client(
            space.url,
            verbose=False,
            auth=("ann", "secret"),
            download_files=tmp_path / "got",
            analytics_enabled=False,
        )
        photo = handle_file(write_photo(tmp_path / "p.jpg"))
        path, facts = client.predict(image=photo, api_name="/remove")
        assert Image.open(path).size == (80, 60) and facts["model"] == "model"
        assert (tmp_path / "space/clearbg/page/__pycache__").is_dir()  # it ran its own source
    finally:
        space.end()
    assert "Traceback" not in space.log.read_text()
