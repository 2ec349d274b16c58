"""Files from the disk, what their names promise, and mirrors."""

import hashlib
import re

import pytest
from support.loopback import (
    DATA,
    OTHER,
    SHA,
    impatient_client,
    page,
    refusal,
    served,
    status,
)

from clearbg.data.fetching.fetch import fetch


@pytest.fixture
def site():
    with impatient_client(), served() as server:
        yield server


def test_path_is_returned_in_place(tmp_path):
    (tmp_path / "a.zip").write_bytes(DATA)
    assert fetch(str(tmp_path / "a.zip"), tmp_path / "out", sha256=SHA) == tmp_path / "a.zip"
    assert not (tmp_path / "out").exists()


def test_file_url_is_returned_as_path(tmp_path):
    path = tmp_path / "with space.zip"
    path.write_bytes(DATA)
    assert fetch(path.as_uri(), tmp_path / "out") == path


def test_folder_is_returned_in_place(tmp_path):
    assert fetch(str(tmp_path), tmp_path / "out") == tmp_path


def test_missing_path_is_a_sentence(tmp_path):
    assert "none.zip does not exist" in refusal(str(tmp_path / "none.zip"), tmp_path)


def test_wrong_file_on_disk_is_refused(tmp_path):
    (tmp_path / "a.zip").write_bytes(OTHER)
    assert SHA in refusal(str(tmp_path / "a.zip"), tmp_path, sha256=SHA)


def test_web_page_saved_as_archive_is_refused(tmp_path):
    (tmp_path / "a.zip").write_bytes(page("Google Drive - Quota exceeded"))
    assert "quota of downloads is used up" in refusal(str(tmp_path / "a.zip"), tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [
        ("a.zip", b"a,b\n1,2\n", "something else"),
        ("a.zip", b"\x1f\x8b rest", "gz"),
        ("a.tar.gz", b"PK\3\4 rest", "zip"),
        ("a.TGZ", b"\x89PNG\r\n", "something else"),
        ("a.tar", b"\xfd7zXZ\0 rest", "xz"),
    ],
)
def test_content_that_the_name_denies_is_refused(tmp_path, name, content, kind):
    (tmp_path / name).write_bytes(content)
    message = refusal(str(tmp_path / name), tmp_path)
    assert re.search(rf"gave {kind}, not the \w+ that the name {name} says", message)


@pytest.mark.parametrize("name", ["a.zip", "model.pth.tar", "weights.safetensors"])
def test_content_is_taken_by_its_sum_or_under_a_name_that_says_nothing(tmp_path, name):
    (tmp_path / name).write_bytes(b"\x80\x02 rest")
    sha256 = hashlib.sha256(b"\x80\x02 rest").hexdigest() if name == "a.zip" else None
    assert fetch(str(tmp_path / name), tmp_path, sha256=sha256) == tmp_path / name


@pytest.mark.parametrize(
    "source", ["http:/a.zip", "gdrive:../../x", "kaggle:one", "http://[x", "kaggle:a/b/c"]
)
def test_malformed_source_is_a_sentence(tmp_path, source):
    assert "not well formed" in refusal(source, tmp_path)


def test_no_source_is_a_sentence(tmp_path):
    assert "No source" in refusal([], tmp_path)


def test_mirrors_are_tried_in_order(tmp_path, site):
    site.answers = [status(404)]
    path = fetch([f"{site.url}/one.zip", f"{site.url}/two.zip"], tmp_path, sha256=SHA)
    assert path == tmp_path / "one.zip"
    assert path.read_bytes() == DATA


def test_when_all_mirrors_fail_each_is_reported(tmp_path, site):
    site.answers = [status(404), status(403)]
    message = refusal([f"{site.url}/one.zip", f"{site.url}/two.zip"], tmp_path)
    assert "one.zip answers 404" in message
    assert "two.zip answers 403" in message


def test_finished_file_of_any_mirror_is_not_requested_again(tmp_path, site):
    both = [f"{site.url}/one.zip", f"{site.url}/two.zip"]
    site.answers = [status(404)]
    fetch(both, tmp_path)
    fetch(both, tmp_path)
    assert len(site.requests) == 2
