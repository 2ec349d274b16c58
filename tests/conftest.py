"""Fixtures that several test files share. Images are made here, never stored."""

import os
import shutil
import signal
from collections import Counter
from pathlib import Path

import pytest
import torch
from filelock import FileLock
from support.images import disc
from support.project import STAGES, TINY, Project, demo
from support.training import write_augmented

from clearbg import config
from clearbg.data import sources
from clearbg.data.ingest.cache import Cache
from clearbg.data.ingest.ingest import ingest
from clearbg.images import write_image, write_mask

# Threads that wait for one another on busy cores make small networks a hundred times slower.
torch.set_num_threads(1)

# In the background (`nohup pytest &`) these are ignored, also by the programs that tests start.
signal.signal(signal.SIGHUP, signal.SIG_DFL)
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_xdist_auto_num_workers():
    """One more than there are cores: many a test waits for a server or a queue."""
    return len(os.sched_getaffinity(0)) + 1


def pytest_collection_modifyitems(items):
    """Files that take long go first, so that no core waits for one of them in the end."""
    slow = Counter(item.path for item in items if item.get_closest_marker("slow"))
    items.sort(key=lambda item: -slow[item.path])


@pytest.fixture
def tiny() -> config.Settings:
    return config.parse(demo(**TINY))


@pytest.fixture(autouse=True)
def alone(monkeypatch, tmp_path):
    """No test sees the caller's tracking server, DVC variables or project folder."""
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME", "DVC_ROOT", "DVC_STAGE",
                 "CLEARBG_REGISTERED_MODEL"):  # fmt: skip
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def pairs_folder(tmp_path):
    """Makes `own/images/*.jpg` and `own/masks/*.png`: a bright disc on a dark background."""

    def make(count: int = 12, size: tuple[int, int] = (60, 80)) -> Path:
        for index in range(count):
            rgb, alpha = disc(index, size)
            write_image(tmp_path / f"own/images/p{index:02d}.jpg", rgb)
            write_mask(tmp_path / f"own/masks/p{index:02d}.png", alpha)
        return tmp_path / "own"

    return make


@pytest.fixture
def augmented(tmp_path) -> Path:
    """An augmented folder: 12 training and 4 validation images of 32×32."""
    return write_augmented(tmp_path / "augmented")


@pytest.fixture
def ingested(pairs_folder, tmp_path) -> Path:
    """An ingested folder of 12 images."""
    own = {"source": "folder", "path": str(pairs_folder()), "images": "images", "masks": "masks",
           "kind": None, "count": None, "validation": 0.2, "test": 0.2}  # fmt: skip
    data = config.parse(demo(data=own)).data
    ingest(
        sources.pairs(data, tmp_path),
        data,
        tmp_path / "ingested",
        tmp_path / "quarantine.csv",
        Cache(tmp_path / "cache"),
    )
    return tmp_path / "ingested"


@pytest.fixture
def project(tmp_path) -> Project:
    folder = tmp_path / "a project"  # the space is meant: paths with one must work
    folder.mkdir()
    return Project(folder)


@pytest.fixture(scope="session")
def finished(tmp_path_factory, worker_id) -> Project:
    """A project after `dvc repro`, made once for all processes; who changes it takes a copy."""
    base = tmp_path_factory.getbasetemp()
    base = base if worker_id == "master" else base.parent
    folder, done = base / "finished/a project", base / "finished/done"
    with FileLock(base / "finished.lock"):
        if not done.exists():
            shutil.rmtree(folder.parent, ignore_errors=True)
            folder.mkdir(parents=True)
            printed = Project(folder).dvc("repro").stdout
            assert all(f"\n{stage}: wrote " in printed for stage in STAGES)
            done.touch()
    return Project.at(folder)
