"""The exported remover as an MLflow model, logged to and loaded from a real store."""

import base64
import io
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import mlflow
import numpy as np
import onnx
import pandas as pd
import pytest
import requests
import uvicorn
from PIL import Image
from support.models import brightness_model
from support.ports import free_port

from clearbg.errors import ImageError
from clearbg.export.pyfunc import ImageRemover
from clearbg.images import read_image
from clearbg.tracking import runs

pytestmark = pytest.mark.slow  # the first store of MLflow takes seconds


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("store")


@pytest.fixture(scope="module")
def remover_file(folder):
    return brightness_model(folder / "model.onnx")


@pytest.fixture(scope="module")
def logged(folder, remover_file):
    """The run and the URI of the model in it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DVC_ROOT", str(folder))
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        run = runs.run_of_weights("abc", {}, "demo", lambda run: None)
        return run, run.model(remover_file)


@pytest.fixture
def store(folder, logged, monkeypatch):
    monkeypatch.setenv("DVC_ROOT", str(folder))
    return mlflow.MlflowClient(runs.uri())


@pytest.fixture(scope="module")
def model(logged):
    return mlflow.pyfunc.load_model(logged[1])


def photograph():
    """A JPEG, white to the right of the middle, 40 x 30."""
    rgb = np.zeros((30, 40, 3), np.uint8)
    rgb[:, 20:] = 255
    file = io.BytesIO()
    Image.fromarray(rgb).save(file, "JPEG", quality=95)
    return file.getvalue()


def alpha(png):
    return np.asarray(Image.open(io.BytesIO(png)).getchannel("A"))


def test_loaded_model_removes_backgrounds(model):
    (cutout,) = model.predict(pd.DataFrame({"image": [photograph()]}))["image"]
    assert alpha(cutout).shape == (30, 40)
    assert alpha(cutout)[:, :15].max() < 10
    assert alpha(cutout)[:, 25:].min() > 245


def test_order_and_index_of_the_rows_are_kept(model):
    frame = pd.DataFrame({"image": [photograph()] * 2}, index=["b", "a"])
    assert list(model.predict(frame).index) == ["b", "a"]


def test_base64_text_comes_back_as_base64_text(model):
    text = base64.b64encode(photograph()).decode()
    (cutout,) = model.predict(pd.DataFrame({"image": [text]}))["image"]
    assert alpha(base64.b64decode(cutout)).shape == (30, 40)


@pytest.mark.parametrize("bad", [b"", b"no image", b"plain", "plain", photograph()[:300], None])
def test_bad_image_is_named_by_its_row(model, bad):
    with pytest.raises(ImageError, match=r"^Row 1 of column image: "):
        model.predict(pd.DataFrame({"image": [photograph(), bad]}))


HOSTILE = [b" " * 2_000_000 + b"!", ["x"] * 100_000, {"a": [[]]}, float("nan"), 9**999, "=", [[]]]


@pytest.mark.parametrize("bad", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_row_is_a_short_sentence_within_a_second(bad):
    remover = ImageRemover()
    remover._remove = read_image
    rows = pd.DataFrame({"image": pd.Series([bad], dtype=object)})
    began = time.thread_time()
    with pytest.raises(ImageError, match=r"^Row 0 of column image: ") as refused:
        remover.predict(None, rows)
    assert time.thread_time() - began < 20 and len(str(refused.value)) < 300


def test_bad_image_leaves_its_place_empty_where_that_is_asked_for(model):
    frame = pd.DataFrame({"image": [b"plain", photograph()]})
    bad, good = model.predict(frame, params={"on_error": "null"})["image"]
    assert bad is None and alpha(good).shape == (30, 40)
    with pytest.raises(ImageError, match="choose stop or null"):
        model.predict(frame, params={"on_error": "ignore"})


def as_rows(text):
    return {"dataframe_records": [{"image": text}]}


def as_table(text):
    return {"dataframe_split": {"columns": ["image"], "data": [[text]]}}


def as_inputs(text):
    return {"inputs": {"image": [text]}}


@pytest.fixture(scope="module")
def invocations(model):
    """The address of MLflow's scoring server for the model, on loopback."""
    from mlflow.pyfunc.scoring_server import init

    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(uvicorn.Config(init(model), log_level="critical", log_config=None))
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/invocations"
        server.should_exit = True
        thread.join()


@pytest.mark.parametrize("request_of", [as_rows, as_table, as_inputs])
def test_scoring_server_takes_and_returns_base64(invocations, request_of):
    body = request_of(base64.b64encode(photograph()).decode())
    answer = requests.post(invocations, json=body, timeout=60)
    png = base64.b64decode(answer.json()["predictions"][0]["image"])
    assert alpha(png).shape == (30, 40)


def test_scoring_server_answers_a_bad_image_with_its_sentence(invocations):
    answer = requests.post(invocations, json=as_rows("bm9uZQ=="), timeout=60)
    assert answer.status_code == 400 and "stack_trace" not in answer.json()
    assert "Row 0 of column image: the image is not an image" in answer.json()["message"]
    body = {**as_rows("bm9uZQ=="), "params": {"on_error": "null"}}
    answer = requests.post(invocations, json=body, timeout=60)
    assert answer.json()["predictions"] == [{"image": None}]


def test_model_requires_no_training_library(logged):
    requirements = mlflow.pyfunc.get_model_dependencies(logged[1])
    with open(requirements) as file:
        names = {line.partition("==")[0].strip() for line in file}
    assert names == {"mlflow", "numpy", "onnxruntime", "pillow", "pydantic-core"}


def test_same_file_is_logged_once(store, logged, remover_file):
    run, uri = logged
    assert run.model(remover_file) == uri
    assert len(store.get_run(run.id).outputs.model_outputs) == 1


def test_other_file_is_another_model(store, remover_file, tmp_path):
    changed = onnx.load(remover_file)
    changed.doc_string = "changed"
    onnx.save(changed, tmp_path / "model.onnx")
    run = runs.run_of_weights("def", {}, "demo", lambda run: None)
    assert run.model(remover_file) != run.model(tmp_path / "model.onnx")


def test_logging_a_model_leaves_the_duration_alone(store, remover_file):
    run = runs.run_of_weights("ghi", {}, "demo", lambda run: None)
    before = store.get_run(run.id).info
    run.model(remover_file)
    after = store.get_run(run.id).info
    assert (before.status, before.end_time) == (after.status, after.end_time)


@pytest.mark.slow
def test_model_loads_where_neither_torch_nor_clearbg_is_installed(store, logged, tmp_path):
    (tmp_path / "photograph.jpg").write_bytes(photograph())
    code = """
import sys
sys.modules["torch"] = None
import mlflow
model = mlflow.pyfunc.load_model(sys.argv[1])
image = open("photograph.jpg", "rb").read()
print(model.predict({"image": [image]})["image"][0][:4])
import clearbg
print(clearbg.__file__)
"""
    done = subprocess.run(
        [sys.executable, "-c", code, logged[1]],
        env={"MLFLOW_TRACKING_URI": runs.uri(), "MLFLOW_DISABLE_TELEMETRY": "true"},
        capture_output=True,
        text=True,
    )
    image, code_file = done.stdout.splitlines()
    assert image == repr(b"\x89PNG")
    assert "mlartifacts" in code_file


@pytest.mark.slow
def test_mlflow_serves_the_model_as_a_process_of_its_own(store, logged):
    port = free_port()
    programs = Path(sys.executable).parent
    server = subprocess.Popen(
        [programs / "mlflow", *"models serve --env-manager local -h 127.0.0.1 --workers 1".split(),
         "-p", str(port), "-m", logged[1]],
        env={**os.environ, "MLFLOW_TRACKING_URI": runs.uri(),
             "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}"},
        start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        while not answers(f"http://127.0.0.1:{port}/ping"):
            assert server.poll() is None, "it ended"
            time.sleep(0.1)
        address = f"http://127.0.0.1:{port}/invocations"
        image = base64.b64encode(photograph()).decode()
        answer = requests.post(address, json=as_rows(image), timeout=60)
        assert alpha(base64.b64decode(answer.json()["predictions"][0]["image"])).shape == (30, 40)
        bad = requests.post(address, json=as_rows("bm9uZQ=="), timeout=60)
        assert bad.status_code == 400 and "is not an image" in bad.json()["message"]
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def answers(address):
    try:
        return requests.get(address, timeout=60).ok
    except requests.RequestException:
        return False
