"""DVC remotes: what one person pushes, another pulls, and nothing is trained twice."""

import contextlib
import getpass
import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml
from PIL import Image
from support import object_stores
from support.models import brightness_model
from support.ports import free_port
from support.project import Project

pytestmark = pytest.mark.slow

IMAGES = """
import runpy
for name in ("ingest", "augment"):
    runpy.run_path(f"pipelines/{name}.py", run_name="__main__")"""


@dataclass(frozen=True)
class Remote:
    """Where to push to: `dvc remote add`, what `dvc remote modify --local` tells of one's own."""

    url: str
    shared: dict[str, str] = field(default_factory=dict)
    own: dict[str, str] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Project:
    """A project whose results DVC and git know: images, and in a trained model's place another.

    What travels is files; that stages write them is told by test_pipeline.py.
    """
    folder = tmp_path_factory.mktemp("finished") / "a project"
    folder.mkdir()
    project = Project(folder)
    project.run("python", "-c", IMAGES)
    for stage in yaml.safe_load((folder / "dvc.yaml").read_text())["stages"].values():
        for out in (*stage["outs"], *stage.get("metrics", ()), *stage.get("plots", ())):
            path = folder / (out if isinstance(out, str) else next(iter(out)))
            if not path.exists():
                (path if path.suffix else path / "file").parent.mkdir(parents=True, exist_ok=True)
                (path if path.suffix else path / "file").write_text("{}")
    brightness_model(folder / "exports/model.onnx")
    (folder / "models/weights.safetensors").write_bytes(bytes(range(256)) * 4096)
    project.dvc("commit", "--force")
    committed(project)
    return project


def committed(project: Project) -> None:
    project.run("git", "add", "-A")
    project.run("git", "-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qm", "results")


def clone(project: Project, folder: Path) -> Project:
    """What another person has of it: what is in git, and their own access to the remote."""
    project.run("git", "clone", "-q", str(project.folder), str(folder))
    own = project.folder / ".dvc/config.local"
    if own.exists():
        shutil.copy(own, folder / ".dvc")
    return Project.at(folder)


def pushed(project: Project, remote: Remote, *options: str) -> None:
    project.dvc("remote", "add", "--default", "store", remote.url)
    for key, value in remote.shared.items():
        project.dvc("remote", "modify", "store", key, value)
    for key, value in remote.own.items():
        project.dvc("remote", "modify", "--local", "store", key, value)
    committed(project)
    project.dvc("push", *options, **remote.environment)


@pytest.fixture
def folder_remote(tmp_path) -> Remote:
    return Remote(str(tmp_path / "shared store"))


@pytest.fixture
def ssh_remote(tmp_path) -> Iterator[Remote]:
    pytest.importorskip("dvc_ssh")
    with openssh(tmp_path / "ssh") as (port, key):
        url = f"ssh://{getpass.getuser()}@127.0.0.1:{port}{tmp_path}/store"
        yield Remote(url, {"verify": "true"}, {"keyfile": str(key)}, {"HOME": str(tmp_path)})


@contextlib.contextmanager
def openssh(folder: Path) -> Iterator[tuple[int, Path]]:
    """OpenSSH's server on loopback, of the user who runs the tests; its port, and their key."""
    program = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")
    if program is None or shutil.which("ssh-keygen") is None:
        pytest.skip("OpenSSH's server (sshd) is not installed")
    folder.mkdir()
    for name in ("host", "mine"):
        key = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)]
        subprocess.run(key, check=True)
    if os.getuid() == 0:  # where sshd starts as root it asks for this folder of the system's
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    port = free_port()
    (folder / "config").write_text(
        f"ListenAddress 127.0.0.1:{port}\nHostKey {folder}/host\nPidFile none\n"
        f"AuthorizedKeysFile {folder}/mine.pub\nStrictModes no\nUsePAM no\n"
        "PermitRootLogin prohibit-password\nPasswordAuthentication no\n"
        "KbdInteractiveAuthentication no\nSubsystem sftp internal-sftp\nLogLevel ERROR\n"
    )
    server = subprocess.Popen(
        [program, "-D", "-e", "-f", str(folder / "config")], stderr=subprocess.PIPE, text=True
    )
    try:
        wait_until_it_listens(port, server)
        yield port, folder / "mine"
    finally:
        server.terminate()
        server.communicate()


def wait_until_it_listens(port: int, server: subprocess.Popen) -> None:
    for _ in range(2400):
        if server.poll() is not None:
            pytest.skip(f"sshd does not run here: {server.stderr.read().strip()}")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    pytest.fail("sshd did not listen within two minutes")


@pytest.fixture
def s3_remote(tmp_path) -> Iterator[Remote]:
    pytest.importorskip("dvc_s3")
    boto3 = pytest.importorskip("boto3")
    access = {"access_key_id": "someone", "secret_access_key": "secret"}
    nothing = str(tmp_path / "none")
    with object_stores.s3() as endpoint:
        keys = {f"aws_{name}": value for name, value in access.items()}
        client = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1", **keys)
        client.create_bucket(Bucket="bucket")
        yield Remote(
            "s3://bucket/store",
            {"endpointurl": endpoint, "region": "us-east-1"},
            access,
            {"AWS_CONFIG_FILE": nothing, "AWS_SHARED_CREDENTIALS_FILE": nothing},
        )


@pytest.mark.parametrize("kind", ["folder", "ssh", "s3"])
def test_clone_removes_backgrounds_after_a_pull(finished, tmp_path, kind, request):
    remote = request.getfixturevalue(f"{kind}_remote")
    project = finished.copy(tmp_path / "mine")
    pushed(project, remote)
    other = clone(project, tmp_path / "theirs")
    assert not (other.folder / "exports").exists()
    other.dvc("pull", **remote.environment)
    for name in ("exports/model.onnx", "models/weights.safetensors", "data/ingested/manifest.csv"):
        assert (other.folder / name).read_bytes() == (finished.folder / name).read_bytes()
    image = next((other.folder / "data/ingested/images").iterdir())
    other.run("clearbg", "remove", str(image), "-o", "cut.png")
    with Image.open(other.folder / "cut.png") as cut:
        assert cut.mode == "RGBA"
    assert ".dvc/config.local" not in other.run("git", "ls-files").stdout  # access is one's own


def test_clone_runs_no_stage_that_somebody_has_run(finished, folder_remote, tmp_path):
    project = finished.copy(tmp_path / "mine")
    pushed(project, folder_remote, "--run-cache")
    assert "in sync" in project.dvc("status", "--cloud").stdout
    other = clone(project, tmp_path / "theirs")
    done = other.dvc("repro", "--pull", "--allow-missing").stdout
    assert "up to date" in done and "Running stage" not in done
    assert not (other.folder / "models").exists()

    # A setting of the evaluation: it alone is run, on what is brought for it.
    raw = yaml.safe_load((other.folder / "params.yaml").read_text())
    raw["evaluate"]["cases"] += 1
    other.write_params(raw)
    done = other.dvc("repro", "--pull", "--allow-missing", "evaluate", status=None)
    assert re.findall(r"Running stage '(\w+)'", done.stdout) == ["evaluate"]
    assert "models/model.json does not exist" in done.stderr  # there was no training here
    for name in ("models/weights.safetensors", "data/ingested/manifest.csv"):
        assert (other.folder / name).is_file()
    assert not (other.folder / "exports").exists()


def test_pull_refuses_what_was_changed_in_the_store(finished, folder_remote, tmp_path):
    project = finished.copy(tmp_path / "mine")
    pushed(project, folder_remote)
    model = (project.folder / "exports/model.onnx").read_bytes()
    stored = next(
        path for path in Path(folder_remote.url).rglob("*")
        if path.is_file() and path.read_bytes() == model
    )  # fmt: skip
    stored.chmod(0o644)
    stored.write_bytes(model[:-1] + bytes([model[-1] ^ 1]))
    other = clone(project, tmp_path / "theirs")
    other.dvc("remote", "modify", "--local", "store", "verify", "true")
    done = other.dvc("pull", "export", status=None)
    assert done.returncode != 0, done.stdout
    assert not (other.folder / "exports/model.onnx").exists()
