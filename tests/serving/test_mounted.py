"""`clearbg serve --page`: the page beside the API, each behind its own protection."""

import contextlib
import importlib.util
import re
import shutil
from pathlib import Path

import pytest
from gradio_client import Client, handle_file
from starlette.responses import JSONResponse
from starlette.testclient import TestClient
from support.page import form, get, photo, post, write_photo
from support.serving import LIMITS, Process
from typer.testing import CliRunner

from clearbg.cli.app import app
from clearbg.page import server as page_server
from clearbg.page.limits import Limits as PageLimits
from clearbg.page.server import Page
from clearbg.pretrained.choice import Choice
from clearbg.removal.remover import Remover
from clearbg.serving import server
from clearbg.serving.api import application
from clearbg.serving.metrics import Metrics
from clearbg.serving.removals import Removals


async def echo(scope, receive, send):
    said = {"path": scope["path"], "raw_path": scope["raw_path"].decode()}
    await JSONResponse(said)(scope, receive, send)


def test_page_sees_what_is_below_its_path_alone_and_runs_as_long_as_the_server(model):
    steps, metrics = [], Metrics()

    @contextlib.asynccontextmanager
    async def lifespan():
        steps.append("begun")
        yield
        steps.append("ended")

    removals = Removals(lambda: Remover(model), LIMITS, metrics)
    app = application(removals, LIMITS, metrics, "model", page=Page(echo, lifespan))
    with TestClient(app, "http://127.0.0.1") as client:
        assert steps == ["begun"]
        moved = client.get("/page", follow_redirects=False)
        assert (moved.status_code, moved.headers["location"]) == (307, "page/")
        moved = client.get("/page?x=1&y=%0d%0a", follow_redirects=False)
        assert moved.headers["location"] == "page/?x=1&y=%0d%0a"
        for path in ("/", "/a%2Fb", "/remove", "/page/x", "/%2e%2e/remove"):
            assert client.get(f"/page{path}").json()["raw_path"] == path
        for path in ("/pages", "/Page/", "/gradio_api/info", "/config"):
            assert client.get(path).status_code == 404
        assert client.get("/healthz").text == "alive\n"
        assert str(client.get("/").url).endswith("/docs") and 'href="page/"' in client.get("/").text
        assert client.get("/page/", headers={"host": "evil.example"}).status_code == 421
        assert client.get("/page/", headers={"origin": "https://evil.example"}).status_code == 403
        counted = client.get("/metrics").text
    assert 'clearbg_requests_total{path="/page",status="200"} 5' in counted
    assert steps == ["begun", "ended"]


def test_server_without_the_page_has_none(client):
    assert client.get("/page/").status_code == client.get("/favicon.ico").status_code == 404
    assert "page/" not in client.get("/docs").text


@pytest.mark.parametrize("name", ["clearbg-lite", "model"])
def test_page_takes_the_model_that_the_server_has_opened(name, model, tmp_path, monkeypatch):
    model = shutil.copy(model, tmp_path / "model.onnx")
    monkeypatch.setattr(page_server, "build", lambda models, *_: models)
    opened = Remover(model)
    removals = Removals(lambda: opened, LIMITS, Metrics())
    models = server.page_of(Choice(name, model), removals, PageLimits(), None)
    removals.open()
    model.unlink()  # as an upgrade or a new export does
    chosen, remover = models.open(None, refine_edges=False)
    assert chosen.name == name and remover.network is opened.network and not remover.refine


def run(monkeypatch, *arguments: str):
    served = []
    monkeypatch.setattr(server, "serve", lambda *given: served.append(given))
    return CliRunner().invoke(app, ["serve", "--model", "clearbg-lite", *arguments]), served


def test_page_has_the_limits_and_the_login_of_the_command(monkeypatch):
    monkeypatch.setenv("CLEARBG_PAGE_LOGIN", "ann:b")
    assert run(monkeypatch)[1][0][-2:] == (None, None)
    _, served = run(monkeypatch, "--page", "--megabytes", "1", "--megapixels", "2",
                    "--concurrency", "3", "--queue", "0", "--images", "4",
                    "--gigabytes", "0.5")  # fmt: skip
    expected = PageLimits(1_000_000, 2_000_000, 4, 3, 3, storage_bytes=500_000_000)
    assert served[0][-2:] == (expected, ("ann", "b"))


def test_options_of_the_page_need_it_and_it_needs_gradio(monkeypatch):
    done, served = run(monkeypatch, "--images", "3")
    assert done.exit_code == 1 and "--images is for the page alone: add --page" in done.stderr
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda n: None if n == "gradio" else found(n))
    done, served = run(monkeypatch, "--page")
    assert done.exit_code == 1 and 'pip install ".[page,serve]"' in done.stderr and not served


@pytest.mark.slow
def test_page_and_api_of_a_real_server_work_and_are_closed_to_each_other(model, tmp_path):
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    process = Process(
        tmp_path, "--model", str(model), "--page", "--megabytes", "0.2",
        CLEARBG_PAGE_LOGIN="ann:secret", TMPDIR=str(temporary),
    )  # fmt: skip
    url, page = process.url, f"{process.url}/page"
    try:
        client = Client(page, auth=("ann", "secret"), verbose=False, analytics_enabled=False,
                        download_files=tmp_path / "got")  # fmt: skip
        image = write_photo(tmp_path / "p.jpg")
        path, facts = client.predict(image=handle_file(image), api_name="/remove")
        answer = post(f"{url}/remove", content=image.read_bytes())
        assert Path(path).read_bytes() == answer.content and facts["model"] == "model"

        (sent,) = temporary.glob("clearbg-page-*/*/p.jpg")
        assert get(f"{page}/gradio_api/file={sent}", cookies=client.cookies).is_success
        for address, status in ((page, 401), (url, 404)):
            assert get(f"{address}/gradio_api/file={sent}").status_code == status
            stored = post(f"{address}/gradio_api/upload", content=form(photo()))
            assert stored.status_code == status
        refused = post(f"{url}/remove", params={"file": str(sent)})
        assert refused.status_code == 422 and "file is no file" in refused.json()["detail"]
        long = {"files": ("a.jpg", bytes(200_001))}
        upload = post(f"{page}/gradio_api/upload", files=long, cookies=client.cookies)
        assert (upload.status_code, "larger than" in upload.text) == (413, True)

        shown = get(f"{page}/", cookies=client.cookies).text
        assert f'"root":"{page}"' in shown
        (script,) = re.findall(r'<script type="module" crossorigin src="\.(/assets/[^"]+)"', shown)
        assert get(f"{page}{script}", cookies=client.cookies).is_success
        assert get(f"{url}/favicon.ico", follow_redirects=True).is_success
        assert get(f"{url}/readyz").text == "ready\n"
        assert "clearbg_removal_seconds_count 1\n" in get(f"{url}/metrics").text
    finally:
        process.process.terminate()
        assert process.process.wait(timeout=120) == 0
    assert not list(temporary.glob("clearbg-page-*"))
    assert "Traceback" not in process.log.read_text()
