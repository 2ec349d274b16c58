"""The Dockerfile as tests read it."""

import re
import shlex

from dockerfile_parse import DockerfileParser

from support.project import ROOT


def steps(target: str) -> list[tuple[str, str]]:
    """(instruction, value) of a target and of the stages that it is built upon."""
    with open(ROOT / "Dockerfile", "rb") as file:
        structure = DockerfileParser(fileobj=file).structure
    stages, upon, current = {}, {}, None
    for step in structure:
        instruction, value = step["instruction"], step["value"]
        if instruction == "FROM":
            source, _, current = re.split(r"\s+(as)\s+", value, flags=re.IGNORECASE)
            stages[current], upon[current] = [], source
        elif instruction != "COMMENT" and current:
            stages[current].append((instruction, value))
    done = []
    while target in stages:
        done = stages[target] + done
        target = upon[target]
    return done


def variables(target: str) -> dict[str, str]:
    """What a target's ENV steps set, as they write it."""
    pairs = [pair for name, value in steps(target) if name == "ENV" for pair in shlex.split(value)]
    return dict(pair.split("=", 1) for pair in pairs)
