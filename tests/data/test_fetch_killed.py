"""Processes that are killed while they fetch or extract, and those that come after them."""

import hashlib
import itertools
import os
import random
import subprocess
import sys
import threading
import time
import zipfile

import numpy as np
import pytest
from support.loopback import served, whole

from clearbg.data.fetching.archive import extract
from clearbg.data.fetching.download import BLOCK, fingerprint
from clearbg.data.fetching.fetch import fetch

BODY = b"PK\3\4" + np.random.default_rng(2).bytes((24 << 20) - 4)
FETCH = (
    "import sys; from pathlib import Path; from clearbg.data.fetching.fetch import fetch;"
    "fetch(sys.argv[1], Path(sys.argv[2]))"
)
EXTRACT = """
import shutil, sys, time
from pathlib import Path
from clearbg.data.fetching.archive import extract
copy, left = shutil.copyfileobj, int(sys.argv[3])
def held(*arguments):
    global left
    copy(*arguments)
    left -= 1
    if not left:
        print(file=sys.stderr, flush=True)
        time.sleep(600)
shutil.copyfileobj = held
extract(Path(sys.argv[1]), Path(sys.argv[2]))
"""
"""Stands still once it has written so many files."""


def start(code, *arguments):
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)


def until(condition, process, seconds=300):
    end = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None and time.monotonic() < end
        time.sleep(0.002)


def size(path):
    return path.stat().st_size if path.exists() else 0


@pytest.fixture
def site():
    with served() as server:
        server.body = BODY
        yield server


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1])
def test_download_killed_ten_times_fetches_no_byte_twice_but_for_a_block(tmp_path, site, seed):
    url, kills = f"{site.url}/set.zip", random.Random(seed)
    content = tmp_path / "set.zip.part" / fingerprint(url)[:8] / "content"
    places = sorted(kills.randrange(len(BODY)) for _ in range(10))
    released, sent = threading.Event(), []

    def hold_at(place):
        def answer(handler):
            asked = handler.headers.get("Range", "bytes=0-")
            begin = int(asked[len("bytes=") : -1])
            sent.append((begin, place))
            whole(handler, cut=max(0, place - begin))
            released.wait(300)

        return answer

    for place in places:
        site.answers = [hold_at(place)]
        process = start(FETCH, url, tmp_path)
        until(lambda place=place: size(content) > place - BLOCK, process)
        process.kill()  # with the connection open and everything sent that was to be
        process.wait()
        process.stderr.close()
    site.answers = [lambda handler: (sent.append((size(content), len(BODY))), whole(handler))]
    path = fetch(url, tmp_path)
    released.set()
    assert hashlib.sha256(path.read_bytes()).digest() == hashlib.sha256(BODY).digest()
    for (_, killed_at), (begin, _) in itertools.pairwise(sent):
        assert killed_at - BLOCK <= begin <= killed_at
    assert sum(end - begin for begin, end in sent) <= len(BODY) + 10 * BLOCK
    assert sorted(os.listdir(tmp_path)) == ["set.zip", "set.zip.fetched.json"]


@pytest.mark.slow
def test_killed_extraction_starts_over_and_leaves_nothing(tmp_path):
    archive, target = tmp_path / "set.zip", tmp_path / "out"
    with zipfile.ZipFile(archive, "w") as file:
        for index in range(1000):
            file.writestr(f"{index}.bin", BODY[index * 4096 :][:4096])
    extract(archive, tmp_path / "truth")
    truth = sorted((p.name, p.read_bytes()) for p in (tmp_path / "truth").iterdir())
    for written in (1, 50, 300):
        process = start(EXTRACT, archive, target, written)
        assert process.stderr.readline() == "\n"
        assert len(list(tmp_path.glob(".out.*/*.bin"))) == written
        process.kill()
        process.wait()
        process.stderr.close()
        assert not target.exists()
        assert len(list(tmp_path.glob(".out.aside"))) == 1
    extract(archive, target)
    assert sorted((p.name, p.read_bytes()) for p in target.iterdir()) == truth
    assert sorted(os.listdir(tmp_path)) == ["out", "set.zip", "truth"]


def test_finished_file_leaves_no_part_of_a_killed_run(tmp_path, site):
    fetch(f"{site.url}/set.zip", tmp_path)
    (tmp_path / "set.zip.part/12345678").mkdir(parents=True)
    fetch(f"{site.url}/set.zip", tmp_path)
    assert sorted(os.listdir(tmp_path)) == ["set.zip", "set.zip.fetched.json"]
    assert len(site.requests) == 1


def test_run_killed_before_the_last_rename_asks_for_no_byte_again(tmp_path, site):
    url = f"{site.url}/set.zip"
    path = fetch(url, tmp_path)
    place = tmp_path / "set.zip.part" / fingerprint(url)[:8]
    place.mkdir(parents=True)
    (place / "begun").write_text(f'{fingerprint(url)} "1"')
    path.rename(place / "content")
    assert fetch(url, tmp_path).read_bytes() == BODY
    assert site.ranges == [None, f"bytes={len(BODY)}-"]


@pytest.mark.slow
def test_two_runs_that_want_one_file_fetch_it_once(tmp_path, site):
    url, free = f"{site.url}/set.zip", threading.Event()
    site.answers = [lambda handler: (free.wait(300), whole(handler))]
    first = start(FETCH, url, tmp_path)
    until(lambda: site.requests, first)
    second = start(FETCH, url, tmp_path)
    assert "waiting for another run" in second.stderr.readline()
    free.set()
    for process in (first, second):
        process.communicate(timeout=300)
        assert process.returncode == 0
    assert len(site.requests) == 1
    assert (tmp_path / "set.zip").read_bytes() == BODY
