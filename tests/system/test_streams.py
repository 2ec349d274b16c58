"""Standard streams that are closed, full, or a pipe without a reader."""

import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from support.images import disc
from support.models import brightness_model
from support.project import ROOT

from clearbg.images import write_image

PROGRAM = """
import sys
from pathlib import Path
from clearbg.system import streams
streams.prepare()
opened = open("own.txt", "w")
for number in range(3):
    print("a line")
    print("a note", file=sys.stderr)
print(sys.stdin.read())
opened.close()
Path("done").touch()
streams.end("program")
"""
FULL, CLOSED = ">/dev/full", ">&-"
LEFT = "| true"
PYTHON = shlex.quote(sys.executable)

pytestmark = pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux has /dev/full")


def run(command: str, redirected: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        ["bash", "-c", f"set -o pipefail; ({command}) {redirected}"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    "redirected, status, sentence",
    [
        ("<&-", 0, ""),
        (FULL, 1, "program: standard output could not be written, since its disk is full"),
        (CLOSED, 1, "program: standard output is closed"),
        (LEFT, 1, ""),
        ("2>/dev/full", 0, None),
        ("2>&-", 0, None),
        (">/dev/full 2>/dev/full", 1, None),
        (">&- 2>&- <&-", 1, None),
    ],
)
def test_work_is_done_whatever_takes_its_lines(redirected, status, sentence, tmp_path):
    Path("program.py").write_text(PROGRAM)
    command = f"{PYTHON} program.py < /dev/null"
    if redirected == LEFT:
        command = f"sleep 0.3; {command}"
    done = run(command, redirected)
    assert done.returncode == status, done.stderr
    assert Path("done").exists() and not Path("own.txt").read_text()
    told = [line for line in done.stderr.splitlines() if line != "a note"]
    if sentence is None:
        assert not told
    else:
        assert " ".join(told).startswith(sentence) and len(told) == bool(sentence)


@pytest.mark.slow
def test_commands_end_in_a_sentence():
    for name in ("a", "b"):
        write_image(f"images/{name}.png", disc(0, (24, 32))[0])
    brightness_model(Path("m.onnx"))
    clearbg = f"{PYTHON} -m clearbg"
    done = run(f"{clearbg} remove images -o out --model m.onnx", "2>/dev/full >/dev/full")
    assert done.returncode == 1 and len(list(Path("out").iterdir())) == 2
    done = run(f"{clearbg} remove images/a.png -o - --model m.onnx", CLOSED)
    assert done.returncode and "Traceback" not in done.stderr
    assert "standard output is closed" in done.stderr.splitlines()[-1]
    done = run(f"{clearbg} models", FULL)
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 1, done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("script", ["pipelines ingest", "pipelines/augment.py"])
def test_help_of_a_stage_ends_in_a_sentence(script):
    done = run(f"{PYTHON} {shlex.quote(str(ROOT))}/{script} -h", FULL)
    assert done.returncode == 1
    assert ": standard output could not be written, since its disk is full" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_unbuffered_lines_arrive_before_the_program_ends(tmp_path):
    program = "from clearbg.system import streams; streams.prepare(); print('a line'); input()"
    process = subprocess.Popen(
        [sys.executable, "-u", "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout.readline() == b"a line\n"  # else it would wait for ever
    process.communicate(b"\n")
    assert process.returncode == 0
