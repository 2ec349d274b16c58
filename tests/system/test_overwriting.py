"""No command writes over what it read, or over a file that is not of its kind."""

import os
import re
from pathlib import Path

import pytest

from clearbg.errors import DataError
from clearbg.system.overwriting import Kind, refuse_to_lose

LIST = Kind("a list", re.compile(rb"\Alist:"))


@pytest.fixture(autouse=True)
def files(tmp_path):
    Path("own").write_text("list: a")
    Path("foreign").write_text("diary")
    Path("empty").touch()
    Path("folder").mkdir()
    os.link("own", "hard")
    os.symlink("own", "soft")
    os.symlink("nowhere", "dangling")
    os.mkfifo("pipe")


@pytest.mark.parametrize("name", ["new", "own", "empty", "soft", "dangling", "folder/new"])
def test_new_and_own_files_are_written(name):
    refuse_to_lose(Path(name), LIST, [Path("foreign"), Path("gone"), None])


@pytest.mark.parametrize(
    "name, says",
    [
        ("foreign", "foreign exists, is not a list and would be lost: .* add --overwrite"),
        ("folder", "folder is a folder: name a file"),
        ("pipe", "pipe is no regular file"),
        ("/dev/null", "/dev/null is no regular file"),
    ],
)
def test_other_files_are_refused(name, says):
    with pytest.raises(DataError, match=says):
        refuse_to_lose(Path(name), LIST)


@pytest.mark.parametrize("overwrite", [True, False, None])
@pytest.mark.parametrize("name", ["own", "soft", "hard", "folder/../own"])
def test_what_was_read_is_refused_by_any_name_and_whatever_was_asked_for(name, overwrite):
    with pytest.raises(DataError, match="is an input and would be lost"):
        refuse_to_lose(Path(name), LIST, [Path("foreign"), Path("own")], overwrite)


def test_foreign_file_is_written_over_when_asked_for():
    refuse_to_lose(Path("foreign"), LIST, overwrite=True)
