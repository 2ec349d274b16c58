"""An ingest that is killed again and again gives what an undisturbed one gives."""

import hashlib
import multiprocessing
import os
import random
import runpy
import signal
import sys
from pathlib import Path

import pytest
import yaml
from support.images import disc
from support.project import ROOT, demo

from clearbg.images import write_image, write_mask

OWN = {"source": "folder", "path": "own", "images": "images", "masks": "masks", "kind": None,
       "count": None, "max_quarantined": 0.5, "validation": 0.2, "test": 0.2}  # fmt: skip
TOUCHED = ("open", "os.rename", "os.remove", "os.rmdir", "os.mkdir", "shutil.copyfile")
"""What Python tells of a process that is at work on files."""


def draw(folder: Path) -> None:
    """12 pairs; one image has a format of its own and is converted, one has no mask."""
    for number in range(12):
        rgb, alpha = disc(number, (30, 40))
        write_image(folder / f"own/images/{number}.{'tiff' if number == 3 else 'png'}", rgb)
        if number != 5:
            write_mask(folder / f"own/masks/{number}.png", alpha)
    (folder / "params.yaml").write_text(yaml.safe_dump(demo(data=OWN), sort_keys=False))


def ingest(folder: Path, last: int) -> None:
    """Run the stage, but only up to the file that it touches as number `last`."""
    os.chdir(folder)
    main = runpy.run_path(str(ROOT / "pipelines/ingest.py"))["main"]
    touched = []

    def watch(event: str, _) -> None:
        if event in TOUCHED:
            touched.append(event)
            if len(touched) == last:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(watch)
    main([])


def status_of(folder: Path, last: int = 0) -> int | None:
    child = multiprocessing.get_context("fork").Process(target=ingest, args=(folder, last))
    child.start()
    child.join(300)
    return child.exitcode


def written(folder: Path) -> dict[str, str]:
    """Path -> SHA-256 of everything in data/ and reports/."""
    files = [path for part in ("data", "reports") for path in (folder / part).rglob("*")]
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
        if path.is_file()
    }


@pytest.mark.slow
def test_ingest_killed_five_times_writes_the_same_bytes_as_an_undisturbed_one(tmp_path):
    for name in ("undisturbed", "killed"):
        draw(tmp_path / name)
    assert status_of(tmp_path / "undisturbed") == 0
    moments = random.Random(0)  # an undisturbed run touches some 600 files, one with a cache 380
    for _ in range(5):
        assert status_of(tmp_path / "killed", moments.randrange(1, 370)) == -signal.SIGKILL
    assert status_of(tmp_path / "killed") == 0
    assert written(tmp_path / "killed") == written(tmp_path / "undisturbed")
    assert len(written(tmp_path / "killed")) == 2 * 11 + 4
