"""Images in stores: fsspec's own in memory, with the plain engine of `clearbg remove`."""

import json
from pathlib import Path

import fsspec
import numpy as np
import pytest
from support.images import disc
from support.models import brightness_model
from typer.testing import CliRunner

from clearbg.cli.app import app
from clearbg.errors import DataError
from clearbg.images import encode_image, limits, read_image, write_image
from clearbg.removal.plan import plan
from clearbg.system import object_store
from clearbg.system.object_store import StorePath, location


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    return brightness_model(tmp_path_factory.mktemp("model") / "model.onnx")


@pytest.fixture
def memory():
    store = fsspec.filesystem("memory")
    yield store
    store.store.clear()
    store.pseudo_dirs[:] = [""]


@pytest.fixture
def remove(model):
    def run(*arguments: str, status: int = 0):
        command = ["remove", *arguments, "--model", str(model), "--workers", "1"]
        done = CliRunner().invoke(app, command)
        assert done.exit_code == status, f"{done.stderr}{done.exception!r}"
        return done

    return run


def encoded(index: int = 0) -> bytes:
    return encode_image(disc(index)[0])


def fill(store, *names: str) -> None:
    for index, name in enumerate(names):
        store.pipe_file(name, encoded(index))


def test_folder_of_a_store_gives_what_a_folder_on_disk_gives(remove, memory):
    fill(memory, "/b/in/a.png", "/b/in/deep/er/c.png")
    for name in ("a.png", "deep/er/c.png"):
        Path("in", name).parent.mkdir(parents=True, exist_ok=True)
        Path("in", name).write_bytes(memory.cat_file(f"/b/in/{name}"))
    remove("in", "-o", "out")
    remove("memory://b/in", "-o", "memory://b/out")
    assert memory.find("/b/out") == ["/b/out/a.png", "/b/out/deep/er/c.png"]
    for name in ("a.png", "deep/er/c.png"):
        assert memory.cat_file(f"/b/out/{name}") == Path("out", name).read_bytes()


def test_one_image_of_a_store_goes_to_one_file(remove, memory):
    fill(memory, "/b/a.png")
    remove("memory://b/a.png", "-o", "memory://b/cut.webp")
    assert read_image(memory.cat_file("/b/cut.webp")).format == "WEBP"
    remove("memory://b/a.png", "-o", "here.png")
    assert read_image("here.png").rgb.shape == (60, 80, 3)


def test_file_address_is_a_path(remove):
    write_image("my 1 %/a.png", disc(0)[0])
    here = Path.cwd()
    remove((here / "my 1 %").as_uri(), "-o", (here / "out").as_uri())
    assert Path("out/a.png").is_file()


def test_results_in_a_store_are_skipped(remove, memory):
    fill(memory, "/b/in/a.png", "/b/in/x/b.png")
    memory.pipe_file("/b/out/x/b.png", b"mine")
    report = json.loads(
        remove("memory://b/in", "-o", "memory://b/out/", "--skip-existing", "--json").stdout
    )
    assert [one["status"] for one in report["images"]] == ["written", "skipped"]
    assert memory.cat_file("/b/out/x/b.png") == b"mine"


def test_nothing_is_skipped_where_the_output_is_not_there_yet(remove, memory):
    fill(memory, "/b/in/a.png")
    assert (
        "written"
        in remove("memory://b/in", "-o", "memory://b/new", "--skip-existing", "--json").stdout
    )


def test_bad_image_of_a_store_has_its_sentence(remove, memory):
    fill(memory, "/b/in/a.png")
    memory.pipe_file("/b/in/bad.png", b"text")
    done = remove("memory://b/in", "-o", "out", status=1)
    assert "memory://b/in/bad.png is not an image" in done.stderr


def test_what_is_hidden_or_leads_out_of_the_folder_is_left_out(memory):
    fill(memory, "/b/in/a.png", "/b/in/.hidden/b.png", "/b/in/.c.png.part", "/b/in/../../d.png")
    memory.pipe_file("/b/in/notes.txt", b"text")
    jobs = plan(["memory://b/in"], "out", None)
    assert [str(job.target) for job in jobs] == ["out/a.png"]


def test_results_below_the_input_are_no_inputs(memory):
    fill(memory, "/b/a.png", "/b/cutouts/b.png", "/b/cutouts2/c.png")
    jobs = plan(["memory://b"], "memory://b/cutouts", None)
    assert [str(job.target) for job in jobs] == [
        "memory://b/cutouts/a.png",
        "memory://b/cutouts/cutouts2/c.png",
    ]


@pytest.mark.parametrize(
    "source, output, says",
    [
        ("memory://b/none", "out", "memory://b/none holds no images"),
        ("memory://b/in", "memory://b/in", "would be lost"),
        ("memory://b/in", "memory://b/one.png", "is no folder"),
        ("htps://b/in", "out", "htps://, which nothing here reads"),
        ("box://b/in", "out", "needs fsspec's client for box"),
    ],
)
def test_wrong_address_is_a_sentence(memory, source, output, says):
    fill(memory, "/b/in/a.png", "/b/in/b.png")
    with pytest.raises(DataError, match=says):
        plan([source], output, None)


@pytest.mark.parametrize(
    "error, says",
    [
        (PermissionError("x"), "credentials"),
        (FileNotFoundError("x"), "is not there"),
        (ConnectionResetError("x"), "check the connection"),
    ],
)
def test_fault_of_a_store_is_a_failure_of_that_image_alone(
    remove, memory, monkeypatch, error, says
):
    fill(memory, "/b/in/a.png", "/b/in/b.png")
    true = type(memory).cat_file

    def failing(self, path, **options):
        if path.endswith("a.png"):
            raise error
        return true(self, path, **options)

    monkeypatch.setattr(type(memory), "cat_file", failing)
    done = remove("memory://b/in", "-o", "out", status=1)
    assert says in done.stderr and "memory://b/in/a.png" in done.stderr
    assert Path("out/b.png").is_file()


def test_store_that_cannot_be_written_is_a_sentence(remove, memory, monkeypatch):
    def refused(*_, **__):
        raise PermissionError

    fill(memory, "/b/in/a.png")
    monkeypatch.setattr(type(memory), "pipe_file", refused)
    done = remove("memory://b/in", "-o", "memory://b/out", status=2)
    assert "memory://b/out/a.png may not be written" in done.stderr


def test_store_that_shows_files_while_they_grow_gets_them_by_another_name(memory, monkeypatch):
    """As one on a disk elsewhere does: sftp, smb and others."""
    monkeypatch.setattr(object_store, "WRITE_WHOLE", set())
    names, true = [], type(memory).pipe_file

    def watched(self, path, value, **options):
        names.append(path)
        return true(self, path, value, **options)

    monkeypatch.setattr(type(memory), "pipe_file", watched)
    StorePath("memory://b/out/x/a.png").write(b"whole")
    assert names == ["/b/out/x/.a.png.part"]
    assert memory.find("/b/out") == ["/b/out/x/a.png"]


def test_password_in_an_address_is_not_shown():
    stored = location("sftp://me:secret@host/in") / Path("a.png")
    assert str(stored) == "sftp://host/in/a.png" and "secret" not in repr(stored)
    assert object_store.address_of(stored) == "sftp://me:secret@host/in/a.png"


def test_memory_in_work_is_bounded_where_sizes_are_unknown(remove, memory, monkeypatch):
    """With room for one image of unknown size, each is read after the one before is written."""
    from clearbg.removal import files

    monkeypatch.setattr(limits, "AT_ONCE", files.PIXELS_UNSEEN)
    fill(memory, *(f"/b/in/{index}.png" for index in range(4)))
    events, read, write = [], StorePath.read, StorePath.write
    monkeypatch.setattr(StorePath, "read", lambda one: [events.append("read"), read(one)][1])
    monkeypatch.setattr(
        StorePath, "write", lambda one, data: [write(one, data), events.append("written")][0]
    )
    remove("memory://b/in", "-o", "memory://b/out")
    assert events == ["read", "written"] * 4
    assert np.all([memory.exists(f"/b/out/{index}.png") for index in range(4)])
