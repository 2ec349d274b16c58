"""Carry out the Dockerfile's steps in a clean Debian root, where no container engine is at hand.

python docker/prove.py TARGET [--root FOLDER] [--health] [-- ARGUMENT ...]

Takes root, mmdebstrap and dockerfile-parse. The base is Debian 12 with its own Python 3.11 in
place of the image that FROM names; RUN, COPY, ENV, ARG, USER and WORKDIR are done as written,
cache mounts left out. Then ENTRYPOINT with the ARGUMENTs (or with CMD, with --health, until the
image's own HEALTHCHECK succeeds) runs in it as the image's user.
"""

import argparse
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from dockerfile_parse import DockerfileParser

PROJECT = Path(__file__).resolve().parent.parent
BASE = "python3,python3-venv,ca-certificates"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
PATIENCE = 120  # seconds until the health check must have succeeded


@dataclass
class Image:
    """What the steps so far have made of an image, beside its files."""

    root: Path
    variables: dict[str, str] = field(default_factory=lambda: {"PATH": PATH})
    user: str = "0"
    folder: str = "/"
    health: list[str] = field(default_factory=list)
    entrypoint: list[str] = field(default_factory=list)
    command: list[str] = field(default_factory=list)

    def argv(self, command: list[str]) -> list[str]:
        """A command as it runs in the image, with its own processes and /proc."""
        passed = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
        given = [f"{name}={value}" for name, value in {**passed, **self.variables}.items()]
        home = "/root" if self.user == "0" else "/home/clearbg"
        inside = ["cd", shlex.quote(self.folder), "&&", "exec", shlex.join(command)]
        return ["unshare", "--mount", "--pid", "--fork", "--kill-child",
                f"--mount-proc={self.root}/proc", "chroot", f"--userspec={self.user}:{self.user}",
                str(self.root), "env", "-i", f"HOME={home}", *given,
                "sh", "-c", " ".join(inside)]  # fmt: skip

    def run(self, command: list[str]) -> int:
        return subprocess.run(self.argv(command)).returncode


def steps(target: str) -> list[tuple[str, str]]:
    """(instruction, value) of a target and of the stages that it is built upon.

    Raises:
        SystemExit: there is no such target.
    """
    with open(PROJECT / "Dockerfile", "rb") as file:
        structure = DockerfileParser(fileobj=file).structure
    stages, upon, current = {}, {}, None
    for step in structure:
        instruction, value = step["instruction"], step["value"]
        if instruction == "FROM":
            source, _, current = re.split(r"\s+(as)\s+", value, flags=re.IGNORECASE)
            stages[current], upon[current] = [], source
        elif instruction != "COMMENT" and current:
            stages[current].append((instruction, value))
    if target not in stages:
        sys.exit(f"prove: there is no target {target!r}; there are: {', '.join(stages)}.")
    done = []
    while target in stages:
        done = stages[target] + done
        target = upon[target]
    return done


def perform(image: Image, instruction: str, value: str) -> None:
    """Do one step.

    Raises:
        SystemExit: the step failed, or is of a kind that this file does not know.
    """
    if instruction == "RUN":
        script = re.sub(r"^(--\S+\s+)+", "", value)
        if image.run(["sh", "-c", script]):
            sys.exit(f"prove: this step failed: RUN {script}")
    elif instruction in ("ENV", "ARG"):
        for pair in shlex.split(value):
            name, _, given = pair.partition("=")
            image.variables[name] = expand(given, image.variables)
    elif instruction == "COPY":
        *sources, target = value.split()
        for source in sources:
            copy(source, image.root / target.lstrip("/"), target.endswith("/"))
    elif instruction == "WORKDIR":
        image.folder = value
        (image.root / value.lstrip("/")).mkdir(parents=True, exist_ok=True)
    elif instruction == "USER":
        image.user = expand(value, image.variables)
    elif instruction == "HEALTHCHECK":
        image.health = [] if value == "NONE" else json.loads(value.partition("CMD")[2])
    elif instruction in ("ENTRYPOINT", "CMD"):
        setattr(image, {"CMD": "command"}.get(instruction, "entrypoint"), json.loads(value))
    elif instruction != "EXPOSE":
        sys.exit(f"prove: the step {instruction} is not known here: add it to docker/prove.py.")


def expand(text: str, variables: dict[str, str]) -> str:
    return re.sub(r"\$\{?(\w+)\}?", lambda found: variables.get(found[1], ""), text)


def copy(source: str, target: Path, into: bool) -> None:
    """Copy what .dockerignore lets the builder see."""
    allowed = (PROJECT / ".dockerignore").read_text().split()
    if f"!{source}" not in allowed:
        sys.exit(f"prove: .dockerignore hides {source} from the builder: add !{source} to it.")
    path = PROJECT / source
    target = target / path.name if into and path.is_file() else target
    target.parent.mkdir(parents=True, exist_ok=True)
    if path.is_dir():
        hidden = shutil.ignore_patterns("__pycache__", "*.pyc", "*.egg-info")
        shutil.copytree(path, target, dirs_exist_ok=True, ignore=hidden)
    else:
        shutil.copyfile(path, target)


def clean_root(root: Path) -> None:
    """Debian 12 with Python, and this machine's way to the network."""
    subprocess.run(["mmdebstrap", "--quiet", "--variant=minbase", f"--include={BASE}",
                    "bookworm", str(root)], check=True)  # fmt: skip
    (root / "usr/local/bin/python").symlink_to("/usr/bin/python3")
    for name in {"/etc/resolv.conf", "/etc/hosts", os.getenv("PIP_CERT", "/etc/hosts")}:
        (root / name[1:]).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(name, root / name[1:])


def healthy(image: Image) -> bool:
    """Start what the image starts; whether its health check succeeds within `PATIENCE`.

    Raises:
        SystemExit: it succeeds already: something else on this machine answers.
    """

    def succeeds() -> bool:
        return subprocess.run(image.argv(image.health), stderr=subprocess.DEVNULL).returncode == 0

    if succeeds():
        sys.exit("prove: the image's port is taken: end what listens there, then run again.")
    server = subprocess.Popen(
        image.argv([*image.entrypoint, *image.command]), start_new_session=True
    )
    try:
        ends = time.monotonic() + PATIENCE
        while time.monotonic() < ends and server.poll() is None:
            time.sleep(2)
            if succeeds():
                return server.poll() is None
        return False
    finally:
        os.killpg(server.pid, signal.SIGKILL)  # --kill-child ends what runs inside
        server.wait()


def main() -> int:
    parser = argparse.ArgumentParser(description="Prove a target of the Dockerfile.")
    parser.add_argument("target")
    parser.add_argument("--root", type=Path, help="an empty or missing folder; default: /var/tmp")
    parser.add_argument("--health", action="store_true", help="run CMD until HEALTHCHECK succeeds")
    parser.add_argument("arguments", nargs="*", help="after --: what ENTRYPOINT gets, or a command")
    given = parser.parse_args()
    todo = steps(given.target)
    image = Image(given.root or Path("/var/tmp") / f"clearbg-{given.target}")
    fresh = not image.root.exists() or not any(image.root.iterdir())
    if fresh:
        clean_root(image.root)
    for instruction, value in todo:
        if fresh or instruction not in ("RUN", "COPY"):
            print(f"prove: {instruction} {value[:90]}", flush=True)
            perform(image, instruction, value)
    size = subprocess.run(["du", "-sm", str(image.root)], capture_output=True, text=True).stdout
    print(f"prove: {given.target} takes {size.split()[0]} MiB in {image.root}", flush=True)
    if given.health:
        good = healthy(image)
        print(f"prove: the health check {'succeeds' if good else 'does not succeed'}")
        return 0 if good else 1
    return image.run([*image.entrypoint, *given.arguments]) if given.arguments else 0


if __name__ == "__main__":
    sys.exit(main())
