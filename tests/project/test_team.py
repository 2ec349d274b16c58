"""The services of compose.yaml without containers: PostgreSQL, S3, MLflow, a DVC remote."""

import contextlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
import requests
import yaml
from PIL import Image
from support import dockerfile, mlflow_servers, object_stores
from support.models import brightness_model
from support.ports import free_port
from support.project import ROOT

pytestmark = pytest.mark.slow
BINARIES = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
SECRETS = {
    "POSTGRES_PASSWORD": "of-the-database",
    "S3_KEY": "of-the-storage",
    "S3_SECRET": "secret-of-the-storage",
    "MLFLOW_PASSWORD": "of-the-first-user",
    "MLFLOW_SECRET_KEY": "of-the-forms",
}


def filled(text: str, variables: dict[str, str]) -> str:
    """A value of compose.yaml as Compose fills it in."""

    def value(found: re.Match) -> str:
        name, kind, other = found.groups()
        return variables[name] if kind == ":?" else variables.get(name, other)

    return re.sub(r"\$\{(\w+)(:-|:\?)([^}]*)\}", value, text)


@pytest.fixture(scope="module")
def database():
    """The port of PostgreSQL with the user and the database that compose.yaml names."""
    if not BINARIES:
        pytest.skip("PostgreSQL's server is not installed")
    tools, port = BINARIES[-1].parent, free_port()
    folder = Path(tempfile.mkdtemp(prefix="clearbg-postgres-"))
    other = ["runuser", "-u", "nobody", "--"] if os.getuid() == 0 else []  # it refuses root
    if other:
        shutil.chown(folder, "nobody")

    def run(name: str, *arguments: str, **options) -> None:
        command = [*other, str(tools / name), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, cwd="/", **options)
        assert done.returncode == 0, done.stderr

    store = str(folder / "store")
    service = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]["database"]
    user = service["environment"]["POSTGRES_USER"]
    try:
        (folder / "password").write_text(SECRETS["POSTGRES_PASSWORD"])
        (folder / "password").chmod(0o644)
        run("initdb", "-D", store, "-U", user, "--auth=scram-sha-256",
            f"--pwfile={folder}/password")  # fmt: skip
        settings = f"-p {port} -c listen_addresses=127.0.0.1 -c fsync=off -k {folder}"
        run("pg_ctl", "-D", store, "-w", "-o", settings, "-l", f"{folder}/log", "start")
        password = {**os.environ, "PGPASSWORD": SECRETS["POSTGRES_PASSWORD"]}
        where = ("-h", "127.0.0.1", "-p", str(port), "-U", user)
        run("createdb", *where, service["environment"]["POSTGRES_DB"], env=password)
        yield port
    finally:
        with contextlib.suppress(AssertionError):  # it has not come that far
            run("pg_ctl", "-D", store, "-m", "immediate", "stop")
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def storage():
    """A client of S3 with the buckets that compose.yaml makes; AWS_ENDPOINT_URL names it."""
    import boto3

    with object_stores.s3() as address, pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", SECRETS["S3_KEY"])
        patch.setenv("AWS_SECRET_ACCESS_KEY", SECRETS["S3_SECRET"])
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        patch.setenv("AWS_ENDPOINT_URL", address)
        client = boto3.client("s3")
        services = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
        for argument in services["buckets"]["command"]:
            if argument.startswith("storage/"):
                client.create_bucket(Bucket=argument.removeprefix("storage/"))
        yield client


@pytest.fixture
def server(database, storage, tmp_path):
    """The address of MLflow, started by the command and the variables of compose.yaml."""
    port = free_port()
    given = {
        **SECRETS,
        "S3_ENDPOINT": os.environ["AWS_ENDPOINT_URL"],
        "MLFLOW_HOSTS": f"127.0.0.1:{port}",
    }
    service = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]["mlflow"]
    mlflow, serve, *options = (filled(argument, given) for argument in service["command"])
    assert (mlflow, serve) == ("mlflow", "server")
    assert not any(secret in option for option in options for secret in SECRETS.values())
    inside = {"--host=0.0.0.0": "--host=127.0.0.1", "--port=5000": f"--port={port}"}
    assert set(inside) <= set(options)
    built = dockerfile.variables("mlflow")
    variables = {name: value for name, value in built.items() if name.startswith("ML")}
    variables["MLFLOW_AUTH_CONFIG_PATH"] = str(ROOT / "docker/basic_auth.ini")
    variables |= {name: filled(value, given) for name, value in service["environment"].items()}
    variables |= {"PGHOST": "127.0.0.1", "PGPORT": str(database)}
    options = [inside.get(option, option) for option in options]
    with mlflow_servers.serving(options, port, tmp_path / "server.log", **variables) as address:
        yield address


def test_run_and_model_go_to_the_teams_server_and_come_back(server, storage, tmp_path, monkeypatch):
    import mlflow
    import pandas as pd

    from clearbg.tracking import runs

    listed = f"{server}/api/2.0/mlflow/experiments/search?max_results=1"
    admin = ("admin", SECRETS["MLFLOW_PASSWORD"])
    assert requests.get(listed, auth=admin).status_code == 200
    assert requests.get(listed).status_code == 401
    assert requests.get(listed, auth=("admin", "password1234")).status_code == 401
    foreign = {"Host": "evil.example:5000"}
    assert requests.get(listed, auth=admin, headers=foreign).status_code == 403

    monkeypatch.setenv("MLFLOW_TRACKING_URI", server)
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", admin[0])
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", admin[1])
    mlflow.set_tracking_uri(server)
    run = runs.run_of_weights("abc", {"train.lr": 0.1}, "demo", lambda run: None)
    run.metrics({"test/max_f": 0.9})
    uri = run.model(brightness_model(tmp_path / "model.onnx"))
    found = mlflow.MlflowClient(server).get_run(run.id)
    assert found.data.metrics == {"test/max_f": 0.9}
    assert found.info.artifact_uri.startswith("mlflow-artifacts:")

    kept = storage.list_objects_v2(Bucket="mlflow")["Contents"]
    assert any(entry["Key"].endswith("model.onnx") for entry in kept)
    Image.new("RGB", (8, 6), "white").save(tmp_path / "white.png")
    image = pd.DataFrame({"image": [(tmp_path / "white.png").read_bytes()]})
    (cutout,) = mlflow.pyfunc.load_model(uri).predict(image)["image"]
    assert cutout.startswith(b"\x89PNG")

    # Everything went through the server: clients need not reach the storage.
    assert "presigned" not in (tmp_path / "server.log").read_text()


def test_dvc_pushes_to_and_pulls_from_the_teams_bucket(storage, tmp_path):
    def run(*command: str) -> None:
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr

    dvc = (sys.executable, "-m", "dvc")
    run("git", "init", "-q")
    run(*dvc, "init", "-q")
    (tmp_path / ".dvc/config").write_text(
        "[core]\n    remote = bucket\n    analytics = false\n"
        "['remote \"bucket\"']\n    url = s3://dvc/store\n"
    )
    (tmp_path / "images").mkdir()
    (tmp_path / "images/a.txt").write_text("an image")
    run(*dvc, "add", "-q", "images")
    run(*dvc, "push", "-q")
    shutil.rmtree(tmp_path / "images")
    shutil.rmtree(tmp_path / ".dvc/cache")
    run(*dvc, "pull", "-q")
    assert (tmp_path / "images/a.txt").read_text() == "an image"
