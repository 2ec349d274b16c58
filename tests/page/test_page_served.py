"""The page as people and programs use it: one real server, its API, and a browser."""

import io
import json
import re
import shutil
import socket
import sys
import time
import zipfile
from pathlib import Path

import gradio_client
import numpy as np
import pytest
from gradio_client import Client, handle_file
from PIL import Image
from support.models import brightness_model
from support.page import DEFAULTS, WATCHED, Server, Visit, get, post, write_photo
from typer.testing import CliRunner

from clearbg.cli.app import app

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A folder of models, and the server's own things beside it."""
    made = tmp_path_factory.mktemp("served")
    (made / "exports").mkdir()
    brightness_model(made / "exports/model.onnx")
    brightness_model(made / "exports/small.onnx", height=16, width=16)
    return made


@pytest.fixture(scope="module")
def server(folder):
    command = [sys.executable, "-c", WATCHED, str(folder / "called.txt"), "demo", "--port", "0",
               "--megabytes", "0.2", "--megapixels", "1", "--images", "4"]  # fmt: skip
    store = f"sqlite:///{folder}/no.db"
    served = Server(folder, command, folder, MLFLOW_TRACKING_URI=store)
    yield served
    if served.process.poll() is None:
        served.process.kill()
        served.process.wait()


@pytest.fixture(scope="module")
def client(server, folder) -> Client:
    return Client(server.url, verbose=False, download_files=folder / "got", analytics_enabled=False)


def test_api_gives_the_file_that_clearbg_remove_writes(client, folder, tmp_path):
    photo = write_photo(tmp_path / "p.jpg")
    path, facts = client.predict(image=handle_file(photo), api_name="/remove")
    model = str(folder / "exports/model.onnx")
    assert (
        CliRunner().invoke(app, ["remove", "p.jpg", "-o", "c.png", "--model", model]).exit_code == 0
    )
    assert Path(path).read_bytes() == Path("c.png").read_bytes() and Path(path).name == "p.png"
    assert (facts["width"], facts["height"], facts["model"]) == (80, 60, "model")
    assert facts["seconds"] > 0


def test_every_choice_of_the_api_has_its_effect(client, tmp_path):
    photo = handle_file(write_photo(tmp_path / "p.jpg"))
    behind = handle_file(write_photo(tmp_path / "b.jpg", 5))
    assert [row["name"] for row in client.predict(api_name="/models")][:2] == ["model", "small"]
    made = set()
    for choice in (
        {}, {"model": "small"}, {"refine_edges": False}, {"hard_edges": True},
        {"hard_edges": True, "threshold": 0.3}, {"background": "blur"},
        {"background": "#00ff00"}, {"background_image": behind},
    ):  # fmt: skip
        path, facts = client.predict(image=photo, api_name="/remove", **choice)
        made.add(Path(path).read_bytes())
        assert facts["model"] == choice.get("model", "model")
    assert len(made) == 8


def test_endpoints_are_documented(client):
    named = client.view_api(return_format="dict", print_info=False)["named_endpoints"]
    assert set(named) == {"/remove", "/batch", "/models"}
    assert all(endpoint["description"] for endpoint in named.values())
    parameters = {one["parameter_name"]: one for one in named["/remove"]["parameters"]}
    assert set(parameters) == {
        "image", "background", "background_image", "refine_edges", "hard_edges",
        "threshold", "model"
    }  # fmt: skip
    assert all(one["label"] for one in parameters.values())
    assert not parameters["image"]["parameter_has_default"]
    assert "http" not in json.dumps([one["example_input"] for one in parameters.values()])


def test_batch_gives_a_zip_and_says_what_failed(client, tmp_path):
    (tmp_path / "bad.jpg").write_text("text")
    sent = [
        write_photo(tmp_path / "a.jpg"),
        tmp_path / "bad.jpg",
        write_photo(tmp_path / "b.jpg", 1),
    ]
    archive, rows = client.predict(images=[handle_file(path) for path in sent], api_name="/batch")
    with zipfile.ZipFile(archive) as file:
        assert sorted(file.namelist()) == ["a.png", "b.png"]
        with Image.open(io.BytesIO(file.read("a.png"))) as made:
            assert (made.size, made.mode) == ((80, 60), "RGBA")
    assert [row["result"] for row in rows] == ["a.png", None, "b.png"]
    assert "not an image" in rows[1]["reason"]
    archive, rows = client.predict(images=[handle_file(sent[1])], api_name="/batch")
    assert archive is None and len(rows) == 1


def refusal(client: Client, **values) -> str:
    with pytest.raises(gradio_client.exceptions.AppError) as raised:
        client.predict(**values)
    return str(raised.value)


def test_bad_requests_are_answered_in_sentences(client, tmp_path):
    (tmp_path / "bad.jpg").write_text("text")
    bad, good = handle_file(tmp_path / "bad.jpg"), handle_file(write_photo(tmp_path / "p.jpg"))
    Image.new("L", (1200, 1000)).save(tmp_path / "wide.png")
    wide = handle_file(tmp_path / "wide.png")
    assert "bad.jpg is not an image" in refusal(client, image=bad, api_name="/remove")
    assert "more than 1 megapixels" in refusal(client, image=wide, api_name="/remove")
    assert "no model 'x'" in refusal(client, image=good, model="x", api_name="/remove")
    assert "more than 4" in refusal(client, images=[good] * 5, api_name="/batch")
    assert "has no images" in refusal(client, images=[], api_name="/batch")


def test_file_above_the_limit_is_refused_while_it_is_sent(server):
    files = [("files", ("big.jpg", bytes(200_001)))]
    answer = post(f"{server.url}/gradio_api/upload", files=files)
    assert answer.status_code == 413 and "maximum allowed size" in answer.text
    files = [("files", (f"{n}.jpg", bytes(190_000))) for n in range(10)]
    answer = post(f"{server.url}/gradio_api/upload", files=files)
    assert answer.status_code == 413 and "send less at once" in answer.text


def call(server: Server, endpoint: str, data: list) -> str:
    """What the server answers to a request that no client library has looked at."""
    route = f"{server.url}/gradio_api/call/{endpoint}"
    posted = post(route, json={"data": data}).json()
    return get(f"{route}/{posted['event_id']}").text


def named(path: str) -> dict:
    return {"path": path, "url": path, "meta": {"_type": "gradio.FileData"}}


def test_server_fetches_no_address_and_reads_no_file_that_a_request_names(client, server, folder):
    """Gradio itself would do both; the audit hook hears every name and address that is called."""
    address = "http://photos.example.com/a.jpg"
    for said in (handle_file(address), named("/etc/hostname"), named(str(folder / "log.txt"))):
        for endpoint, sent in (("remove", said), ("batch", [said])):
            answer = call(server, endpoint, [sent, *DEFAULTS.values()])
            assert "event: error" in answer and "fetches no address" in answer
    assert "fetches no address" in refusal(client, image=handle_file(address), api_name="/remove")
    for route in (f"file={address}", f"file/{address}", f"proxy={address}", "run-history/buckets"):
        assert get(f"{server.url}/gradio_api/{route}").status_code in (403, 404)
    called = set((folder / "called.txt").read_text().split())
    assert called <= {"127.0.0.1", "localhost", "None"}


def test_request_that_fits_no_endpoint_and_a_broken_upload_leave_no_traceback(server):
    for data in ([], [1] * 7, [{"path": 7}] * 7, [{"meta": 1, "path": "x"}] * 7, ["a"] * 40):
        assert "event: error" in call(server, "remove", data)
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as left:  # and goes in the middle of a file
        left.sendall(
            b"POST /gradio_api/upload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n"
            b"Content-Type: multipart/form-data; boundary=b\r\n\r\n--b\r\nContent-Disposition: "
            b'form-data; name="files"; filename="a.jpg"\r\n\r\nsome'
        )
    time.sleep(0.5)
    assert "Traceback" not in server.log.read_text()


@pytest.fixture(scope="module")
def browser():
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("there is no Chromium")
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as play:
        started = play.chromium.launch(
            executable_path=chromium,
            timeout=120_000,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        yield started
        started.close()


SIZES = {
    "desktop": {"viewport": {"width": 1280, "height": 800}},
    "phone": {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True},
}


def test_people_drop_compare_and_download(browser, server, tmp_path):
    photo = write_photo(tmp_path / "beach day.jpg", 2, (240, 320))
    visit = Visit(browser, server.url, **SIZES["desktop"])
    page = visit.page
    assert page.locator("#download").is_disabled()
    visit.drop(photo)
    page.wait_for_selector("#facts:has-text('320 × 240 pixels')")
    assert re.search(r"\d\.\d\d s", page.inner_text("#facts"))  # the time that it took

    shown = page.locator("#slider img").nth(1)
    shown.wait_for()
    page.wait_for_function("[...document.querySelectorAll('#slider img')].every(i => i.complete)")
    boxes = [page.locator("#slider img").nth(n).bounding_box() for n in (0, 1)]
    assert boxes[0] == boxes[1]  # before lies exactly under after
    before = shown.evaluate("image => image.style.clipPath")
    handle = page.locator("#slider .outer").bounding_box()
    middle = handle["x"] + handle["width"] / 2, handle["y"] + handle["height"] / 2
    page.mouse.move(*middle)
    page.mouse.down()
    page.mouse.move(middle[0] - 60, middle[1], steps=4)
    page.mouse.up()
    assert shown.evaluate("image => image.style.clipPath") != before

    with page.expect_download() as got:
        page.click("#download")
    made = Image.open(got.value.path())
    assert got.value.suggested_filename == "beach day.png"
    assert (made.size, made.mode, bool(made.info.get("icc_profile"))) == ((320, 240), "RGBA", True)
    wide = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    assert wide <= 0  # nothing runs out at the side
    assert visit.errors == [] and visit.outside() == set()
    visit.context.close()


def test_people_choose_backgrounds_and_models(browser, server, tmp_path):
    photo = write_photo(tmp_path / "p.jpg", 2, (240, 320))
    visit = Visit(browser, server.url, **SIZES["desktop"])
    page = visit.page
    visit.drop(photo)
    page.wait_for_selector("#facts:has-text('pixels')")

    def pixels() -> np.ndarray:
        page.wait_for_function(
            "!document.querySelector('#slider .generating, #slider .translucent')"
        )
        with page.expect_download() as got:
            page.click("#download")
        return np.array(Image.open(got.value.path()))

    def renewed(action) -> np.ndarray:
        address = "document.querySelectorAll('#slider img')[1]?.src"
        old = page.evaluate(address)
        action()
        page.wait_for_function(f"{address} && {address} !== {json.dumps(old)}")
        return pixels()

    assert pixels().shape[2] == 4
    white = renewed(lambda: page.get_by_label("Color", exact=True).check())
    assert white.shape[2] == 3 and white[0, 0].min() > 200
    blurred = renewed(lambda: page.get_by_label("Blurred").check())
    assert blurred.shape[2] == 3 and blurred[0, 0].max() < 150
    page.get_by_label("Image", exact=True).check()
    page.wait_for_selector("#facts [role=alert]:has-text('lie behind')")
    behind = tmp_path / "green.png"
    Image.new("RGB", (20, 20), (0, 255, 0)).save(behind)
    page.set_input_files("#background-image input[type=file]", behind)
    page.wait_for_selector("#facts:has-text('pixels')")
    assert pixels()[0, 0].tolist()[1] > 200
    renewed(lambda: page.get_by_label("Transparent").check())
    hard = renewed(lambda: page.get_by_label("Hard edges").check())
    assert set(np.unique(hard[..., 3])) == {0, 255}
    page.click("#model input")
    renewed(lambda: page.get_by_role("option", name="small:").click())
    assert "small" in page.inner_text("#facts")
    assert visit.errors == [] and visit.outside() == set()
    visit.context.close()


def test_people_read_what_is_wrong_with_an_image_and_get_a_zip_of_the_rest(
    browser, server, tmp_path
):
    bad = tmp_path / "bad.jpg"
    bad.write_text("text")
    visit = Visit(browser, server.url, **SIZES["phone"])
    page = visit.page
    page.click("#example-astronaut")
    page.wait_for_selector("#facts:has-text('512 × 512 pixels')")
    page.click("#image [aria-label='Remove Image']")
    visit.drop(bad)
    page.wait_for_selector("#facts [role=alert]:has-text('bad.jpg is not an image')")
    assert page.locator("#download").is_disabled() and page.locator("#slider img").count() == 0

    page.get_by_role("tab", name="Several images").click()
    photos = [write_photo(tmp_path / f"p{index}.jpg", index) for index in range(2)]
    page.set_input_files("#images input[type=file]", [*photos, bad])
    page.wait_for_selector("#images :text('bad')")
    page.click("#start")
    page.wait_for_selector("#rows td.failed:has-text('not an image')")
    assert page.locator("#rows img").evaluate_all("all => all.map(one => one.naturalWidth)") == [
        80,
        80,
    ]
    with page.expect_download() as got:
        page.click("#zip")
    with zipfile.ZipFile(got.value.path()) as file:
        assert sorted(file.namelist()) == ["p0.png", "p1.png"]
    wide = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    assert wide <= 0
    assert visit.errors == [] and visit.outside() == set()
    visit.context.close()


def test_end_removes_the_files_and_the_log_holds_no_traceback(server, client):
    """Runs last in this file: it ends the server."""
    assert list(server.temporary.glob("clearbg-page-*"))
    server.end()
    assert not list(server.temporary.iterdir())
    assert "Traceback" not in server.log.read_text() and "rror" not in server.log.read_text()
