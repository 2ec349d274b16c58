"""What becomes of uploads: cutouts, previews, zips, and reasons where there is none."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.images import disc
from support.page import DEFAULTS, photo
from typer.testing import CliRunner

from clearbg.cli.app import app
from clearbg.errors import ClearBGError
from clearbg.images import write_image
from clearbg.page import jobs as page_jobs
from clearbg.page import previews
from clearbg.page.examples import EXAMPLES, FOLDER
from clearbg.page.jobs import Jobs
from clearbg.page.limits import Limits
from clearbg.page.models import ModelChoices
from clearbg.page.requests import RequestParser
from clearbg.page.uploads import UploadFolder


@pytest.mark.parametrize(
    "values, command",
    [
        ({}, []),
        ({"background": "blur", "model": "model"}, ["--background", "blur"]),
        ({"background": "#1e90ff", "refine_edges": False, "hard_edges": True, "threshold": 0.4},
         ["--background", "#1e90ff", "--threshold", "0.4", "--no-refine"]),
        ({"hard_edges": True}, ["--threshold", "0.5"]),
        ({"background": "rgba(30.2, 144, 254.6, 1)"}, ["--background", "#1e90ff"]),
        ({"background_image": "behind.png"}, ["--background", "behind.png"]),
    ],
)  # fmt: skip
def test_cutout_is_the_file_that_clearbg_remove_writes(values, command, jobs, parser, send, model):
    Path("p.jpg").write_bytes(photo())
    write_image("behind.png", disc(3, (30, 30))[0])
    if "background_image" in values:
        values = {"background_image": send("behind.png", Path("behind.png").read_bytes())}
    cutout = jobs.remove(send("p.jpg", photo()), parser.options(**DEFAULTS | values))
    command = ["remove", "p.jpg", "-o", "c.png", "--model", str(model), *command]
    assert CliRunner().invoke(app, command).exit_code == 0
    assert cutout.path.read_bytes() == Path("c.png").read_bytes() and cutout.path.name == "p.png"
    with Image.open(cutout.path) as found:
        assert found.size == (80, 60) and found.info["icc_profile"]
    assert cutout.facts()["model"] == "model" and 0 < cutout.coverage < 1


def test_previews_are_small_and_show_transparency(jobs, parser, send, monkeypatch):
    monkeypatch.setattr(previews, "PREVIEW_SIDE", 40)
    made = jobs.remove(send("p.jpg", photo()), parser.options(**DEFAULTS), previews=True)
    before, after = (np.array(Image.open(path)) for path in (made.before, made.after))
    assert before.shape == after.shape == (30, 40, 3)
    assert (
        after[:4, :4].mean() > before[:4, :4].mean() + 50
    )  # squares in place of the dark background
    assert jobs.remove(send("q.jpg", photo()), parser.options(**DEFAULTS)).before is None


def test_batch_is_a_zip_named_as_clearbg_remove_names_with_a_row_for_every_image(
    jobs, parser, send
):
    first = send("a.jpg", photo(0))
    sent = [first, send("bad.jpg", b"text"), send("a.png", photo(1, "PNG")), first]
    told = []
    archive, rows = jobs.remove_batch(
        sent, parser.options(**DEFAULTS), lambda *step: told.append(step)
    )
    assert [row.result for row in rows] == ["a.jpg.png", None, "a.png.png", "a.jpg.png"]
    assert rows[1].image == "bad.jpg" and "not an image" in rows[1].reason
    assert told == [(0, 3, "a.jpg"), (1, 3, "bad.jpg"), (2, 3, "a.png")]
    with zipfile.ZipFile(archive) as file:
        assert sorted(file.namelist()) == ["a.jpg.png", "a.png.png"]
        alone = jobs.remove(send("a.jpg", photo(0)), parser.options(**DEFAULTS))
        assert file.read("a.jpg.png") == alone.path.read_bytes()
    assert [path.name for path in archive.parent.iterdir()] == ["cutouts.zip"]


def test_first_rows_of_a_batch_have_thumbnails_which_no_program_is_sent(jobs, parser, send):
    sent = [send(f"{index}.jpg", photo(index, size=(100, 200))) for index in range(3)]
    _, rows = jobs.remove_batch(sent, parser.options(**DEFAULTS), thumbnails=2)
    assert [row.thumbnail is not None for row in rows] == [True, True, False]
    assert Image.open(io.BytesIO(rows[0].thumbnail)).size == (160, 80)
    assert len(rows[0].thumbnail) < 10_000 and "thumbnail" not in rows[0].facts()


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_example_counts_as_an_upload_of_the_visitor(example, uploads):
    parser = RequestParser(uploads, Limits())
    path = example.send(uploads, "ann")
    assert uploads.visitor(path) == "ann" and parser.upload({"path": str(path)}) == path
    assert path.stat().st_size < 60_000 and len(example.css()) < 20_000
    assert path.name in (FOLDER / "README.md").read_text()


def test_batch_without_a_usable_image_has_rows_and_no_zip(jobs, parser, send):
    big = send("big.png", photo(format="PNG") + bytes(100_000))
    archive, rows = jobs.remove_batch([big, send("b.jpg", b"")], parser.options(**DEFAULTS))
    assert archive is None and all(row.reason for row in rows)


@pytest.mark.parametrize("number, says", [(0, "has no images"), (5, "more than 4")])
def test_batch_has_a_least_and_a_most(number, says, jobs, parser, send):
    with pytest.raises(ClearBGError, match=says):
        jobs.remove_batch([send("a.jpg", photo())] * number, parser.options(**DEFAULTS))


@pytest.mark.parametrize("error", [MemoryError(), OSError(28, "No space left on device")])
def test_what_the_server_lacks_is_one_sentence(error, jobs, parser, send, monkeypatch):
    def fail(*_):
        raise error

    monkeypatch.setattr(page_jobs, "cut", fail)
    with pytest.raises(ClearBGError, match=r"^a.jpg (needs more memory|found no room)"):
        jobs.remove(send("a.jpg", photo()), parser.options(**DEFAULTS))


def test_results_that_the_folder_cannot_hold_are_refused(parser, send, model):
    held = UploadFolder(Limits(storage_bytes=5000))
    jobs = Jobs(parser, ModelChoices([model]), held)
    with pytest.raises(ClearBGError, match=r"^a.jpg found no room on the server \(No space"):
        jobs.remove(send("a.jpg", photo()), parser.options(**DEFAULTS))
    held.remove()
