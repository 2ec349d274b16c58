"""`clearbg remove --engine ray`: the same results as without, from processes of Ray."""

import json
import os
import signal
import subprocess
import sys
import time
import types
from pathlib import Path

import numpy as np
import onnxruntime
import psutil
import pyarrow
import pytest
from support import object_stores
from support.images import disc
from support.models import brightness_model
from typer.testing import CliRunner

from clearbg.cli.app import app
from clearbg.errors import ClearBGError, SettingsError
from clearbg.images import read_image, write_image
from clearbg.removal import files
from clearbg.removal.distributed import bulk, cluster
from clearbg.removal.distributed.actors import ActorSettings, RemoverActor
from clearbg.removal.distributed.cluster import connected, missing_here, room_for_actors
from clearbg.removal.files import outcome
from clearbg.removal.options import OutputOptions, RunOptions
from clearbg.removal.plan import Job


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    return brightness_model(tmp_path_factory.mktemp("model") / "model.onnx")


@pytest.fixture
def remove(model):
    """Runs the command; its exit status must be `status`."""

    def run(*arguments: object, status: int = 0):
        command = ["remove", *map(str, arguments), "--model", str(model)]
        done = CliRunner().invoke(app, command)
        assert done.exit_code == status, f"{done.stderr}{done.exception!r}"
        return done

    return run


def test_as_many_actors_as_the_machines_have_room_for():
    machines = [{"CPU": 16}, {"CPU": 7}, {"CPU": 2}, {}]
    assert room_for_actors(machines) == (5, 4)
    assert room_for_actors(machines, cores=2) == (12, 2)
    assert room_for_actors(machines, actors=3) == (3, 4)
    assert room_for_actors([{"CPU": 2}]) == (1, 2)


def test_actors_share_the_gpus_and_the_cores_beside_them():
    machines = [{"CPU": 64, "GPU": 4}, {"CPU": 128}]
    assert room_for_actors(machines, gpus=1) == (4, 16)
    assert room_for_actors(machines, gpus=0.25) == (16, 4)
    assert room_for_actors(machines, gpus=0.5, cores=2) == (8, 2)


@pytest.mark.parametrize(
    "wanted, says",
    [
        ({"cores": 8}, "workers to 2 or fewer"),
        ({"gpus": 1}, "has a GPU"),
    ],
)
def test_actors_that_no_machine_has_room_for_are_refused(wanted, says):
    with pytest.raises(SettingsError, match=says):
        room_for_actors([{"CPU": 2}, {"CPU": 1}], **wanted)


@pytest.mark.parametrize(
    "options, says",
    [
        (["in", "--engine", "ray", "--fail-fast"], "leave fail-fast out"),
        (["-", "--engine", "ray", "-o", "out"], "leave the engine ray out"),
        (["in/a.png", "--engine", "ray", "-o", "-"], "leave the engine ray out"),
        (["in/a.png", "--engine", "ray", "-o", "b.png"], "b.png is one image"),
        (["in", "--engine", "ray", "--log", "l.jsonl"], "keeps no log"),
        (["in", "--engine", "ray", "--gpus", "0.5"], "needs the device cuda"),
        (["in", "--engine", "ray", "--mask", "--background", "red"], "no background"),
        (["none", "--engine", "ray"], "none does not exist"),
        (["in", "--actors", "2"], "need the engine ray"),
        (["in", "--device", "cuda", "--gpus", "0.5"], "need the engine ray"),
    ],
)
def test_what_makes_no_sense_is_refused_before_ray_starts(remove, monkeypatch, options, says):
    monkeypatch.setitem(sys.modules, "ray", None)
    write_image("in/a.png", disc(0)[0])
    assert says in remove(*options, status=2).stderr


def test_model_that_is_none_is_refused_before_ray_starts(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    write_image("in/a.png", disc(0)[0])
    Path("model.onnx").write_text("text")
    done = CliRunner().invoke(app, "remove in --engine ray --model model.onnx".split())
    assert done.exit_code == 2 and "not a complete ONNX file" in done.stderr


def test_missing_ray_is_a_sentence(remove, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    write_image("in/a.png", disc(0)[0])
    assert 'pip install "ray[data]"' in remove("in", "--engine", "ray", status=2).stderr


def test_ray_does_not_start_when_everything_is_there(remove, monkeypatch):
    write_image("in/a.png", disc(0)[0])
    remove("in")
    monkeypatch.setitem(sys.modules, "ray", None)
    assert "skipped" in remove("in", "--engine", "ray", "--skip-existing", "--json").stdout


@pytest.mark.parametrize("address", ["127.0.0.1:1", "ray://127.0.0.1:1", "host:port"])
def test_cluster_that_does_not_answer_is_a_sentence(monkeypatch, address):
    monkeypatch.setenv("RAY_ADDRESS", address)
    ray = types.SimpleNamespace(is_initialized=lambda: False)
    with pytest.raises(ClearBGError, match="check RAY_ADDRESS"), connected(ray):
        pass


def test_result_that_another_machine_kept_to_itself_is_a_failure():
    jobs = [Job(Path(f"in/{name}.png"), Path(f"out/{name}.png"), "PNG") for name in "ab"]
    write_image("out/a.png", disc(0)[0])
    found = missing_here({job: outcome(job, "written") for job in jobs})
    assert list(found) == jobs[1:] and found[jobs[1]].status == "failed"
    assert "out/b.png is not here" in found[jobs[1]].message


def test_output_that_cannot_be_made_is_a_sentence():
    Path("file").write_text("in the way")
    with pytest.raises(ClearBGError, match="file/out could not be written"):
        cluster.shared_paths([Job(Path("a.png"), Path("file/out/a.png"), "PNG")])


# From here on with Ray.

AWS = {
    "AWS_ACCESS_KEY_ID": "someone",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
}


@pytest.fixture(scope="module")
def s3():
    """A store on loopback whose address every process finds in its surroundings."""
    with object_stores.s3() as address, pytest.MonkeyPatch.context() as patch:
        for name, value in {**AWS, "AWS_ENDPOINT_URL": address}.items():
            patch.setenv(name, value)
        s3fs = pytest.importorskip("s3fs")
        s3fs.S3FileSystem.clear_instance_cache()
        store = s3fs.S3FileSystem()
        store.mkdir("bucket")
        yield store
        s3fs.S3FileSystem.clear_instance_cache()


@pytest.fixture(scope="module")
def ray(s3):
    """Ray on two cores, with a GPU as it believes; its processes see the store."""
    module = cluster.import_ray()
    module.init(
        "local", num_cpus=2, num_gpus=1, include_dashboard=False, log_to_driver=False,
        logging_level=cluster.MUTE, object_store_memory=cluster.STORE_BYTES,
    )  # fmt: skip
    yield module
    module.shutdown()


COUNT = 24  # images of the run that is killed after the third


def told(done) -> dict:
    return json.loads(done.stdout)


@pytest.mark.slow
def test_results_and_report_are_those_of_the_plain_engine(remove, ray, monkeypatch):
    """Also when an image ends the process that reads it: that one alone fails."""

    class Mortal(RemoverActor):  # defined here, so that it travels to Ray's processes whole
        def __init__(self, *args):
            super().__init__(*args)
            read = files._read
            files._read = lambda job: os._exit(1) if "deadly" in str(job.source) else read(job)

    for index in range(7):
        write_image(f"in/{'xy'[index % 2]}/p{index}.jpg", disc(index)[0])
    write_image("in/y/deadly.jpg", disc(9)[0])
    Path("in/x/bad.jpg").write_text("text")
    expected = told(remove("in", "-o", "out", "--json", status=1))
    Path("out").rename("plain")
    monkeypatch.setattr(bulk, "RemoverActor", Mortal)
    found = told(remove("in", "-o", "out", "--json", "--engine", "ray", "--batch", 3, status=1))
    (deadly,) = [one for one in found["images"] if "deadly" in one["source"]]
    assert deadly["status"] == "failed" and "ended the process" in deadly["message"]
    kept = [one for one in expected["images"] if "deadly" not in one["source"]]
    assert [one for one in found["images"] if one is not deadly] == kept
    for one in kept:
        name = Path(one["target"]).relative_to("out")
        if one["status"] == "written":
            assert Path("out", name).read_bytes() == Path("plain", name).read_bytes()


@pytest.mark.slow
def test_options_have_their_effect_and_stores_are_read_and_written(remove, ray, s3):
    options = (
        "--background blur --crop --margin 10% --threshold 0.4 --no-refine --keep-metadata "
        "--format webp --quality 80 --batch 2"
    ).split()
    for index in range(3):
        write_image(f"in/{index}.png", disc(index)[0])
        s3.put_file(f"in/{index}.png", f"bucket/in/{index}.png")
    s3.pipe_file("bucket/out/1.webp", b"mine")
    expected = told(remove("in", "-o", "out", *options, "--json"))
    stores = ["s3://bucket/in", "-o", "s3://bucket/out", "--skip-existing"]
    found = told(remove(*stores, *options, "--json", "--engine", "ray", "--workers", 1))
    s3.invalidate_cache()
    assert [one["status"] for one in found["images"]] == ["written", "skipped", "written"]
    for index in (0, 2):
        facts, other = (report["images"][index] for report in (expected, found))
        assert other["target"] == f"s3://bucket/out/{index}.webp"
        assert {**other, "source": 0, "target": 0} == {**facts, "source": 0, "target": 0}
        assert s3.cat_file(f"bucket/out/{index}.webp") == Path(f"out/{index}.webp").read_bytes()
    assert s3.cat_file("bucket/out/1.webp") == b"mine"


@pytest.mark.slow
def test_device_that_an_actor_has_not_ends_the_run_with_the_reason(remove, ray):
    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("CUDA is there")
    write_image("in/a.png", disc(0)[0])
    done = remove("in", "--engine", "ray", "--device", "cuda", "--gpus", 0.5, status=2)
    assert "cannot use CUDA" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.slow
def test_machine_that_does_not_see_the_folders_says_so(model, ray):
    settings = ActorSettings(
        "cpu", True, OutputOptions(), RunOptions(), os.getcwd(), shared=("/nowhere",)
    )
    actor = RemoverActor(ray.put(model.read_bytes()), None, settings)
    portion = pyarrow.table(
        {"number": [0], "source": [b"a.png"], "target": [b"b.png"], "format": ["PNG"]}
    )
    assert "/nowhere is not there on every machine" in actor(portion)["refusal"][0]


HELD = """
import time
from clearbg.cli.app import main
from clearbg.removal.distributed import bulk
class Held(bulk.RemoverActor):
    def __call__(self, portion):
        if any(b"12.png" in source for source in portion["source"].to_pylist()):
            time.sleep(600)
        return super().__call__(portion)
bulk.RemoverActor = Held
main()
"""
"""The command, which stands still at an image in the middle."""


@pytest.mark.slow
def test_killed_run_leaves_whole_results_and_the_next_one_does_the_rest(remove, ray, model):
    """The first run starts a Ray of its own, of which nothing outlives it."""
    rgb = np.tile(disc(0)[0], (8, 8, 1))
    for index in range(COUNT):
        write_image(f"in/{index:02d}.png", rgb)
    run = subprocess.Popen(
        [sys.executable, "-c", HELD, *"remove in -o out --engine ray --workers 1".split(),
         *"--actors 1 --batch 1 --model".split(), str(model)],
        start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        env={name: value for name, value in os.environ.items() if name != "RAY_ADDRESS"},
    )  # fmt: skip
    while len(written()) < 3:
        assert run.poll() is None, run.stderr.read()
        time.sleep(0.01)
    family = psutil.Process(run.pid).children(recursive=True)
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()
    run.stderr.close()
    assert not psutil.wait_procs(family, timeout=300)[1]
    before = {path: path.stat().st_mtime_ns for path in written()}
    assert 3 <= len(before) < COUNT
    done = told(remove("in", "-o", "out", "--engine", "ray", "--skip-existing", "--json"))
    assert (done["skipped"], done["written"]) == (len(before), COUNT - len(before))
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert len({path.read_bytes() for path in written()}) == 1
    assert read_image(written()[0]).rgb.shape == rgb.shape


def written() -> list[Path]:
    return sorted(Path("out").glob("*.png"))
