"""A small project whose "model" is exported in milliseconds."""

import shutil
from pathlib import Path

import pytest
from support import contenders


@pytest.fixture(scope="session")
def prepared(tmp_path_factory):
    folder = contenders.project(tmp_path_factory.mktemp("a project"))
    contenders.export(folder)
    return folder


@pytest.fixture
def project(prepared, tmp_path):
    """A project of its own, which is the current folder."""
    return Path(shutil.copytree(prepared, tmp_path, dirs_exist_ok=True))
