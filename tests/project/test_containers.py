"""The Dockerfile, compose.yaml and what they install, as far as no container engine is needed."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from check_jsonschema.builtin_schemas import get_builtin_schema
from jsonschema.validators import validator_for
from support import dockerfile
from support.project import ROOT

TOOLS = Path(sys.executable).parent
TARGETS = ("train", "serve", "mlflow")
DIGEST = r"@sha256:[0-9a-f]{64}"
LOCKS = sorted(ROOT.glob("requirements*.txt"))
SECRET = re.compile("PASSWORD|SECRET|TOKEN|KEY", re.IGNORECASE)


@pytest.fixture(scope="module")
def compose() -> dict:
    return yaml.safe_load((ROOT / "compose.yaml").read_text())


def test_dockerfile_pleases_its_linter():
    done = subprocess.run([TOOLS / "hadolint", ROOT / "Dockerfile"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_base_is_pinned_by_its_digest():
    text = (ROOT / "Dockerfile").read_text()
    assert re.search(rf"^ARG BASE=python:3\.11\.\d+-slim-bookworm{DIGEST}$", text, re.MULTILINE)
    assert re.findall(r"^FROM (\S+)", text, re.MULTILINE) == ["${BASE}", "base", "base", "base"]


@pytest.mark.parametrize("target", TARGETS)
def test_image_runs_as_nobody_special_from_locked_packages_and_tells_its_health(target):
    steps = dockerfile.steps(target)
    assert [value for name, value in steps if name == "USER"] == ["$UID"]
    runs = [value for name, value in steps if name == "RUN"]
    assert all("--require-hashes" in run or "--no-deps" in run for run in runs if " pip " in run)
    health = next(value for name, value in steps if name == "HEALTHCHECK")
    assert health == "NONE" if target == "train" else "urlopen" in health
    given = [value for name, value in steps if name in ("ARG", "ENV")]
    assert not SECRET.search(" ".join(given))


def test_builder_sees_what_is_copied_and_nothing_else():
    lines = (ROOT / ".dockerignore").read_text().split("\n")
    copied = {
        source
        for target in TARGETS
        for name, value in dockerfile.steps(target)
        if name == "COPY"
        for source in value.split()[:-1]
    }
    assert "*" in lines
    assert {line[1:] for line in lines if line.startswith("!")} == copied
    assert all((ROOT / source).exists() for source in copied)


def pins(lock) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9.-]+)==(\S+)", lock.read_text(), re.MULTILINE))


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.stem)
def test_lock_is_hashed_names_no_host_and_agrees_with_the_others(lock):
    text = lock.read_text()
    assert "://" not in text
    blocks = re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE)[1:]
    assert all("--hash=sha256:" in block for block in blocks)
    known = pins(ROOT / "requirements-test.txt")
    assert {
        name: version for name, version in pins(lock).items() if known.get(name) != version
    } == {}


def test_serving_needs_neither_torch_nor_mlflow():
    assert not {"torch", "mlflow", "mlflow-skinny", "dvc"} & set(
        pins(ROOT / "requirements-serve.txt")
    )


def test_compose_file_is_valid(compose):
    schema = get_builtin_schema("vendor.compose-spec")
    errors = validator_for(schema)(schema).iter_errors(compose)
    assert [error.message for error in errors] == []


def test_services_are_pinned_or_built_here_and_healthy_before_others_rely_on_them(compose):
    services = compose["services"]
    for name, service in services.items():
        if "build" in service:
            target = service["build"]["target"]
            assert service["image"] == f"clearbg-{target}" and target in TARGETS
            health = next(v for n, v in dockerfile.steps(target) if n == "HEALTHCHECK")
        else:
            assert re.search(rf":-[^}}]+:[^}}]+{DIGEST}\}}$", service["image"]), name
            health = service.get("healthcheck")
        for needed, how in service.get("depends_on", {}).items():
            assert how["condition"] in ("service_healthy", "service_completed_successfully")
            assert needed in services
        assert health or "restart" not in service


def test_services_listen_here_alone_unless_told_otherwise(compose):
    ports = [port for service in compose["services"].values() for port in service.get("ports", [])]
    assert len(ports) == 5
    assert all(port.startswith("${BIND:-127.0.0.1}:") for port in ports)


def test_secrets_come_from_the_environment_and_are_asked_for(compose):
    asked = set()
    for service in compose["services"].values():
        for name, value in service.get("environment", {}).items():
            if SECRET.search(name) and name != "KAGGLE_API_TOKEN":
                found = re.fullmatch(r"\$\{(\w+):\?write it into \.env\}", str(value))
                assert found, name
                asked.add(found[1])
    example = (ROOT / ".env.example").read_text()
    assert asked == set(re.findall(r"^(\w+)=$", example, re.MULTILINE))
    assert "/.env\n" in (ROOT / ".gitignore").read_text()


def test_devcontainer_is_built_from_the_dockerfile():
    settings = json.loads((ROOT / ".devcontainer/devcontainer.json").read_text())
    build = settings["build"]
    assert (ROOT / ".devcontainer" / build["dockerfile"]).resolve() == ROOT / "Dockerfile"
    assert build["target"] in TARGETS
