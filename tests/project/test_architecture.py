"""The house keeps its shape: imports run one way, heavy ones stay where they belong."""

import ast
import re
import subprocess
import sys

import pytest
import yaml
from support.project import ROOT

from clearbg.system import code

PACKAGE = ROOT / "src/clearbg"
FLOORS = [
    {"errors", "licenses"},
    {"system", "templates", "web"},
    {"images", "config", "metrics", "losses"},
    {"contract", "synthetic", "models"},
    {"data", "inference", "pretrained", "starter"},
    {"removal", "training", "export", "importing", "doctor", "drift", "evaluation"},
    {"tracking"},
    {"lineage", "page", "promotion", "retraining", "serving", "video"},
    {"cli"},
    {"__main__"},
]
"""From the ground up: a module imports from its own floor and from those below."""

ONLY_IN = {
    "mlflow": {
        "tracking/runs.py",
        "tracking/overview.py",
        "tracking/registry.py",
        "tracking/store.py",
        "export/pyfunc.py",
    },
    "kaggle": {"data/fetching/fetch.py", "data/fetching/hubs.py"},
    "gdown": {"data/fetching/fetch.py", "data/fetching/hubs.py"},
    "dvc": set(),
    "pickle": set(),
}


def modules():
    return sorted(PACKAGE.rglob("*.py"))


def imports(path) -> set[str]:
    """Full names that a file imports anywhere, `from a import b` as a.b."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def floor(name: str) -> int:
    return next(level for level, names in enumerate(FLOORS) if name in names)


def test_imports_run_one_way():
    upward = []
    for path in modules():
        here = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        if here == "__init__":
            continue
        for name in imports(path):
            parts = name.split(".")
            if parts[0] == "clearbg" and len(parts) > 1 and floor(parts[1]) > floor(here):
                upward.append(f"{path.relative_to(PACKAGE)} imports {name}")
    assert upward == []


def test_libraries_are_known_to_their_own_files_only():
    strangers = []
    for path in modules():
        here = path.relative_to(PACKAGE).as_posix()
        for library in {name.split(".")[0] for name in imports(path)} & set(ONLY_IN):
            if here not in ONLY_IN[library]:
                strangers.append(f"{here} imports {library}")
    assert strangers == []


def test_few_files_lie_beside_the_rooms():
    assert len(list(PACKAGE.glob("*.py"))) <= 8


def test_files_fit_one_sitting():
    lengths = {
        path.relative_to(ROOT).as_posix(): len(path.read_text().splitlines())
        for top in ("src", "tests", "pipelines", "benchmarks")
        for path in (ROOT / top).rglob("*.py")
    }
    long = {name for name, lines in lengths.items() if lines > 320}
    assert long == set()


def test_each_file_of_tests_has_a_name_of_its_own():
    """pytest imports them by name alone: of two with one name, it runs the first."""
    names = [path.name for path in (ROOT / "tests").rglob("test_*.py")]
    assert [name for name in set(names) if names.count(name) > 1] == []


def test_functions_fit_a_screen():
    long = {
        f"{path.relative_to(PACKAGE)}:{node.name}"
        for path in modules()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and lines_of_code(node, path.read_text().splitlines()) > 60
    }
    assert long == set()


def lines_of_code(function, lines: list[str]) -> int:
    """Lines of a function from its `def`, without its docstring, comments and empty lines."""
    docstring = range(0)
    if ast.get_docstring(function, clean=False) is not None:
        docstring = range(function.body[0].lineno, function.body[0].end_lineno + 1)
    own = (n for n in range(function.lineno, function.end_lineno + 1) if n not in docstring)
    return sum(bool(re.match(r"\s*[^\s#]", lines[n - 1])) for n in own)


REFINING = """
import numpy
from clearbg import images
from clearbg.images import foreground
from clearbg.removal import backgrounds, guided_filter
rgb = numpy.zeros((9, 9, 3), numpy.uint8)
foreground.foreground(rgb, guided_filter.refine(numpy.eye(4), rgb))
front = images.DecodedImage(rgb, alpha=rgb[..., 0])
backgrounds.lay_over(front, backgrounds.Background(None), rgb)"""


@pytest.mark.slow
@pytest.mark.parametrize(
    "program, absent",
    [
        ("import clearbg.cli.app", "torch numpy pandas mlflow onnxruntime"),
        ("from clearbg import Remover", "torch mlflow pandas scipy cv2 pydantic"),
        ("import clearbg.removal.files", "torch mlflow pandas scipy cv2 pydantic"),
        ("import clearbg.removal.distributed.bulk", "torch mlflow pandas scipy cv2 ray fsspec"),
        ("import clearbg.video.run", "torch mlflow pandas scipy av"),
        ("import clearbg.evaluation.score_files", "torch mlflow"),
        ("import clearbg.removal.log", "torch mlflow pandas scipy cv2"),
        ("import clearbg.page.server", "torch mlflow pandas scipy cv2 gradio"),
        ("import clearbg.page.jobs", "torch mlflow pandas scipy cv2 gradio"),
        (REFINING, "torch mlflow pandas scipy cv2"),
    ],
)
def test_light_paths_stay_light(program, absent):
    probe = f"{program}; import sys; print(*set(sys.modules) & set({absent.split()!r}))"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == []


def test_no_stage_reaches_the_removal_of_backgrounds():
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    reached = code.deciding(*(ROOT / f"pipelines/{stage}.py" for stage in stages))
    assert [path for path in reached if PACKAGE / "removal" in path.parents] == []


def test_dvc_watches_the_code_that_a_stage_runs():
    text = (ROOT / "dvc.yaml").read_text()
    assert code.renewed(text) == text, "run `make deps`: a stage's code is not as dvc.yaml says"
