"""Which code decides a result: asked of the function, and of DVC in a copy of the project."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from support.project import ROOT, TINY, Project, demo

from clearbg.system import code

NO_RESULT = [
    "cli/remove.py", "config/sections.py", "errors.py", "images/png.py", "images/tiff.py",
    "page/layout.py", "removal/distributed/cluster.py", "removal/files.py",
    "removal/guided_filter.py", "removal/remover.py", "system/files.py",
    "system/code.py", "tracking/runs.py", "training/card.md.jinja", "training/tensorboard.py",
]  # fmt: skip
"""Files that may change without any stage, checkpoint or cache being lost."""


@pytest.fixture(scope="module")
def committed(tmp_path_factory) -> Project:
    """A project that DVC takes for finished: every output is a stub, nothing has run."""
    folder = tmp_path_factory.mktemp("committed")
    project = Project(folder)
    for stage in yaml.safe_load((folder / "dvc.yaml").read_text())["stages"].values():
        for kind in ("outs", "metrics", "plots"):
            for out in stage.get(kind, ()):
                path = folder / (out if isinstance(out, str) else next(iter(out)))
                place = path if path.suffix else path / "stub"
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_text(path.name)
    project.dvc("commit", "--force", "--quiet")
    return project


@pytest.fixture
def project(committed):
    """The same with nothing edited, before and after."""
    yield committed
    committed.run("git", "checkout", "--quiet", ".")
    committed.params(**TINY)


def edit(project: Project, *names: str) -> None:
    for name in names:
        path = project.folder / "src/clearbg" / name
        comment = "{# edited #}" if path.suffix == ".jinja" else "# edited"
        path.write_text(f"{path.read_text()}\n{comment}\n")


def stages_to_run(project: Project) -> set[str]:
    """The stages that DVC would run for their own changes."""
    return set(json.loads(project.dvc("status", "--json").stdout))


@pytest.mark.slow
def test_what_makes_no_result_reruns_no_stage(project):
    edit(project, *NO_RESULT)
    assert stages_to_run(project) == set()


@pytest.mark.slow
@pytest.mark.parametrize(
    "name, stages",
    [
        ("evaluation/report.html.jinja", {"evaluate"}),
        ("images/contact_sheet.py", {"ingest", "evaluate"}),
        ("data/transforms.py", {"train"}),
        ("synthetic/hair.py", {"ingest"}),
    ],
)
def test_editing_a_file_reruns_the_stages_that_it_decides(project, name, stages):
    edit(project, name)
    assert stages_to_run(project) == stages


@pytest.mark.slow
@pytest.mark.parametrize(
    "changes, stages",
    [
        ({"transform": {"noise": 0.1}}, {"train"}),
        ({"augment": {"kernel": "bicubic"}}, {"augment", "train"}),
        ({"evaluate": {"cases": 3}}, {"evaluate"}),
        ({"promote": {"margin": 0.1}}, set()),
    ],
)
def test_editing_a_setting_reruns_the_stages_that_it_decides(project, changes, stages):
    raw = demo(**TINY)
    for section, keys in changes.items():
        raw[section] |= keys
    project.write_params(raw)
    assert stages_to_run(project) == stages


NAMES = """
import os, sys
from pathlib import Path
from clearbg import config
from clearbg.data.ingest.cache import _code
from clearbg.drift.samples import _key
from clearbg.training.fingerprint import fingerprint
for _ in sys.stdin:
    if not os.fork():
        names = fingerprint(config.load(), Path("data/augmented")), _code(), _key(None)
        print(*names, flush=True)
        break
    os.wait()
"""
"""For each line a process of its own, which has imported everything and read no code yet."""


@pytest.mark.slow
def test_checkpoint_and_caches_see_the_code_that_decides_them_and_no_other(project):
    program = subprocess.Popen(
        [sys.executable, "-c", NAMES], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        cwd=project.folder, env=os.environ | {"PYTHONPATH": "src"},
    )  # fmt: skip

    def names():
        program.stdin.write("\n")
        program.stdin.flush()
        return program.stdout.readline().split()

    training, pairs, drift = names()
    edit(project, *NO_RESULT, "images/contact_sheet.py", "evaluation/evaluate.py")
    assert names() == [training, pairs, drift]
    edit(project, "data/transforms.py")
    retrained, *rest = names()
    assert retrained != training and rest == [pairs, drift]
    edit(project, "images/decoding.py")
    found = names()
    assert len(found) == 3 and not {retrained, pairs, drift} & set(found)
    program.communicate()


@pytest.mark.slow
def test_rewriting_brings_a_new_import_into_dvc_yaml(project):
    path = project.folder / "pipelines/augment.py"
    path.write_text(path.read_text().replace("from clearbg import config\n", "from clearbg import "
                    "config\nfrom clearbg.images import png\n"))  # fmt: skip
    before = (project.folder / "dvc.yaml").read_text()
    project.run(sys.executable, "-m", "clearbg.system.code")
    added = set((project.folder / "dvc.yaml").read_text().split("\n")) - set(before.split("\n"))
    assert added == {"      - src/clearbg/images/png.py"}


def test_templates_beside_a_module_belong_to_it():
    names = {path.name for path in code.deciding("evaluation/report.py")}
    assert "report.html.jinja" in names


def test_every_exception_is_a_room_or_file_of_the_package():
    assert all((code.PACKAGE / name).exists() for name in code.BESIDE_RESULTS | code.BESIDE_WEIGHTS)
    assert Path(ROOT / "src/clearbg") == code.PACKAGE


def test_entry_that_does_not_exist_is_no_empty_answer():
    with pytest.raises(FileNotFoundError):
        code.deciding("training/no_such_module.py")
