"""The workflows: valid, pinned, with few rights, and nothing that the Makefile does not do."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from check_jsonschema.builtin_schemas import get_builtin_schema
from jsonschema import Draft7Validator
from support.project import ROOT

TOOL = Path(sys.executable).parent / "zizmor"
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
SCRIPTS = ROOT / ".github/scripts"
WRITES = {
    ("retrain", "schedule"): {"actions"},
    ("retrain", "retrain"): {"actions", "contents", "id-token", "pull-requests"},
    ("retrain", "stale"): {"issues"},
}
"""What a job may write; all others only read."""

each = pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)


def load(path: Path) -> dict:
    workflow = yaml.safe_load(path.read_text())
    workflow["on"] = workflow.pop(True)  # YAML 1.1 reads the key as a truth value
    return workflow


def steps(path: Path, key: str) -> list[str]:
    jobs = load(path)["jobs"].values()
    return [step[key] for job in jobs for step in job["steps"] if key in step]


@each
@pytest.mark.parametrize("schema", ["github-workflows", "github-workflows-require-timeout"])
def test_workflow_is_valid(path, schema):
    owner = "custom" if schema.endswith("timeout") else "vendor"
    validator = Draft7Validator(get_builtin_schema(f"{owner}.{schema}"))
    assert [error.message for error in validator.iter_errors(load(path))] == []


def test_workflows_have_no_known_weakness():
    done = subprocess.run(
        [TOOL, "--offline", "--no-progress", "--quiet", *WORKFLOWS],
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout


@each
def test_actions_are_pinned_by_commit_and_say_their_version(path):
    uses = [line for line in path.read_text().splitlines() if re.search(r"\buses:", line)]
    assert len(uses) == len(steps(path, "uses")) > 0
    for line in uses:
        assert re.fullmatch(r"\s*- uses: [\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line), line


@each
def test_jobs_have_no_right_that_they_do_not_need(path):
    workflow = load(path)
    assert workflow["permissions"] == {}
    for name, job in workflow["jobs"].items():
        writes = {key for key, value in job["permissions"].items() if value == "write"}
        assert writes == WRITES.get((path.stem, name), set())
        assert set(job["permissions"].values()) <= {"read", "write"}


@each
def test_nothing_from_outside_is_put_into_a_command(path):
    assert not [command for command in steps(path, "run") if "${{" in command]


@each
def test_commands_are_targets_of_the_makefile_or_scripts_of_the_project(path):
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    for command in steps(path, "run"):
        if command.startswith("make "):
            assert command.removeprefix("make ") in targets
        else:
            assert (ROOT / command).is_relative_to(SCRIPTS) and os.access(ROOT / command, os.X_OK)


def test_schedule_is_apart_from_pushes_and_off_the_hour():
    """GitHub stops a scheduled workflow after a quiet time, with all its other triggers."""
    retrain, test = (load(ROOT / f".github/workflows/{name}.yml") for name in ("retrain", "test"))
    assert set(retrain["on"]) == {"schedule", "workflow_dispatch"}
    assert set(test["on"]) == {"push", "pull_request", "workflow_dispatch"}
    assert all(trigger["cron"].split()[0] != "0" for trigger in retrain["on"]["schedule"])
    assert retrain["concurrency"] == {"group": "retrain", "cancel-in-progress": False}


@pytest.mark.parametrize(
    "image, status",
    [("", 0), (f"host/clearbg@sha256:{'0' * 64}", 0), ("host/clearbg:1", 1), ("a@sha256:0", 1)],
)
def test_image_without_a_digest_is_refused(image, status):
    done = subprocess.run(
        [SCRIPTS / "pinned"], env={**os.environ, "IMAGE": image}, capture_output=True, text=True
    )
    assert done.returncode == status
    assert ("docker buildx imagetools inspect" in done.stderr) == bool(status)


def test_dependabot_watches_packages_images_and_actions():
    settings = yaml.safe_load((ROOT / ".github/dependabot.yml").read_text())
    schema = get_builtin_schema("vendor.dependabot")
    assert [error.message for error in Draft7Validator(schema).iter_errors(settings)] == []
    watched = {update["package-ecosystem"] for update in settings["updates"]}
    assert watched == {"pip", "docker", "docker-compose", "github-actions"}


@pytest.mark.parametrize("health, status", [("healthy", 0), ("unhealthy", 1)])
def test_built_server_must_become_healthy(health, status, tmp_path):
    fake = tmp_path / "docker"
    fake.write_text(f'#!/bin/sh\n[ "$1" = inspect ] && echo {health} || echo "$@"\n')
    fake.chmod(0o755)
    given = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "TARGET": "mlflow", "PAUSE": "0"}
    done = subprocess.run(
        [SCRIPTS / "image-starts"], env={**os.environ, **given}, capture_output=True, text=True
    )
    assert done.returncode == status
    assert ("logs" in done.stderr) == bool(status)
