"""What the page does with what it is sent, without a server."""

import functools
import io
import os
import time
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient
from support.images import disc
from support.models import brightness_model
from typer.testing import CliRunner

from clearbg.cli.app import app
from clearbg.errors import ClearBGError
from clearbg.images import write_image
from clearbg.page import jobs as page_removing
from clearbg.page import messages
from clearbg.page.jobs import Removing, Row
from clearbg.page.limits import Limits
from clearbg.page.models import Offered
from clearbg.page.requests import Asked
from clearbg.page.security import Gate
from clearbg.page.uploads import Temporary

LIMITS = Limits(file_bytes=100_000, pixels=20_000, images=4)
PLAIN = ("transparent", None, None, True, None)


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    return brightness_model(tmp_path_factory.mktemp("model") / "model.onnx")


@pytest.fixture
def temporary():
    held = Temporary(LIMITS)
    yield held
    held.remove()


@pytest.fixture
def asked(temporary) -> Asked:
    return Asked(temporary, LIMITS)


@pytest.fixture
def removing(asked, temporary, model) -> Removing:
    return Removing(asked, Offered([model]), temporary)


@pytest.fixture
def send(temporary):
    """Puts a file where uploads lie; gives what a request then says of it."""

    def put(name: str, content: bytes) -> dict:
        path = temporary.new() / name
        path.write_bytes(content)
        return {
            "path": str(path),
            "url": "http://testserver/x",
            "meta": {"_type": "gradio.FileData"},
        }

    return put


@functools.cache  # a profile holds the second in which it was made
def photo(index: int = 0, format: str = "JPEG") -> bytes:
    """An image with a profile, a resolution and a camera."""
    exif = Image.Exif()
    exif[271] = "Maker"
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    buffer = io.BytesIO()
    Image.fromarray(disc(index)[0]).save(
        buffer, format, icc_profile=profile, dpi=(240, 240), exif=exif
    )
    return buffer.getvalue()


def claiming(side: int) -> bytes:
    """A small file with so many pixels a side by its header."""
    buffer = io.BytesIO()
    Image.new("1", (8, 8)).save(buffer, "PNG")
    content = buffer.getvalue()
    facts = b"IHDR" + side.to_bytes(4, "big") * 2 + content[24:29]
    return content[:12] + facts + zlib.crc32(facts).to_bytes(4, "big") + content[33:]


@pytest.mark.parametrize(
    "asks, options",
    [
        (PLAIN, []),
        (("blur", None, None, True, "model"), ["--background", "blur"]),
        (("#1e90ff", None, 0.4, False, None),
         ["--background", "#1e90ff", "--threshold", "0.4", "--no-refine"]),
        (("rgba(30.2, 144, 254.6, 1)", None, None, True, None), ["--background", "#1e90ff"]),
        (("transparent", "behind.png", None, True, None), ["--background", "behind.png"]),
    ],
)  # fmt: skip
def test_cut_out_is_the_file_that_clearbg_remove_writes(
    asks, options, removing, asked, send, model
):
    Path("p.jpg").write_bytes(photo())
    write_image("behind.png", disc(3, (30, 30))[0])
    ground, behind, *rest = asks
    sent = None if behind is None else send(behind, Path(behind).read_bytes())
    made = removing.one(send("p.jpg", photo()), asked.wish(ground, sent, *rest))
    command = ["remove", "p.jpg", "-o", "c.png", "--model", str(model), *options]
    assert CliRunner().invoke(app, command).exit_code == 0
    assert made.path.read_bytes() == Path("c.png").read_bytes() and made.path.name == "p.png"
    with Image.open(made.path) as found:
        assert found.size == (80, 60) and found.info["icc_profile"]
    assert made.facts()["model"] == "model" and 0 < made.coverage < 1


def test_previews_are_small_and_show_transparency(removing, asked, send, monkeypatch):
    monkeypatch.setattr(page_removing, "PREVIEW", 40)
    made = removing.one(send("p.jpg", photo()), asked.wish(*PLAIN), previews=True)
    before, after = (np.array(Image.open(path)) for path in (made.before, made.after))
    assert before.shape == after.shape == (30, 40, 3)
    assert after[:4, :4].mean() > before[:4, :4].mean() + 50  # squares in place of the dark ground
    assert removing.one(send("q.jpg", photo()), asked.wish(*PLAIN)).before is None


@pytest.mark.parametrize(
    "name, content, says",
    [
        ("a.jpg", b"text", "a.jpg is not an image"),
        ("a.jpg", b"", "a.jpg is empty"),
        ("a.jpg", photo()[:900], "a.jpg is cut short"),
        ("a.png", photo(format="PNG") + bytes(100_000), "a.png is larger than 0.1 MB"),
        ("a.png", claiming(10_000), "a.png has more than 0.02 megapixels"),
        ("a.png", claiming(20_000), "a.png has more pixels than the limit"),  # Pillow's own as well
    ],
)
def test_image_that_cannot_be_used_is_one_sentence(name, content, says, removing, asked, send):
    with pytest.raises(ClearBGError, match=says) as raised:
        removing.one(send(name, content), asked.wish(*PLAIN))
    assert "/" not in str(raised.value)  # nothing of the server's folders


@pytest.mark.parametrize(
    "sent",
    [
        None, "photo.jpg", [], {"path": None}, {"path": "/etc/hostname"}, {"path": "\0"},
        {"path": "https://example.com/a.png"}, {"path": "{folder}/../{name}/../../etc/hostname"},
        {"path": "{folder}/link"}, {"path": "{folder}"}, {"path": "{folder}/gone.png"},
    ],
)  # fmt: skip
def test_request_can_name_no_file_but_an_upload(sent, asked, temporary):
    (temporary.folder / "link").symlink_to("/etc/hostname")
    if isinstance(sent, dict) and isinstance(sent["path"], str):
        names = {"{folder}": str(temporary.folder), "{name}": temporary.folder.name}
        for mark, text in names.items():
            sent = {"path": sent["path"].replace(mark, text)}
    with pytest.raises(ClearBGError, match=r"no image that was sent here|here no more"):
        asked.image(sent)


@pytest.mark.parametrize(
    "wrong, says",
    [
        ({0: "beach.jpg"}, "no opaque color"),
        ({0: "/etc/passwd"}, "no opaque color"),
        ({0: 7}, "ground is 7"),
        ({0: "red", 1: {"path": "x"}}, "two grounds"),
        ({1: {"path": "https://example.com/a.png"}}, "no image that was sent"),
        ({2: 2}, "threshold is 2"),
        ({2: float("nan")}, "threshold is nan"),
        ({2: "half"}, "threshold is 'half'"),
        ({2: True}, "threshold is True"),
        ({3: "yes"}, "refine is 'yes'"),
        ({4: ["model"]}, "model is"),
    ],
)
def test_wrong_value_is_one_sentence(wrong, says, asked):
    values = [wrong.get(index, value) for index, value in enumerate(PLAIN)]
    with pytest.raises(ClearBGError, match=says):
        asked.wish(*values)


def test_batch_is_a_zip_named_as_clearbg_remove_names_with_a_row_for_every_image(
    removing, asked, send
):
    first = send("a.jpg", photo(0))
    sent = [first, send("bad.jpg", b"text"), send("a.png", photo(1, "PNG")), first]
    told = []
    archive, rows = removing.batch(sent, asked.wish(*PLAIN), lambda *step: told.append(step))
    assert [row.result for row in rows] == ["a.jpg.png", None, "a.png.png", "a.jpg.png"]
    assert rows[1].image == "bad.jpg" and "not an image" in rows[1].reason
    assert told == [(0, 3, "a.jpg"), (1, 3, "bad.jpg"), (2, 3, "a.png")]
    with zipfile.ZipFile(archive) as file:
        assert sorted(file.namelist()) == ["a.jpg.png", "a.png.png"]
        alone = removing.one(send("a.jpg", photo(0)), asked.wish(*PLAIN))
        assert file.read("a.jpg.png") == alone.path.read_bytes()
    assert [path.name for path in archive.parent.iterdir()] == ["cutouts.zip"]


def test_batch_without_a_usable_image_has_rows_and_no_zip(removing, asked, send):
    big = send("big.png", photo(format="PNG") + bytes(100_000))
    archive, rows = removing.batch([big, send("b.jpg", b"")], asked.wish(*PLAIN))
    assert archive is None and all(row.reason for row in rows)


@pytest.mark.parametrize("number, says", [(0, "no images"), (5, "more than 4")])
def test_batch_has_a_least_and_a_most(number, says, removing, asked, send):
    with pytest.raises(ClearBGError, match=says):
        removing.batch([send("a.jpg", photo())] * number, asked.wish(*PLAIN))


@pytest.mark.parametrize("error", [MemoryError(), OSError(28, "No space left on device")])
def test_what_the_server_lacks_is_one_sentence(error, removing, asked, send, monkeypatch):
    def fail(*_):
        raise error

    monkeypatch.setattr(page_removing.outputs, "result", fail)
    with pytest.raises(ClearBGError, match=r"^a.jpg (needs more memory|found no room)"):
        removing.one(send("a.jpg", photo()), asked.wish(*PLAIN))


def test_results_that_the_folder_cannot_hold_are_refused(asked, send, model):
    held = Temporary(Limits(kept_bytes=5000))
    removing = Removing(asked, Offered([model]), held)
    with pytest.raises(ClearBGError, match=r"^a.jpg found no room on the server \(No space"):
        removing.one(send("a.jpg", photo()), asked.wish(*PLAIN))
    held.remove()


def test_table_and_errors_escape_what_came_from_outside():
    rows = [Row("<b>.jpg", reason="<i>"), Row("&.jpg", "&.png", 3, 2, 0.5)]
    shown = messages.table(rows, 1.0) + messages.sorry("<script>")
    assert "&lt;b&gt;.jpg" in shown and "&amp;.png" in shown and "1 of 2" in shown
    assert not {"<b>", "<i>", "<script>"} & {shown[i : i + n] for i in range(len(shown))
                                             for n in (3, 8)}  # fmt: skip


def test_old_files_go_and_beyond_the_limit_the_oldest():
    held = Temporary(Limits(kept_seconds=100, kept_bytes=2_000_000))
    for age, name in ((1000, "old"), (3, "second"), (2, "third"), (1, "last")):
        path = held.new() / name
        path.write_bytes(bytes(10 if name == "old" else 900_000))
        os.utime(path, (time.time() - age,) * 2)
    empty, new = held.new(), held.new()
    os.utime(empty, (time.time() - 1000,) * 2)
    assert held.make_room()
    assert {path.name for path in held.folder.rglob("*") if path.is_file()} == {"third", "last"}
    assert not empty.exists() and new.exists()
    assert held.make_room(1_500_000) and not held.make_room(2_000_001)
    with held.kept_small():
        assert held.folder.is_dir()
    assert not held.folder.exists()


@pytest.fixture
def gate(temporary):
    """A client of the gate before an application that agrees to everything."""
    return TestClient(Gate(PlainTextResponse("through"), temporary, LIMITS))


@pytest.mark.parametrize(
    "method, path, status",
    [
        ("GET", "/", 200),
        ("GET", "/assets/index.js", 200),
        ("GET", "/gradio_api/info", 200),
        ("POST", "/gradio_api/queue/join", 200),
        ("POST", "/gradio_api/call/remove", 200),
        ("GET", "/gradio_api/file={folder}/x.png", 200),
        ("GET", "/gradio_api/file={folder}/../../etc/passwd", 403),
        ("GET", "/gradio_api/file=/etc/passwd", 403),
        ("GET", "/gradio_api/file=https://example.com/a.png", 403),
        ("GET", "/gradio_api/file=http:/example.com/a.png", 403),
        ("GET", "/gradio_api/file/https://example.com/a.png", 404),
        ("GET", "/gradio_api/proxy=https://example.com/a.png", 404),
        ("GET", "/gradio_api/runs", 404),
        ("GET", "/gradio_api/run-history/buckets", 404),
        ("GET", "/gradio_api/deep_link", 404),
        ("GET", "/monitoring", 404),
        ("POST", "/gradio_api/run/remove", 404),
        ("POST", "/gradio_api/component_server", 404),
        ("POST", "/gradio_api/process_recording", 404),
        ("POST", "/gradio_api/vibe-edit", 404),
        ("PUT", "/gradio_api/upload", 404),
    ],
)
def test_gate_opens_to_what_the_page_needs_alone(method, path, status, gate, temporary):
    address = path.replace("{folder}", str(temporary.folder)).replace("..", "%2e%2e")
    content = b"{}" if method == "POST" else None
    assert gate.request(method, address, content=content).status_code == status


def test_gate_refuses_what_is_too_long_or_does_not_say_how_long_it_is(gate):
    upload = "/gradio_api/upload"
    assert gate.post(upload, content=bytes(LIMITS.request_bytes)).status_code == 200
    long = gate.post(upload, content=bytes(LIMITS.request_bytes + 1))
    assert (long.status_code, long.text.endswith("send less at once.")) == (413, True)
    assert gate.post("/gradio_api/queue/join", content=bytes(1_000_001)).status_code == 413
    assert gate.post(upload, content=iter([b"some"])).status_code == 411


def test_gate_takes_no_upload_that_the_folder_has_no_room_for(temporary):
    limits = Limits(kept_bytes=1000)
    held = Temporary(limits)
    full = TestClient(Gate(PlainTextResponse("through"), held, limits))
    assert full.post("/gradio_api/upload", content=bytes(900)).status_code == 200
    refused = full.post("/gradio_api/upload", content=bytes(1001))
    assert (refused.status_code, "no room" in refused.text) == (503, True)
    held.remove()
