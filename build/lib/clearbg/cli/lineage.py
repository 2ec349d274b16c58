"""The command `clearbg lineage`. Heavy imports wait until they are used."""

from collections.abc import Iterable, Iterator
from typing import Annotated, Any

import typer

WIDTH = 12  # letters of a line's heading
HASH = 16  # digits of a hash that a person compares; --json has all


def lineage(
    model: Annotated[
        str,
        typer.Argument(
            help="An exported file, or a version of the registry: 3, clearbg@champion, "
            "models:/clearbg@champion."
        ),
    ],
    json: Annotated[
        bool, typer.Option("--json", help="Print everything as JSON, for a program.")
    ] = False,
) -> None:
    """Show where a model comes from: code, data, licenses, settings, run, figures, promotions."""
    from clearbg.lineage import lineage

    found = lineage(model)
    typer.echo(found.json() if json else "\n".join(lines(found)))


def lines(found) -> Iterator[str]:
    """A `Lineage` for people."""
    yield found.asked
    for key in ("path", "sha256", "md5"):
        yield from _line(key, found.file.get(key))
    contract = found.contract
    if contract:
        yield from _line("network", contract["model"])
        yield from _line("weights", f"sha256 {contract['weights_sha256']}")
        yield from ("", "data")
        yield from _line("manifest", contract["data_digest"] or "not told")
        for origin in contract["trained_on"]:
            count = "not listed one by one" if origin["images"] is None else origin["images"]
            yield from _line(origin["source"], f"{origin['license']}; images: {count}")
        word = "open" if contract["open_to_commercial_use"] else "not known to be open"
        yield from _line("commercial", f"{word} to commercial use")
    if found.commits:
        yield from ("", "code")
        yield from _commits(found.commits)
        for stage, outputs in found.stages.items():
            told = (f"{path} {md5[:HASH]}" for path, md5 in outputs.items())
            yield from _line(stage, ", ".join(told))
        yield from ("", "params")
        yield from _params(found.params)
    for path, figures in found.metrics.items():
        yield from ("", path)
        yield from _line("figures", _pairs(figures))
    for run in found.runs:
        yield from ("", f"MLflow run {run['name']}")
        yield from _line("id", f"{run['id']}, started {run['started']}")
        yield from _line("tags", _pairs(run["tags"]))
        chosen = {k: v for k, v in run["metrics"].items() if k.startswith(("best/", "test/"))}
        yield from _line("figures", _pairs(chosen))
    for version in found.versions:
        aliases = f" ({', '.join(version['aliases'])})" if version["aliases"] else ""
        yield from ("", f"{version['name']} version {version['number']}{aliases}")
        yield from _line("same", f"the {version['same']}; registered {version['registered']}")
        for key, value in version["tags"].items():
            yield from _line(key.removeprefix("clearbg."), value)
    for entry in found.promotions:
        yield from ("", f"{entry['entry']}: {entry['action']}")
        yield from _line("by", f"{entry['by']}, {entry['time']}")
        yield from _line("why", entry["why"])
        yield from _line("evidence", _pairs(entry["evidence"]))
    if found.missing:
        yield from ("", "not found")
        yield from (f"  {sentence}" for sentence in found.missing)


def _line(heading: str, text: Any) -> Iterable[str]:
    return [f"  {heading:{WIDTH}} {text}"] if text not in (None, "") else []


def _commits(commits: list[dict[str, Any]]) -> Iterator[str]:
    first, *others = commits
    yield from _line("commit", f"{first['commit']} {first['time']} {first['subject']}".strip())
    yield from _line("", f"its dvc.lock names {first['holds']}: {', '.join(first['outputs'])}")
    if others:
        names = ", ".join(_named(other["commit"]) for other in others[:5])
        more = f" and {len(others) - 5} more" if len(others) > 5 else ""
        yield from _line("also in", names + more)


def _named(commit: str) -> str:
    return commit if " " in commit else commit[:10]


def _params(params: dict[str, Any]) -> Iterator[str]:
    sections: dict[str, dict[str, Any]] = {}
    for key, value in params.items():
        section, _, name = key.partition(".")
        sections.setdefault(section, {})[name] = value
    for section, values in sections.items():
        yield from _line(section, _pairs(values))


def _pairs(values: dict[str, Any]) -> str:
    """`a 1, b 2`; what is nested goes one level deep."""
    told = []
    for key, value in values.items():
        if isinstance(value, dict):
            told += [f"{key}/{name} {_short(one)}" for name, one in value.items()]
        else:
            told.append(f"{key} {_short(value)}")
    return ", ".join(told)


def _short(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
